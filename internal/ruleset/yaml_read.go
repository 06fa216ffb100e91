package ruleset

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

	"errata/internal/detect"
)

// The bounds of a file.
const (
	MaxFile  = 256 << 10 // bytes
	MaxRules = 200       // of a workspace, and so of its file
	maxFound = 100       // mistakes that are told at once
	maxDepth = 8         // brackets within each other, and dashes on one line
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

// Read reads the rules of a file, whose name is for the mistakes only. It finds
// all that is wrong with it, not just the first; rules are to be used only where
// nothing is.
func Read(file string, text []byte) ([]Rule, []Mistake) {
	rd := &reader{file: file, names: map[string]int{}}
	rd.read(text)
	slices.SortStableFunc(rd.found, func(a, b Mistake) int { return a.Line - b.Line })
	return rd.rules, rd.found
}

type reader struct {
	file  string
	rules []Rule
	names map[string]int // the line on which each stands
	found []Mistake
}

func (rd *reader) wrong(line int, path, format string, args ...any) {
	if len(rd.found) < maxFound {
		rd.found = append(rd.found, Mistake{rd.file, max(line, 1), path, fmt.Sprintf(format, args...)})
	}
}

func (rd *reader) read(text []byte) {
	switch {
	case len(text) > MaxFile:
		rd.wrong(1, "", "the file is longer than %d KiB", MaxFile>>10)
		return
	case !utf8.Valid(text):
		rd.wrong(1, "", "the file must be UTF-8")
		return
	}
	tokens := lexer.Tokenize(string(text))
	if line := tooDeep(tokens); line > 0 {
		rd.wrong(line, "", "this goes deeper than rules do")
		return
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		var syntax *yaml.SyntaxError
		if errors.As(err, &syntax) && syntax.Token != nil && syntax.Token.Position != nil {
			rd.wrong(syntax.Token.Position.Line, "", "this is no YAML: %s", syntax.Message)
			return
		}
		rd.wrong(1, "", "this is no YAML")
		return
	}
	var bodies []ast.Node
	for _, d := range file.Docs {
		if d.Body != nil {
			bodies = append(bodies, d.Body)
		}
	}
	switch {
	case len(bodies) == 0:
		rd.wrong(1, "", "the file is empty; 'rules: []' says that there are none")
	case len(bodies) > 1:
		rd.wrong(lineOf(bodies[1]), "", "a file holds one document")
	default:
		rd.whole(bodies[0])
	}
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

func (rd *reader) whole(body ast.Node) {
	seen := false
	rd.fields(body, "", func(key string, value ast.Node) bool {
		if key != "rules" {
			return false
		}
		seen = true
		list, ok := value.(*ast.SequenceNode)
		if !ok {
			rd.wrong(lineOf(value), "rules", "must be a list: '- name: …' for each rule")
			return true
		}
		if len(list.Values) > MaxRules {
			rd.wrong(lineOf(value), "rules", "a workspace takes at most %d rules, and here are %d", MaxRules, len(list.Values))
			return true
		}
		for i, v := range list.Values {
			rd.rule(fmt.Sprintf("rules[%d]", i), v)
		}
		return true
	}, "rules")
	if !seen && len(rd.found) == 0 {
		rd.wrong(lineOf(body), "", "'rules:' is missing")
	}
}

func (rd *reader) rule(path string, node ast.Node) {
	r, lines, before := New(""), map[string]int{"": lineOf(node)}, len(rd.found)
	rd.fields(node, path, func(key string, value ast.Node) bool {
		lines[key] = lineOf(value)
		at := path + "." + key
		switch key {
		case "name":
			r.Name = rd.text(at, value)
		case "query":
			r.Query = rd.text(at, value)
		case "sensitivity":
			r.Sensitivity = detect.Sensitivity(rd.text(at, value))
		case "level":
			r.Level = rd.text(at, value)
		case "runbook":
			r.Runbook = rd.text(at, value)
		case "enabled":
			b, ok := value.(*ast.BoolNode)
			if ok {
				r.Enabled = b.Value
			} else {
				rd.wrong(lineOf(value), at, "must be true or false")
			}
		case "channels":
			r.Channels = rd.texts(at, value)
		case "advanced":
			r.Advanced = rd.numbers(at, value, lines)
		default:
			return false
		}
		return true
	}, "name", "query", "sensitivity", "level", "channels", "runbook", "enabled", "advanced")
	if len(rd.found) > before {
		return // what else is wrong may follow from that
	}
	if r.Name == DefaultName {
		r.ID = DefaultID
	}
	checked, problems := r.checked()
	for _, p := range problems {
		line, ok := lines[p.field]
		if !ok {
			line = lines[""]
		}
		rd.wrong(line, path+"."+p.field, "%s", p.why)
	}
	if other, ok := rd.names[checked.Name]; ok && checked.Name != "" {
		rd.wrong(lines["name"], path+".name", "is the name of the rule on line %d, too", other)
	}
	rd.names[checked.Name] = lines[""]
	rd.rules = append(rd.rules, checked)
}
