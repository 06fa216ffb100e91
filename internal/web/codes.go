package web

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"errata/internal/catalog"
	"errata/internal/chart"
	"errata/internal/event"
	"errata/internal/rollup"
	"errata/internal/stats"
)

// unwritten is the parameter of the list of codes that leaves out those that the
// catalogue has an entry for: what is left is work for its authors.
const unwritten = "undocumented"

func (w *web) codes(c *gin.Context) error {
	t, err := w.newTopic(c, "/codes", "24h")
	only := c.Query(unwritten) == "1"
	t.page.values[unwritten] = map[bool]string{true: "1"}[only]
	page := w.topicPage(c, "", "Codes", "codes")
	page.Views = []link{{Label: "All", Path: t.page.with(unwritten, ""), Chosen: !only}, {Label: "Undocumented", Path: t.page.with(unwritten, "1"), Chosen: only, Title: "Seen, but without an entry in the catalogue"}}
	if page.Admin {
		page.Files = []link{{Label: "Export", Path: catalogPath + "/export"}, {Label: "Import", Path: catalogPath}}
	}
	return w.showTopic(c, t, page, err, func() error {
		err := w.fillCodes(c, t, page, only)
		page.Controls = t.controls()
		if only { // forms keep it
			page.Controls.Hidden = append(page.Controls.Hidden, row{unwritten, "1"})
			page.Controls.Kept = append(page.Controls.Kept, row{unwritten, "1"})
		}
		return err
	})
}

func (w *web) fillCodes(c *gin.Context, t *topic, page *topicPage, only bool) error {
	failures := t.ask(most(t.versus(stats.Errors, listedBy...), 10_000))
	customers := t.ask(most(t.over(stats.Customers, listedBy...), 10_000))
	over := t.over(stats.Errors, listedBy...)
	if over.Limit = maxListed; only { // they may be among the rarest
		over.Limit = 10_000
	}
	lines := t.ask(over)
	book, err := w.book(c)
	if err != nil {
		return err
	}
	if ok, err := w.read(c, t, page, failures, nil); err != nil || !ok {
		return err
	}
	page.All = ""
	page.Rankings = []ranking{t.codeList(book, failures, customers, lines, only)}
	return nil
}

// listedBy is what the list of codes has a row for. A code with two statuses has two,
// and so it has with two families: not every 403 is about a quota.
var listedBy = []rollup.Dim{rollup.Service, rollup.Code, rollup.Status, rollup.Family}

// codeKind is one of them.
type codeKind struct {
	service, code, status string
	family                event.Family
}

func codeKindOf(s *stats.Series) codeKind {
	return codeKind{s.Labels[0], s.Labels[1], s.Labels[2], event.Family(s.Labels[3])}
}

func (t *topic) codeList(book *catalog.Book, failures, customers, lines *reply, only bool) ranking {
	out := ranking{ID: "list", Title: "By failures", Empty: failures.instead("No failures in this time."), Columns: []column{
		{Name: "Service", Lead: true}, {Name: "Code"}, {Name: "side"}, {Name: "failures", Num: true}, t.vs(), {Name: "customers", Num: true}, {Name: "documented", Title: "Whether the catalogue explains this very code of this service"}, {Spoken: "Trend"}}}
	if only {
		out.Columns = append(out.Columns, column{Name: "last seen"})
		out.Title, out.Empty = "Undocumented, by failures", failures.instead("None: the catalogue explains every code of this time.")
	}
	who, drawn, more := customers.totals(), lines.totals(), 0
	for i := range failures.Series {
		s := &failures.Series[i]
		known := book.Documented(s.Labels[0], s.Labels[1])
		if s.Total <= 0 || only && known {
			continue
		}
		if len(out.Rows) == maxListed {
			more++
			continue
		}
		line := labelled(drawn, s.Labels...)
		row := t.codeRow(s, known, labelled(who, s.Labels...), line)
		if only {
			row.Cells = append(row.Cells, cell{Text: t.lastStep(lines, line)})
		}
		out.Rows = append(out.Rows, row)
	}
	if more += failures.More; more > 0 {
		out.Notes = append(out.Notes, "And "+grouped(int64(more))+" more. A service or a shorter period narrows it.")
	}
	if len(out.Rows) > 0 {
		out.Notes = append(out.Notes, "A code without an entry is explained by its status or side only: good enough to answer with, not to solve it.")
	}
	out.Notes = said(append(out.Notes, customers.estimated()))
	return out
}

func (t *topic) codeRow(s *stats.Series, known bool, who, line *stats.Series) rank {
	k := codeKindOf(s)
	r := rank{Label: k.code, Tone: k.family, Tag: k.status, Path: t.about(pathOfCode(k.service, k.code)),
		Lead:  &link{Label: k.service, Path: t.about(pathOfService(k.service))},
		Cells: []cell{{Text: familyWord(k.family)}, t.failedAs(s.Total, k), t.changed(s), num(none), {Text: "yes"}, {}}}
	if r.Tag == "" {
		r.Tag = none
	}
	if who != nil {
		r.Cells[3].Text = count(who.Total)
	}
	if !known {
		r.Cells[4] = linked("no, write it", pathOfEntry(catalog.Key{Service: k.service, Code: k.code}, "edit"))
		r.Cells[4].Num = false
	}
	if line != nil {
		r.Cells[5].Drawn = spark(joined(k.service, k.code), chart.Count, toneOf(string(k.family)), line.Values)
	}
	return r
}

// failedAs leads to the failures of a kind.
func (t *topic) failedAs(n float64, k codeKind) cell {
	pairs := []string{"service", k.service, "code", k.code, "family", string(k.family)}
	if k.status == "" {
		return t.failed(n, append(pairs, "q", joined("-status:*", t.values["q"]))...)
	}
	return t.failed(n, append(pairs, "status", k.status)...)
}

// lastStep is when the last step with a failure began.
func (t *topic) lastStep(lines *reply, s *stats.Series) string {
	if s == nil {
		return none
	}
	out := none
	for i, at := range lines.Points() {
		if i < len(s.Values) && s.Values[i] > 0 {
			out = momentAt(at, t.now).Ago
		}
	}
	return out
}

// codeOrService tells /codes/{code} from /codes/{service}/{code}, and follows
// what was picked in the list of services.
func (w *web) codeOrService(c *gin.Context) error {
	code, service := c.Param("first"), ""
	if second := c.Param("code"); second != "" {
		name, err := nameOf(code)
		if err != nil {
			return err
		}
		code, service = second, name
	}
	code, err := nameOf(code)
	if err != nil {
		return err
	}
	if to, ok := c.GetQuery("service"); ok && to != service {
		c.Redirect(http.StatusSeeOther, keptQuery(c, pathOfCode(to, code), "service"))
		return nil
	}
	if !member(c).Reads {
		return w.plainCode(c, service, code)
	}
	return w.code(c, service, code)
}
