package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// RetentionOptions say of which server. Running needs the admin scope.
type RetentionOptions struct {
	Server, Key string
	Days        int // to look ahead
	JSON        bool
	Out         io.Writer
	// Every is how often a run is asked how far it is; 0 = a second.
	Every time.Duration
}

type retentionPlan struct {
	Retention struct {
		Events, Bodies, Rollups, IDs, Rejections, Audit int
	} `json:"retention"`
	Days []struct {
		Table  string    `json:"table"`
		Day    string    `json:"day"`
		DueAt  time.Time `json:"due_at"`
		Due    bool      `json:"due"`
		Bytes  int64     `json:"bytes"`
		Rows   int64     `json:"rows"`
		Partly bool      `json:"partly"`
		Rule   string    `json:"rule"`
	} `json:"days"`
	Uncounted int `json:"uncounted_days"`
	Tables    []struct {
		Table string `json:"table"`
		Days  *int   `json:"days"`
		Why   string `json:"why"`
		Bytes int64  `json:"bytes"`
		Rows  int64  `json:"rows"`
	} `json:"tables"`
	Bytes     int64      `json:"bytes"`
	NextRunAt *time.Time `json:"next_run_at"`
	Job       *jobRun    `json:"job"`
}

type jobRun struct {
	SucceededAt *time.Time `json:"succeeded_at"`
	Failures    int64      `json:"failures"`
	Error       string     `json:"error"`
	Behind      bool       `json:"behind"`
}

func (c *client) retention(ctx context.Context, days int) (raw json.RawMessage, plan retentionPlan, err error) {
	if err := c.call(ctx, http.MethodGet, "/v1/retention?days="+strconv.Itoa(days), nil, &raw); err != nil {
		return nil, plan, err
	}
	return raw, plan, c.decode(answer{body: raw}, &plan)
}

// PlanRetention prints what is going to go, and what that frees.
func PlanRetention(ctx context.Context, opt RetentionOptions) error {
	raw, plan, err := newClient(opt.Server, opt.Key).retention(ctx, opt.Days)
	if err != nil {
		return err
	}
	p := printer{out: opt.Out}
	if opt.JSON {
		p.line("%s", raw)
		return p.err
	}
	rows := [][]string{{"TABLE", "DAY", "GOES", "ROWS", "FREES"}}
	for _, d := range plan.Days {
		goes, frees := d.DueAt.UTC().Format(time.DateOnly), size(d.Bytes)
		if d.Due {
			goes = "with the next run"
		}
		switch {
		case d.Rule != "":
			frees += " of this workspace, by the rule " + safe(d.Rule)
		case d.Partly:
			frees += " of this workspace"
		}
		rows = append(rows, []string{safe(d.Table), safe(d.Day), goes, strconv.FormatInt(d.Rows, 10), frees})
	}
	if len(rows) > 1 {
		p.table(rows)
		p.line("%s in all.", size(plan.Bytes))
	} else {
		p.line("Nothing is going to go within %s.", plural(opt.Days, "day", "days"))
	}
	if plan.Uncounted > 0 {
		p.line("And what thinning rules take of %s, which took too long to count.", plural(plan.Uncounted, "more day", "more days"))
	}
	p.kept(&plan)
	r := plan.Retention
	p.line("Kept: failures %d days, raw bodies %d, counts %d, IDs %d, rejections %d, audit %d.", r.Events, r.Bodies, r.Rollups, r.IDs, r.Rejections, r.Audit)
	if plan.NextRunAt != nil {
		p.line("Next run: %s.", plan.NextRunAt.UTC().Format(clock))
	}
	if plan.Job != nil && plan.Job.Behind {
		p.line("Retention is behind. The last failure: %s", safe(plan.Job.Error))
	}
	return p.err
}

// kept prints what goes by age and how much of it there is, and all other tables,
// which only grow or are removed from by people.
func (p *printer) kept(plan *retentionPlan) {
	rows := [][]string{{"TABLE", "KEPT", "ROWS", "SIZE", "WHAT"}}
	for _, byAge := range []bool{true, false} {
		for _, t := range plan.Tables {
			if byAge != (t.Days != nil) {
				continue
			}
			kept := "-"
			if t.Days != nil {
				kept = plural(*t.Days, "day", "days")
			}
			rows = append(rows, []string{safe(t.Table), kept, strconv.FormatInt(t.Rows, 10), size(t.Bytes), safe(t.Why)})
		}
	}
	if len(rows) > 1 {
		p.line("")
		p.table(rows)
		p.line("")
	}
}

// RunRetention has what is due go now, and prints how far it is.
func RunRetention(ctx context.Context, opt RetentionOptions) error {
	if opt.Every == 0 {
		opt.Every = time.Second
	}
	c := newClient(opt.Server, opt.Key)
	_, before, err := c.retention(ctx, 0)
	if err != nil {
		return err
	}
	if err := c.call(ctx, http.MethodPost, "/v1/retention/runs", nil, nil); err != nil {
		return err
	}
	p := printer{out: opt.Out}
	for left := -1; p.err == nil; {
		_, now, err := c.retention(ctx, 0)
		if err != nil {
			return err
		}
		if left != len(now.Days) {
			left = len(now.Days)
			p.line("%d days of tables to go, %s.", left, size(now.Bytes))
		}
		switch was, is := known(before.Job), known(now.Job); {
		case is.Failures > was.Failures:
			return exitf("The run failed, and is tried again: %s", safe(is.Error))
		case is.SucceededAt != nil && (was.SucceededAt == nil || is.SucceededAt.After(*was.SucceededAt)):
			p.line("Done.")
			return p.err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(opt.Every):
		}
	}
	return p.err
}

func known(j *jobRun) jobRun {
	if j == nil {
		return jobRun{}
	}
	return *j
}

// size is a number of bytes for people.
func size(n int64) string {
	for _, unit := range []struct {
		name  string
		bytes int64
	}{{"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}} {
		if n >= unit.bytes {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(unit.bytes), unit.name)
		}
	}
	return fmt.Sprintf("%d B", n)
}
