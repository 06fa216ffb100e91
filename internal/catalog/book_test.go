package catalog_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/catalog"
	"errata/internal/event"
)

func written(service, code, title string) catalog.Entry {
	return catalog.Entry{Service: service, Code: code, Title: title, Plain: "About " + title + ".", Version: 1}
}

// The most specific entry is taken, and the answer says which that was.
func TestResolveTakesTheMostSpecific(t *testing.T) {
	service, status, family := written("shop", "wombat", "service code"), written("shop", "http_409", "service status"), written("shop", "family_caller", "service family")
	general, anyStatus := written("", "wombat", "any code"), written("", "http_409", "any status")
	ev := failure(409, "wombat")
	ev.Service = "shop"
	for _, tc := range []struct {
		entries            []catalog.Entry
		title, source, who string
	}{
		{[]catalog.Entry{anyStatus, general, family, status, service}, "service code", "code", "for shop"},
		{[]catalog.Entry{anyStatus, general, family, status}, "any code", "code", "general"},
		{[]catalog.Entry{anyStatus, family, status}, "service status", "status", "for shop"},
		{[]catalog.Entry{anyStatus, family}, "service family", "family", "for shop"},
		{[]catalog.Entry{anyStatus}, "any status", "status", "general"},
		{nil, "It conflicts with what is there", "status", "general"},
		{[]catalog.Entry{written("other", "wombat", "not ours")}, "It conflicts with what is there", "status", "general"},
	} {
		e := catalog.NewBook(tc.entries).Explain(ev)
		assert.Equal(t, []string{tc.title, tc.source, tc.who}, []string{e.Title, e.Source, e.For})
		assert.Equal(t, len(tc.entries) == 0 || strings.HasPrefix(e.Title, "It"), e.Entry.BuiltIn)
	}
	// What people wrote about the status of a service is before what a code looks like.
	ev = failure(404, "wombat_not_found")
	ev.Service = "shop"
	assert.Equal(t, "pattern", catalog.Explain(ev).Source)
	assert.Equal(t, "status", catalog.NewBook([]catalog.Entry{written("shop", "http_404", "here")}).Explain(ev).Source)
}

func TestAProfileForAllIsLessThanWhatIsWritten(t *testing.T) {
	ev := failure(401, "unauthorized")
	all := catalog.Entry{Code: catalog.All, Profile: "bearer-key", Version: 1}
	assert.Equal(t, "general, by the profile bearer-key", catalog.NewBook([]catalog.Entry{all}).Explain(ev).For)
	assert.Equal(t, "ours", catalog.NewBook([]catalog.Entry{all, written("", "unauthorized", "ours")}).Explain(ev).Title)
	own := catalog.Entry{Service: "prompts-api", Code: catalog.All, Profile: "x-api-key", Version: 1}
	e := catalog.NewBook([]catalog.Entry{all, own, written("", "unauthorized", "ours")}).Explain(ev)
	assert.Equal(t, "x-api-key", e.Entry.Profile, "a service's own profile is before what is general")
}

func TestAliasesFindAnEntry(t *testing.T) {
	e := written("", "ledger_drift", "drift")
	e.AlsoSeenAs = []string{"LedgerDrift2", "unauthorized"}
	book := catalog.NewBook([]catalog.Entry{e, written("", "unauthorized", "who")})
	assert.Equal(t, "drift", book.Explain(failure(409, "ledger_drift2")).Title)
	assert.Equal(t, "who", book.Explain(failure(401, "unauthorized")).Title, "a code is before what others are also seen as")
	assert.True(t, book.Documented("", "ledger_drift2"))
	assert.False(t, book.Documented("", "wombat_not_found"), "to look like something is no entry")
	_, ok := book.Own(catalog.Key{Code: "ledger_drift2"})
	assert.False(t, ok)
}

func TestALimitOfOurProviderIsNotTheirs(t *testing.T) {
	theirs := written("", "rate_limit_exceeded", "You were too fast")
	book := catalog.NewBook([]catalog.Entry{theirs})
	assert.Equal(t, "You were too fast", book.Explain(failure(429, "rate_limit_exceeded")).Title)
	assert.Equal(t, "A provider behind us failed", book.Explain(failure(502, "rate_limit_exceeded")).Title)
	theirs.Side = "upstream"
	assert.Equal(t, "You were too fast", catalog.NewBook([]catalog.Entry{theirs}).Explain(failure(502, "rate_limit_exceeded")).Title)
}

