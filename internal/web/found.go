package web

import (
	"encoding/csv"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/catalog"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/front"
	"errata/internal/lookup"
	"errata/internal/store"
	"errata/internal/story"
)

type foundPage struct {
	frame
	Trails  []foundTrail
	Absent  []absence
	Secrets []string
}

// foundTrail is one of a few answers: what the customer saw, and where that
// began when it was elsewhere.
type foundTrail struct {
	Face  listRow
	Began string
	Cause *listRow
}

// found lists a few answers, newest first, each with its root cause.
func (w *web) found(c *gin.Context, groups []*answer, missing, secrets []string) error {
	ctx, ws := c.Request.Context(), member(c).Workspace
	page := foundPage{frame: w.frame(c, plural(len(groups), "request", "requests")+" found", ""), Secrets: secrets}
	var shown []string
	for _, g := range groups {
		trail, err := w.Store.Trail(ctx, ws, g.id)
		if fault.Is(err, fault.NotFound) { // expired between two queries
			continue
		}
		if err != nil {
			return err
		}
		page.Trails, shown = append(page.Trails, w.foundTrail(c, g, &trail)), append(shown, trail.Summary.EventID)
	}
	w.Store.Looked(ctx, member(c).Actor, ws, shown...)
	slices.SortStableFunc(page.Trails, func(a, b foundTrail) int { return strings.Compare(b.Face.Time.Machine, a.Face.Time.Machine) })
	var err error
	if page.Absent, err = w.absences(c, missing); err != nil {
		return err
	}
	return w.render(c, http.StatusOK, "found", page)
}

func (w *web) foundTrail(c *gin.Context, g *answer, trail *event.Trail) foundTrail {
	out := foundTrail{Face: w.hitRow(store.Face(g.hits))}
	if e := trail.Find(trail.Summary.EventID); e != nil {
		out.Face = w.rows([]event.Event{*e})[0]
	}
	out.Face.Path, out.Face.ID = g.path(), g.id
	if !member(c).Reads {
		out.Face.outside()
		out.Began = front.Tell(trail).RootCause
		return out
	}
	if root := trail.Find(trail.Summary.RootCauseEventID); root != nil && root.ID != trail.Summary.EventID {
		row := w.rows([]event.Event{*root})[0]
		row.Path = "/events/" + root.ID
		out.Cause, out.Began = &row, story.Began(root)
	}
	return out
}

type bulkPage struct {
	frame
	Rows    []bulkRow
	IDs     string // one on each line, for the form that asks for the table again
	Found   int
	More    int // IDs beyond those that are looked up at once
	Secrets []string
}

// bulkRow is one ID of many: what it leads to, or why it leads nowhere.
type bulkRow struct {
	ID      string
	Hit     *listRow
	At      time.Time
	Verdict string
	Absent  *absence
}

// bulk is the table of many IDs, in the order in which they were sent.
func (w *web) bulk(c *gin.Context, p pasted, hits map[string][]store.Hit, missing []string) error {
	rows, err := w.bulkRows(c, p.wanted, hits, missing)
	if err != nil {
		return err
	}
	page := bulkPage{Rows: rows, More: p.more, Secrets: p.secrets}
	var ids []string
	for _, r := range rows {
		if r.Hit != nil {
			page.Found++
		}
		ids = append(ids, r.ID)
	}
	page.IDs = strings.Join(ids, "\n")
	page.frame = w.frame(c, itoa(page.Found)+" of "+plural(len(rows), "ID", "IDs")+" found", "")
	return w.render(c, http.StatusOK, "bulk", page)
}

func (w *web) bulkRows(c *gin.Context, wanted []lookup.Candidate, hits map[string][]store.Hit, missing []string) ([]bulkRow, error) {
	absences, err := w.absences(c, missing)
	if err != nil {
		return nil, err
	}
	absent := map[string]*absence{}
	for i := range absences {
		absent[absences[i].ID] = &absences[i]
	}
	var rows []bulkRow
	var shown []string
	for _, id := range lookup.Values(wanted) {
		if len(hits[id]) > 0 {
			face := store.Face(hits[id])
			row := w.hitRow(face)
			row.ID, row.Path, row.ServicePath = id, pathUnder(id, face), pathOfService(face.Service)
			if !member(c).Reads {
				row.outside()
			}
			if !slices.Contains(shown, face.EventID) {
				shown = append(shown, face.EventID)
			}
			rows = append(rows, bulkRow{ID: id, Hit: &row, At: face.OccurredAt, Verdict: catalog.Verdict(face.Event())})
		} else if a := absent[id]; a != nil {
			rows = append(rows, bulkRow{ID: id, Absent: a})
		}
	}
	w.Store.Looked(c.Request.Context(), member(c).Actor, member(c).Workspace, shown...)
	return rows, nil
}

// bulkCSV is the same table for spreadsheets. It answers a POST, so that no
// text ends in an address.
func (w *web) bulkCSV(c *gin.Context, wanted []lookup.Candidate, hits map[string][]store.Hit, missing []string) error {
	rows, err := w.bulkRows(c, wanted, hits, missing)
	if err != nil {
		return err
	}
	c.Header("Content-Type", "text/csv; charset=utf-8")
	c.Header("Content-Disposition", `attachment; filename="lookup.csv"`)
	out := csv.NewWriter(c.Writer)
	records := [][]string{{"id", "found", "time", "service", "status", "code", "family", "verdict", "customer"}}
	for _, r := range rows {
		record := []string{r.ID, "no", "", "", "", "", "", "", ""}
		if r.Absent != nil {
			record[7] = r.Absent.Why
		}
		if h := r.Hit; h != nil {
			status := ""
			if h.Status > 0 {
				status = itoa(h.Status)
			}
			record = []string{r.ID, "yes", r.At.UTC().Format(time.RFC3339Nano), h.Service, status, h.Code, string(h.Family), r.Verdict, h.Customer}
		}
		for i := range record {
			record[i] = harmless(record[i])
		}
		records = append(records, record)
	}
	return out.WriteAll(records)
}

// harmless keeps a spreadsheet from taking for a formula what somebody sent.
func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
