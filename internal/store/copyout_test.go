package store

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What was written for COPY is read back; cut short it is an error, unless all of
// it is missing.
func TestElements(t *testing.T) {
	for _, names := range [][]string{{}, {"acme"}, {"", "a b", "ü", "acme"}} {
		c := &copyBuffer{}
		c.array(textOID, len(names), func(i int) { c.text(names[i]) })
		raw := c.raw[4:]
		got := []string{}
		require.NoError(t, elements(raw, func(b []byte) { got = append(got, string(b)) }))
		assert.Equal(t, names, got)
		for n := 1; n < len(raw); n++ {
			if n != 12 { // no dimensions
				require.Error(t, elements(raw[:n], func([]byte) {}), n)
			}
		}
	}
	c := &copyBuffer{}
	c.array(int4OID, 2, func(i int) { c.int4(int32(i) - 1) })
	list, err := integers(nil, c.raw[4:])
	require.NoError(t, err)
	assert.Equal(t, []int32{-1, 0}, list)
	c = &copyBuffer{}
	c.array(int2OID, 1, func(int) { c.int2(-70) })
	list, err = integers(list, c.raw[4:])
	require.NoError(t, err)
	assert.Equal(t, []int32{-1, 0, -70}, list)
	_, err = integers(nil, []byte{0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 25, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 'x'})
	require.Error(t, err, "no integers")
	list, err = integers(nil, nil)
	require.NoError(t, err)
	assert.Empty(t, list)
}
