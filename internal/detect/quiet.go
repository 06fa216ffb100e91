package detect

// count is F: no totals, so only counts can be compared with counts. It is far
// worse than rates (see the record of decision), which is why it does not page
// unless somebody wants that. Load comes and goes, and its errors with it: how far
// counts go by themselves is asked of the day, as it is of rates.
func (l *look) count() {
	// Load comes and goes with the hour, and an incident's minutes are masked:
	// the baseline of now counts as much as that from before.
	set, mu := l.set, max(l.b.Count, l.in.Baseline.Count, l.set.FloorCount)
	e5, _ := l.w.span(0, 5)
	limit := max(set.MinErrors, 5*l.manyTimes(5)*mu)
	l.z5 = score(e5, 5*mu, max(l.b.Phi, 1))
	l.v.clear = e5 <= max(2, limit/2)
	if l.b.Minutes < set.NewMinutes {
		return
	}
	l.fastCount(mu)
	if l.z5 >= set.Score && e5 >= limit {
		l.v.pending = true
		// Near the limit for longer, as spike has it; and few counts waver more than shares.
		strong := e5 >= set.Strong*limit && l.each(set.Persist, 1, max(1, limit/5), 0)
		if strong || l.each(set.PersistNear, 1, max(1, set.FastEach*limit/5), 0) {
			l.counted(5, limit, l.z5, mu)
		}
	}
	for _, window := range [...]int{15, 60} {
		e, _ := l.w.span(0, window)
		worst, _ := l.w.worst(window, set.BlipMinutes)
		rest := float64(window - set.BlipMinutes)
		minute := l.manyTimes(window) * mu
		limit := minute * rest
		z := score(e-worst, rest*mu, max(l.b.Phi, 1))
		if e >= set.SlowErrors && e-worst >= max(limit, set.MinErrors) && z >= set.LowScore &&
			l.each(1, 5, max(1, 5*minute/2), 0) && l.each(3, window/3, max(2, float64(window/3)*minute/2), 0) {
			l.counted(window, limit, z, mu)
		}
	}
}

// manyTimes is how many times normal a window's count must be.
func (l *look) manyTimes(window int) float64 {
	return max(l.set.CountFactor, l.farther(window, &l.b.Times))
}

// fastCount is B without totals: so many times the limit that nobody needs to
// wait, in each of three minutes, which a blip has not.
func (l *look) fastCount(mu float64) {
	set, m := l.set, l.set.FastMinutes
	limit := max(set.FastErrors, fastTimes*float64(m)*l.manyTimes(m)*mu)
	e, _ := l.w.span(0, m)
	if z := score(e, float64(m)*mu, max(l.b.Phi, 1)); e >= limit && z >= set.Score && l.each(m, 1, set.FastEach*limit/float64(m), 0) {
		l.counted(m, limit, z, mu)
	}
}

// fastTimes is how many times what five minutes must reach three have to. It is
// judgement: an outage is hundreds of times normal.
const fastTimes = 5

func (l *look) counted(window int, limit, z, mu float64) {
	e, _ := l.w.span(0, window)
	level := Notify
	if l.set.CountPages && !l.oneCustomer() {
		level = Page
	}
	l.v.take(level, Why{Rule: Count, Window: window, Errors: int64(e), Limit: limit, Normal: mu, Score: z, MinScore: l.set.Score,
		Customers: l.in.Customers.Distinct, TopShare: l.topShare(), Late: l.w.late, Note: "no request totals"}, l.onset(1, 0))
}

// newCode is G.
func (l *look) newCode() {
	e, _ := l.w.span(0, 10)
	if l.in.NewCode && e >= l.set.NewErrors && l.in.Customers.Distinct >= l.set.NewCustomers {
		l.v.take(Notify, l.why(NewCode, 10, 0, 0, 0), l.onset(10, 0))
	}
}

// heartbeat is H: silence where a week ago there was traffic. What is silent
// has no rate, so the other rules find nothing. It asks the baseline of now,
// not the frozen one: after a week, silence is what is usual.
func (l *look) heartbeat() {
	usual := l.in.Baseline.LastWeek30
	if usual < l.set.HeartbeatMin || !l.w.known {
		return
	}
	if _, n := l.w.span(0, 30); n == 0 {
		l.v.take(Notify, Why{Rule: Heartbeat, Window: 30, Normal: float64(usual), Note: "nothing comes in"}, l.in.Minute-29)
	}
}

// burn is E: the budget of an objective goes so fast that it will be gone.
func (l *look) burn() {
	set := l.set
	if set.Objective <= 0 || set.Objective >= 1 {
		return
	}
	budget := 1 - set.Objective
	e60, n60 := l.w.span(0, 60)
	hour := Counts{Errors: int64(e60), Requests: int64(n60)}
	for _, b := range [...]struct {
		long  Counts
		hours int
		short float64
		burn  float64
		level Level
	}{
		{hour, 1, l.w.rate(0, 5), 14.4, Page},
		{l.b.SixHours, 6, l.w.rate(0, 30), 6, Page},
		{l.b.ThreeDays, 72, ratio(l.b.SixHours), 1, Ticket},
	} {
		if rate := ratio(b.long); float64(b.long.Errors) >= set.BurnErrors && rate >= b.burn*budget && b.short >= b.burn*budget {
			why := l.why(Burn, Hour, b.burn*budget, 0, 0) // longer windows are the baseline's
			why.Window, why.Errors, why.Requests, why.Rate = b.hours*60, b.long.Errors, b.long.Requests, rate
			if b.level == Page && l.oneCustomer() {
				b.level, why.Note = Notify, "one customer only"
			}
			l.v.take(b.level, why, l.onset(5, budget))
		}
	}
}

func ratio(c Counts) float64 {
	if c.Requests <= 0 {
		return 0
	}
	return float64(c.Errors) / float64(c.Requests)
}
