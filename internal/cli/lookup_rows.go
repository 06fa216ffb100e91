package cli

import (
	"encoding/csv"
	"fmt"
	"strings"
	"time"
)

// idRow is what one ID of many leads to.
type idRow struct {
	ID         string    `json:"id"`
	Found      bool      `json:"found"`
	Reason     string    `json:"reason"`
	OccurredAt time.Time `json:"occurred_at"`
	Service    string    `json:"service"`
	Status     int       `json:"status"`
	Code       string    `json:"code"`
	Family     string    `json:"family"`
	Verdict    string    `json:"verdict"`
	Customer   string    `json:"customer"`
}

// printRows prints the table, if one was gathered.
func (f *finding) printRows() error {
	switch {
	case f.CSV:
		return f.printCSV()
	case len(f.rows) == 0:
		return nil
	}
	f.gap()
	rows := [][]string{{"ID", "TIME (UTC)", "SERVICE", "STATUS", "CODE", "FAMILY", "VERDICT"}}
	for _, r := range f.rows {
		if !r.Found {
			rows = append(rows, []string{safe(r.ID), "", "", "", "", "", absentRow(r.Reason)})
			continue
		}
		rows = append(rows, []string{safe(r.ID), r.OccurredAt.UTC().Format("2006-01-02 15:04:05"), safe(r.Service), status(r.Status), safe(r.Code), safe(r.Family), safe(r.Verdict)})
	}
	f.table(rows)
	return nil
}

func (f *finding) printCSV() error {
	records := [][]string{{"id", "found", "time", "service", "status", "code", "family", "verdict", "customer"}}
	for _, r := range f.rows {
		record := []string{r.ID, "no", "", "", "", "", "", absentRow(r.Reason), ""}
		if r.Found {
			record = []string{r.ID, "yes", r.OccurredAt.UTC().Format(time.RFC3339Nano), r.Service, status(r.Status), r.Code, r.Family, r.Verdict, r.Customer}
		}
		for i := range record {
			record[i] = harmless(safe(record[i]))
		}
		records = append(records, record)
	}
	return csv.NewWriter(f.out).WriteAll(records)
}

// harmless keeps a spreadsheet from taking for a formula what somebody sent.
func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

// absentRow says in a few words why there is nothing.
func absentRow(reason string) string {
	switch reason {
	case "rejected":
		return "not found: its report was rejected"
	case "probably_expired":
		return "not found: probably expired"
	case "thinned":
		return "not found: counted but not kept"
	}
	return "not found"
}

// warn tells of live keys in the text.
func (f *finding) warn(secrets []string) {
	if len(secrets) == 0 {
		return
	}
	masked := make([]string, len(secrets))
	for i, s := range secrets {
		masked[i] = safe(s)
	}
	if err := f.note(fmt.Sprintf("The text holds something like a live key (%s). Ask for it to be replaced.", strings.Join(masked, ", "))); err != nil {
		f.err = err
	}
}

// note says something beside the answer.
func (f *finding) note(text string) error {
	_, err := fmt.Fprintln(f.Err, text)
	return err
}
