package lookup

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkExtract measures one conversation of the usual length, and the longest
// text that is looked at, made of all of them.
func BenchmarkExtract(b *testing.B) {
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(b, err)
	var all []string
	for _, file := range files {
		for _, c := range conversations(b, file) {
			all = append(all, c.text)
		}
	}
	whole := strings.Join(all, "\n")
	long := strings.Repeat(whole+"\n", MaxText/len(whole)+1)[:MaxText]
	b.Run("conversation", func(b *testing.B) {
		b.SetBytes(int64(len(whole) / len(all)))
		for i := range b.N {
			Extract(all[i%len(all)])
		}
	})
	b.Run("longest", func(b *testing.B) {
		b.SetBytes(int64(len(long)))
		for range b.N {
			Extract(long)
		}
	})
	b.Run("secrets", func(b *testing.B) {
		b.SetBytes(int64(len(long)))
		for range b.N {
			Masked(long)
		}
	})
}
