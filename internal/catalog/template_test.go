package catalog_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"errata/internal/catalog"
	"errata/internal/fault"
)

func TestRender(t *testing.T) {
	known := map[string]string{"request_id": "req_1", "limit": "60", "window": "minute"}
	for template, want := range map[string]string{
		"Your request[ {request_id}] failed.":                      "Your request req_1 failed.",
		"Your request[ of {time_utc} UTC] failed.":                 "Your request failed.",
		"Try again [at {retry_at}|in a while].":                    "Try again in a while.",
		"Limit [{limit} per {window}|].":                           "Limit 60 per minute.",
		"Try again at {retry_at}. Be well.":                        "Be well.",
		"Be well. Try again at {retry_at}.":                        "Be well.",
		"One. Two {retry_at}. Three. Four {docs_url}? Five":        "One. Three. Five",
		"Hello {customer_name},\n\nIt failed.":                     "It failed.",
		"Hello[ {customer_name}],\n\n{docs_url}\n\nBye.":           "Hello,\n\nBye.",
		"{{json}} [[1]] is not a field":                            "{json} [1] is not a field",
		"It is 99.5 % {request_id} of v1.2. {retry_at} is so. End": "It is 99.5 % req_1 of v1.2. End",
		"[{retry_at}|{docs_url}|{limit}]":                          "60",
	} {
		assert.Equal(t, want, catalog.Render(template, known), template)
	}
	assert.Equal(t, "a {limit} b", catalog.Render("a {request_id} b", map[string]string{"request_id": "{limit}"}), "values are no templates")
}

func TestTemplatesAreChecked(t *testing.T) {
	for template, want := range map[string]string{
		"Hi {customer}":              "has {customer}, which is no field; there are: customer_name, request_id",
		"Hi {customer_name":          "has a { that is not closed",
		"Hi [there":                  "has a [ that is not closed",
		"a } b":                      "has a } that closes nothing",
		"a ] b":                      "has a ] that closes nothing",
		"[a [b]]":                    "has brackets within brackets",
		"At {retry_at}.":             "says nothing where no field is known",
		strings.Repeat("long ", 500): "must be text of at most 2,000 bytes",
		"bell \a":                    "must be text",
	} {
		e := written("", "x_y", "t")
		e.Replies.Incident = template
		_, err := e.Check()
		f := fault.Of(err)
		assert.Equal(t, "replies.incident", f.Details["field"], template)
		assert.Contains(t, f.Message, "The 'replies.incident' field "+want)
	}
}

func FuzzRender(f *testing.F) {
	f.Add("Hello[ {customer_name}],\n\nTry [at {retry_at}|later]. {{x}}")
	f.Fuzz(func(t *testing.T, template string) {
		e := written("", "x_y", "t")
		e.Replies.Fix = template
		e, err := e.Check()
		if err != nil || e.Replies.Fix == "" {
			return
		}
		if catalog.Render(e.Replies.Fix, nil) == "" {
			t.Errorf("%q says nothing where nothing is known", template)
		}
		all := map[string]string{}
		for _, f := range catalog.Fields {
			all[f.Name] = "v"
		}
		_ = catalog.Render(e.Replies.Fix, all)
	})
}
