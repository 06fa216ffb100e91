package detect

import "fmt"

// Settings are all the numbers of the rules. Default gives the ones that were
// measured; Sensitivity.Settings moves those that people want to move.
// Shares are of 1: 0.02 is 2 %.
type Settings struct {
	// What counts as much. The limit of a share is max(Factor*normal, MinRate).

	Factor     float64 // times the normal share; 3
	MinRate    float64 // share of requests, 5xx; 0.02
	MinRate429 float64 // share of requests, 429; 0.05

	NewRate    float64 // share, while less than NewMinutes are known; 0.10
	NewMinutes int     // minutes of the last day; 180

	// A, spike, and B, fast.

	Score       float64 // standard deviations over 5 min; 5
	MinErrors   float64 // errors in 5 min; 10
	Persist     int     // minutes in a row; 5
	Strong      float64 // times the limit, above which Persist minutes will do; 2
	PersistNear int     // minutes in a row nearer to it; 8
	FastMinutes int     // minutes in a row for B; 3
	FastRate    float64 // share in all of them; 0.25
	FastEach    float64 // part of it in each of them: it may waver, but a blip of two minutes has no third; 0.6
	FastErrors  float64 // errors in all of them; 12
	FastScore   float64 // standard deviations over them; 5

	// C, slow, and D, low traffic: windows of 15, 30 and 60 minutes.

	SlowScore   float64 // standard deviations; 4.5
	SlowErrors  float64 // errors in the window; 12
	BlipMinutes int     // minutes in a row, the worst, that C leaves out; 3
	LowTraffic  float64 // requests in 5 min below which D looks; 100
	LowErrors   float64 // errors in the window; 8
	LowRate     float64 // lower end of the 95 % interval of the share; 0.15
	LowScore    float64 // standard deviations; 4
	LowClear    float64 // share below which low traffic is well again; 0.10
	LowEvidence float64 // requests without which it is not; 5

	// E, burn rate of an objective.

	Objective  float64 // share of requests that must succeed, as 0.999; 0: none
	BurnErrors float64 // errors in the long window; 10

	// F, counts without totals.

	CountFactor float64 // times the normal count; 4
	CountPages  bool    // page rather than notify

	// G, new code, and H, heartbeat.

	NewErrors    float64 // errors in 10 min; 5
	NewCustomers int64   // customers in 10 min; 2
	HeartbeatMin int64   // requests in the same 30 min last week; 100

	// 429 and customers.

	TopShare       float64 // share of one customer that makes errors concentrated; 0.8
	OtherShare     float64 // share of all others, up to which 5xx are one customer's if they have no more than usual; 0.5
	OneErrors      int64   // of that customer in 10 min, without which nobody can say; 5
	TopErrors      int64   // of that customer in 10 min; 50
	TopRate        float64 // of that customer's requests, where known; 0.2
	TopEvery       int     // minutes between two messages about one customer; 1440
	BroadCustomers int64   // customers in 10 min, more than usual; 5
	BroadFactor    float64 // times the usual number; 3
	BroadMore      int64   // more than usual, which are enough however many are usual; 20

	// What is normal.

	FloorRate     float64 // share; 0.0005
	FloorCount    float64 // errors per minute; 0.02
	PriorRate     float64 // share; 0.001
	PriorRequests float64 // requests that the prior weighs; 2000
	DropBlocks    float64 // share of blocks, the largest, that dispersion leaves out; 0.03
	MaxPhi        float64 // dispersion at most; 20
	HighFactor    float64 // times what the day reached by itself, for windows up to 15 min; 2.5
	HighLong      float64 // the same, for longer ones; 2

	// The life of an incident, in minutes.

	ClearFactor float64 // times normal, below which a minute is clear; 1.5
	ClearRate   float64 // part of MinRate below which it is, too; 0.5
	ClearScore  float64 // standard deviations below which it is, if below the limit; 2

	ClearMinutes  int // clear in a row until resolved; 10
	ClearShown    int // clear in a row until recovering is said; 3
	Reopen        int // since resolved, within which the same incident goes on; 30
	StaleAfter    int // without data until stale; 2
	MissingAfter  int // without data until resolved; 30
	SilentAfter   int // without any request, where that is usual, until resolved; 360
	LearnMinutes  int // of the day that are not masked, without which what was normal before counts too; 360
	MaskBefore    int // before an incident fired, that are not normal; 15
	SilentMinimum int // requests usual in 5 min, so that none at all means that data is missing; 20
}

// Default is what an installation begins with.
func Default() Settings {
	return Settings{
		Factor: 3, MinRate: 0.02, MinRate429: 0.05, NewRate: 0.10, NewMinutes: 180,
		Score: 5, MinErrors: 10, Persist: 5, Strong: 2, PersistNear: 8, FastMinutes: 3, FastRate: 0.25, FastEach: 0.6, FastErrors: 12, FastScore: 5,
		SlowScore: 4.5, SlowErrors: 12, BlipMinutes: 3,
		LowTraffic: 100, LowErrors: 8, LowRate: 0.15, LowScore: 4, LowClear: 0.10, LowEvidence: 5,
		BurnErrors: 10, CountFactor: 4, NewErrors: 5, NewCustomers: 2, HeartbeatMin: 100,
		TopShare: 0.8, OtherShare: 0.5, OneErrors: 5, TopErrors: 50, TopRate: 0.2, TopEvery: 1440, BroadCustomers: 5, BroadFactor: 3, BroadMore: 20,
		FloorRate: 0.0005, FloorCount: 0.02, PriorRate: 0.001, PriorRequests: 2000, DropBlocks: 0.03, MaxPhi: 20, HighFactor: 2.5, HighLong: 2,
		ClearFactor: 1.5, ClearRate: 0.5, ClearScore: 2, ClearMinutes: 10, ClearShown: 3, Reopen: 30, StaleAfter: 2, MissingAfter: 30, SilentAfter: 360, LearnMinutes: 360, MaskBefore: 15, SilentMinimum: 20,
	}
}

// Sensitivity is all of that in one word.
type Sensitivity string

// The words.
const (
	Low    Sensitivity = "low"
	Normal Sensitivity = "normal"
	High   Sensitivity = "high"
)

// Settings gives what the word means: how far above normal, how certain, how
// many errors, and for how long.
func (s Sensitivity) Settings() (Settings, error) {
	set := Default()
	switch s {
	case Normal:
	case Low:
		set.Factor, set.MinRate, set.MinRate429 = 5, 0.05, 0.10
		set.Score, set.SlowScore, set.LowScore = 7, 7, 5
		set.MinErrors, set.SlowErrors, set.LowErrors, set.FastErrors = 30, 40, 15, 30
		set.LowRate, set.Persist, set.PersistNear, set.FastRate = 0.30, 8, 12, 0.40
	case High:
		set.Factor, set.MinRate, set.MinRate429 = 2, 0.01, 0.03
		set.Score, set.SlowScore, set.LowScore = 4, 4, 3.5
		set.MinErrors, set.SlowErrors, set.LowErrors = 6, 8, 6
		set.LowRate, set.Persist, set.PersistNear = 0.10, 4, 6
	default:
		return set, fmt.Errorf("sensitivity %q is not known: use low, normal or high", string(s))
	}
	return set, nil
}

func (set *Settings) minRate(f Family) float64 {
	if f == Limits {
		return set.MinRate429
	}
	return set.MinRate
}
