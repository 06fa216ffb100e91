package blast_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/blast"
)

var now = time.Date(2026, 11, 20, 14, 14, 35, 5e8, time.UTC)

func TestJudge(t *testing.T) {
	open := &blast.Incident{Name: "INC-12", Number: 12, Title: "checkout-api 5xx", Open: true}
	over := &blast.Incident{Name: "INC-9", Number: 9, Title: "checkout-api 5xx"}
	for name, tc := range map[string]struct {
		c           blast.Counts
		want        blast.Verdict
		title, text string
	}{
		"an open incident": {blast.Counts{Events: 412, Customers: 37, Customer: "acme", Theirs: 4, Normal: 2, NormalKnown: true, Incident: open}, blast.KnownIncident,
			"Known incident INC-12", "37 customers, 412 failures, usually 2, 1% of them are this customer's. checkout-api 5xx."},
		"one that is over":           {blast.Counts{Events: 1, Customers: 1, Customer: "acme", Theirs: 1, Incident: over}, blast.KnownIncident, "It was part of INC-9", "1 customer, 1 failure. checkout-api 5xx."},
		"an incident before counts":  {blast.Counts{Customer: "acme", Incident: open}, blast.KnownIncident, "Known incident INC-12", "checkout-api 5xx."},
		"several, and far more":      {blast.Counts{Events: 30, Customers: 3, Customer: "acme", Theirs: 10, Normal: 10, NormalKnown: true}, blast.OthersToo, "Others too", "3 customers, 30 failures, usually 10, 33% of them are this customer's. That is far more than usual."},
		"several, a little more":     {blast.Counts{Events: 29, Customers: 3, Customer: "acme", Theirs: 10, Normal: 10, NormalKnown: true}, blast.Common, "Common, not unusual", "3 customers, 29 failures, usually 10, 34% of them are this customer's. That is about what there always is."},
		"several, none before":       {blast.Counts{Events: 3, Customers: 3, Customer: "acme", Theirs: 1, NormalKnown: true}, blast.OthersToo, "Others too", "3 customers, 3 failures, usually 0, 33% of them are this customer's. That is far more than usual."},
		"several, nothing to go by":  {blast.Counts{Events: 3, Customers: 3, Customer: "acme", Theirs: 1}, blast.OthersToo, "Others too", "3 customers, 3 failures, 33% of them are this customer's. What is usual at this time is not known."},
		"several, mostly theirs":     {blast.Counts{Events: 1000, Customers: 3, Customer: "acme", Theirs: 998, Normal: 900, NormalKnown: true}, blast.Common, "Common, not unusual", "3 customers, 1,000 failures, usually 900, 99% of them are this customer's. That is about what there always is."},
		"only them":                  {blast.Counts{Events: 214, Customers: 1, Customer: "acme", Theirs: 214, Normal: 3, NormalKnown: true}, blast.OnlyThem, "Only them", "1 customer, 214 failures, usually 3. Nobody else met it."},
		"only them, as always":       {blast.Counts{Events: 214, Customers: 1, Customer: "acme", Theirs: 214, Normal: 200, NormalKnown: true}, blast.OnlyThem, "Only them", "1 customer, 214 failures, usually 200. There were about as many a week before."},
		"only them, as far as named": {blast.Counts{Events: 10, Customers: 1, Customer: "acme", Theirs: 8, NormalKnown: true}, blast.OnlyThem, "Only them", "1 customer, 10 failures, usually 0. 2 of them name no customer; nobody else who is named met it."},
		"most name nobody":           {blast.Counts{Events: 10, Customers: 1, Customer: "acme", Theirs: 7, NormalKnown: true}, blast.TooFew, "Too few to tell", "1 customer, 10 failures, usually 0. Most of them name no customer."},
		"somebody else's":            {blast.Counts{Events: 10, Customers: 1, Customer: "acme", NormalKnown: true}, blast.TooFew, "Too few to tell", "1 customer, 10 failures, usually 0. None of those that are counted is this customer's."},
		"few":                        {blast.Counts{Events: 4, Customers: 1, Customer: "acme", Theirs: 4, NormalKnown: true}, blast.TooFew, "Too few to tell", "1 customer, 4 failures, usually 0."},
		"two":                        {blast.Counts{Events: 40, Customers: 2, Customer: "acme", Theirs: 39, NormalKnown: true}, blast.TooFew, "Too few to tell", "2 customers, 40 failures, usually 0, 98% of them are this customer's. One other customer met it, too."},
		"nobody is named":            {blast.Counts{Events: 4000, NormalKnown: true, Normal: 1}, blast.TooFew, "Too few to tell", "4,000 failures, usually 1. None of them names a customer."},
		"one that names nobody":      {blast.Counts{Events: 1}, blast.TooFew, "Too few to tell", "1 failure. It names no customer."},
		"this one names nobody":      {blast.Counts{Events: 40, Customers: 1, NormalKnown: true}, blast.TooFew, "Too few to tell", "1 customer, 40 failures, usually 0. This failure names no customer."},
		"not counted yet":            {blast.Counts{Customer: "acme", NormalKnown: true}, blast.TooFew, "Too few to tell", "Nothing is counted under this code and endpoint in this time."},
		"one of very many":           {blast.Counts{Events: 100_000, Customers: 900, Customer: "acme", Theirs: 1, NormalKnown: true, Normal: 5}, blast.OthersToo, "Others too", "900 customers, 100,000 failures, usually 5, less than 1% of them are this customer's. That is far more than usual."},
		"counted apart":              {blast.Counts{Events: 9, Customers: 1, Customer: "acme", Theirs: 10, NormalKnown: true}, blast.OnlyThem, "Only them", "1 customer, 9 failures, usually 0. Nobody else met it."},
	} {
		got := blast.Judge(tc.c)
		assert.Equal(t, tc.want, got.Verdict, name)
		assert.Equal(t, tc.title, got.Title, name)
		assert.Equal(t, tc.text, got.Text, name)
		if got.CustomerShare != nil {
			assert.LessOrEqual(t, *got.CustomerShare, 1.0, name)
		}
	}
}

