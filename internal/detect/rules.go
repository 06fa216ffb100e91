package detect

import "fmt"

// look is one series-minute under the rules.
type look struct {
	in  *Input
	b   *Baseline // in force: the frozen one while an incident lasts
	set *Settings
	w   windows
	v   verdict

	limit  float64 // share that counts as much
	z5     float64
	silent bool // no requests where there always are some
}

func judge(in *Input, b *Baseline, set *Settings) *look {
	l := &look{in: in, b: b, set: set}
	l.run()
	return l
}

func (l *look) run() {
	l.w.sum(l.in, l.b)
	l.heartbeat()
	if !l.w.known {
		l.count()
		l.newCode()
		l.concentrated()
		return
	}
	_, n5 := l.w.span(0, 5)
	l.silent = n5 == 0 && 5*l.b.Requests >= float64(l.set.SilentMinimum)
	l.limit = max(l.set.Factor*l.b.Rate, l.set.minRate(l.in.Family))
	if l.b.Minutes < l.set.NewMinutes { // a service may always have had some errors
		l.limit = max(l.limit, l.set.NewRate)
	}
	l.z5 = l.z(5)
	l.v.clear = l.isClear()
	if l.w.e[Hour] == 0 {
		return
	}
	l.fast()
	l.spike()
	for _, w := range [...]int{15, 30, 60} {
		l.slow(w)
		l.lowVolume(w)
	}
	l.burn()
	l.newCode()
	l.concentrated()
}

// phi is how much more than chance a window varies. What is beyond chance grows
// with the number of requests: a night is nearer to chance than the day that it
// was learned from.
func (l *look) phi(window int) float64 {
	more := max(l.b.Phi, 1) - 1
	if usual := l.b.Requests * float64(window); usual > 0 {
		_, n := l.w.span(0, window)
		more *= min(n/usual, 1)
	}
	return 1 + more
}

func (l *look) z(window int) float64 {
	e, n := l.w.span(0, window)
	return score(e, l.b.Rate*n, l.phi(window))
}

// reach is the limit of a window: above what the series reaches by itself.
func (l *look) reach(window int) float64 { return max(l.limit, l.farther(window, &l.b.High)) }

// farther is by how much a window must surpass what the day reached. Short
// windows are many, so that one of them gets farther; long ones are few.
func (l *look) farther(window int, reached *[len(spans)]float64) float64 {
	i := 0
	for i < len(spans)-1 && window > spans[i] {
		i++
	}
	if window > spans[1] {
		return l.set.HighLong * reached[i]
	}
	return l.set.HighFactor * reached[i]
}

// each says whether each of count stretches of some minutes, the newest first,
// has at least that many errors and that share. It is what tells an incident
// from a blip, whose errors are as many but over as soon as they came; and it
// is asked of the minutes themselves, so that late rows may change the answer.
func (l *look) each(count, minutes int, errors, rate float64) bool {
	for i := range count {
		e, n := l.w.span(i*minutes, (i+1)*minutes)
		if e < errors || e < rate*n {
			return false
		}
	}
	return true
}

// onset goes back to where the errors began, in stretches of some minutes.
func (l *look) onset(minutes int, rate float64) Minute {
	back := minutes
	for ; back+minutes <= Hour; back += minutes {
		if e, n := l.w.span(back, back+minutes); e < 1 || e < rate*n {
			break
		}
	}
	for back > 1 && l.w.e[back]-l.w.e[back-1] == 0 {
		back--
	}
	return l.in.Minute - Minute(back-1)
}

func (l *look) why(rule Rule, window int, limit, z, minZ float64) Why {
	e, n := l.w.span(0, window)
	return Why{Rule: rule, Window: window, Errors: int64(e), Requests: int64(n), Rate: l.w.rate(0, window), Limit: limit, Normal: l.b.Rate,
		Score: z, MinScore: minZ, Spread: l.phi(window), Customers: l.in.Customers.Distinct, TopShare: l.topShare(), Late: l.w.late}
}

// fast is B: an outage that nobody needs to wait for.
func (l *look) fast() {
	m, set := l.set.FastMinutes, l.set
	e, n := l.w.span(0, m)
	limit := max(set.FastRate, l.reach(m))
	if e < set.FastErrors || e < limit*n || !l.each(m, 1, 1, set.FastEach*limit) {
		return
	}
	if z := score(e, l.b.Rate*n, l.phi(m)); z >= set.FastScore {
		why := l.why(Fast, m, limit, z, set.FastScore)
		why.Persist = fmt.Sprintf("%d of %d minutes", m, m)
		l.fire(why, l.onset(1, l.limit/2))
	}
}

