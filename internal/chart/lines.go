package chart

func (f *frame) lines() {
	f.usual()
	f.past()
	if f.empty == noData {
		return
	}
	f.canvas()
	for k := len(f.Series) - 1; k >= 0; k-- { // the first lies on top
		f.raw(`<path`)
		f.line(k)
		f.raw(` d="`)
		f.polyline(0, f.Series[k].Values)
		f.raw(`"/>`)
	}
	f.raw(`</svg>`)
}

// canvas opens a picture whose unit across is a bucket; strokes in it keep
// their width (vector-effect, in the style sheet).
func (f *frame) canvas() {
	f.raw(`<svg overflow="visible"`)
	f.px("y", f.head)
	f.px("height", f.Height)
	f.raw(` viewBox="-.5 0 `)
	f.int(max(f.n, 1))
	f.raw(` `)
	f.int(f.Height)
	f.raw(`" preserveAspectRatio="none">`)
}

// past is the line of what the values are compared with.
func (f *frame) past() {
	if f.Compare == nil {
		return
	}
	f.canvas()
	f.raw(`<path class="past" d="`)
	f.polyline(0, f.Compare.Values)
	f.raw(`"/></svg>`)
}

// usual is the baseline: an area for each stretch without gaps.
func (f *frame) usual() {
	if f.Baseline == nil {
		return
	}
	low, high := f.Baseline.Low, f.Baseline.High
	f.canvas()
	f.raw(`<path class="usual" d="`)
	for i := 0; i < f.n; i++ {
		from := i
		for i < f.n && !isGap(low[i]) && !isGap(high[i]) {
			i++
		}
		if i == from {
			continue
		}
		f.polyline(from, high[from:i])
		for j := i - 1; j >= from; j-- {
			f.raw(`L`)
			f.int(j)
			f.raw(` `)
			f.int(f.Height - f.up(low[j]))
		}
		f.raw(`z`)
	}
	f.raw(`"/></svg>`)
}

// polyline goes through the middles of buckets from the first on, and is lifted
// over gaps. A value alone is a short line.
func (f *frame) polyline(first int, values []float64) {
	down, lonely, y := false, false, 0
	for i, v := range values {
		if isGap(v) {
			if lonely {
				f.raw(`m-.2 0h.4`)
			}
			down, lonely = false, false
			continue
		}
		next := f.Height - f.up(v)
		if down {
			f.raw(`l1`)
			if next >= y {
				f.raw(` `)
			}
			f.int(next - y)
			lonely = false
		} else {
			f.raw(`M`)
			f.int(first + i)
			f.raw(` `)
			f.int(next)
			down, lonely = true, true
		}
		y = next
	}
	if lonely {
		f.raw(`m-.2 0h.4`)
	}
}
