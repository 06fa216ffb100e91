package store

import (
	"sync"
	"time"
)

// sights remembers when issues were last noted as seen, by any writer of this
// process. What has not been asked for since half of the room filled up is
// forgotten, and noted again.
type sights struct {
	mu         sync.Mutex
	half       int
	young, old map[issueKey]span
}

type span struct{ first, last time.Time }

// seenEvery is how coarse issue_seen is.
const seenEvery = time.Minute

func newSights(limit int) *sights {
	return &sights{half: limit / 2, young: map[issueKey]span{}}
}

// claim reports whether the sighting is worth a write, and takes it for
// written: of several writers only one goes to the row.
func (s *sights) claim(k issueKey, first, last time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	have, ok := s.young[k]
	if !ok {
		have, ok = s.old[k]
	}
	news := !ok || first.Before(have.first) || last.Sub(have.last) >= seenEvery
	if !ok {
		have = span{first, last}
	} else if news {
		have = span{earlier(have.first, first), later(have.last, last)}
	}
	if len(s.young) >= s.half {
		s.old, s.young = s.young, make(map[issueKey]span, s.half)
	}
	s.young[k] = have
	return news
}

// forget gives claims back that came to nothing.
func (s *sights) forget(keys []issueKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range keys {
		delete(s.young, k)
		delete(s.old, k)
	}
}
