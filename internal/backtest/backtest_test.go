package backtest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/detect"
)

func read(t *testing.T, text string) *File {
	t.Helper()
	f, err := Read(strings.NewReader(text), "file", nil)
	require.NoError(t, err)
	return f
}

func TestReadTakesAllShapes(t *testing.T) {
	want := []row{{29742960, 2, 300, 0, 0}, {29742963, 1, 310, 0, 0}}
	for name, text := range map[string]string{
		"header":        "minute,errors,requests\n2026-07-20T20:00:00Z,2,300\n2026-07-20T20:03:00Z,1,310\n",
		"no header":     "2026-07-20T20:00:00Z,2,300\n2026-07-20T20:03:00Z,1,310\n",
		"any order":     "requests,errors,minute\n300,2,2026-07-20T20:00:00Z\n310,1,2026-07-20T20:03:00Z\n",
		"not sorted":    "2026-07-20T20:03:00Z,1,310\n2026-07-20T20:00:00Z,2,300\n",
		"zones":         "2026-07-20T22:00:00+02:00,2,300\n2026-07-20T20:03:00+00:00,1,310\n",
		"seconds, BOM":  "\ufeffminute,errors,requests\r\n2026-07-20T20:00:59Z,2,300\r\n\r\n2026-07-20T20:03:59.9Z,1,310\r\n",
		"no seconds":    "2026-07-20T20:00Z,2,300\n2026-07-20 20:03:00Z,1,310\n",
		"whole numbers": "2026-07-20T20:00:00Z,2.0,300.0\n2026-07-20T20:03:00Z, 1 , 310\n",
	} {
		t.Run(name, func(t *testing.T) {
			f := read(t, text)
			require.Len(t, f.Series, 1)
			assert.Equal(t, "file", f.Series[0].Name)
			assert.True(t, f.Series[0].Totals)
			assert.Equal(t, want, f.Series[0].rows)
			assert.Equal(t, detect.Minute(29742960), f.First)
			assert.Equal(t, detect.Minute(29742963), f.Last)
		})
	}
}

func TestReadSeries(t *testing.T) {
	f := read(t, "series,minute,errors,requests,customers,top_customer_errors\nb,2026-07-20T20:00:00Z,2,,2,1\na,2026-07-20T20:00:00Z,2,10\nb,2026-07-20T20:01:00Z,3\n")
	require.Len(t, f.Series, 2)
	assert.Equal(t, "b", f.Series[0].Name)
	assert.False(t, f.Series[0].Totals)
	assert.Equal(t, []row{{29742960, 2, -1, 2, 1}, {29742961, 3, -1, 0, 0}}, f.Series[0].rows)
	assert.True(t, f.Series[1].Totals)
	assert.Equal(t, "x", read(t, "x,2026-07-20T20:00:00Z,2\n").Series[0].Name, "without a header, too")
}

func TestReadSaysWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "there are no rows",
		"minute,errors\n":              "there are no rows",
		"minute,erors\n":               `line 1, column 2: "erors" is not a column`,
		"minute,requests\n":            `line 1: the column "errors" is missing`,
		"minute,errors,errors\n":       `line 1, column 3: "errors" is there twice`,
		"minute,errors\nyesterday,1\n": `line 2, column 1 (minute): "yesterday" is not an RFC 3339 time`,
		"minute,errors\n\n2026-07-20T20:00:00Z,-1\n":         `line 3, column 2 (errors): "-1" is negative`,
		"2026-07-20T20:00:00Z,1\n2026-07-20T20:01:00Z,x\n":   `line 2, column 2 (errors): "x" is not a whole number`,
		"2026-07-20T20:00:00Z,1.5\n":                         `line 1, column 2 (errors): "1.5" is not a whole number`,
		"2026-07-20T20:00:00Z,1,99999999999\n":               `line 1, column 3 (requests): "99999999999" is too large`,
		"2026-07-20T20:00:00Z,1,2,3,4,5\n":                   "line 1, column 6: there are only 5 columns",
		"2026-07-20T20:00:00Z\n":                             "line 1: a row needs at least a minute and errors",
		"2024-07-20T20:00:00Z,1\n2026-07-20T20:00:00Z,1\n":   "line 2: the file spans more than 400 days",
		"1969-07-20T20:00:00Z,1\n":                           "out of range",
		"series,minute,errors\n,2026-07-20T20:00:00Z,1\n":    "line 2, column 1 (series): a series needs a name",
		"series,minute,errors\n\"a,2026-07-20T20:00:00Z,1\n": "line ",
	} {
		_, err := Read(strings.NewReader(text), "file", nil)
		assert.ErrorContains(t, err, want, text)
	}
}

// outage is ten days of a series with an outage on the last; quiet minutes are left out
// where it has no requests.
func outage(series string, requests int) string {
	var b strings.Builder
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for m := range 10 * 1440 {
		errors := 0
		if m%10 == 0 {
			errors = requests / 150
		}
		if m >= 9*1440 && m < 9*1440+20 {
			errors = requests / 2
		}
		fmt.Fprintf(&b, "%s,%s,%d,%d\n", series, start.Add(time.Duration(m)*time.Minute).Format(time.RFC3339), errors, requests)
	}
	return b.String()
}

