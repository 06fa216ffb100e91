package selfwatch

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/detect"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return noon.Add(-d) }

// found is what Judge says, as "condition subject level".
func found(s Snapshot, m Memory) (out []string) {
	s.Now = noon
	for _, f := range Judge(&s, m) {
		out = append(out, strings.Join(strings.Fields(fmt.Sprint(f.Condition, " ", f.Subject, " ", f.Level)), " "))
	}
	return out
}

func spooling(change func(*Collector)) Snapshot {
	c := Collector{ID: "a", Host: "h1", Started: ago(time.Hour), Seen: ago(3 * time.Second), SpoolMax: 100 << 20}
	change(&c)
	return Snapshot{Collectors: []Collector{c}}
}

func channel(name string, level detect.Level, failing time.Duration) ChannelState {
	c := ChannelState{ID: "id-" + name, Name: name, Enabled: true, Level: level}
	if failing > 0 {
		c.Failing, c.LastError = ago(failing), "it answered 503"
	}
	return c
}

func TestWhatIsWrong(t *testing.T) {
	off := channel("chat", detect.Notify, 0)
	off.Enabled = false
	gone := off
	gone.DisabledWhy = "it answered 410"
	for name, c := range map[string]struct {
		s    Snapshot
		want string // one line each; "": all is well
	}{
		"nothing is known":           {Snapshot{}, ""},
		"an empty spool":             {spooling(func(*Collector) {}), ""},
		"a moment late":              {spooling(func(c *Collector) { c.Oldest = ago(50 * time.Second) }), ""},
		"late, but not very":         {spooling(func(c *Collector) { c.Oldest = ago(2 * time.Minute) }), "ingest_lag h1"},
		"late":                       {spooling(func(c *Collector) { c.Oldest = ago(3*time.Minute + time.Second) }), "ingest_lag h1 page"},
		"room":                       {spooling(func(c *Collector) { c.SpoolBytes = 39 << 20 }), ""},
		"not much room":              {spooling(func(c *Collector) { c.SpoolBytes = 50 << 20 }), "spool_filling h1 ticket"},
		"hardly room":                {spooling(func(c *Collector) { c.SpoolBytes = 80 << 20 }), "spool_filling h1 page"},
		"between":                    {spooling(func(c *Collector) { c.SpoolBytes = 45 << 20 }), "spool_filling h1"},
		"no spool":                   {spooling(func(c *Collector) { c.SpoolMax, c.SpoolBytes = 0, 80<<20 }), ""},
		"quiet for a moment":         {spooling(func(c *Collector) { c.Seen, c.SpoolItems = ago(time.Minute), 7 }), ""},
		"gone with reports":          {spooling(func(c *Collector) { c.Seen, c.SpoolItems = ago(3*time.Minute), 7 }), "collector_silent h1 page"},
		"gone":                       {spooling(func(c *Collector) { c.Seen = ago(6 * time.Minute) }), "collector_silent page"},
		"stopped on purpose":         {spooling(func(c *Collector) { c.Seen = ago(25 * time.Hour) }), ""},
		"gone for long, with some":   {spooling(func(c *Collector) { c.Seen, c.SpoolItems = ago(25*time.Hour), 7 }), "collector_silent h1 page"},
		"restarted":                  {Snapshot{Collectors: []Collector{{ID: "b", Host: "h1", Started: ago(time.Minute), Seen: ago(0)}, {ID: "a", Host: "h1", Started: ago(time.Hour), Seen: ago(3 * time.Minute), SpoolItems: 7}}}, ""},
		"another host's":             {Snapshot{Collectors: []Collector{{ID: "b", Host: "h2", Started: ago(time.Minute), Seen: ago(0)}, {ID: "a", Host: "h1", Started: ago(time.Hour), Seen: ago(3 * time.Minute), SpoolItems: 7}}}, "collector_silent h1 page"},
		"two of one host":            {Snapshot{Collectors: []Collector{{ID: "b", Host: "h1", Seen: ago(0), Oldest: ago(4 * time.Minute)}, {ID: "a", Host: "h1", Seen: ago(0), Oldest: ago(2 * time.Minute)}}}, "ingest_lag h1 page"},
		"rejected, few":              {Snapshot{Rejected: []Rejection{{"validation_failed", "billing", 19}}}, ""},
		"rejected":                   {Snapshot{Rejected: []Rejection{{"validation_failed", "billing", 100}}}, "reports_rejected validation_failed notify"},
		"a channel works":            {Snapshot{Channels: []ChannelState{channel("chat", detect.Notify, 0)}}, ""},
		"a channel just failed":      {Snapshot{Channels: []ChannelState{channel("chat", detect.Notify, time.Minute)}}, "channel_failing chat"},
		"the only channel fails":     {Snapshot{Channels: []ChannelState{channel("chat", detect.Notify, time.Hour)}}, "channel_failing chat page"},
		"another hears of it":        {Snapshot{Channels: []ChannelState{channel("chat", detect.Notify, time.Hour), channel("mail", detect.Notify, 0)}}, "channel_failing chat ticket"},
		"another hears of pages":     {Snapshot{Channels: []ChannelState{channel("chat", detect.Notify, time.Hour), channel("pager", detect.Page, 0)}}, "channel_failing chat page"},
		"a receiver wants no more":   {Snapshot{Channels: []ChannelState{gone, channel("mail", detect.Notify, 0)}}, "channel_failing chat ticket"},
		"somebody switched it off":   {Snapshot{Channels: []ChannelState{off}}, ""},
		"messages go out":            {Snapshot{Overdue: 30 * time.Second}, ""},
		"messages are slow":          {Snapshot{Overdue: 3 * time.Minute}, "messages_waiting"},
		"messages wait":              {Snapshot{Overdue: 6 * time.Minute}, "messages_waiting page"},
		"minutes are judged":         {Snapshot{Judged: ago(90 * time.Second)}, ""},
		"minutes are judged late":    {Snapshot{Judged: ago(3 * time.Minute)}, "alerts_stalled"},
		"nobody judges":              {Snapshot{Judged: ago(6 * time.Minute)}, "alerts_stalled page"},
		"the clock was ahead":        {Snapshot{Judged: noon.Add(time.Hour)}, ""},
		"jobs run":                   {Snapshot{Jobs: []JobRun{{Name: "retention", Every: time.Hour, Age: 61 * time.Minute}}}, ""},
		"a job is late":              {Snapshot{Jobs: []JobRun{{Name: "retention", Every: time.Hour, Age: 130 * time.Minute}}}, "job_failing retention"},
		"a job failed once":          {Snapshot{Jobs: []JobRun{{Name: "retention", Every: time.Hour, Age: 61 * time.Minute, Error: "no"}}}, "job_failing retention"},
		"a job fails":                {Snapshot{Jobs: []JobRun{{Name: "retention", Every: time.Hour, Age: 130 * time.Minute, Error: "no"}}}, "job_failing retention notify"},
		"a job has not run for long": {Snapshot{Jobs: []JobRun{{Name: "retention", Every: time.Hour, Age: 4 * time.Hour}}}, "job_failing retention ticket"},
	} {
		assert.Equal(t, c.want, strings.Join(found(c.s, Memory{}), "\n"), name)
	}
}

