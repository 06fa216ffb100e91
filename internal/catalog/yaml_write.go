package catalog

import (
	"cmp"
	"slices"
	"strings"

	"errata/internal/yamldoc"
)

// Write gives entries as YAML. The same entries make the same file, whatever their
// order: those for any service first, then by service and code. What is empty is
// left out.
func Write(entries []Entry) []byte {
	if len(entries) == 0 {
		return []byte("entries: []\n")
	}
	var b strings.Builder
	b.WriteString("entries:\n")
	for _, e := range Sorted(entries) {
		for i, l := range lines(e) {
			switch {
			case l == "":
			case i == 0:
				b.WriteString("  - " + l)
			default:
				b.WriteString("    " + l)
			}
			b.WriteByte('\n')
		}
	}
	return []byte(b.String())
}

// Sorted gives entries as they are listed.
func Sorted(entries []Entry) []Entry {
	out := append([]Entry{}, entries...)
	slices.SortStableFunc(out, func(a, b Entry) int { return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Code, b.Code)) })
	return out
}

// lines is an entry in YAML, without what stands in front of its lines.
func lines(e Entry) []string {
	var out []string
	text := func(key, value string) {
		if value != "" {
			out = append(out, yamldoc.Lines(key, value)...)
		}
	}
	list := func(key string, values []string) {
		if len(values) > 0 {
			out = append(out, key+":")
		}
		for _, v := range values {
			out = append(out, "  - "+yamldoc.Scalar(v))
		}
	}
	text("service", e.Service)
	text("code", e.Code)
	text("title", e.Title)
	text("plain", e.Plain)
	list("causes", e.Causes)
	list("fixes", e.Fixes)
	text("retry_class", e.RetryClass)
	text("side", e.Side)
	if e.Replies != (Replies{}) {
		out = append(out, "replies:")
		for _, r := range e.replies() {
			if *r.text == "" {
				continue
			}
			for _, l := range yamldoc.Lines(r.name, *r.text) {
				if l != "" {
					l = "  " + l
				}
				out = append(out, l)
			}
		}
	}
	text("owner", e.Owner)
	text("docs_url", e.DocsURL)
	text("repo_url", e.RepoURL)
	list("source_refs", e.SourceRefs)
	list("also_seen_as", e.AlsoSeenAs)
	text("profile", e.Profile)
	return out
}
