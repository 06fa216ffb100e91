package api

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"errata/internal/detect"
	"errata/internal/ruleset"
	"errata/internal/store"
)

// replayRule says what a rule would have found in the last days, whether it is
// saved or not: with an ID in the place of what that is now.
func (a *api) replayRule(c *gin.Context) error {
	r, span := ruleset.New(""), store.ReplaySpan{Now: a.Now()}
	days := store.ReplayDays
	in := struct {
		ID          *string             `json:"id"`
		Days        *int                `json:"days"`
		Name        *string             `json:"name"`
		Query       *string             `json:"query"`
		Sensitivity *detect.Sensitivity `json:"sensitivity"`
		Advanced    *ruleset.Overrides  `json:"advanced"`
		Level       *string             `json:"level"`
		Channels    *[]string           `json:"channels"`
		Runbook     *string             `json:"runbook"`
		Enabled     *bool               `json:"enabled"`
	}{&r.ID, &days, &r.Name, &r.Query, &r.Sensitivity, &r.Advanced, &r.Level, &r.Channels, &r.Runbook, &r.Enabled}
	if err := readJSON(c, maxRuleBody, &in); err != nil {
		return err
	}
	if days < 1 || days > store.ReplayDays {
		return invalid("days", "must be between 1 and 14")
	}
	span.Days = days
	out, err := a.Store.ReplayRule(c.Request.Context(), workspace(c), r, span)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, out)
}
