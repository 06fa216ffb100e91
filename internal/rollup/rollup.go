// Package rollup folds what was counted minute by minute into blocks of an hour
// and of a day, and reads them.
//
// A block is one cube: the counts of one hour or day by some of the dimensions
// of failures, column by column, with every distinct text written once. A month
// of ten million failures is some thousand blocks of a few kilobytes; as rows of
// a table it would be nearly as many rows as there were failures, because most
// combinations of service, endpoint, status, code and release are seen once an
// hour. What a page asks for is a few of these cubes, and reading them costs the
// same whether they count a thousand failures or a billion.
//
// The package is pure. A block is always made anew from all that was counted in
// its hour, so that late data and corrections come out exactly; who keeps the
// blocks knows when that has to happen.
package rollup

import (
	"slices"
	"time"
)

// Dim is a dimension by which failures and requests are counted.
type Dim uint8

// The dimensions. Every value is a text; a status without a number is "".
// Covered is "1" where requests are counted for the service in that hour, so
// that a rate can be given.
const (
	Environment Dim = iota
	Role
	Service
	Method
	Endpoint
	Family
	Status
	Code
	Provider
	Release
	Customer
	Duration // a bucket (see Bucket)
	Covered
	numDims
)

var dimNames = [numDims]string{"environment", "role", "service", "method", "endpoint", "family", "status", "code", "provider", "release", "customer", "duration", "covered"}

func (d Dim) String() string { return dimNames[d] }

// DimSet is a set of dimensions.
type DimSet uint16

// SetOf makes a set of dimensions.
func SetOf(dims ...Dim) (s DimSet) {
	for _, d := range dims {
		s |= 1 << d
	}
	return s
}

// Has reports whether a dimension is in the set.
func (s DimSet) Has(d Dim) bool { return s>>d&1 == 1 }

// Level is how long a block is.
type Level int16

// The levels. An hour's finest step is a minute, a day's is an hour.
const (
	Hour Level = 1
	Day  Level = 2
)

// Span is the length of a block.
func (l Level) Span() time.Duration {
	if l == Day {
		return 24 * time.Hour
	}
	return time.Hour
}

// Step is the finest resolution that a block of a cube has.
func (l Level) Step(c Cube) time.Duration {
	switch {
	case !c.spec().fine:
		return l.Span()
	case l == Day:
		return time.Hour
	}
	return time.Minute
}

// Cube is a choice of dimensions. It is stored: numbers are never given anew.
type Cube int16

// The cubes over all services, and those that each service has for itself.
const (
	Totals    Cube = 1 // failures by minute
	Services  Cube = 2
	Codes     Cube = 3
	Endpoints Cube = 4
	Providers Cube = 5
	Callers   Cube = 6 // failures of each customer
	Requests  Cube = 7 // what was answered at all, by minute
	Routes    Cube = 8 // the same for each endpoint
	Durations Cube = 9 // how long failures took, where that was sent

	// Bundle is no cube: all those that a service has for itself, stored as one.
	Bundle Cube = 10

	ServiceTotals    Cube = 11
	ServiceDetail    Cube = 12
	ServiceCallers   Cube = 13
	ServiceRequests  Cube = 14
	ServiceDurations Cube = 15

	// Answered is what each service answered at all; over all services, as those
	// below ten.
	Answered Cube = 16

	// ServicesCodes are the codes of each service, over all services. Hours and days
	// that are older than this cube have none: see CodesOf.
	ServicesCodes Cube = 17
)

// spec is what a cube consists of.
type spec struct {
	cube Cube
	dims []Dim
	// fine: by minute in an hour, by hour in a day.
	fine bool
	// sets: distinct customers are known for each row.
	sets bool
	// own: each service has one of its own, without the dimension Service.
	own bool
	// requests: it counts requests, not failures.
	requests bool
}