// spike is A. Near the limit it takes longer: a series that wavers for minutes
// on end gets there by itself.
func (l *look) spike() {
	set := l.set
	e, _ := l.w.span(0, 5)
	limit := l.reach(5)
	if l.z5 < set.Score || e < set.MinErrors || l.w.rate(0, 5) < limit || !l.each(1, 1, 1, limit) {
		return
	}
	l.v.pending = true
	persist := set.Persist
	if l.w.rate(0, 5) < set.Strong*limit {
		persist = set.PersistNear
	}
	if l.each(persist, 1, 1, limit) {
		why := l.why(Spike, 5, limit, l.z5, set.Score)
		why.Persist = fmt.Sprintf("%d of %d minutes", persist, persist)
		l.fire(why, l.onset(1, limit/2))
	}
}

// slow is C. What it sees must still be there when the three worst minutes in a
// row are left out: a blip, and noise before and after it, is not slow. And it
// must go on: a window remembers long after an incident is over.
func (l *look) slow(window int) {
	set := l.set
	e, n := l.w.span(0, window)
	limit := l.reach(window)
	if e < set.SlowErrors || e < limit*n || !l.each(1, 5, 1, limit) {
		return
	}
	be, bn := l.w.worst(window, set.BlipMinutes)
	if e -= be; e < limit*(n-bn) {
		return
	}
	z := score(e, l.b.Rate*(n-bn), l.phi(window))
	if z >= set.SlowScore && l.each(3, window/3, 2, limit) {
		why := l.why(Slow, window, limit, z, set.SlowScore)
		why.Persist = "3 of 3 thirds"
		l.fire(why, l.onset(5, limit/2))
	}
}

// lowVolume is D: where shares of few requests say little, it wants to be
// certain of the share.
func (l *look) lowVolume(window int) {
	set := l.set
	if _, n5 := l.w.span(0, 5); n5 >= set.LowTraffic {
		return
	}
	e, n := l.w.span(0, window)
	if e < set.LowErrors || atLeast(e, n) < max(set.LowRate, l.b.Rate) || !l.each(1, 15, 2, set.LowRate) {
		return
	}
	if z := l.z(window); z >= set.LowScore && l.each(3, window/3, 1, set.LowRate) {
		why := l.why(LowVolume, window, set.LowRate, z, set.LowScore)
		why.Persist, why.Urgency = "3 of 3 thirds", "low"
		l.fire(why, l.onset(10, set.LowRate))
	}
}

// fire pages, unless whom it hits says that a message is enough.
func (l *look) fire(why Why, onset Minute) {
	level := Page
	switch {
	case l.in.Family == Limits:
		level, why.Note = l.broad()
	case l.oneCustomer():
		level, why.Note = Notify, "one customer only"
	}
	l.v.take(level, why, onset)
}

// isClear says whether the series is well again. Where there are few requests it wants
// to have seen some that succeeded: silence is no recovery.
func (l *look) isClear() bool {
	set, p0, minRate := l.set, l.b.Rate, l.set.minRate(l.in.Family)
	_, n5 := l.w.span(0, 5)
	r5 := l.w.rate(0, 5)
	if r5 >= max(set.ClearFactor*p0, set.ClearRate*minRate) && (l.z5 >= set.ClearScore || r5 >= l.limit) {
		return false
	}
	if n5 >= set.LowTraffic {
		return true
	}
	for _, w := range [...]int{15, 30, 60} {
		if _, n := l.w.span(0, w); n >= set.LowEvidence {
			return l.w.rate(0, w) < max(set.LowClear, 2*p0)
		}
	}
	return false
}

func (l *look) numbers() Numbers {
	num := Numbers{Minute: l.in.Minute, Normal: l.b.Rate, Limit: l.limit, Spread: l.phi(5), Known: l.w.known, Clear: l.v.clear, Rule: l.v.why.Rule, Level: l.v.level}
	for i, w := range [...]int{1, 5, 15, 60} {
		num.Errors[i], num.Requests[i] = l.w.span(0, w)
		if i > 0 {
			num.Score[i-1] = l.z(w)
		}
	}
	return num
}
