package cli

import (
	"fmt"
	"time"
)

// reach says how far the data of each environment goes: whether an ID is missing,
// or only not there yet.
func (f *finding) reach(environments any) {
	list, _ := environments.([]any)
	for _, one := range list {
		e, _ := one.(map[string]any)
		name, _ := e["environment"].(string)
		text, _ := e["newest_at"].(string)
		newest, err := time.Parse(time.RFC3339, text)
		if err != nil {
			continue
		}
		if name == "" {
			name = "no environment"
		}
		late := ""
		if lag, ok := e["lag_seconds"].(float64); ok {
			late = fmt.Sprintf("; a failure is known after %.1f s", lag)
		}
		f.line("  %s: newest failure %s UTC%s", safe(name), newest.UTC().Format("2006-01-02 15:04:05"), late)
	}
}
