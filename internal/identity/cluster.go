package identity

import (
	"cmp"
	"slices"
	"time"

	"errata/internal/event"
)

// Cluster groups Parts that report the same failure. The result holds indexes
// into parts and depends only on the set of Parts, not on their order:
//
//  1. A span is one operation. Its span report and its log records are one
//     failure, and so is the HTTP report that fits best; a second HTTP report
//     for the same span is another failure. A CLIENT and a SERVER span that
//     share an ID (B3 style) stay two.
//  2. The same request ID and service joins different kinds of report within
//     JoinWindow, nearest in time first. The same kind again is another
//     attempt, and stays one. A service's own answer never joins the failure
//     of a call that it made.
//
// A request ID that more than MaxAttempts failures of one service share is no
// identity (somebody sends a constant); it then joins nothing, and neither do
// the keys in hot, of which the caller knows as much.
//
// Parts must be distinct items (see SameItem).
func Cluster(parts []Part, hot map[Key]bool) [][]int {
	order := make([]int, len(parts))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return compareParts(&parts[a], &parts[b]) })
	c := clustering{parts: parts, hot: hot}
	c.bySpan(order)
	c.byRequest()
	out := make([][]int, 0, len(c.groups))
	for _, g := range c.groups {
		if len(g.members) > 0 {
			out = append(out, g.members)
		}
	}
	return out
}

func compareParts(a, b *Part) int {
	return cmp.Or(a.Event.OccurredAt.Compare(b.Event.OccurredAt), cmp.Compare(item(a), item(b)))
}

// item is the part of an Event ID that comes from the item alone.
func item(p *Part) string {
	if len(p.Event.ID) != 36 {
		return p.Event.ID
	}
	return p.Event.ID[14:]
}

type clustering struct {
	parts  []Part
	hot    map[Key]bool
	groups []*group
}

// group is a cluster in the making.
type group struct {
	members []int
	kinds   map[event.Source]bool
	role    event.Role
	at      time.Time // of the best clock in it
	rank    int       // of that clock
}

func (c *clustering) open(i int) *group {
	g := &group{kinds: map[event.Source]bool{}, role: event.Context, rank: len(clockRank) + 1}
	c.groups = append(c.groups, g)
	c.join(g, i)
	return g
}

func (c *clustering) join(g *group, i int) {
	p := &c.parts[i]
	g.members = append(g.members, i)
	g.kinds[p.Source] = true
	g.role = stronger(g.role, p.Event.Role)
	if r := clockRank[p.Source]; r < g.rank {
		g.rank, g.at = r, p.Event.OccurredAt
	}
}

// bySpan applies rule 1 to the parts in the given order.
func (c *clustering) bySpan(order []int) {
	spans := map[Key][]int{}
	var keys []Key
	for _, i := range order {
		key, ok := c.parts[i].SpanKey()
		if !ok {
			c.open(i)
			continue
		}
		if spans[key] == nil {
			keys = append(keys, key)
		}
		spans[key] = append(spans[key], i)
	}
	for _, key := range keys {
		c.oneSpan(spans[key])
	}
}

// oneSpan groups the parts that name one span: spans and logs by role, then
// for each of those groups the HTTP report that fits best.
func (c *clustering) oneSpan(members []int) {
	byRole := map[event.Role]*group{}
	place := func(i int, role event.Role) {
		if g := byRole[role]; g != nil {
			c.join(g, i)
		} else {
			byRole[role] = c.open(i)
		}
	}
	var reports, contexts []int
	for _, i := range members {
		switch p := &c.parts[i]; {
		case p.Source == event.FromHTTP:
			reports = append(reports, i)
		case p.Event.Role == event.Context:
			contexts = append(contexts, i)
		default:
			place(i, p.Event.Role)
		}
	}
	for _, i := range contexts {
		place(i, home(byRole))
	}
	for _, role := range []event.Role{event.Primary, event.Upstream, event.Context} {
		g := byRole[role]
		if g == nil {
			continue
		}
		if best := c.bestReport(g, reports); best >= 0 {
			c.join(g, reports[best])
			reports = slices.Delete(reports, best, best+1)
		}
	}
	for _, i := range reports {
		c.open(i)
	}
}

// home is the group that something that merely happened on the way belongs to.
func home(byRole map[event.Role]*group) event.Role {
	for _, role := range []event.Role{event.Primary, event.Upstream} {
		if byRole[role] != nil {
			return role
		}
	}
	return event.Context
}

