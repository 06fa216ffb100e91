package nab

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/detect"
)

func TestFile(t *testing.T) {
	windows := []Window{{400, 499}, {800, 899}}
	nothing := File(1000, windows, nil)
	assert.InDelta(t, 0, nothing.Normalised(), 1e-9)
	perfect := File(1000, windows, []int{400, 800, 850})
	assert.InDelta(t, 100, perfect.Normalised(), 1e-9)
	assert.InDelta(t, 1, perfect.F1(), 1e-9)
	assert.InDelta(t, -2, nothing.Score, 1e-9)

	middle := File(1000, windows, []int{450, 800})
	assert.InDelta(t, 1+0.8483/0.9866, middle.Score, 1e-3, "half of a window is still worth much")
	late := File(1000, windows, []int{499, 800})
	assert.InDelta(t, 1+0.025/0.9866, late.Score, 1e-3)
	alarmed := File(1000, windows, []int{200, 400, 800})
	assert.InDelta(t, 2-0.11, alarmed.Score, 1e-3, "before any window: the whole of its cost")
	after := File(1000, windows, []int{400, 505, 800})
	assert.Greater(t, after.Score, 2-0.05, "just after a window: little of it")
	assert.Less(t, after.Score, 2.0)
	assert.Equal(t, 1, after.False)
	assert.InDelta(t, -2, File(1000, windows, []int{10, 149}).Score, 1e-9, "on probation")
	assert.Equal(t, 750, Probation(15_000))
}

type file struct {
	name    string
	at      []time.Time
	values  []float64
	windows []Window
}

// load reads the benchmark's files where they are.
func load(t *testing.T) []file {
	dir := os.Getenv("ERRATA_NAB_DIR")
	if dir == "" {
		t.Skip("ERRATA_NAB_DIR is not set: the data of the Numenta Anomaly Benchmark is not part of the project")
	}
	raw, err := os.ReadFile(filepath.Join(dir, "labels", "combined_windows.json"))
	require.NoError(t, err)
	labels := map[string][][2]string{}
	require.NoError(t, json.Unmarshal(raw, &labels))
	paths, err := filepath.Glob(filepath.Join(dir, "data", "*", "*.csv"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	var files []file
	for _, path := range paths {
		name := filepath.Base(filepath.Dir(path)) + "/" + filepath.Base(path)
		windows, labelled := labels[name]
		require.True(t, labelled, "%s has no labels", name)
		files = append(files, read(t, path, name, windows))
	}
	return files
}

func read(t *testing.T, path, name string, windows [][2]string) file {
	in, err := os.Open(path)
	require.NoError(t, err)
	defer in.Close()
	rows, err := csv.NewReader(in).ReadAll()
	require.NoError(t, err)
	f := file{name: name}
	for _, row := range rows[1:] {
		at, err := time.Parse(time.DateTime, row[0])
		require.NoError(t, err)
		value, err := strconv.ParseFloat(row[1], 64)
		require.NoError(t, err)
		f.at, f.values = append(f.at, at), append(f.values, value)
	}
	for _, w := range windows {
		from, err := time.Parse("2006-01-02 15:04:05.000000", w[0])
		require.NoError(t, err)
		to, err := time.Parse("2006-01-02 15:04:05.000000", w[1])
		require.NoError(t, err)
		first := slices.IndexFunc(f.at, func(at time.Time) bool { return !at.Before(from) })
		last := first
		for i, at := range f.at {
			if !at.After(to) {
				last = i
			}
		}
		f.windows = append(f.windows, Window{first, last})
	}
	return f
}

// All files, one setting. The data is read in place, and nothing is chosen by file.
func TestNAB(t *testing.T) {
	var all Result
	for _, f := range load(t) {
		v := detect.NewValues()
		var found []int
		for i, x := range f.values {
			if v.Add(f.at[i], x) {
				found = append(found, i)
			}
		}
		r := File(len(f.values), f.windows, found)
		t.Logf("%-55s windows %d found %d false %2d score %6.2f", f.name, r.Windows, r.Found, r.False, r.Score)
		all.Add(r)
	}
	t.Logf("normalised %.1f, by event: F1 %.2f, %d of %d windows, %d false", all.Normalised(), all.F1(), all.Found, all.Windows, all.False)
	assert.GreaterOrEqual(t, all.Normalised(), 50.0)
}
