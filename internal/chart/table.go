package chart

import (
	"html/template"
	"time"
)

// Table writes what Stacked or Lines draws, newest first, with the links of the
// buckets: at most MaxPoints rows. It is whole, for a <details> below the chart.
func Table(p Plot) template.HTML { return table(newFrame(p, false)) }

// StackedTable is Table with the sums of a stack.
func StackedTable(p Plot) template.HTML { return table(newFrame(p, true)) }

func table(f *frame) template.HTML {
	f.b = make([]byte, 0, 16<<10)
	rows := f.rows()
	f.raw(`<div class="wide"><table class="values"><caption>`)
	f.text(f.Title)
	f.raw(`</caption><thead><tr><th scope="col">Begins (`)
	f.text(f.From.In(f.Location).Format("MST"))
	f.raw(`)</th>`)
	for _, s := range rows {
		f.raw(`<th scope="col">`)
		f.text(cut(s.Name, 60))
		f.raw(`</th>`)
	}
	if f.stacked {
		f.raw(`<th scope="col">total</th>`)
	}
	f.raw(`</tr></thead><tbody>`)
	for i := f.n - 1; i >= 0; i-- {
		f.row(i, rows)
	}
	f.raw(`</tbody></table></div>`)
	return f.html()
}

func (f *frame) row(i int, rows []Series) {
	from, href := f.begin(i), ""
	if f.Bucket != nil {
		href = f.Bucket(from, f.begin(i+1))
	}
	f.raw(`<tr><th scope="row">`)
	linked := safeURL(href) != ""
	if linked {
		f.link(href)
	}
	f.raw(`<time datetime="`, from.UTC().Format(time.RFC3339), `">`, bucketLabel(from, f.Step, f.Location), `</time>`)
	if linked {
		f.raw(`</a>`)
	}
	if i >= f.unfinished() {
		f.raw(` so far`)
	}
	f.raw(`</th>`)
	for _, s := range rows {
		f.cell(s.Values[i])
	}
	if f.stacked {
		f.cell(f.totals[i])
	}
	f.raw(`</tr>`)
}

func (f *frame) cell(v float64) {
	f.raw(`<td>`, exact(v, f.Unit), `</td>`)
}
