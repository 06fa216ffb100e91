package web

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
)

// codeRows are the rows of the list of codes: what leads, the name with its tag, and the
// cells.
func codeRows(p page) (rows []string) {
	p.Find("section[aria-labelledby=list-h] tbody tr").Each(func(_ int, tr *goquery.Selection) {
		tr = tr.Clone()
		tr.Find(".led, svg").Remove() // one says on a phone what leads
		tr.Find("td").Eq(3).Remove()  // which goes by the time of day
		rows = append(rows, words(tr))
	})
	return rows
}

// A code is a row for each service and status that has it.
func TestCodesByServiceAndStatus(t *testing.T) {
	f := newFixture(t).decides()
	var list []event.Event
	add := func(n int, service, code string, status int, customer string) {
		for range n {
			list = append(list, event.Event{OccurredAt: f.now.Add(-time.Duration(len(list)+1) * time.Minute), RequestID: fmt.Sprintf("req_k%d", len(list)), Service: service, Code: code, Status: status, Customer: customer})
		}
	}
	add(9, "billing", "forbidden", 403, "acme")
	add(4, "search", "forbidden", 403, "globex")
	add(3, "search", "forbidden", 403, "acme")
	add(5, "search", "ledger_drift", 409, "")
	add(2, "search", "ledger_drift", 500, "acme")
	add(1, "billing", "ledger_drift", 409, "acme")
	f.write(list...)
	for range 2 {
		p := f.get("/codes?from=now-6h")
		requireSound(t, p)
		assert.Equal(t, []string{"Service", "Code", "side", "failures", "vs last week", "customers", "documented", "Trend"}, texts(p.Find("thead th")))
		assert.Equal(t, []string{
			"billing forbidden 403 caller 9 1 yes", "search forbidden 403 caller 7 2 yes", "search ledger_drift 409 caller 5 0 no, write it",
			"search ledger_drift 500 us 2 1 no, write it", "billing ledger_drift 409 caller 1 1 no, write it",
		}, codeRows(p))
		row := p.Find("tbody tr").Eq(3)
		assert.Equal(t, "/codes/search/ledger_drift?from=now-6h", row.Find("a.row").AttrOr("href", ""))
		assert.Equal(t, "/services/search?from=now-6h", row.Find("td.lead a").AttrOr("href", ""))
		assert.Equal(t, "/codes/search/ledger_drift/edit", row.Find("td a:contains('write it')").AttrOr("href", ""))
		assert.True(t, row.Find(".tag").HasClass("us"))
		p.Find("tbody tr").Each(func(i int, tr *goquery.Selection) {
			n := tr.Find("td").Eq(2).Find("a")
			assert.Equal(t, words(n), itoa(f.get(n.AttrOr("href", "")).Find("table.list tbody tr").Length()), "it leads to these failures")
			assert.Equal(t, 1, tr.Find("svg.spark").Length(), "row %d", i)
		})
		_, err := f.RollUp(t.Context(), f.now.Add(2*time.Hour)) // the same of what is rolled up
		require.NoError(t, err)
	}

	// What is written for one service leaves the others' to be written.
	require.Equal(t, 303, f.post("/codes/search/ledger_drift/edit", nil, "do", "save", "version", "0", "title", "The books differ", "plain", "Two postings disagree.").code)
	only := f.get("/codes?from=now-6h&undocumented=1")
	requireSound(t, only)
	require.Len(t, codeRows(only), 1)
	assert.Regexp(t, "^billing ledger_drift 409 caller 1 1 no, write it .* ago$", codeRows(only)[0])
	assert.Contains(t, codeRows(f.get("/codes?from=now-6h"))[3], "search ledger_drift 500 us 2 1 yes")

	assert.Equal(t, []string{"search ledger_drift 500 us 2 1 yes"}, codeRows(f.get("/codes?from=now-6h&service=search&status=5xx")), "of one service, and less")
	assert.Equal(t, []string{"billing forbidden 403 caller 9 1 yes", "billing ledger_drift 409 caller 1 1 no, write it"}, codeRows(f.get("/codes?from=now-6h&service=billing")))
	assert.Contains(t, words(f.get("/codes?from=now-6h&endpoint=/x").Find("main")), "Choose one service to see it.")
}

// The list stays small, however many services there are.
func TestManyCodes(t *testing.T) {
	f := newFixture(t).signIn()
	var list []event.Event
	for i := range 400 {
		list = append(list, event.Event{OccurredAt: f.now.Add(-time.Duration(i) * 3 * time.Minute), RequestID: fmt.Sprintf("req_m%d", i), Customer: fmt.Sprint("customer-", i%70),
			Service: fmt.Sprintf("a-service-with-a-long-name-%d", i%150), Code: fmt.Sprintf("a_rather_long_code_of_ours_%d", i%130), Status: []int{400, 409, 429, 500, 503}[i%5]})
	}
	f.write(list...)
	for _, path := range []string{"/codes", "/codes?undocumented=1"} {
		p := f.get(path)
		require.Equal(t, 200, p.code)
		requireSound(t, p)
		assert.Equal(t, maxListed, p.Find("section[aria-labelledby=list-h] tbody tr").Length())
		assert.Less(t, zipped(t, p.body), 20<<10, path)
		t.Logf("%s: %d bytes", path, zipped(t, p.body))
		assert.Contains(t, words(p.Find("section[aria-labelledby=list-h]")), " more. A service or a shorter period narrows it.")
		assert.Equal(t, strings.Count(p.body, `class="lead"`), maxListed+1)
	}
}