// The sentences have the numbers, and the limits that these are held against.
func TestSays(t *testing.T) {
	s := spooling(func(c *Collector) {
		c.Oldest, c.SpoolItems, c.SpoolBytes, c.Damaged = ago(4*time.Minute+10*time.Second), 12340, 81<<20, 1
	})
	s.Now, s.Judged, s.Overdue = noon, ago(7*time.Minute), 6*time.Minute
	s.Channels = []ChannelState{channel("chat", detect.Notify, 2*time.Hour)}
	s.Jobs = []JobRun{{Name: "retention", Every: time.Hour, Age: 200 * time.Minute, Error: "disk full"}}
	s.Rejected = []Rejection{{"validation_failed", "billing", 1234}}
	m := Memory{Minute: detect.MinuteOf(noon), Damage: map[string]Damage{"a": {1, detect.MinuteOf(noon)}},
		Recent: []Recent{{detect.MinuteOf(noon) - 1, map[string]int64{"service_unavailable": 5}}, {detect.MinuteOf(noon), map[string]int64{"service_unavailable": 6}}}}
	var said []string
	for _, f := range Judge(&s, m) {
		said = append(said, f.Says)
		assert.NotEmpty(t, Of(f.Condition).Do)
	}
	assert.Equal(t, []string{
		"No minute was judged since 11:53 UTC, for 7 min (limit 5 min): no incident begins or ends.",
		"The collector on h1 holds back 12,340 reports (81.0 MiB); the oldest has waited 4 min 10 s (limit 3 min).",
		"The spool of the collector on h1 is 81% full: 81.0 MiB of 100.0 MiB (limits 50% and 80%).",
		"The collector on h1 has 1 record or segment that it could not read or store, and put aside or lost.",
		"11 reports were refused in the last 5 minutes, in 2 of them: service_unavailable.",
		"1,234 reports in the last 10 min could not be understood: validation_failed. Most come from billing.",
		"Messages to the channel chat have failed for 2 h, the last time with: it answered 503.",
		"A message that could be sent has waited for 6 min (limit 5 min).",
		"The job retention has not succeeded for 3 h 20 min, and should every 1 h; the last time: disk full.",
	}, said)
}

