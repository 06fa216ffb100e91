package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"errata/internal/backtest"
	"errata/internal/detect"
)

// BacktestOptions say what to replay. Incidents go to Out, one JSON object
// each; progress and explanations to Err.
type BacktestOptions struct {
	Files       []string // "-" is In
	Family      string   // 5xx or 429
	Sensitivity string   // low, normal or high
	Explain     bool
	In          io.Reader
	Out, Err    io.Writer
}

// Backtest tells which incidents the detector would have made of series in
// files.
func Backtest(ctx context.Context, opt BacktestOptions) error {
	set, err := detect.Sensitivity(opt.Sensitivity).Settings()
	if err != nil {
		return exitf("%v.", err)
	}
	how := backtest.Options{Settings: set}
	switch opt.Family {
	case "5xx":
	case "429":
		how.Family = detect.Limits
	default:
		return exitf("The family %q is not known: use 5xx or 429.", safe(opt.Family))
	}
	out := bufio.NewWriter(opt.Out)
	for _, name := range opt.Files {
		if err := opt.file(ctx, name, how, out); err != nil {
			_ = out.Flush() // the failure before it is the one to tell
			return err
		}
	}
	return out.Flush()
}

func (o *BacktestOptions) file(ctx context.Context, name string, how backtest.Options, out *bufio.Writer) error {
	errs := printer{out: o.Err}
	in, series := o.In, "stdin"
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return exitf("%v", err)
		}
		defer f.Close()
		in, series = f, strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))
	}
	file, err := backtest.Read(in, series, func(rows int) { errs.line("%s: %s rows read", safe(name), grouped(int64(rows))) })
	if err != nil {
		return exitf("%s: %s", safe(name), safe(err.Error()))
	}
	minutes := int64(file.Last-file.First) + 1
	for i := range file.Series {
		if err := ctx.Err(); err != nil {
			return err
		}
		s := &file.Series[i]
		if !s.Totals {
			errs.line("%s: rates unavailable: no request totals from %s", safe(name), safe(s.Name))
		}
		incidents := backtest.Run(file, s, how)
		for _, incident := range incidents {
			raw, err := backtest.JSON(s, how, incident)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(out, "%s\n", raw); err != nil {
				return err
			}
		}
		if o.Explain && len(incidents) > 0 {
			errs.explain(file, s, how, incidents)
		}
		if done := int64(i+1) * minutes; done/10_000_000 > int64(i)*minutes/10_000_000 {
			errs.line("%s: %s of %s series replayed", safe(name), grouped(int64(i+1)), grouped(int64(len(file.Series))))
		}
	}
	return errs.err
}

func (p *printer) explain(f *backtest.File, s *backtest.Series, how backtest.Options, incidents []detect.Incident) {
	p.line("%s:", safe(s.Name))
	backtest.Explain(f, s, how, incidents, func(e backtest.Explained) {
		n := &e.Numbers
		p.line("  %s  %-10s errors/requests 1m %.0f/%.0f  5m %.0f/%.0f  15m %.0f/%.0f  60m %.0f/%.0f  z %.1f %.1f %.1f  normal %.3f%%  limit %.2f%%  spread %.1f  %s",
			e.Minute.Format("2006-01-02T15:04Z"), e.Phase, n.Errors[0], n.Requests[0], n.Errors[1], n.Requests[1], n.Errors[2], n.Requests[2], n.Errors[3], n.Requests[3],
			n.Score[0], n.Score[1], n.Score[2], 100*n.Normal, 100*n.Limit, n.Spread, state(n))
		for _, t := range e.Transitions {
			raw, err := json.Marshal(t.Why)
			if err != nil || t.Why == nil {
				raw = []byte(t.Reason)
			}
			p.line("    %s: %s to %s %s %s", t.Kind, t.From, t.To, t.Level, raw)
		}
	})
}

func state(n *detect.Numbers) string {
	switch {
	case n.Level > detect.Quiet:
		return "rule " + n.Rule.String() + " holds"
	case n.Clear:
		return "clear"
	}
	return "no rule holds, not clear"
}
