package store

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Contents that have nothing in common cost hardly more than they would
// without bases.
func TestBasesGiveUp(t *testing.T) {
	b := newBases()
	l := likeness{kind: 'b', service: "billing"}
	tried := 0
	for i := range 5000 {
		c := content{likeness: l, text: fmt.Sprintf("%x", random(t, 200))}
		from := b.find(l)
		c.codec, c.stored = pack([]byte(c.text), from)
		assert.NotEqual(t, relative, c.codec)
		if from != nil {
			tried++
			b.tell(l, false)
		}
		c.hash = [16]byte{byte(i), byte(i >> 8)}
		b.add([]content{c})
	}
	assert.Less(t, tried, 20)
	assert.Positive(t, tried)
}

func random(t *testing.T, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	_, err := rand.Read(b)
	require.NoError(t, err)
	return b
}

func TestBasesAreBounded(t *testing.T) {
	b := newBases()
	for i := range 10 * maxBases {
		l := likeness{service: fmt.Sprint(i)}
		b.add([]content{{likeness: l, text: strings.Repeat("x", packFrom)}})
		require.NotNil(t, b.find(l))
	}
	assert.LessOrEqual(t, len(b.young)+len(b.old), maxBases)
}

// Whatever a difference was made from and of, it becomes the content again, and
// no other base makes the program fail.
func FuzzDifference(f *testing.F) {
	long := strings.Repeat("at com.acme.billing.Charge.capture(Charge.java:42)\n", 8)
	f.Add([]byte(long+"1"), []byte(long+"2"), []byte(long))
	f.Add([]byte(strings.Repeat("a", 200)), []byte(strings.Repeat("a", 300)), []byte("short"))
	f.Fuzz(func(t *testing.T, whole, text, other []byte) {
		var from *base
		if len(whole) >= packFrom && len(whole) <= maxBase {
			from = &base{dict: dictOf(whole)}
		}
		codec, stored := pack(text, from)
		got, err := unpackFrom(codec, stored, plain, whole)
		if err != nil || string(got) != string(text) {
			t.Fatalf("codec %d: %q became %q: %v", codec, text, got, err)
		}
		_, _ = unpackFrom(relative, other, plain, whole)
		_, _ = unpackFrom(relative, stored, plain, other)
	})
}