// What was counted before anybody looked is not news, and what is counted by the
// hour is told apart by minutes, also over the full hour.
func TestMemoryOfRefusals(t *testing.T) {
	first := detect.MinuteOf(noon) - 3
	hour := func(h int, reason string, n int64) Refusal {
		return Refusal{noon.Add(time.Duration(h) * time.Hour), reason, n}
	}
	var m Memory
	look := func(minute detect.Minute, refused ...Refusal) string {
		m = m.Take(&Snapshot{Refused: refused}, minute)
		raw, err := json.Marshal(m)
		require.NoError(t, err)
		m = Memory{}
		require.NoError(t, json.Unmarshal(raw, &m))
		return strings.Join(found(Snapshot{}, m), "\n")
	}
	assert.Empty(t, look(first, hour(-1, "service_unavailable", 5000)))
	assert.Equal(t, "reports_refused service_unavailable", look(first+1, hour(-1, "service_unavailable", 5006)), "not enough to begin")
	assert.Equal(t, "reports_refused service_unavailable", look(first+2, hour(-1, "service_unavailable", 5006)))
	assert.Equal(t, "reports_refused service_unavailable page", look(first+3, hour(0, "service_unavailable", 7), hour(-1, "service_unavailable", 5006)))
	for minute := first + 4; minute < first+6; minute++ {
		look(minute, hour(0, "service_unavailable", 7), hour(-1, "service_unavailable", 5006))
	}
	assert.Equal(t, "reports_refused service_unavailable", look(first+6, hour(0, "service_unavailable", 7)))
	assert.Empty(t, look(first+8, hour(0, "service_unavailable", 7)))
	assert.Equal(t, "reports_refused service_unavailable ticket", look(first+9, hour(0, "service_unavailable", 1007)), "a thousand at once")
	for n := range detect.Minute(2) {
		assert.NotContains(t, look(first+20+n, hour(0, "rate_limit_exceeded", 400+400*int64(n))), "notify")
	}
	assert.Equal(t, "reports_refused rate_limit_exceeded notify", look(first+22, hour(0, "rate_limit_exceeded", 1200)), "limits are for that")
}

// Damage is news for an hour.
func TestMemoryOfDamage(t *testing.T) {
	var m Memory
	at := detect.MinuteOf(noon)
	look := func(minute detect.Minute, n int64) []string {
		s := spooling(func(c *Collector) { c.Damaged = n })
		m = m.Take(&s, minute)
		return found(s, m)
	}
	assert.Empty(t, look(at, 0))
	assert.Equal(t, []string{"spool_damaged h1 ticket"}, look(at+1, 2))
	assert.Equal(t, []string{"spool_damaged h1 ticket"}, look(at+60, 2))
	assert.Empty(t, look(at+61, 2))
	assert.Equal(t, []string{"spool_damaged h1 ticket"}, look(at+62, 3))
	assert.Empty(t, look(at+63, 0), "another process: nothing is aside any more")
}

// Whatever others call themselves, and however many there are.
func TestBounds(t *testing.T) {
	s := Snapshot{Now: noon}
	for n := range 300 {
		s.Collectors = append(s.Collectors, Collector{ID: fmt.Sprint(n), Host: fmt.Sprintf("%03d%s", n, strings.Repeat("ü", 500)), Seen: noon, Oldest: ago(time.Hour + time.Duration(n)*time.Second)})
	}
	all := Judge(&s, Memory{})
	require.Len(t, all, maxFindings)
	assert.True(t, strings.HasPrefix(all[0].Subject, "299"), "the worst first")
	assert.LessOrEqual(t, len(all[0].Subject), maxName)
	for _, c := range All {
		assert.NotEqual(t, string(c), Of(c).Title)
		assert.Positive(t, Of(c).hold)
		assert.Positive(t, Of(c).clear)
	}
	assert.Len(t, abouts, len(All))
}
