package stats

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"errata/internal/rollup"
)

// Memory keeps what was added up of tables that do not change any more, which is
// most of what a page asks for: only what came since has to be added. It is kept
// for as long as the very same tables are asked about. The zero value is ready, keeps
// nothing unless it has Room, and is safe for concurrent use.
type Memory struct {
	// Room is about how many bytes it may take.
	Room int

	mu   sync.Mutex
	used int
	kept map[string]*sealed
}

// sealed is a scan of tables, and what it noticed.
type sealed struct {
	of     []place
	scan   *rollup.Scan
	folded bool
	size   int
}

// placed is a table, and where in the period it was counted.
type placed struct {
	table *rollup.Table
	at    time.Time // of a block: when it begins
	point int       // of a stretch, which is of one point; else -1
}

// place is the same of a table that may be gone.
type place struct {
	table rollup.Identity
	at    time.Time
	point int
}

// places are where tables are; false where it cannot be told whether they are the
// same ones another time.
func places(tables []placed) (out []place, known bool) {
	out = make([]place, len(tables))
	for i, t := range tables {
		out[i] = place{t.table.Identity(), t.at, t.point}
		if out[i].table == nil && len(t.table.N) > 0 {
			return nil, false
		}
	}
	return out, true
}

// get gives the scan that was kept under a name, if it is one of these tables and
// numbers words as the index does.
func (m *Memory) get(name string, of []place, index *rollup.Index) *sealed {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.kept[name]
	if s == nil || s.scan.Index != index || !slices.Equal(s.of, of) {
		return nil
	}
	return s
}

func (m *Memory) put(name string, s *sealed) {
	if s.size > m.Room/8 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kept == nil {
		m.kept = map[string]*sealed{}
	}
	if old := m.kept[name]; old != nil {
		m.used -= old.size
	}
	m.kept[name], m.used = s, m.used+s.size
	for other, o := range m.kept { // some go, as the map gives them
		if m.used <= m.Room {
			return
		}
		if other != name {
			m.used -= o.size
			delete(m.kept, other)
		}
	}
}

// sizeOf is about how much memory a scan's groups take, and what finds them.
func sizeOf(scan *rollup.Scan, tables int) int {
	size := 1000 + 40*tables
	for i := range scan.Groups() {
		g := &scan.Groups()[i]
		size += 200 + 8*len(g.N)
		for k := range g.Customers {
			size += g.Customers[k].Size()
		}
	}
	return size
}

// name tells scans apart that count differently: two with the same name count the
// same tables alike.
func (p *Plan) name(owner string, c rollup.Cube, service string, by []rollup.Dim, from, to time.Time, sets bool) string {
	f := &p.Filter
	var b strings.Builder
	fmt.Fprintf(&b, "%s|%d|%q|%v|%d|%d|%d|%d|%t|%d|", owner, c, service, by, from.Unix(), to.Unix(), p.Step, p.points(), sets, p.room)
	for _, v := range []string{f.Service, f.Environment, f.Endpoint, f.Method, f.Code, f.Customer, f.Release, f.Provider, string(f.Family), string(f.Role), f.Status, f.Query} {
		fmt.Fprintf(&b, "%q,", v)
	}
	fmt.Fprintf(&b, "%q%v%q", p.Services, p.By, p.keep)
	if p.keep == nil {
		b.WriteString(" all")
	}
	return b.String()
}
