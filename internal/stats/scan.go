package stats

import (
	"slices"
	"time"

	"errata/internal/rollup"
)

// scan reads the cube's blocks of a period. It notes in the period whether they
// name some customers together only, and whether there is too much.
func (p *Plan) scan(b *Blocks, c rollup.Cube, by []rollup.Dim, from, to time.Time, sets bool, into *period) []rollup.Group {
	n := p.points()
	list, fine := b.Blocks, false
	if p.exact && rollup.Hour.Step(c) > time.Minute {
		list, fine = b.Fine, true
	}
	one := rollup.Scan{By: ownBy(c, by), Where: p.filters(c, &into.folded), Steps: n, Sets: sets, Index: b.Index}
	if p.Step > 0 && p.keep == nil {
		one.Room = p.room / max(1, len(p.services))
	}
	if sets { // they take more than a number
		one.Room /= 8
	}
	keep, whole := p.kept(by), p.wholeDays(list, c)
	// Services' own cubes do not name them: one scan for each.
	scans := map[string]*rollup.Scan{}
	for i := range list {
		block := &list[i]
		if block.Level == rollup.Day && !p.days || block.Level == rollup.Hour && whole[dayOf(block)] {
			continue // read for another question, in other pieces
		}
		if block.Cube != c || !block.Start.Before(to) || !block.Start.Add(block.Level.Span()).After(from) {
			continue
		}
		if c.Own() && (!slices.Contains(p.services, block.Service) || !p.where.allows(rollup.Service, block.Service)) {
			continue // read for another question, or excluded by another condition
		}
		scan := scans[block.Service]
		if scan == nil {
			fresh := one
			if keep != nil {
				fresh.Keep = func(values []string) bool { return keep(withService(c, by, values, block.Service)) }
			}
			scan = &fresh
			scans[block.Service] = scan
		}
		step := block.Level.Step(c)
		if fine {
			step = time.Minute
		}
		scan.Add(c, &block.Table, func(at uint16) int {
			t := block.Start.Add(time.Duration(at) * step)
			switch {
			case t.Before(from) || !t.Before(to):
				return -1
			case p.Step > 0:
				return int(t.Sub(from) / p.Step)
			case t.Before(p.complete().Add(from.Sub(p.Filter.From))):
				return 0
			}
			return 1
		})
	}
	var out []rollup.Group
	for service, scan := range scans {
		into.full = into.full || scan.Full
		for _, g := range scan.Groups() {
			g.Values = withService(c, by, g.Values, service)
			out = append(out, g)
		}
	}
	if c.Own() && len(scans) > 1 && !slices.Contains(by, rollup.Service) {
		out = merged(out)
	}
	return out
}

// serviceDay is a day that there is a block of.
type serviceDay struct {
	service string
	day     time.Time
}

func dayOf(b *rollup.Block) serviceDay {
	return serviceDay{b.Service, b.Start.UTC().Truncate(rollup.Day.Span())}
}

// wholeDays are the days whose blocks the plan reads, in place of their hours,
// which a question about a shorter time may have read as well.
func (p *Plan) wholeDays(list []rollup.Block, c rollup.Cube) map[serviceDay]bool {
	if !p.days {
		return nil
	}
	out := map[serviceDay]bool{}
	for i := range list {
		if list[i].Cube == c && list[i].Level == rollup.Day {
			out[dayOf(&list[i])] = true
		}
	}
	return out
}

// withService names the service where the cube does not.
func withService(c rollup.Cube, by []rollup.Dim, values []string, service string) []string {
	if k := slices.Index(by, rollup.Service); k >= 0 && c.Own() {
		return slices.Insert(slices.Clone(values), k, service)
	}
	return values
}

// kept says of values by some dimensions whether they belong to a series that
// gets into the answer; nil where all do. Dimensions that the question does not
// have are whatever they are.
func (p *Plan) kept(by []rollup.Dim) func(values []string) bool {
	if p.keep == nil {
		return nil
	}
	var shared, of []int // positions in by, and in By
	for i, d := range by {
		if k := slices.Index(p.By, d); k >= 0 {
			shared, of = append(shared, i), append(of, k)
		}
	}
	pick := func(values []string, at []int) string {
		key := ""
		for _, i := range at {
			key += values[i] + "\x00"
		}
		return key
	}
	wanted := map[string]bool{}
	for _, labels := range p.keep {
		wanted[pick(labels, of)] = true
	}
	return func(values []string) bool { return wanted[pick(values, shared)] }
}

func ownBy(c rollup.Cube, by []rollup.Dim) []rollup.Dim {
	if !c.Own() {
		return by
	}
	return slices.DeleteFunc(slices.Clone(by), func(d rollup.Dim) bool { return d == rollup.Service })
}

// merged adds up groups of several services.
func merged(groups []rollup.Group) []rollup.Group {
	index := map[string]int{}
	var out []rollup.Group
	for _, g := range groups {
		i, ok := index[joined(g.Values)]
		if !ok {
			index[joined(g.Values)] = len(out)
			out = append(out, g)
			continue
		}
		out[i].Merge(&g)
	}
	return out
}

// filters are the conditions that the cube can tell. For requests, what tells
// failures apart does not narrow them.
func (p *Plan) filters(c rollup.Cube, folded *bool) map[rollup.Dim]func(string) bool {
	out := map[rollup.Dim]func(string) bool{}
	for d := range p.where {
		if slices.Contains(c.Dims(), d) {
			out[d] = func(v string) bool { return p.where.allows(d, v) }
		}
	}
	if slices.Contains(c.Dims(), rollup.Customer) {
		out[rollup.Customer] = func(v string) bool {
			*folded = *folded || v == rollup.Other
			return p.where.allows(rollup.Customer, v)
		}
	}
	return out
}
