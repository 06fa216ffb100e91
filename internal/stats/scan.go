package stats

import (
	"slices"
	"time"

	"errata/internal/rollup"
)

// scan reads the cube's blocks of a period. It notes in the period whether they
// name some customers together only, and whether there is too much.
func (p *Plan) scan(b *Blocks, c rollup.Cube, by []rollup.Dim, from, to time.Time, sets bool, into *period) []rollup.Group {
	scans := p.newScans(b, c, by, sets, into)
	stretches, read := p.stretches(b, c, from, to)
	over := map[string][]placed{} // by service, what does not change any more
	for _, s := range stretches {
		over[s.of.Service] = append(over[s.of.Service], placed{s.table, time.Time{}, p.point(from, s.of.From)})
	}
	list, fine := b.Blocks, p.isFine(c)
	if fine {
		list = b.Fine
	}
	whole := p.wholeDays(list, c, from, to)
	var rest []*rollup.Block
	for i := range list {
		block := &list[i]
		if block.Cube != c || !block.Start.Before(to) || !block.Start.Add(block.Level.Span()).After(from) {
			continue
		}
		if !fine && i < b.Stored && block.Customer != p.Filter.Customer {
			continue // read for a question about somebody else
		}
		if block.Start.Before(b.Open) && slices.ContainsFunc(read, func(r Read) bool { return !block.Start.Before(r.From) && block.Start.Before(r.To) }) {
			continue // it is in a stretch
		}
		if day := dayOf(block); block.Level == rollup.Day && !whole[day] || block.Level == rollup.Hour && whole[day] {
			continue // read for another question, in other pieces
		}
		// Without a step, time goes on within the hour that is read as it is.
		if !fine && i < b.Stored && p.Step > 0 {
			over[block.Service] = append(over[block.Service], placed{&block.Table, block.Start, -1})
			continue
		}
		rest = append(rest, block)
	}
	add := func(scan *rollup.Scan, t *rollup.Table, start time.Time, step time.Duration) {
		scan.Add(c, t, func(at uint16) int {
			t := start.Add(time.Duration(at) * step)
			if t.Before(from) || !t.Before(to) {
				return -1
			}
			return p.point(from, t)
		})
	}
	for service, tables := range over {
		scans.begin(b, service, tables, from, to, func(scan *rollup.Scan, t placed) {
			if t.point >= 0 {
				scan.Add(c, t.table, func(uint16) int { return t.point })
				return
			}
			level := rollup.Hour
			if whole[serviceDay{service, t.at.UTC().Truncate(rollup.Day.Span())}] {
				level = rollup.Day
			}
			add(scan, t.table, t.at, level.Step(c))
		})
	}
	for _, block := range rest {
		if scan := scans.of(block.Service); scan != nil {
			step := block.Level.Step(c)
			if fine {
				step = time.Minute
			}
			add(scan, &block.Table, block.Start, step)
		}
	}
	return scans.groups(into)
}

// point is where in the period that begins at from a time is counted.
func (p *Plan) point(from, t time.Time) int {
	switch {
	case p.Step > 0:
		return int(t.Sub(from) / p.Step)
	case t.Before(p.completeIn(from)):
		return 0
	}
	return 1
}

// folded is a table of what was counted in a stretch.
type folded struct {
	of    Stretch
	table *rollup.Table
}

// stretches are those of a period, and what they are of, where all that are
// needed were read.
func (p *Plan) stretches(b *Blocks, c rollup.Cube, from, to time.Time) (tables []folded, of []Read) {
	if !p.folds() || b.Whole == nil {
		return nil, nil
	}
	services := []string{""}
	if c.Own() {
		services = p.services
	}
	for _, r := range p.split(Read{Whole: true, From: from, To: to}) {
		if !r.Whole {
			continue
		}
		of = append(of, r)
		for _, service := range services {
			s := Stretch{c, service, r.From, r.To, p.tells(c)}
			if b.Whole[s] == nil {
				return nil, nil
			}
			tables = append(tables, folded{s, b.Whole[s]})
		}
	}
	return tables, of
}

