package ruleset

import (
	"github.com/goccy/go-yaml/ast"

	"errata/internal/yamldoc"
)

// numbers reads what stands under advanced, and the line of each.
func (rd *reader) numbers(path string, node ast.Node, lines map[string]int) Overrides {
	out := Overrides{}
	rd.Fields(node, path, func(key string, value ast.Node) bool {
		n := number(key)
		if n == nil {
			return false
		}
		lines["advanced."+key] = yamldoc.LineOf(value)
		switch v := value.(type) {
		case *ast.BoolNode:
			if n.Switch() {
				out[key] = 0
				if v.Value {
					out[key] = 1
				}
				return true
			}
		case *ast.FloatNode:
			if !n.Switch() {
				out[key] = v.Value
				return true
			}
		case *ast.IntegerNode:
			if whole, ok := integer(v); ok && !n.Switch() {
				out[key] = whole
				return true
			}
		}
		rd.Wrong(yamldoc.LineOf(value), path+"."+key, "must be %s", map[bool]string{true: "true or false", false: "a number"}[n.Switch()])
		return true
	}, "the names in docs/alerts-rules.md")
	return out
}

func integer(n *ast.IntegerNode) (float64, bool) {
	switch v := n.Value.(type) {
	case int64:
		return float64(v), true
	case uint64:
		return float64(v), true
	}
	return 0, false
}
