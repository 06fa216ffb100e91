package store_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/pgtest"
)

// Every SQL constant of the package is one that PostgreSQL can prepare, as the
// role that the processes run as.
func TestEveryStatementPrepares(t *testing.T) {
	conn, err := pgx.Connect(t.Context(), pgtest.New(t).AppURL)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close(t.Context()) }) //nolint:errcheck // the test is over
	statements := constants(t)
	n := 0
	for name, sql := range statements {
		if !strings.HasPrefix(name, "sql") || strings.HasPrefix(sql, "SET ") || name == "sqlInsertEvents" { // a setting; a beginning
			continue
		}
		n++
		_, err := conn.Prepare(t.Context(), "", sql)
		assert.NoError(t, err, name)
	}
	assert.Greater(t, n, 40)
}

// constants reads the package's string constants from its source, resolving
// those that are put together.
func constants(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	exprs := map[string]ast.Expr{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		ast.Inspect(parsed, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == len(v.Names) {
				for i, name := range v.Names {
					exprs[name.Name] = v.Values[i]
				}
			}
			return true
		})
	}
	out := map[string]string{}
	for name, e := range exprs {
		if s, ok := text(e, exprs); ok {
			out[name] = s
		}
	}
	return out
}

func text(e ast.Expr, known map[string]ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, err == nil && e.Kind == token.STRING
	case *ast.Ident:
		if v, ok := known[e.Name]; ok {
			return text(v, known)
		}
	case *ast.BinaryExpr:
		a, okA := text(e.X, known)
		b, okB := text(e.Y, known)
		return a + b, okA && okB
	}
	return "", false
}
