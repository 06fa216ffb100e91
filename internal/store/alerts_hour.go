package store

import (
	"context"
	"slices"

	"errata/internal/detect"
	"errata/internal/event"
	"errata/internal/incident"
)

// alertHour is what was counted in the last hour and a quarter, as it was read
// last.
type alertHour struct {
	sheet    *incident.Sheet
	rules    string // whose sheet it is
	stale    bool   // it has to be read again, as who begins would read it
	failures map[detect.Minute][]incident.Failure
	met      map[detect.Minute][]codeOf       // the codes of failures
	failed   map[detect.Minute]imprint        // of the failures, as they were read
	answered map[detect.Minute]imprint        // of the requests
	sources  map[incident.Place]event.Sources // of services: who counts their requests
	counted  map[countedBy]detect.Minute      // when they did last
	upto     detect.Minute                    // the newest minute that was read
	settled  block                            // the newest block that was read once nothing more comes
	silent   []incident.Place                 // services that stopped
	ahead    map[block]*aheadBlock
}

const (
	// rereadNewest are looked at again every minute: nearly all of what comes late
	// comes within these.
	rereadNewest = 3
	// settleBlocks is how many blocks ago the block is that what is normal is learned
	// of next; see stretches. It is looked at for that.
	settleBlocks = 7
	// sweepEvery is after how many minutes what is empty goes, and services that
	// are silent are looked for.
	sweepEvery = 5
)

// rereadBlocks say how many blocks ago the block is that is looked at again in each
// of five minutes: so every minute is when it is about 4, 15, 33, 46 and 57
// minutes old.
var rereadBlocks = [blockMinutes]block{settleBlocks, 1, 3, 9, 11}

// read brings the hour up to a minute. rules says which rules these are.
func (h *alertHour) read(ctx context.Context, q querier, ws int32, last detect.Minute, judging []incident.Rule, rules string) (err error) {
	defer func() {
		if err != nil {
			h.sheet = nil // half of it may be there
		}
	}()
	first := last - incident.Room + 1
	from := max(min(h.upto+1, last-rereadNewest+1), first)
	fresh := h.sheet == nil || h.stale || h.rules != rules || h.upto < last-incident.MaxBehind || h.upto > last
	// Minutes may be skipped: others judged them, or several at once.
	due := last/sweepEvery != h.upto/sweepEvery
	if !fresh && due && h.stopped(first) {
		fresh = true
	}
	if fresh {
		from = first
		*h = alertHour{rules: rules, sheet: incident.NewSheet(judging, last), failures: map[detect.Minute][]incident.Failure{}, met: map[detect.Minute][]codeOf{},
			failed: map[detect.Minute]imprint{}, answered: map[detect.Minute]imprint{}, sources: map[incident.Place]event.Sources{}, counted: map[countedBy]detect.Minute{}, ahead: map[block]*aheadBlock{}}
	}
	if fresh || due {
		h.sheet.Sweep()
	}
	h.sheet.Rules = judging
	h.sheet.Advance(last)
	h.forget(first)
	if err := h.reread(ctx, q, ws, from, last+1, fresh); err != nil {
		return err
	}
	if older, to := h.older(last); !fresh && older < min(to, from) {
		if err := h.reread(ctx, q, ws, max(older, first), min(to, from), false); err != nil {
			return err
		}
	}
	h.upto, h.settled = last, blockOf(last)-settleBlocks
	if fresh || due {
		return h.readSilent(ctx, q, ws, last)
	}
	return nil
}

// older are the minutes that are looked at again beside the newest.
func (h *alertHour) older(last detect.Minute) (from, to detect.Minute) {
	b := blockOf(last) - rereadBlocks[last%blockMinutes]
	after := b + 1
	if next := blockOf(last) - settleBlocks; h.settled < next {
		b, after = h.settled+1, next+1
	}
	return b.minute(), after.minute()
}

func (h *alertHour) forget(before detect.Minute) {
	for m := range h.failed {
		if m < before {
			delete(h.failures, m)
			delete(h.met, m)
			delete(h.failed, m)
			delete(h.answered, m)
		}
	}
}

// reread counts anew what has changed in the minutes from from to before to; fresh
// says that these are all, and that nothing is known of them.
func (h *alertHour) reread(ctx context.Context, q querier, ws int32, from, to detect.Minute, fresh bool) error {
	now, err := readPrints(ctx, q, sqlFailurePrints, ws, from.Time(), to.Time())
	if err != nil {
		return err
	}
	for a, b := range changed(h.failed, now, from, to, fresh) {
		if err := h.rereadFailures(ctx, q, ws, a, b); err != nil {
			return err
		}
	}
	now, err = readPrints(ctx, q, sqlRequestPrints, ws, from.Time(), to.Time())
	if err == nil && !fresh { // else it is not known yet whom spans count
		err = h.printSpans(ctx, q, ws, from, to, now)
	}
	if err != nil {
		return err
	}
	for a, b := range changed(h.answered, now, from, to, fresh) {
		if err := h.rereadAnswered(ctx, q, ws, a, b, fresh); err != nil {
			return err
		}
	}
	return nil
}

