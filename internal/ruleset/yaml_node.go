package ruleset

import (
	"strings"

	"github.com/goccy/go-yaml/ast"
)

func lineOf(n ast.Node) int {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return 1
	}
	return n.GetToken().Position.Line
}

// fields goes through a mapping, each key once. take says whether it knows a
// key; known are those that it does.
func (rd *reader) fields(node ast.Node, path string, take func(key string, value ast.Node) bool, known ...string) {
	var values []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		rd.wrong(lineOf(node), path, "must be a mapping of %s", strings.Join(known, ", "))
		return
	}
	seen := map[string]bool{}
	for _, v := range values {
		key, ok := v.Key.(*ast.StringNode)
		switch {
		case !ok:
			rd.wrong(lineOf(v.Key), path, "a key must be plain text: merges, tags, anchors and aliases are not understood here")
		case seen[key.Value]:
			rd.wrong(lineOf(v.Key), join(path, key.Value), "stands here twice")
		case v.Value == nil:
			rd.wrong(lineOf(v.Key), join(path, key.Value), "has no value")
		case !take(key.Value, v.Value):
			rd.wrong(lineOf(v.Key), join(path, key.Value), "is not known here; known are: %s", strings.Join(known, ", "))
		}
		if ok {
			seen[key.Value] = true
		}
	}
}

func join(path, key string) string {
	if key = short(key); path == "" {
		return key
	}
	return path + "." + key
}

// text takes strings, and what only looks like a number to YAML.
func (rd *reader) text(path string, node ast.Node) string {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value
	case *ast.LiteralNode:
		if n.Value != nil {
			return n.Value.Value
		}
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value
	case *ast.NullNode:
		rd.wrong(lineOf(node), path, `has no value; write "" for none, or leave the line out`)
		return ""
	}
	rd.wrong(lineOf(node), path, "must be text")
	return ""
}

func (rd *reader) texts(path string, node ast.Node) []string {
	list, ok := node.(*ast.SequenceNode)
	if !ok {
		rd.wrong(lineOf(node), path, "must be a list")
		return nil
	}
	out := []string{}
	for _, v := range list.Values {
		out = append(out, rd.text(path, v))
	}
	return out
}

// numbers reads what stands under advanced, and the line of each.
func (rd *reader) numbers(path string, node ast.Node, lines map[string]int) Overrides {
	out := Overrides{}
	rd.fields(node, path, func(key string, value ast.Node) bool {
		n := number(key)
		if n == nil {
			return false
		}
		lines["advanced."+key] = lineOf(value)
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
		rd.wrong(lineOf(value), path+"."+key, "must be %s", map[bool]string{true: "true or false", false: "a number"}[n.Switch()])
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
