package normalize

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
)

func thrown(stack string) event.Envelope {
	return event.Envelope{Source: event.FromSpan, Service: "billing", Status: 500, OccurredAt: time.Now(),
		TraceID: strings.Repeat("1", 32), SpanID: strings.Repeat("2", 16), Exception: &event.Exception{Type: "Boom", Stacktrace: stack}}
}

// What is remembered comes out as if it had been made anew, notes included.
func TestMemoChangesNothing(t *testing.T) {
	with := Normalizer{Memo: NewMemo(1 << 20)}
	for _, stack := range []string{"", "at short", strings.Repeat("at main.go:1\n", 30), strings.Repeat("x", 300) + " Bearer abcdef0123456789 \x00\xff", strings.Repeat("y", maxStack+9)} {
		for range 3 {
			env := thrown(stack)
			want, err := Item(env, 1, env.OccurredAt)
			require.NoError(t, err)
			got, err := with.Item(env, 1, env.OccurredAt)
			require.NoError(t, err)
			assert.Equal(t, want, got)
		}
	}
}

func TestMemoIsBounded(t *testing.T) {
	m := NewMemo(100_000)
	n := Normalizer{Memo: m}
	var group sync.WaitGroup
	for w := range 4 {
		group.Go(func() {
			for i := range 500 {
				env := thrown(fmt.Sprint(w, i) + strings.Repeat("-", 1000))
				_, err := n.Item(env, 1, env.OccurredAt)
				assert.NoError(t, err)
			}
		})
	}
	group.Wait()
	assert.Less(t, len(m.young)+len(m.old), 110)
	assert.NotEmpty(t, m.old)
}