func TestRun(t *testing.T) {
	f := read(t, outage("checkout", 300)+outage("search", 3000))
	opt := Options{Settings: detect.Default()}
	for i := range f.Series {
		incidents := Run(f, &f.Series[i], opt)
		require.Len(t, incidents, 1)
		raw, err := JSON(&f.Series[i], opt, incidents[0])
		require.NoError(t, err)
		var got map[string]any
		require.NoError(t, json.Unmarshal(raw, &got))
		assert.Equal(t, f.Series[i].Name, got["series"])
		assert.Equal(t, "5xx", got["family"])
		assert.Equal(t, "page", got["level"])
		assert.Equal(t, "B", got["rule"])
		assert.Equal(t, "2026-11-10T00:00:00Z", got["started_at"])
		assert.Equal(t, "2026-11-10T00:02:00Z", got["fired_at"])
		assert.Contains(t, got["resolved_at"], "2026-11-10T00:3")
		assert.Contains(t, got["why"], "normal")
		assert.Len(t, got, 8)

		var lines []Explained
		Explain(f, &f.Series[i], opt, incidents, func(e Explained) { lines = append(lines, e) })
		assert.Equal(t, "2026-11-09T23:50:00Z", lines[0].Minute.Format(time.RFC3339))
		fired := 0
		for _, l := range lines {
			for _, tr := range l.Transitions {
				if tr.Kind == detect.Fired {
					fired++
				}
			}
		}
		assert.Equal(t, 1, fired)
	}
}

// The same counts make the same incidents, however a file tells them.
func TestRunTakesAllShapes(t *testing.T) {
	text := strings.TrimSpace(outage("a", 300))
	rows := strings.Split(text, "\n")
	r := rand.New(rand.NewPCG(1, 1))
	each := func(change func(minute, errors, requests string) string) string {
		var b strings.Builder
		for _, row := range rows {
			f := strings.Split(row, ",")
			b.WriteString(change(f[1], f[2], f[3]))
		}
		return b.String()
	}
	incidents := func(text string) []detect.Incident {
		f := read(t, text)
		require.Len(t, f.Series, 1)
		return Run(f, &f.Series[0], Options{Settings: detect.Default()})
	}
	want := incidents(text)
	require.Len(t, want, 1)
	for name, text := range map[string]string{
		"shuffled": each(func(m, e, n string) string { return m + "," + e + "," + n + "\n" }),
		"zones": each(func(m, e, n string) string {
			at, err := time.Parse(time.RFC3339, m)
			require.NoError(t, err)
			return at.In(time.FixedZone("", 5*3600+1800)).Format(time.RFC3339) + "," + e + "," + n + "\n"
		}),
		"two rows a minute": each(func(m, e, n string) string { return m + "," + e + ",100\n" + m + ",0,200\n" }),
	} {
		lines := strings.Split(strings.TrimSpace(text), "\n")
		if name == "shuffled" {
			r.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
		}
		assert.Equal(t, want, incidents(strings.Join(lines, "\n")), name)
	}

	counts := incidents(each(func(m, e, _ string) string {
		if e == "0" {
			return "" // what nobody speaks of is zero
		}
		return m + "," + e + "\n"
	}))
	require.Len(t, counts, 1)
	assert.Equal(t, detect.Count, counts[0].Rule)
	assert.Equal(t, detect.Notify, counts[0].Level)
	assert.Equal(t, want[0].Started, counts[0].Started)
	assert.LessOrEqual(t, counts[0].Fired, want[0].Fired+2)

	lost := incidents(each(func(m, e, n string) string { // one total of fifty is missing, and one row
		switch r.IntN(50) {
		case 0:
			return m + "," + e + ",\n"
		case 1:
			return ""
		}
		return m + "," + e + "," + n + "\n"
	}))
	require.Len(t, lost, 1)
	assert.InDelta(t, float64(want[0].Fired), float64(lost[0].Fired), 2)
}

// While it lasts there is no end, and JSON says null.
func TestOngoing(t *testing.T) {
	text := outage("a", 300)
	f := read(t, text[:strings.Index(text, "2026-11-10T00:10:00Z")-2])
	raw, err := JSON(&f.Series[0], Options{}, Run(f, &f.Series[0], Options{Settings: detect.Default()})[0])
	require.NoError(t, err)
	assert.Contains(t, string(raw), `"resolved_at":null`)
}

// Whatever a file has in it, it is refused with its line, or replayed.
func FuzzRead(f *testing.F) {
	f.Add("minute,errors,requests\n2026-07-20T20:00:00Z,2,300\n")
	f.Add("a,2026-07-20T20:00:00Z,2,300,1,1\nb,2026-07-20T21:00:00+02:00,2.0\n")
	f.Add("series,minute,errors\n\"x\"\"y\",2026-07-20T20:00Z,2147483647\n")
	f.Add("\ufeffminute;errors\n")
	opt := Options{Settings: detect.Default()}
	f.Fuzz(func(t *testing.T, text string) {
		file, err := Read(strings.NewReader(text), "file", nil)
		if err != nil {
			if !strings.Contains(err.Error(), "line ") && !strings.Contains(err.Error(), "no rows") {
				t.Fatalf("which line? %v", err)
			}
			return
		}
		rows := 0
		for i := range file.Series {
			s := &file.Series[i]
			rows += len(s.rows)
			if file.Last-file.First > 1000 || i > 3 {
				continue
			}
			for _, incident := range Run(file, s, opt) {
				if raw, err := JSON(s, opt, incident); err != nil || !json.Valid(raw) {
					t.Fatalf("%s: %v", raw, err)
				}
			}
		}
		if rows == 0 || rows > strings.Count(text, "\n")+1 {
			t.Fatalf("%d rows", rows)
		}
	})
}
