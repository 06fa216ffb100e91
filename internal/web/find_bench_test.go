package web

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"errata/internal/pgtest"
)

// BenchmarkFind measures what a support agent waits for after a paste: the
// answer to POST /find, over half a million Events in 90 days. It prints
// medians and 95th percentiles; run it with -benchtime=1x.
func BenchmarkFind(b *testing.B) {
	f := newFixture(b)
	db := pgtest.Owner(b, f.url)
	pgtest.FillTrails(b, db, f.now, 90, 6000)
	_, err := db.Exec(b.Context(), "ANALYZE")
	require.NoError(b, err)
	f.signIn()
	mail := "From: a@example.com\nSubject: Re: broken\n\n" + strings.Repeat("> lorem ipsum dolor sit amet, order 20261120-118, user 0e8b7a3c-2f51-4c2d-9a8e-6b1f0d3c5a27\n", 60) + `{"error":{"code":"x","request_id":"req_1234%d"}}`
	var list strings.Builder
	for i := range 500 {
		fmt.Fprintf(&list, "req_%d\n", 10_000+331*i)
	}
	for _, paste := range []struct {
		name, text string
		want       int
	}{
		{"an ID", "req_3456%d", 303}, {"an e-mail of 6 KB", mail, 303}, {"500 IDs", list.String(), 200}, {"an unknown ID", "req_none%d", 404},
	} {
		var took []time.Duration
		for i := range 60 {
			text := paste.text
			if strings.Contains(text, "%d") {
				text = fmt.Sprintf(text, i%10)
			}
			began := time.Now()
			require.Equal(b, paste.want, f.post("/find", nil, "text", text).code)
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		b.Logf("%-18s p50 %6.1f ms, p95 %6.1f ms", paste.name, float64(took[30].Microseconds())/1000, float64(took[57].Microseconds())/1000)
	}
}
