package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"errata/internal/bench"
)

// BenchOptions say what load to make and how to show what it measured.
type BenchOptions struct {
	bench.Load
	// FillRemoteStore allows servers on other machines.
	FillRemoteStore bool
	JSON            bool
	Out             io.Writer // the figures
	Err             io.Writer // progress
}

// defaultRun is how long a run takes unless it is told its end.
const defaultRun = 10 * time.Second

// BenchIngest loads collectors with made-up failures and prints how they
// answered. It fails when anything was not accepted. When ctx ends it prints
// what was measured until then.
func BenchIngest(ctx context.Context, opt BenchOptions) error {
	if opt.Spans == 0 && opt.Duration == 0 {
		opt.Duration = defaultRun
	}
	for _, server := range opt.Servers {
		if !opt.FillRemoteStore && !local(server) {
			return exitf("%s is not this machine. This command fills the store with made-up failures, which people will find and be alerted by, and which stay until they expire. If that is what you want, add --fill-remote-store.", safe(server))
		}
	}
	errs := printer{out: opt.Err}
	before := bench.Figures{}
	opt.Progress = func(f bench.Figures) {
		errs.line("%4.0f s  %s spans  %s spans/s lately  p99 %s  not accepted %s", f.Seconds, grouped(f.Spans),
			grouped(int64(float64(f.Accepted-before.Accepted)/(f.Seconds-before.Seconds))), millis(f.AnswerMS.P99), grouped(f.NotAccepted()))
		before = f
	}
	f, err := bench.Run(ctx, opt.Load)
	var refused *bench.ServerError
	switch {
	case errors.As(err, &refused) && f.Spans == 0:
		return explainServer(refused)
	case err != nil && refused == nil:
		return err
	}
	if printed := opt.print(f); printed != nil {
		return printed
	}
	switch {
	case refused != nil:
		return exitf("%s of %s spans were not accepted, and the run ended early. %v", grouped(f.NotAccepted()), grouped(f.Spans), explainServer(refused))
	case f.NotAccepted() > 0:
		return exitf("%s of %s spans were not accepted. The last answer of that kind: %s", grouped(f.NotAccepted()), grouped(f.Spans), safe(f.LastFailure))
	}
	return nil
}

// local reports whether an address is one of this machine's own.
func local(server string) bool {
	if !strings.Contains(server, "://") {
		server = "http://" + server
	}
	u, err := url.Parse(server)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || (ip != nil && ip.IsLoopback())
}

func explainServer(e *bench.ServerError) error {
	switch e.Status {
	case 0:
		return unreachable(e.Server, e.Err)
	case http.StatusUnauthorized, http.StatusForbidden:
		return exitf("%s does not take reports with this key (%d %s). Set ERRATA_KEY to a key with the ingest scope.", safe(e.Server), e.Status, safe(e.Message))
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return exitf("%s does not take OTLP (%d). Is it the collector's address, not that of the API?", safe(e.Server), e.Status)
	default:
		return exitf("%s", safe(e.Error()))
	}
}

func (o *BenchOptions) print(f bench.Figures) error {
	p := printer{out: o.Out}
	if o.JSON {
		raw, err := json.Marshal(f)
		if err != nil {
			return err
		}
		p.line("%s", raw)
		return p.err
	}
	p.table([][]string{
		{"spans/s", fmt.Sprintf("%s (%s in %.1f s)", grouped(int64(f.SpansPerSecond)), grouped(f.Accepted), f.Seconds)},
		{"answer", fmt.Sprintf("p50 %s  p95 %s  p99 %s  max %s", millis(f.AnswerMS.P50), millis(f.AnswerMS.P95), millis(f.AnswerMS.P99), millis(f.AnswerMS.Max))},
		{"spans", fmt.Sprintf("%s accepted  %s rejected  %s refused  %s errors", grouped(f.Accepted), grouped(f.Rejected), grouped(f.Refused), grouped(f.Errors))},
		{"answers", byStatus(f.Answers)},
	})
	return p.err
}

func byStatus(answers map[string]int64) string {
	if len(answers) == 0 {
		return "none"
	}
	var parts []string
	for _, status := range slices.Sorted(maps.Keys(answers)) {
		parts = append(parts, fmt.Sprintf("%s: %s", status, grouped(answers[status])))
	}
	return strings.Join(parts, "  ")
}

func millis(ms float64) string { return fmt.Sprintf("%.1f ms", ms) }

// grouped writes a number with commas.
func grouped(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
