package web

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"errata/internal/lookup"
)

// previewFind says what is in a text before it is sent to be looked up. It asks nobody, and
// keeps nothing.
func (w *web) previewFind(c *gin.Context) error {
	p, err := readPasted(c)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"says": p.says()})
	return nil
}

// kindWords are what identifiers are called, one and many.
var kindWords = []struct {
	kind      lookup.Kind
	one, many string
}{
	{lookup.Request, "request ID", "request IDs"}, {lookup.Trace, "trace ID", "trace IDs"}, {lookup.Span, "span ID", "span IDs"},
	{lookup.Ray, "Ray ID", "Ray IDs"}, {lookup.AWS, "AWS ID", "AWS IDs"}, {lookup.Event, "link", "links"}, {lookup.Unknown, "ID", "IDs"},
}

// says names what a text has in it.
func (p *pasted) says() string {
	if strings.TrimSpace(p.text) == "" {
		return ""
	}
	counts, guesses := map[lookup.Kind]int{}, 0
	for _, c := range p.wanted {
		if c.Weak {
			guesses++
		} else {
			counts[c.Kind]++
		}
	}
	var out []string
	for _, k := range kindWords {
		if n := counts[k.kind]; n > 0 {
			out = append(out, plural(n, k.one, k.many))
		}
	}
	if p.more > 0 {
		out = append(out, itoa(p.more)+" more IDs than are looked up at once")
	}
	if code := codeIn(p.text); code != "" {
		out = append(out, "an error body ("+code+")")
	}
	if guesses > 0 && len(out) == 0 {
		out = append(out, plural(guesses, "word that may be an ID", "words that may be IDs"))
	}
	if n := len(p.secrets); n > 0 {
		out = append(out, plural(n, "live key, which is not kept", "live keys, which are not kept"))
	}
	if len(out) == 0 {
		return "No ID in it; what a customer is called finds them, too."
	}
	return "In it: " + strings.Join(out, ", ")
}
