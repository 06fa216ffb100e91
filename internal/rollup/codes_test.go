package rollup

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func codesIn(t *testing.T, blocks []Block) map[string]string {
	t.Helper()
	i := slices.IndexFunc(blocks, func(b Block) bool { return b.Cube == ServicesCodes })
	if i < 0 {
		return nil
	}
	return rowsOf(t, &blocks[i])
}

func withoutCodes(blocks []Block) []Block {
	return slices.DeleteFunc(slices.Clone(blocks), func(b Block) bool { return b.Cube == ServicesCodes })
}

// What services have for themselves says as much of their codes as was counted: of
// an hour and of a day, as they are stored.
func TestCodesOfWhatServicesHave(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 21))
		c, _, _ := random(r, []int{1, 40, 600}[seed%3])
		hours := BuildHour(hour, c)
		for level, blocks := range map[Level][]Block{Hour: hours, Day: MergeDay(hour, hours)} {
			var own []Block
			for _, b := range blocks {
				if b.Cube.Own() {
					cubes, tables, err := DecodeBundle(EncodeBundle([]Block{b}), func(Cube) bool { return true }, "")
					require.NoError(t, err)
					own = append(own, Block{Level: b.Level, Start: b.Start, Cube: cubes[0], Service: b.Service, Table: tables[0]})
				}
			}
			table := CodesOf(level, hour, own)
			if table == nil {
				assert.Nil(t, codesIn(t, blocks))
				continue
			}
			assert.Equal(t, codesIn(t, blocks), rowsOf(t, &Block{Cube: ServicesCodes, Table: *table}), "seed %d", seed)
		}
	}
	assert.Nil(t, CodesOf(Hour, hour, nil))
}

// What is added to an hour that is older than the cube does not pass for all of it.
func TestCodesOfAnHourAreAllOrNone(t *testing.T) {
	r := rand.New(rand.NewPCG(22, 23))
	first, second := one(random(r, 50)), one(random(r, 50))
	had := BuildHour(hour, first)
	assert.NotEmpty(t, codesIn(t, AddHour(hour, had, second)))
	older := AddHour(hour, withoutCodes(had), second)
	assert.Empty(t, codesIn(t, older))
	assert.Len(t, older, len(AddHour(hour, had, second))-1, "the others are there")
	assert.NotEmpty(t, codesIn(t, AddHour(hour, nil, second)), "an hour in which nothing had failed")
}
