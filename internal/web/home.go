package web

import (
	"net/http"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/event"
	"errata/internal/store"
)

const recentRows = 10

type homePage struct {
	frame
	Status    statusLine
	Recent    []listRow
	Empty     bool // nothing has ever been reported
	Collector string
	Now       *nowLine
	Watches   []watchRow
	Looks     []lookRow
}

// statusLine says how far the data reaches, which decides what an absence
// means.
type statusLine struct {
	Newest        moment
	RetentionDays int
	Services      int
	EventsToday   int64
	// Spooled is what collectors hold that is not in the database yet.
	Spooled int64
	Oldest  moment
	// Behind are the jobs that have not succeeded for long.
	Behind []string
}

// listRow is a failure in a list.
type listRow struct {
	Path      string
	Time      moment
	Status    int
	Code      string
	Service   string
	Operation string // method and endpoint
	Customer  string
	ID        string
	Family    event.Family
	Role      event.Role
	// Where the names lead; "" for nowhere.
	ServicePath, OperationPath, CustomerPath string
}

func (w *web) home(c *gin.Context) error {
	ctx, ws := c.Request.Context(), member(c).Workspace
	status, err := w.status(c)
	if err != nil {
		return err
	}
	var recent store.Page
	if member(c).Reads {
		if recent, err = w.Store.Events(ctx, ws, event.Filter{Role: event.Primary}, recentRows, ""); err != nil {
			return err
		}
	}
	page := homePage{
		frame: w.frame(c, "Look up a failure", "home"), Status: status, Recent: w.rows(recent.Events),
		Empty: status.Newest.Machine == "", Collector: w.CollectorURL,
	}
	if page.Now, err = w.nowLine(c, page.Alerts); err != nil {
		return err
	}
	if page.Watches, err = w.watches(c); err != nil {
		return err
	}
	if page.Looks, err = w.looks(c); err != nil {
		return err
	}
	return w.render(c, http.StatusOK, "home", page)
}

// maxLooks is how many of somebody's last look-ups their first page shows.
const maxLooks = 6

// lookRow is something that somebody looked at lately.
type lookRow struct {
	listRow
	Looked moment
}

// looks are what whoever is signed in looked at last: work is often interrupted by the
// next customer.
func (w *web) looks(c *gin.Context) (out []lookRow, err error) {
	login := member(c)
	list, err := w.Store.RecentLooks(c.Request.Context(), login.Workspace, login.Actor.ID, maxLooks)
	for _, l := range list {
		row := lookRow{w.hitRow(l.Hit), w.moment(l.At)}
		if !login.Reads {
			row.outside()
		}
		out = append(out, row)
	}
	return out, err
}

func (w *web) status(c *gin.Context) (statusLine, error) {
	o, err := w.Store.Overview(c.Request.Context(), member(c).Workspace)
	if err != nil {
		return statusLine{}, err
	}
	line := statusLine{Newest: w.moment(o.Newest), RetentionDays: o.RetentionDays, Services: len(o.Services), EventsToday: o.EventsToday}
	collectors, err := w.Store.Collectors(c.Request.Context())
	var oldest time.Time
	for _, c := range collectors {
		line.Spooled += c.SpoolItems
		if c.SpoolOldest != nil && (oldest.IsZero() || c.SpoolOldest.Before(oldest)) {
			oldest = c.SpoolOldest.Time
		}
	}
	if !oldest.IsZero() {
		line.Oldest = w.moment(oldest)
	}
	if err != nil {
		return line, err
	}
	if !member(c).Reads {
		return line, nil
	}
	runs, err := w.Store.JobRuns(c.Request.Context())
	for _, r := range runs {
		if r.Behind {
			line.Behind = append(line.Behind, r.Name)
		}
	}
	return line, err
}

func (w *web) rows(events []event.Event) []listRow {
	rows := make([]listRow, 0, len(events))
	for i := range events {
		e := &events[i]
		row := listRow{
			Path: eventPath(e.RequestID, e.ID), Time: w.moment(e.OccurredAt), Status: e.Status, Code: e.Code, Service: e.Service,
			Operation: joined(e.Method, e.Endpoint), Customer: e.Customer, ID: e.RequestID, Family: e.Family, Role: e.Role,
		}
		row.lead(e.Method, e.Endpoint)
		rows = append(rows, row)
	}
	return rows
}

func (w *web) hitRow(h store.Hit) listRow {
	id, path := h.RequestID, eventPath(h.RequestID, h.EventID)
	if id == "" && h.TraceID != "" {
		id, path = h.TraceID, requestPath(h.TraceID)
	}
	if h.Value != "" && id == "" {
		id = h.Value
	}
	return listRow{
		Path: path, Time: w.moment(h.OccurredAt), Status: h.Status, Code: h.Code, Service: h.Service,
		Customer: h.Customer, ID: id, Family: h.Family, Role: h.Role,
	}
}

// lead makes links of the names in a row.
func (r *listRow) lead(method, endpoint string) {
	r.ServicePath = pathOfService(r.Service)
	if r.Operation != "" {
		r.OperationPath = pathOfEndpoint(r.Service, method, endpoint)
	}
	if r.Customer != "" {
		r.CustomerPath = pathOfCustomer(r.Customer)
	}
}

func joined(a, b string) string {
	if a != "" && b != "" {
		return a + " " + b
	}
	return a + b
}

type rejectionsPage struct {
	frame
	Rows    []rejectionRow
	Older   string
	Refused []store.Refused // on the first page
}

type rejectionRow struct {
	Time    moment
	Source  event.Source
	Service string
	ID      string
	Reason  string
	Message string
	Preview string
	State   string
}

func (w *web) rejections(c *gin.Context) error {
	list, next, err := w.Store.Rejections(c.Request.Context(), member(c).Workspace, pageSize, c.Query("cursor"))
	if err != nil {
		return err
	}
	page := rejectionsPage{frame: w.frame(c, "Rejected reports", "rejections")}
	if next != "" {
		page.Older = "/rejections?cursor=" + url.QueryEscape(next)
	}
	if c.Query("cursor") == "" {
		if page.Refused, err = w.Store.Refusals(c.Request.Context(), member(c).Workspace, 24); err != nil {
			return err
		}
	}
	for _, r := range list {
		row := rejectionRow{Time: w.moment(r.ReceivedAt), Source: r.Source, Service: r.Service, ID: r.RequestID, Reason: r.Reason, Message: r.Message, Preview: r.Preview}
		switch {
		case r.ReplayedAt != nil:
			row.State = "replayed"
		case r.Replayable:
			row.State = "can be replayed"
		}
		page.Rows = append(page.Rows, row)
	}
	return w.render(c, http.StatusOK, "rejections", page)
}
