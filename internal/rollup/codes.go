package rollup

import (
	"slices"
	"time"
)

// CodesOf makes the table of ServicesCodes of an hour or a day of what its
// services have for themselves: for one whose blocks were made before there was
// that cube. It is nil where nothing failed.
func CodesOf(level Level, start time.Time, own []Block) *Table {
	b := newBuilder(nil)
	var facts []fact
	counts := 0
	for _, cube := range []Cube{ServiceDetail, ServiceCallers} {
		counts = len(facts) // those of the callers say who, and count for nothing else
		for i := range own {
			if own[i].Cube == cube {
				facts = b.read(cube.spec(), facts, &own[i], func(*Block, uint16) uint16 { return 0 })
			}
		}
	}
	b.collectWords()
	out := b.blocks(nil, level, start, ServicesCodes.spec(), facts, counts)
	if len(out) == 0 {
		return nil
	}
	return &out[0].Table
}

// withoutPart leaves a cube out that would be of a part of the hour only, because
// what the hour had is older: readers make it by CodesOf.
func withoutPart(have, all []Block) []Block {
	has := func(c Cube) bool { return slices.ContainsFunc(have, func(b Block) bool { return b.Cube == c }) }
	if has(ServicesCodes) || !has(Services) {
		return all
	}
	return slices.DeleteFunc(all, func(b Block) bool { return b.Cube == ServicesCodes })
}
