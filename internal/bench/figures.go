package bench

import (
	"fmt"
	"maps"
	"net/http"
	"sync"
	"time"
)

// Figures are what a run measured. Accepted + Rejected + Refused + Errors =
// Spans.
type Figures struct {
	Seconds float64 `json:"seconds"`
	Spans   int64   `json:"spans"` // whose fate is known
	// SpansPerSecond counts those accepted.
	SpansPerSecond float64 `json:"spans_per_second"`
	Accepted       int64   `json:"accepted"`
	Rejected       int64   `json:"rejected"` // by a partial success
	Refused        int64   `json:"refused"`  // with 429, 502, 503 or 504 until patience or the run ended
	Errors         int64   `json:"errors"`   // any other answer, or none
	// Answers counts requests by the status that they were answered with, every
	// attempt of one; "none" is no answer.
	Answers map[string]int64 `json:"answers"`
	// AnswerMS is how long requests that were taken waited, in milliseconds,
	// from the first attempt on.
	AnswerMS Times `json:"answer_ms"`
	// LastFailure is what was said about the last request that was not taken
	// whole.
	LastFailure string `json:"last_failure,omitempty"`
}

// Times are percentiles in milliseconds, 1.6 % exact.
type Times struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// NotAccepted is how many spans were not stored, as far as is known.
func (f Figures) NotAccepted() int64 { return f.Spans - f.Accepted }

// tally counts for all senders.
type tally struct {
	mu    sync.Mutex
	f     Figures
	times histogram
}

// answered counts one attempt.
func (t *tally) answered(a answer) {
	name := "none"
	if a.status != 0 {
		name = fmt.Sprint(a.status)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.f.Answers == nil {
		t.f.Answers = map[string]int64{}
	}
	t.f.Answers[name]++
	if a.status != http.StatusOK || a.rejected > 0 {
		t.f.LastFailure = a.message
		if a.err != nil {
			t.f.LastFailure = a.err.Error()
		}
	}
}

// taken counts a request that was answered with success.
func (t *tally) taken(spans int64, a answer, waited time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.f.Spans += spans
	t.f.Rejected += a.rejected
	t.f.Accepted += spans - a.rejected
	t.times.add(waited)
}

// lost counts a request that is not tried again.
func (t *tally) lost(spans int64, a answer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.f.Spans += spans
	if a.status != 0 && !a.final() {
		t.f.Refused += spans
	} else {
		t.f.Errors += spans
	}
}

// figures gives what was counted in so much time.
func (t *tally) figures(length time.Duration) Figures {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.f
	f.Answers = maps.Clone(f.Answers)
	f.Seconds = length.Seconds()
	if f.Seconds > 0 {
		f.SpansPerSecond = float64(f.Accepted) / f.Seconds
	}
	f.AnswerMS = Times{P50: t.times.quantile(0.50), P95: t.times.quantile(0.95), P99: t.times.quantile(0.99), Max: ms(t.times.max)}
	return f
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
