package auth

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/fault"
)

type memory struct{ list []Known }

func (m *memory) Load() ([]Known, error)  { return m.list, nil }
func (m *memory) Save(list []Known) error { m.list = list; return nil }

// While the store is away, known keys are good for a day, others are not; a
// restart changes nothing, and a revoked key is forgotten.
func TestKnownKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		secret, other := NewSecret(), NewSecret()
		away, revoked, asked := false, false, 0
		lookup := func(_ context.Context, hash []byte) (Key, error) {
			asked++
			if away {
				return Key{}, fault.New(fault.Unavailable, "service_unavailable", "away")
			}
			key := Key{ID: "1", Workspace: 7, Scopes: []Scope{Ingest}, Hash: hash}
			if revoked {
				now := time.Now()
				key.RevokedAt = &now
			}
			return key, nil
		}
		m := &memory{}
		fresh := func() *Keyring {
			r := NewKeyring(lookup, 0)
			_, err := r.Remember(m)
			require.NoError(t, err)
			return r
		}
		r := fresh()
		_, err := r.Check(t.Context(), secret, Ingest)
		require.NoError(t, err)
		require.Len(t, m.list, 1)
		assert.NotContains(t, string(m.list[0].Hash), secret)

		away = true
		for _, r := range []*Keyring{r, fresh()} {
			time.Sleep(time.Minute)
			key, err := r.Check(t.Context(), secret, Ingest)
			require.NoError(t, err)
			assert.EqualValues(t, 7, key.Workspace)
			_, err = r.Check(t.Context(), other, Ingest)
			assert.True(t, fault.Is(err, fault.Unavailable))
		}
		before := asked
		for range 100 {
			time.Sleep(10 * time.Millisecond)
			_, err := r.Check(t.Context(), secret, Ingest)
			require.NoError(t, err)
		}
		assert.LessOrEqual(t, asked-before, 2, "an absent store is not asked each time")
		time.Sleep(honoured)
		_, err = r.Check(t.Context(), secret, Ingest)
		assert.True(t, fault.Is(err, fault.Unavailable), "a day is over")

		away = false
		_, err = r.Check(t.Context(), secret, Ingest)
		require.NoError(t, err)
		revoked = true
		time.Sleep(time.Minute)
		_, err = r.Check(t.Context(), secret, Ingest)
		assert.True(t, fault.Is(err, fault.Unauthorized))
		away = true
		time.Sleep(time.Minute)
		_, err = r.Check(t.Context(), secret, Ingest)
		assert.True(t, fault.Is(err, fault.Unavailable), "a revoked key is not remembered")
	})
}
