package web

import (
	"strconv"
	"strings"

	"errata/internal/event"
)

// spark is a row of bars without axes: how something is spread over time. Text
// says the same.
type spark struct {
	Width, Height int
	Bars          string // the path
	Label         string
}

const (
	barWidth = 3
	barGap   = 1
)

// sparkline draws the buckets; the highest fills the height, and what is there
// at all is seen.
func sparkline(buckets []event.Bucket, height int, label string) spark {
	var most int64 = 1
	for _, b := range buckets {
		most = max(most, b.N)
	}
	var path strings.Builder
	for i, b := range buckets {
		if b.N <= 0 {
			continue
		}
		tall := max(int(b.N*int64(height)/most), 1)
		path.WriteString("M" + strconv.Itoa(i*(barWidth+barGap)) + " " + strconv.Itoa(height) + "v-" + strconv.Itoa(tall) +
			"h" + strconv.Itoa(barWidth) + "v" + strconv.Itoa(tall) + "z")
	}
	return spark{Width: max(len(buckets), 1) * (barWidth + barGap), Height: height, Bars: path.String(), Label: label}
}
