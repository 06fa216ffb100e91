package catalog

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strings"

	"errata/internal/yamldoc"
)

// Act is what is done to an entry.
type Act string

// The acts.
const (
	Create Act = "create"
	Change Act = "change"
	Remove Act = "remove"
)

// Op is one step of a Plan. Have is the entry as it is, Want as it would be.
type Op struct {
	Act  Act
	Have Entry // but for Create
	Want Entry // but for Remove
}

// Plan is what would make the entries of a workspace those of a file.
type Plan struct {
	Ops  []Op
	Left []Entry // are not in the file, and stay unless they are pruned
	Same int     // are as they should be
}

// Compare plans. Entries are known by service and code. What the file does not
// have stays, unless prune says otherwise. Removals come first, so that there is
// room.
func Compare(have, want []Entry, prune bool) Plan {
	var p Plan
	is, wanted := map[Key]Entry{}, map[Key]bool{}
	for _, w := range want {
		wanted[w.Key()] = true
	}
	for _, h := range Sorted(have) {
		is[h.Key()] = h
		switch {
		case wanted[h.Key()]:
		case prune:
			p.Ops = append(p.Ops, Op{Act: Remove, Have: h})
		default:
			p.Left = append(p.Left, h)
		}
	}
	for _, w := range Sorted(want) {
		h, ok := is[w.Key()]
		switch {
		case !ok:
			p.Ops = append(p.Ops, Op{Act: Create, Want: w})
		case h.Same(w):
			p.Same++
		default:
			p.Ops = append(p.Ops, Op{Act: Change, Have: h, Want: w})
		}
	}
	return p
}

// Key is the entry that a step is about.
func (o Op) Key() Key {
	if o.Act == Remove {
		return o.Have.Key()
	}
	return o.Want.Key()
}

// Listing is the step as the lines of YAML that go (-), come (+) and stay.
func (o Op) Listing() []string {
	var before, after []string
	if o.Act != Create {
		before = lines(o.Have)
	}
	if o.Act != Remove {
		after = lines(o.Want)
	}
	return yamldoc.Diff(before, after)
}

// Digest tells plans apart, so that what is applied is what was looked at.
func (p Plan) Digest() string {
	h := sha256.New()
	for _, op := range p.Ops {
		_, _ = io.WriteString(h, string(op.Act)+"\x00"+strings.Join(op.Listing(), "\n")+"\x00") // a hash takes everything
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// Edits are the fields in which an entry differs from what it was, for the audit
// log and the history.
func Edits(before, after Entry) []string {
	was, is := fields(before), fields(after)
	var out []string
	for i := range is {
		if was[i].value != is[i].value {
			out = append(out, is[i].name)
		}
	}
	return out
}

type field struct{ name, value string }

func fields(e Entry) []field {
	list := func(values []string) string { return strings.Join(values, "\n") }
	return []field{{"title", e.Title}, {"plain", e.Plain}, {"causes", list(e.Causes)}, {"fixes", list(e.Fixes)}, {"retry_class", e.RetryClass}, {"side", e.Side}, {"replies.fix", e.Replies.Fix},
		{"replies.incident", e.Replies.Incident}, {"replies.investigating", e.Replies.Investigating}, {"owner", e.Owner}, {"docs_url", e.DocsURL}, {"repo_url", e.RepoURL},
		{"source_refs", list(e.SourceRefs)}, {"also_seen_as", list(e.AlsoSeenAs)}, {"profile", e.Profile}}
}

// Difference shows how an entry differs from what it was, in lines of YAML.
func Difference(before, after Entry) []string {
	var a, b []string
	if before.Code != "" {
		a = lines(before)
	}
	if after.Code != "" {
		b = lines(after)
	}
	return yamldoc.Diff(a, b)
}
