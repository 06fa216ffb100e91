package incident

import "errata/internal/detect"

// Fewest is how many failures in an hour a series needs so that any rule can
// hold, however sensitive.
const Fewest = 5

// Worth are the series that are worth a look: the others have too few failures
// for any rule. Endpoints whose requests nobody counts are left to their service,
// where its requests are counted.
func (s *Sheet) Worth() (out []Series) {
	for of, l := range s.lines {
		hour := int64(0)
		for m := s.last - detect.Hour + 1; m <= s.last; m++ {
			hour += l[slot(m)].Errors + l[slot(m)].Late
		}
		if hour < Fewest && (hour == 0 || s.objective(of) == 0) {
			continue
		}
		if of.Endpoint == "" || s.requests[of.Place()] != nil || s.requests[of.Place().Whole()] == nil {
			out = append(out, of)
		}
	}
	return out
}

func (s *Sheet) objective(of Series) float64 {
	for r := range s.Rules {
		if s.Rules[r].ID == of.Rule {
			return s.Rules[r].Objective(of)
		}
	}
	return 0
}

// Recent is how many failures a series had in the ten minutes that ended with a
// minute.
func (s *Sheet) Recent(of Series, minute detect.Minute) (n int64) {
	if l := s.lines[of]; l != nil {
		for m := minute - 9; m <= minute; m++ {
			n += l[slot(m)].Errors
		}
	}
	return n
}

// Covers says whether the Sheet has all of the minutes from from to before to.
func (s *Sheet) Covers(from, to detect.Minute) bool { return s.covers(from) && s.covers(to-1) }

// Failures sums those of a series over minutes that the Sheet covers. Series of one
// code are not always there.
func (s *Sheet) Failures(of Series, from, to detect.Minute) (sum detect.Counts) {
	if l := s.lines[of]; l != nil {
		for m := from; m < to; m++ {
			sum.Errors += l[slot(m)].Errors
			sum.Late += l[slot(m)].Late
		}
	}
	return sum
}

// Requests sums those of a place, as they were told.
func (s *Sheet) Requests(of Place, from, to detect.Minute) (n float64) {
	if a := s.requests[of]; a != nil {
		for m := from; m < to; m++ {
			n += a.exact[slot(m)]
		}
	}
	return n
}

// Heard says whether anything is known of a service in these minutes.
func (s *Sheet) Heard(of Place, from, to detect.Minute) bool {
	h := s.heard[of]
	for m := from; h != nil && m < to; m++ {
		if h[slot(m)] != 0 {
			return true
		}
	}
	return false
}

// missingAfter is for how many minutes nothing must come of a service before its
// data is missing: totals come up to two minutes late.
const missingAfter = 3

// Fill puts the hour that ended with a minute into an Input. counted says that
// the series' requests are counted, if not in this hour.
func (s *Sheet) Fill(in *detect.Input, of Series, minute detect.Minute, counted bool) {
	in.Minute, in.Family, in.NewCode = minute, of.Family, of.Code != ""
	n, l := s.requests[of.Place()], s.lines[of]
	for i := range in.Last {
		at := slot(minute - detect.Minute(i))
		in.Last[i] = detect.Counts{Requests: detect.Unknown}
		if l != nil {
			in.Last[i] = l[at]
		}
		switch {
		case n != nil:
			in.Last[i].Requests = n.n[at]
		case counted:
			in.Last[i].Requests = 0
		default:
			in.Last[i].Requests = detect.Unknown
		}
	}
	h := s.heard[of.Place().Whole()]
	in.Missing = true
	for m := minute - missingAfter + 1; h != nil && m <= minute; m++ {
		in.Missing = in.Missing && h[slot(m)] == 0
	}
}
