package cli

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"errata/internal/slo"
)

// sloAnswer is an objective as the API shows it.
type sloAnswer struct {
	slo.SLO
	Budget *struct {
		Left float64 `json:"left"`
	} `json:"budget"`
	Hour     *burn  `json:"burn_1h"`
	SixHours *burn  `json:"burn_6h"`
	Why      string `json:"why"`
}

type burn struct {
	Burn float64 `json:"burn"`
}

// ListSLOs prints the objectives that were set, one on a line, and what is left
// of their budgets; of one service where that is not "".
func ListSLOs(ctx context.Context, opt Options, service string) error {
	path := "/v1/slos"
	if service != "" {
		path += "?service=" + url.QueryEscape(service)
	}
	var raw json.RawMessage
	c := newClient(opt.Server, opt.Key)
	if err := c.call(ctx, http.MethodGet, path, nil, &raw); err != nil {
		return err
	}
	p := printer{out: opt.Out}
	if opt.JSON {
		p.line("%s", raw)
		return p.err
	}
	var list struct {
		SLOs    []sloAnswer `json:"slos"`
		Default slo.SLO     `json:"default"`
	}
	if err := c.decode(answer{body: raw}, &list); err != nil {
		return err
	}
	rest := "Every other service is held to the default: "
	if len(list.SLOs) == 0 {
		rest = "No objective was set. Every service is held to the default: "
	} else {
		rows := [][]string{{"ID", "SERVICE", "ENDPOINT", "ENVIRONMENT", "OBJECTIVE", "DAYS", "LEFT", "BURN 1H", "6H", ""}}
		for _, o := range list.SLOs {
			rows = append(rows, []string{safe(o.ID), safe(o.Service), orWord(safe(strings.TrimSpace(o.Method+" "+o.Endpoint)), "(all)"), orWord(safe(o.Environment), "(all)"),
				slo.Percent(o.Objective), strconv.Itoa(o.WindowDays), leftText(o), burnText(o.Hour), burnText(o.SixHours), safe(o.Why)})
		}
		p.table(rows)
	}
	p.line("%s%s of requests in %d days.", rest, slo.Percent(list.Default.Objective), list.Default.WindowDays)
	return p.err
}

func orWord(s, word string) string {
	if s == "" {
		return word
	}
	return s
}

func leftText(o sloAnswer) string {
	if o.Budget == nil {
		return "-"
	}
	return strconv.FormatFloat(o.Budget.Left*100, 'f', 1, 64) + "%"
}

func burnText(b *burn) string {
	if b == nil {
		return "-"
	}
	return strconv.FormatFloat(b.Burn, 'f', 1, 64) + "x"
}

// SetSLO sets the objective of a scope, in place of one that it had.
func SetSLO(ctx context.Context, opt Options, o slo.SLO) error {
	body := map[string]any{"service": o.Service, "environment": o.Environment, "method": o.Method, "endpoint": o.Endpoint, "objective": o.Objective, "window_days": o.WindowDays}
	var raw json.RawMessage
	c := newClient(opt.Server, opt.Key)
	if err := c.call(ctx, http.MethodPut, "/v1/slos", body, &raw); err != nil {
		return err
	}
	p := printer{out: opt.Out}
	if opt.JSON {
		p.line("%s", raw)
		return p.err
	}
	var set sloAnswer
	if err := c.decode(answer{body: raw}, &set); err != nil {
		return err
	}
	state := leftText(set) + " of the budget is left"
	if set.Why != "" {
		state = set.Why
	}
	p.line("%s: %s of requests in %d days; %s.", safe(set.Scope()), slo.Percent(set.Objective), set.WindowDays, safe(state))
	return p.err
}

// RemoveSLOs takes objectives away, in the order given, up to the first that is
// not there.
func RemoveSLOs(ctx context.Context, opt Options, ids []string) error {
	c := newClient(opt.Server, opt.Key)
	p := printer{out: opt.Out}
	for _, id := range ids {
		if err := c.call(ctx, http.MethodDelete, "/v1/slos/"+url.PathEscape(id), nil, nil); err != nil {
			return err
		}
		p.line("%s: removed", safe(id))
	}
	return p.err
}