// What is not known is null, and never a zero that looks like a count.
func TestWhatIsNotKnownIsNull(t *testing.T) {
	b, err := json.Marshal(blast.Judge(blast.Counts{Window: blast.WindowOf(now, now), Events: 2}))
	require.NoError(t, err)
	assert.JSONEq(t, `{"verdict":"too_few","title":"Too few to tell","text":"2 failures. None of them names a customer.","from":"2026-11-20T13:14:00.000Z","to":"2026-11-20T14:15:00.000Z",
		"customers":0,"events":2,"normal":null,"customer_events":null,"customer_share":null,"first_at":null,"last_at":null,"incident":null}`, string(b))
}

func TestWindowOf(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse("2006-01-02 15:04", "2026-11-"+s)
		require.NoError(t, err)
		return v
	}
	for name, tc := range map[string]struct {
		age      time.Duration
		from, to string
		fresh    bool
	}{
		"just now":       {0, "20 13:14", "20 14:15", true},
		"an hour ago":    {time.Hour, "20 13:14", "20 14:15", true},
		"longer ago":     {time.Hour + time.Second, "20 12:44", "20 13:45", false},
		"days ago":       {72 * time.Hour, "17 13:44", "17 14:45", false},
		"ahead of clock": {-time.Hour, "20 14:44", "20 15:45", false},
	} {
		w := blast.WindowOf(now.Add(-tc.age), now)
		assert.Equal(t, blast.Window{From: at(tc.from), To: at(tc.to), Fresh: tc.fresh}, w, name)
		assert.Equal(t, 7*24*time.Hour, w.From.Sub(w.Before().From), name)
		assert.Equal(t, w.To.Sub(w.From), w.Before().To.Sub(w.Before().From), name)
	}
	whole := now.Truncate(time.Minute)
	assert.Equal(t, whole, blast.WindowOf(whole, whole).To, "a whole minute stays as it is")
}
