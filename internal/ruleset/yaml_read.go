package ruleset

import (
	"fmt"

	"github.com/goccy/go-yaml/ast"

	"errata/internal/detect"
	"errata/internal/yamldoc"
)

// The bounds of a file.
const (
	MaxFile  = 256 << 10 // bytes
	MaxRules = 200       // of a workspace, and so of its file
)

// Mistake is what is wrong with a file, and where.
type Mistake = yamldoc.Mistake

// Read reads the rules of a file, whose name is for the mistakes only. It finds
// all that is wrong with it, not just the first; rules are to be used only where
// nothing is.
func Read(file string, text []byte) ([]Rule, []Mistake) {
	rd := &reader{Reader: yamldoc.Reader{File: file, Max: MaxFile, None: "rules: []"}, names: map[string]int{}}
	if body := rd.Body(text); body != nil {
		rd.whole(body)
	}
	return rd.rules, rd.Found()
}

type reader struct {
	yamldoc.Reader
	rules []Rule
	names map[string]int // the line on which each stands
}

func (rd *reader) whole(body ast.Node) {
	seen := false
	rd.Fields(body, "", func(key string, value ast.Node) bool {
		if key != "rules" {
			return false
		}
		seen = true
		list, ok := value.(*ast.SequenceNode)
		if !ok {
			rd.Wrong(yamldoc.LineOf(value), "rules", "must be a list: '- name: …' for each rule")
			return true
		}
		if len(list.Values) > MaxRules {
			rd.Wrong(yamldoc.LineOf(value), "rules", "a workspace takes at most %d rules, and here are %d", MaxRules, len(list.Values))
			return true
		}
		for i, v := range list.Values {
			rd.rule(fmt.Sprintf("rules[%d]", i), v)
		}
		return true
	}, "rules")
	if !seen && rd.Well() {
		rd.Wrong(yamldoc.LineOf(body), "", "'rules:' is missing")
	}
}

func (rd *reader) rule(path string, node ast.Node) {
	r, lines, before := New(""), map[string]int{"": yamldoc.LineOf(node)}, rd.Count()
	rd.Fields(node, path, func(key string, value ast.Node) bool {
		lines[key] = yamldoc.LineOf(value)
		at := path + "." + key
		switch key {
		case "name":
			r.Name = rd.Text(at, value)
		case "query":
			r.Query = rd.Text(at, value)
		case "sensitivity":
			r.Sensitivity = detect.Sensitivity(rd.Text(at, value))
		case "level":
			r.Level = rd.Text(at, value)
		case "runbook":
			r.Runbook = rd.Text(at, value)
		case "enabled":
			b, ok := value.(*ast.BoolNode)
			if ok {
				r.Enabled = b.Value
			} else {
				rd.Wrong(yamldoc.LineOf(value), at, "must be true or false")
			}
		case "channels":
			r.Channels = rd.Texts(at, value)
		case "advanced":
			r.Advanced = rd.numbers(at, value, lines)
		default:
			return false
		}
		return true
	}, "name", "query", "sensitivity", "level", "channels", "runbook", "enabled", "advanced")
	if rd.Count() > before {
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
		rd.Wrong(line, path+"."+p.field, "%s", p.why)
	}
	if other, ok := rd.names[checked.Name]; ok && checked.Name != "" {
		rd.Wrong(lines["name"], path+".name", "is the name of the rule on line %d, too", other)
	}
	rd.names[checked.Name] = lines[""]
	rd.rules = append(rd.rules, checked)
}
