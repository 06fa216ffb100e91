package yamldoc

import (
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// LineOf is the line on which something stands.
func LineOf(n ast.Node) int {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return 1
	}
	return n.GetToken().Position.Line
}

// Fields goes through a mapping, each key once. take says whether it knows a
// key; known are those that it does.
func (rd *Reader) Fields(node ast.Node, path string, take func(key string, value ast.Node) bool, known ...string) {
	var values []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		rd.Wrong(LineOf(node), path, "must be a mapping of %s", strings.Join(known, ", "))
		return
	}
	seen := map[string]bool{}
	for _, v := range values {
		key, ok := v.Key.(*ast.StringNode)
		switch {
		case !ok:
			rd.Wrong(LineOf(v.Key), path, "a key must be plain text: merges, tags, anchors and aliases are not understood here")
		case seen[key.Value]:
			rd.Wrong(LineOf(v.Key), join(path, key.Value), "stands here twice")
		case v.Value == nil:
			rd.Wrong(LineOf(v.Key), join(path, key.Value), "has no value")
		case !take(key.Value, v.Value):
			rd.Wrong(LineOf(v.Key), join(path, key.Value), "is not known here; known are: %s", strings.Join(known, ", "))
		}
		if ok {
			seen[key.Value] = true
		}
	}
}

func join(path, key string) string {
	if key = Short(key); path == "" {
		return key
	}
	return path + "." + key
}

// Text takes strings, and what only looks like a number to YAML.
func (rd *Reader) Text(path string, node ast.Node) string {
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
		rd.Wrong(LineOf(node), path, `has no value; write "" for none, or leave the line out`)
		return ""
	}
	rd.Wrong(LineOf(node), path, "must be text")
	return ""
}

// Texts takes a list of them.
func (rd *Reader) Texts(path string, node ast.Node) []string {
	list, ok := node.(*ast.SequenceNode)
	if !ok {
		rd.Wrong(LineOf(node), path, "must be a list")
		return nil
	}
	out := []string{}
	for _, v := range list.Values {
		out = append(out, rd.Text(path, v))
	}
	return out
}

// Short is as much of a text as a message repeats.
func Short(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
