// Package yamldoc reads files that people write in YAML, and writes them. A
// Reader finds all that is wrong with a file, each with its line, rather than
// the first; and it takes only what such files need: no anchors, merges or tags.
//
// What the files are about is the business of the packages that use it.
package yamldoc

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	maxFound = 100 // mistakes that are told at once
	maxDepth = 8   // brackets within each other, and dashes on one line
)

// Mistake is what is wrong with a file, and where.
type Mistake struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Path string `json:"path"` // rules[2].level
	Why  string `json:"why"`
}

func (m Mistake) String() string {
	path := ""
	if m.Path != "" {
		path = m.Path + ": "
	}
	return fmt.Sprintf("%s:%d: %s%s", m.File, m.Line, path, m.Why)
}

// Reader reads one file, whose name is for the mistakes only.
type Reader struct {
	File string
	Max  int    // bytes
	None string // how a file says that it holds nothing

	found []Mistake
}

// Found is everything that is wrong, in order.
func (rd *Reader) Found() []Mistake {
	slices.SortStableFunc(rd.found, func(a, b Mistake) int { return a.Line - b.Line })
	return rd.found
}

// Well reports that nothing was found to be wrong so far.
func (rd *Reader) Well() bool { return len(rd.found) == 0 }

// Count is how much was found to be wrong so far.
func (rd *Reader) Count() int { return len(rd.found) }

// Wrong notes a mistake.
func (rd *Reader) Wrong(line int, path, format string, args ...any) {
	if len(rd.found) < maxFound {
		rd.found = append(rd.found, Mistake{rd.File, max(line, 1), path, fmt.Sprintf(format, args...)})
	}
}

// Body is what the file holds; nil where it cannot be read.
func (rd *Reader) Body(text []byte) ast.Node {
	switch {
	case len(text) > rd.Max:
		rd.Wrong(1, "", "the file is longer than %d KiB", rd.Max>>10)
		return nil
	case !utf8.Valid(text):
		rd.Wrong(1, "", "the file must be UTF-8")
		return nil
	}
	tokens := lexer.Tokenize(string(text))
	if line := tooDeep(tokens); line > 0 {
		rd.Wrong(line, "", "this goes deeper than such files do")
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		var syntax *yaml.SyntaxError
		if errors.As(err, &syntax) && syntax.Token != nil && syntax.Token.Position != nil {
			rd.Wrong(syntax.Token.Position.Line, "", "this is no YAML: %s", syntax.Message)
			return nil
		}
		rd.Wrong(1, "", "this is no YAML")
		return nil
	}
	var bodies []ast.Node
	for _, d := range file.Docs {
		if d.Body != nil {
			bodies = append(bodies, d.Body)
		}
	}
	switch {
	case len(bodies) == 0:
		rd.Wrong(1, "", "the file is empty; '%s' says that there are none", rd.None)
	case len(bodies) > 1:
		rd.Wrong(LineOf(bodies[1]), "", "a file holds one document")
	default:
		return bodies[0]
	}
	return nil
}

// tooDeep is the line on which brackets, or dashes, stand deeper in each other
// than the parser, which calls itself, should be asked to follow.
func tooDeep(tokens token.Tokens) int {
	depth, dashes, line := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			line, dashes = t.Position.Line, 0
		}
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			depth++
		case token.MappingEndType, token.SequenceEndType:
			depth--
		case token.SequenceEntryType, token.MappingKeyType, token.TagType, token.AnchorType:
			dashes++
		}
		if depth > maxDepth || dashes > maxDepth || t.Position.IndentNum > 200 {
			return line
		}
	}
	return 0
}