func TestWhatAnEntrySaysIsFollowed(t *testing.T) {
	e := written("prompts-api", "ledger_drift", "Books differ")
	e.Plain, e.Side, e.RetryClass = "Two postings of an invoice disagree.", "us", catalog.Wait
	e.SourceRefs = []string{"internal/ledger/drift.go:88", "docs/ledger #1.md"}
	all := catalog.Entry{Service: "prompts-api", Code: catalog.All, Owner: "team-ledger", DocsURL: "https://docs.example/errors/{code}", RepoURL: "https://git.example/a/blob/main/{path}#L{line}", Version: 1}
	ev := failure(409, "ledger_drift")
	a := catalog.Resolve(catalog.NewBook([]catalog.Entry{e, all}), ev, at, catalog.About{})
	assert.Equal(t, "Two postings of an invoice disagree.", a.Verdict)
	assert.Equal(t, "our service", a.Side)
	assert.Equal(t, catalog.Wait, a.RetryClass)
	assert.Equal(t, catalog.Wait, a.Retry.Class)
	assert.Equal(t, "team-ledger", a.Owner)
	assert.Equal(t, "https://docs.example/errors/ledger_drift", a.DocsURL)
	assert.Equal(t, []catalog.Source{{Text: "internal/ledger/drift.go:88", URL: "https://git.example/a/blob/main/internal/ledger/drift.go#L88"}, {Text: "docs/ledger #1.md", URL: "https://git.example/a/blob/main/docs/ledger%20%231.md"}}, a.SourceRefs)
}

func TestReplies(t *testing.T) {
	ev := failure(500, "internal_error")
	kinds := func(a catalog.Answer) (out []string) {
		for _, r := range a.Replies {
			out = append(out, r.Kind)
			assert.NotContains(t, r.Text, "{")
			assert.NotContains(t, r.Text, "[")
			assert.Contains(t, r.Text, "req_9f3a21")
			assert.NotEmpty(t, r.Label)
		}
		return out
	}
	assert.Equal(t, []string{"fix", "incident", "investigating"}, kinds(catalog.Resolve(nil, ev, at, catalog.About{})))
	known := catalog.Resolve(nil, ev, at, catalog.About{Incident: true})
	assert.Equal(t, []string{"incident", "fix", "investigating"}, kinds(known), "what is known is sent first")
	assert.Equal(t, []string{"fix"}, kinds(catalog.Resolve(nil, failure(422, "validation_error"), at, catalog.About{Incident: true})), "what is the caller's is not our fault")
	assert.Equal(t, catalog.Compose(ev, at), catalog.Resolve(nil, ev, at, catalog.About{}).Replies[0].Text)
	assert.Equal(t, strings.Replace(catalog.Compose(ev, at), "Hello,", "Hello Acme Ltd,", 1), catalog.Resolve(nil, ev, at, catalog.About{CustomerName: " Acme Ltd\n"}).Replies[0].Text) // one line

	// No time is promised that is not known.
	for _, r := range known.Replies {
		assert.NotRegexp(t, `again (from|after|at) \d`, r.Text)
	}
	ev.RetryAfter = &event.RetryAfter{Seconds: 120, Source: "header"}
	assert.Contains(t, catalog.Resolve(nil, ev, at, catalog.About{Incident: true}).Replies[0].Text, "You can send it again from 14:04:35 UTC on.")

	own := written("", "internal_error", "x")
	own.Replies.Fix = "Hi[ {customer_name}], {service} said {code} to {endpoint}. We allow {limit} per {window}."
	ev.Method, ev.Endpoint = "POST", "/v1/\u202ex\n"
	text := catalog.Resolve(catalog.NewBook([]catalog.Entry{own}), ev, at, catalog.About{CustomerName: "Acme"}).Replies[0].Text
	assert.Equal(t, "Hi Acme, prompts-api said internal_error to POST /v1/x.", text)
	require.NotContains(t, text, "{")
}

func TestUsualStatus(t *testing.T) {
	for code, want := range map[string]int{"unauthorized": 401, "invalid_api_key": 401, "http_418": 418, "wombat_not_found": 404, "rate_limit_exceeded": 429, "provider_error": 502, "internal_error": 500, "wombat": 0, "deadlock": 0} {
		assert.Equal(t, want, catalog.UsualStatus(code), code)
	}
}