var specs = []spec{
	{cube: Totals, dims: []Dim{Environment, Role, Family, Status, Covered}, fine: true},
	{cube: Services, dims: []Dim{Environment, Role, Service, Family, Status, Covered}, sets: true},
	{cube: Codes, dims: []Dim{Environment, Role, Family, Status, Code, Covered}, sets: true},
	{cube: Endpoints, dims: []Dim{Environment, Role, Service, Method, Endpoint, Family, Covered}, sets: true},
	{cube: Providers, dims: []Dim{Environment, Role, Service, Family, Status, Code, Provider}},
	{cube: Callers, dims: []Dim{Environment, Role, Service, Family, Customer}},
	{cube: Requests, dims: []Dim{Environment}, fine: true, requests: true},
	{cube: Routes, dims: []Dim{Environment, Service, Method, Endpoint}, requests: true},
	{cube: Answered, dims: []Dim{Environment, Service}, requests: true},
	{cube: Durations, dims: []Dim{Environment, Role, Service, Family, Duration}},
	{cube: ServiceTotals, dims: []Dim{Environment, Role, Family, Status, Covered}, fine: true, own: true},
	{cube: ServiceDetail, dims: []Dim{Environment, Role, Method, Endpoint, Family, Status, Code, Provider, Release, Covered}, own: true},
	{cube: ServiceCallers, dims: []Dim{Environment, Role, Method, Endpoint, Family, Status, Code, Customer}, own: true},
	{cube: ServiceRequests, dims: []Dim{Environment}, fine: true, own: true, requests: true},
	{cube: ServiceDurations, dims: []Dim{Environment, Role, Method, Endpoint, Family, Status, Code, Duration}, own: true},
	{cube: ServicesCodes, dims: []Dim{Environment, Role, Service, Family, Status, Code}, sets: true},
}

func (c Cube) spec() *spec {
	for i := range specs {
		if specs[i].cube == c {
			return &specs[i]
		}
	}
	return &spec{}
}

// Valid reports whether there is such a cube.
func (c Cube) Valid() bool { return c.spec().cube != 0 }

// Dims are the cube's dimensions, in the order of a Table's columns.
func (c Cube) Dims() []Dim { return c.spec().dims }

// Covers reports whether the cube tells all of the dimensions apart.
func (c Cube) Covers(dims []Dim) bool {
	for _, d := range dims {
		if !slices.Contains(c.spec().dims, d) {
			return false
		}
	}
	return true
}

// Own reports whether each service has a block of its own.
func (c Cube) Own() bool { return c.spec().own }

// Counts reports whether the cube counts requests (true) or failures.
func (c Cube) Counts() (requests bool) { return c.spec().requests }

// Distinct reports whether the cube knows distinct customers.
func (c Cube) Distinct() bool { return c.spec().sets || slices.Contains(c.spec().dims, Customer) }

// Cubes are all cubes.
func Cubes() []Cube {
	out := make([]Cube, len(specs))
	for i := range specs {
		out[i] = specs[i].cube
	}
	return out
}

// Block is a cube's counts in one hour or day.
type Block struct {
	Level   Level
	Start   time.Time // UTC, a multiple of the level's span
	Cube    Cube
	Service string // of a cube of which each service has its own
	Table   Table
	// Customer: the table may hold this one's rows and those of Other only.
	Customer string
}

// Scale is how many units of a Table's N a request is: requests may be
// fractions, since samples stand for more than themselves. Failures are counted
// in ones.
const Scale = 1000

// Table is a cube's content. Rows are sorted by At and then by their values.
type Table struct {
	Words []string
	// Cols has a column of indices into Words for each of the cube's Dims.
	Cols [][]uint32
	At   []uint16 // the step within the block
	N    []int64  // never 0; below 0 only while corrections are ahead of what they correct
	Sets []Set    // distinct customers, where the cube has them

	numbers *numbering // nil: not kept
}

// Size is about how many bytes of memory a Table takes.
func (t *Table) Size() int {
	size := 250 + len(t.Words)*20 + len(t.N)*(4*len(t.Cols)+10) + len(t.Sets)*56
	for _, w := range t.Words {
		size += len(w)
	}
	for i := range t.Sets {
		size += len(t.Sets[i].raw)
	}
	return size
}

// Other stands for what does not fit: endpoints beyond those of a service,
// customers beyond those of a block.
const Other = "(other)"

// DimOf finds a dimension by its name.
func DimOf(name string) (Dim, bool) {
	i := slices.Index(dimNames[:], name)
	return Dim(max(i, 0)), i >= 0 && Dim(i) != Covered && Dim(i) != Duration //nolint:gosec // 0..11
}