// bestReport is the position in reports of the HTTP report that fits the
// group best: same service, same status, nearest in time. -1 when none may.
func (c *clustering) bestReport(g *group, reports []int) int {
	first := &c.parts[g.members[0]]
	best, bestScore := -1, [3]int64{}
	for pos, i := range reports {
		p := &c.parts[i]
		if !compatible(g.role, p.Event.Role) {
			continue
		}
		score := [3]int64{differs(p.Event.Service, first.Event.Service), differs(p.Event.Status, first.Event.Status),
			int64(p.Event.OccurredAt.Sub(g.at).Abs())}
		if best < 0 || slices.Compare(score[:], bestScore[:]) < 0 {
			best, bestScore = pos, score
		}
	}
	return best
}

func differs[T comparable](a, b T) int64 {
	if a == b {
		return 0
	}
	return 1
}

// pair is two groups that rule 2 may join.
type pair struct {
	a, b  int
	apart time.Duration
	roles int // 0 when the roles are equal: those go first
}

// byRequest applies rule 2.
func (c *clustering) byRequest() {
	byKey := map[Key][]int{}
	for gi, g := range c.groups {
		for _, i := range g.members {
			if key, ok := c.parts[i].RequestKey(); ok && !slices.Contains(byKey[key], gi) {
				byKey[key] = append(byKey[key], gi)
			}
		}
	}
	var pairs []pair
	for key, gs := range byKey {
		if c.hot[key] || len(gs) > MaxAttempts {
			continue
		}
		for x, a := range gs {
			for _, b := range gs[x+1:] {
				if p, ok := c.pairUp(min(a, b), max(a, b)); ok {
					pairs = append(pairs, p)
				}
			}
		}
	}
	slices.SortFunc(pairs, func(x, y pair) int {
		return cmp.Or(cmp.Compare(x.roles, y.roles), cmp.Compare(x.apart, y.apart), c.compareGroups(x, y))
	})
	into := make([]int, len(c.groups))
	for i := range into {
		into[i] = i
	}
	for _, p := range pairs {
		c.fuse(find(into, p.a), find(into, p.b), into)
	}
}

func (c *clustering) pairUp(a, b int) (pair, bool) {
	ga, gb := c.groups[a], c.groups[b]
	apart := ga.at.Sub(gb.at).Abs()
	if apart > JoinWindow || overlap(ga.kinds, gb.kinds) || !compatible(ga.role, gb.role) {
		return pair{}, false
	}
	return pair{a: a, b: b, apart: apart, roles: int(differs(ga.role, gb.role))}, true
}

// compareGroups breaks ties by the items themselves, which no order of
// arrival can change.
func (c *clustering) compareGroups(x, y pair) int {
	both := func(p pair) string {
		a, b := item(&c.parts[c.groups[p.a].members[0]]), item(&c.parts[c.groups[p.b].members[0]])
		return min(a, b) + max(a, b)
	}
	return cmp.Compare(both(x), both(y))
}

// fuse joins group b into group a where the rules still allow it after what
// was joined before.
func (c *clustering) fuse(a, b int, into []int) {
	if a == b {
		return
	}
	if _, ok := c.pairUp(a, b); !ok {
		return
	}
	ga, gb := c.groups[a], c.groups[b]
	for _, i := range gb.members {
		c.join(ga, i)
	}
	gb.members = nil
	into[b] = a
}

func find(into []int, i int) int {
	for into[i] != i {
		i = into[i]
	}
	return i
}

func overlap(a, b map[event.Source]bool) bool {
	for k := range a {
		if b[k] {
			return true
		}
	}
	return false
}

func compatible(a, b event.Role) bool {
	return a == b || a == event.Context || b == event.Context
}

func stronger(a, b event.Role) event.Role {
	if roleRank[b] < roleRank[a] {
		return b
	}
	return a
}

var roleRank = map[event.Role]int{event.Primary: 0, event.Upstream: 1, event.Context: 2}

// clockRank says whose time is nearest to when the failure was answered.
var clockRank = map[event.Source]int{event.FromSpan: 0, event.FromHTTP: 1, event.FromLog: 2}

// wordRank says whose words are nearest to what the caller was told.
var wordRank = map[event.Source]int{event.FromHTTP: 0, event.FromSpan: 1, event.FromLog: 2}
