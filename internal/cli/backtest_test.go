package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// outage writes eight days of counts with a bad quarter of an hour at their end.
func outage(header string, columns func(errors int) string) string {
	var b strings.Builder
	b.WriteString(header)
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for m := range 8 * 1440 {
		errors := m % 10 / 9
		if m >= 8*1440-60 && m < 8*1440-45 {
			errors = 150
		}
		fmt.Fprintf(&b, "%s,%s\n", start.Add(time.Duration(m)*time.Minute).Format(time.RFC3339), columns(errors))
	}
	return b.String()
}

func TestBacktest(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	checkout := write("checkout.csv", outage("minute,errors,requests\n", func(e int) string { return fmt.Sprintf("%d,300", e) }))
	bare := write("bare.csv", outage("", func(e int) string { return fmt.Sprint(e) }))
	wrong := write("wrong.csv", "minute,errors\n2026-11-01T00:00:00Z,many\n")

	var out, errs strings.Builder
	opt := BacktestOptions{Files: []string{checkout, bare}, Family: "5xx", Sensitivity: "normal", Out: &out, Err: &errs}
	require.NoError(t, Backtest(t.Context(), opt))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 2)
	for i, want := range []struct{ Series, Rule, Level string }{{"checkout", "B", "page"}, {"bare", "F", "notify"}} {
		var got struct{ Series, Rule, Level string }
		require.NoError(t, json.Unmarshal([]byte(lines[i]), &got))
		assert.EqualValues(t, want, got)
	}
	assert.Contains(t, errs.String(), "rates unavailable: no request totals from bare")

	t.Run("standard input, explained, as 429", func(t *testing.T) {
		out.Reset()
		errs.Reset()
		text := outage("", func(e int) string { return fmt.Sprintf("%d,300,%d,%d", e, max(e/3, 1), max(e/9, 1)) })
		opt := BacktestOptions{Files: []string{"-"}, Family: "429", Sensitivity: "high", Explain: true, In: strings.NewReader(text), Out: &out, Err: &errs}
		require.NoError(t, Backtest(t.Context(), opt))
		assert.Contains(t, out.String(), `"series":"stdin"`)
		assert.Contains(t, out.String(), `"family":"429"`)
		assert.Contains(t, out.String(), `"note":"broad"`)
		assert.Contains(t, errs.String(), "rule B holds")
		assert.Contains(t, errs.String(), "fired: pending to firing page")
	})
	t.Run("what is wrong", func(t *testing.T) {
		for _, c := range []struct {
			change func(*BacktestOptions)
			want   string
		}{
			{func(o *BacktestOptions) { o.Files = []string{wrong} }, `line 2, column 2 (errors): "many" is not a whole number`},
			{func(o *BacktestOptions) { o.Files = []string{filepath.Join(dir, "none.csv")} }, "no such file"},
			{func(o *BacktestOptions) { o.Family = "404" }, "use 5xx or 429"},
			{func(o *BacktestOptions) { o.Sensitivity = "loud" }, "use low, normal or high"},
		} {
			o := opt
			c.change(&o)
			err := Backtest(t.Context(), o)
			var exit *Exit
			require.ErrorAs(t, err, &exit)
			assert.Contains(t, exit.Message, c.want)
		}
	})
}