func (h *alertHour) rereadFailures(ctx context.Context, q querier, ws int32, from, to detect.Minute) error {
	failures, err := readFailures(ctx, q, ws, from.Time(), to.Time())
	if err != nil {
		return err
	}
	h.sheet.ClearFailed(from, to)
	for m := from; m < to; m++ {
		delete(h.failures, m)
		delete(h.met, m)
	}
	for _, f := range failures {
		h.failures[f.Minute] = append(h.failures[f.Minute], f)
	}
	for m := from; m < to; m++ {
		h.met[m] = codesIn(h.failures[m])
	}
	h.sheet.Failed(failures)
	return nil
}

func (h *alertHour) rereadAnswered(ctx context.Context, q querier, ws int32, from, to detect.Minute, fresh bool) error {
	answered, err := readAnswered(ctx, q, sqlAlertRequests, ws, from.Time(), to.Time())
	if err != nil {
		return err
	}
	h.know(answered, fresh)
	if fresh {
		if err := h.printSpans(ctx, q, ws, from, to, h.answered); err != nil {
			return err
		}
	}
	if spans := countedBySpans(h.sources); len(spans) > 0 {
		failed, err := readAnswered(ctx, q, sqlAlertSpans, ws, from.Time(), to.Time(), spans)
		if err != nil {
			return err
		}
		answered = append(answered, failed...)
	}
	h.sheet.ClearAnswered(from, to)
	h.count(answered)
	return nil
}

// printSpans adds the failures that are requests to the prints of requests.
func (h *alertHour) printSpans(ctx context.Context, q querier, ws int32, from, to detect.Minute, prints map[detect.Minute]imprint) error {
	spans := countedBySpans(h.sources)
	if len(spans) == 0 {
		return nil
	}
	failed, err := readPrints(ctx, q, sqlSpanPrints, ws, from.Time(), to.Time(), spans)
	for m, p := range failed {
		prints[m] = prints[m].with(p)
	}
	return err
}

// countedBy is one of those who count a service's requests.
type countedBy struct {
	incident.Place
	source event.RequestSource
}

// stopped tells whether anybody who counted requests has not since a minute. The
// hour is then read again, as who has just begun would read it: others may count
// now.
func (h *alertHour) stopped(since detect.Minute) bool {
	for _, at := range h.counted {
		if at < since {
			return true
		}
	}
	return false
}

// stops says of a service's series that its silence is looked at, as rule H wants:
// to all others nothing is heard, and they wait.
func (h *alertHour) stops(s incident.Series) bool {
	return s.Family == detect.Server && s.Code == "" && s.Endpoint == "" && slices.Contains(h.silent, s.Place())
}

// know takes note of who counts requests. Where a service's best source turns out
// to be another one than that by which some of the hour was counted, it is read
// again next time.
func (h *alertHour) know(answered []sourced, fresh bool) {
	for i := range answered {
		a := &answered[i]
		place := a.Whole()
		by := countedBy{place, a.source}
		h.counted[by] = max(h.counted[by], a.Minute)
		if was := h.sources[place]; !was.Has(a.source) {
			if was != 0 && !fresh { // other rows should have counted
				h.stale = true
			}
			h.sources[place] = was.With(a.source)
		}
	}
}

// count adds requests to the sheet: of each service from its best source.
func (h *alertHour) count(answered []sourced) {
	list := make([]incident.Answered, 0, len(answered))
	for i := range answered {
		if a := &answered[i]; h.sources[a.Whole()].Best().Has(a.source) {
			list = append(list, a.Answered)
		}
	}
	h.sheet.Answered(list)
}

// of are the failures from a minute on that pass.
func (h *alertHour) of(from detect.Minute, pass func(*incident.Failure) bool) (out []incident.Failure) {
	for m, list := range h.failures {
		for i := range list {
			if m >= from && pass(&list[i]) {
				out = append(out, list[i])
			}
		}
	}
	return out
}

// mostly is the share from which a provider's failures are its incident.
const mostly = 0.8

// provider is who causes most of a series' failures of the last ten minutes; ""
// for nobody in particular.
func (h *alertHour) provider(s incident.Series) string {
	if s.Family != detect.Server {
		return ""
	}
	all, by := int64(0), map[string]int64{}
	for _, f := range h.of(h.upto-9, func(f *incident.Failure) bool {
		return f.Family == s.Family && f.Service == s.Service && f.Environment == s.Environment && (s.Endpoint == "" || f.Endpoint == s.Endpoint && f.Method == s.Method) && (s.Code == "" || f.Code == s.Code)
	}) {
		all += f.N
		by[f.Provider] += f.N
	}
	for p, n := range by {
		if p != "" && float64(n) >= mostly*float64(all) {
			return p
		}
	}
	return ""
}

// codes are those of the hour's failures, some of them often.
func (h *alertHour) codes(yield func(codeOf) bool) {
	for _, list := range h.met {
		for _, c := range list {
			if !yield(c) {
				return
			}
		}
	}
}

// codesIn are the codes of some failures.
func codesIn(list []incident.Failure) (out []codeOf) {
	seen := map[codeOf]bool{}
	var before codeOf // neighbours are mostly alike
	for i := range list {
		c := codeOf{list[i].Service, list[i].Code}
		if c == before || c.code == "" {
			continue
		}
		if before = c; !seen[c] {
			seen[c] = true
			out = append(out, c)
		}
	}
	return out
}
