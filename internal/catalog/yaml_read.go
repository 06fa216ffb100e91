package catalog

import (
	"fmt"

	"github.com/goccy/go-yaml/ast"

	"errata/internal/yamldoc"
)

// MaxFile is that of a file of entries, in bytes.
const MaxFile = 5 << 20

// Mistake is what is wrong with a file, and where.
type Mistake = yamldoc.Mistake

// Read reads the entries of a file, whose name is for the mistakes only. It finds
// all that is wrong with it, not just the first; entries are to be used only where
// nothing is.
func Read(file string, text []byte) ([]Entry, []Mistake) {
	rd := newReader(file)
	rd.read(text)
	return rd.entries, rd.Found()
}

type reader struct {
	yamldoc.Reader
	builtin bool // is part of the program, and says more than people may
	entries []Entry
	keys    map[Key]int // the line on which each stands
	profile Profile
}

func newReader(file string) *reader {
	return &reader{Reader: yamldoc.Reader{File: file, Max: MaxFile, None: "entries: []"}, keys: map[Key]int{}}
}

func (rd *reader) read(text []byte) {
	body := rd.Body(text)
	if body == nil {
		return
	}
	seen := false
	rd.Fields(body, "", func(key string, value ast.Node) bool {
		switch {
		case key == "entries":
			seen = true
			rd.list(value)
		case rd.builtin && key == "profile":
			rd.profile.Name = rd.Text(key, value)
		case rd.builtin && key == "title":
			rd.profile.Title = rd.Text(key, value)
		case rd.builtin && key == "about":
			rd.profile.About = rd.Text(key, value)
		default:
			return false
		}
		return true
	}, "entries")
	if !seen && rd.Well() {
		rd.Wrong(yamldoc.LineOf(body), "", "'entries:' is missing")
	}
}

func (rd *reader) list(value ast.Node) {
	list, ok := value.(*ast.SequenceNode)
	if !ok {
		rd.Wrong(yamldoc.LineOf(value), "entries", "must be a list: '- code: …' for each entry")
		return
	}
	if len(list.Values) > MaxEntries {
		rd.Wrong(yamldoc.LineOf(value), "entries", "a workspace takes at most %d entries, and here are %d", MaxEntries, len(list.Values))
		return
	}
	for i, v := range list.Values {
		rd.entry(fmt.Sprintf("entries[%d]", i), v)
	}
}

var entryKeys = []string{"service", "code", "title", "plain", "causes", "fixes", "retry_class", "side", "replies", "owner", "docs_url", "repo_url", "source_refs", "also_seen_as", "profile"}

func (rd *reader) entry(path string, node ast.Node) {
	var e Entry
	lines, before := map[string]int{"": yamldoc.LineOf(node)}, rd.Count()
	texts := map[string]*string{"service": &e.Service, "code": &e.Code, "title": &e.Title, "plain": &e.Plain, "retry_class": &e.RetryClass, "side": &e.Side, "owner": &e.Owner,
		"docs_url": &e.DocsURL, "repo_url": &e.RepoURL, "profile": &e.Profile}
	if rd.builtin {
		texts["topic"] = &e.topic
	}
	lists := map[string]*[]string{"causes": &e.Causes, "fixes": &e.Fixes, "source_refs": &e.SourceRefs, "also_seen_as": &e.AlsoSeenAs}
	rd.Fields(node, path, func(key string, value ast.Node) bool {
		lines[key] = yamldoc.LineOf(value)
		at := path + "." + key
		switch {
		case texts[key] != nil:
			*texts[key] = rd.Text(at, value)
		case lists[key] != nil:
			*lists[key] = rd.Texts(at, value)
		case key == "replies":
			rd.replies(at, value, &e, lines)
		default:
			return false
		}
		return true
	}, entryKeys...)
	if rd.Count() > before {
		return // what else is wrong may follow from that
	}
	checked, problems := e.checked()
	for _, p := range problems {
		line, ok := lines[p.field]
		if !ok {
			line = lines[""]
		}
		rd.Wrong(line, path+"."+p.field, "%s", p.why)
	}
	if other, ok := rd.keys[checked.Key()]; ok && checked.Code != "" {
		rd.Wrong(lines[""], path, "is about %s, as the entry on line %d is", checked.Key(), other)
	}
	rd.keys[checked.Key()] = lines[""]
	rd.entries = append(rd.entries, checked)
}

func (rd *reader) replies(path string, node ast.Node, e *Entry, lines map[string]int) {
	rd.Fields(node, path, func(key string, value ast.Node) bool {
		for _, r := range e.replies() {
			if r.name == key {
				lines["replies."+key] = yamldoc.LineOf(value)
				*r.text = rd.Text(path+"."+key, value)
				return true
			}
		}
		return false
	}, "fix", "incident", "investigating")
}
