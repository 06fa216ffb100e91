package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/pgtest"
)

// fail reports a failure of billing, as it happened at that time.
func (p *product) fail(request, release string, at time.Time) {
	p.t.Helper()
	body := fmt.Sprintf(`{"request_id":%q,"service":"billing","release":%q,"method":"POST","endpoint":"/v1/charges/{id}","status":500,"customer":"acme",
		"occurred_at":%q,"envelope":{"error":{"code":"ledger_full","message":"Ledger 17 is full"}}}`, request, release, at.UTC().Format(time.RFC3339Nano))
	status, answer := p.post("/v1/errors", p.ingestKey, "application/json", body)
	require.Equal(p.t, http.StatusOK, status, answer)
}

func (p *product) issues(query string) []event.Issue {
	p.t.Helper()
	status, answer := p.get("/v1/issues?q=" + url.QueryEscape(query))
	require.Equal(p.t, http.StatusOK, status, answer)
	var page struct{ Issues []event.Issue }
	require.NoError(p.t, json.Unmarshal([]byte(answer), &page))
	return page.Issues
}

func (p *product) patch(id, body string) event.IssueDetail {
	p.t.Helper()
	status, answer := p.do(http.MethodPatch, "http://"+p.HTTPAddr+"/v1/issues/"+id, p.readKey, "application/json", body)
	require.Equal(p.t, http.StatusOK, status, answer)
	var d event.IssueDetail
	require.NoError(p.t, json.Unmarshal([]byte(answer), &d))
	return d
}

// The life of an issue, told by two processes that share nothing but the
// database: whichever takes a report, both say the same.
func TestLifeOfAnIssue(t *testing.T) {
	database := pgtest.New(t).URL
	a := launch(t, database)
	b := launch(t, database)
	start := time.Now()
	a.fail("req_1", "v1", start.Add(-time.Hour))
	b.fail("req_2", "v1", start.Add(-30*time.Minute))
	a.fail("req_2", "v1", start.Add(-30*time.Minute)) // a retry, at the other
	found := b.issues(`is:new service:billing "ledger … is full"`)
	require.Empty(t, found, "what differs is not to be searched for")
	found = b.issues(`is:new service:billing "is full"`)
	require.Len(t, found, 1)
	assert.EqualValues(t, 2, found[0].Events)
	assert.Equal(t, "Ledger <*> is full", found[0].Template)
	id := found[0].ID

	d := a.patch(id, `{"state":"resolved","resolved_in":"v2","assignee":"mia"}`)
	resolved := d.ResolvedAt.Time
	a.fail("req_3", "v1", resolved.Add(-time.Minute))        // late
	b.fail("req_4", "v1", resolved.Add(10*time.Millisecond)) // the old release still runs
	assert.Len(t, a.issues("state:resolved assignee:mia"), 1)
	a.fail("req_5", "v2", resolved.Add(-time.Second)) // the new one, before
	assert.Empty(t, b.issues("is:regressed"))
	b.fail("req_6", "v2", resolved.Add(20*time.Millisecond)) // not later: the hour may be about to end
	found = a.issues("is:regressed")
	require.Len(t, found, 1)
	assert.EqualValues(t, 6, found[0].Events)

	d = b.patch(id, `{"state":"acknowledged"}`)
	require.NotEmpty(t, d.Samples)
	assert.Equal(t, "req_6", d.Samples[0].RequestID)
	assert.Equal(t, id, a.trail("req_6").Events[0].IssueID, "from the request to its issue")
	var told []string
	for _, x := range d.Activity {
		told = append(told, x.Actor+" "+x.Action)
	}
	assert.Len(t, told, 4)
	assert.Equal(t, "Errata state", told[2])
}