// scans are of one cube. Services' own cubes do not name them: one scan for each.
type scans struct {
	plan *Plan
	cube rollup.Cube
	by   []rollup.Dim
	one  rollup.Scan // as all of them begin
	keep func(values []string) bool
	into *period
	each map[string]*rollup.Scan
}

func (p *Plan) newScans(b *Blocks, c rollup.Cube, by []rollup.Dim, sets bool, into *period) *scans {
	one := rollup.Scan{By: ownBy(c, by), Where: p.filters(c, &into.folded), Steps: p.points(), Sets: sets, Index: b.Index}
	if p.Step > 0 && p.keep == nil {
		one.Room = p.room / max(1, len(p.services))
	}
	if sets { // they take more than a number
		one.Room /= 8
	}
	p.narrow(one.Where, c, by)
	return &scans{p, c, by, one, p.kept(by), into, map[string]*rollup.Scan{}}
}

// begin adds up what does not change any more, unless that is remembered. add adds
// one of the tables.
func (s *scans) begin(b *Blocks, service string, tables []placed, from, to time.Time, add func(*rollup.Scan, placed)) {
	scan := s.of(service)
	if scan == nil {
		return
	}
	of, known := places(tables)
	if b.Memory == nil || b.Index == nil || !known {
		for _, t := range tables {
			add(scan, t)
		}
		return
	}
	name := s.plan.name(b.Owner, s.cube, service, s.by, from, to, s.one.Sets)
	done := b.Memory.get(name, of, b.Index)
	if done == nil {
		before := s.into.folded
		s.into.folded = false
		for _, t := range tables {
			add(scan, t)
		}
		done = &sealed{of: of, scan: scan, folded: s.into.folded, size: sizeOf(scan, len(of))}
		scan.End()
		s.into.folded = before
		b.Memory.put(name, done)
	}
	s.into.folded = s.into.folded || done.folded
	delete(s.each, service)
	goesOn := s.of(service)
	goesOn.Base, goesOn.Full = done.scan, done.scan.Full
}

// narrow adds to filters what the series have that get into the answer, where
// they are known: most rows have neither their endpoint nor their service.
func (p *Plan) narrow(filters map[rollup.Dim]func(string) bool, c rollup.Cube, by []rollup.Dim) {
	if p.keep == nil {
		return
	}
	for k, d := range p.By {
		if !slices.Contains(by, d) || !slices.Contains(c.Dims(), d) {
			continue
		}
		kept, passes := map[string]bool{}, filters[d]
		for _, labels := range p.keep {
			kept[labels[k]] = true
		}
		filters[d] = func(v string) bool { return (passes == nil || passes(v)) && kept[v] }
	}
}

// of is the scan for a service's blocks; nil where they were read for another
// question, or are excluded by another condition.
func (s *scans) of(service string) *rollup.Scan {
	if s.cube.Own() && (!slices.Contains(s.plan.services, service) || !s.plan.where.allows(rollup.Service, service)) {
		return nil
	}
	scan := s.each[service]
	if scan == nil {
		fresh := s.one
		if s.keep != nil {
			fresh.Keep = func(values []string) bool { return s.keep(withService(s.cube, s.by, values, service)) }
		}
		scan = &fresh
		s.each[service] = scan
	}
	return scan
}

func (s *scans) groups(into *period) []rollup.Group {
	var out []rollup.Group
	for service, scan := range s.each {
		into.full = into.full || scan.Full
		for _, g := range scan.Groups() {
			g.Values = withService(s.cube, s.by, g.Values, service)
			out = append(out, g)
		}
	}
	if s.cube.Own() && len(s.each) > 1 && !slices.Contains(s.by, rollup.Service) {
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

// wholeDays are the days of a period whose blocks the plan reads, in place of
// their hours, which a question about a shorter time may have read as well.
func (p *Plan) wholeDays(list []rollup.Block, c rollup.Cube, from, to time.Time) map[serviceDay]bool {
	if !p.days {
		return nil
	}
	out := map[serviceDay]bool{}
	for i := range list {
		if list[i].Cube == c && list[i].Level == rollup.Day && !list[i].Start.Before(from) && !list[i].Start.Add(rollup.Day.Span()).After(to) {
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
			out = append(out, g.Clone()) // others read it as well
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
