package web

import (
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/edge"
	"errata/internal/silence"
)

// silenceNames are the templates of pages about silences.
var silenceNames = []string{"silences", "silence"}

func (w *web) silenceRoutes(member *gin.RouterGroup) {
	member.GET("/alerts/silences", edge.Handle(w.silences))
	member.GET("/alerts/silences/new", edge.Handle(w.newSilence))
	member.POST("/alerts/silences/new", edge.Handle(w.makeSilence))
	member.GET("/alerts/silences/:id", edge.Handle(w.editSilence))
	member.POST("/alerts/silences/:id", edge.Handle(w.changeSilence))
}

type silencesPage struct {
	frame
	Tabs              []link
	Now, Later, Ended []silenceCard
	Decides           bool
	Problem           string
}

// silenceCard is a silence in the list.
type silenceCard struct {
	silenceLine
	Edit, Incident           string // where it is changed; the incident that its reason names
	Created, Starts, Ends    moment
	Next                     []moment
	Muted, Kept              string
	Window, InForce, Decides bool
	Longer                   []choice // until when it can go on
}

const (
	shownEnded   = 20
	nextWindows  = 3
	shownReasons = 300 // characters of a reason in the list
)

// silences lists who is not told about what.
func (w *web) silences(c *gin.Context) error { return w.showSilences(c, http.StatusOK, "") }

func (w *web) showSilences(c *gin.Context, status int, problem string) error {
	ctx, ws, now := c.Request.Context(), member(c).Workspace, w.Now()
	current, err := w.Store.WorkspaceSilences(ctx, ws, now)
	if err != nil {
		return err
	}
	ended, err := w.Store.PastSilences(ctx, ws, now, shownEnded)
	if err != nil {
		return err
	}
	names, err := w.namesOfRules(c, append(current[:len(current):len(current)], ended...))
	if err != nil {
		return err
	}
	page := silencesPage{frame: w.frame(c, "Silences", "alerts"), Tabs: tabs(silencesPath), Decides: member(c).Decides, Problem: problem}
	for i := range current {
		card := w.silenceCard(&current[i], names)
		card.Decides = page.Decides
		if card.InForce {
			page.Now = append(page.Now, card)
		} else {
			page.Later = append(page.Later, card)
		}
	}
	for i := range ended {
		page.Ended = append(page.Ended, w.silenceCard(&ended[i], names))
	}
	return w.render(c, status, "silences", page)
}

// incidentReason is the reason that "Silence 1 h" on an incident's page gives.
var incidentReason = regexp.MustCompile(`^incident #([1-9][0-9]{0,9})$`)

// longers are by how much a silence can be made longer with one button.
var longers = []lengthOfSilence{{"1h", "1 h longer", time.Hour}, {"4h", "4 h longer", 4 * time.Hour}, {"24h", "1 day longer", 24 * time.Hour}}

func (w *web) silenceCard(s *silence.Silence, rules namesOfRules) silenceCard {
	now := w.Now()
	card := silenceCard{silenceLine: w.silenceLine(s, rules), Edit: silencesPath + "/" + s.ID, Created: w.moment(s.CreatedAt.Time), Starts: w.moment(s.StartsAt.Time), Ends: w.moment(s.EndsAt.Time),
		Window: s.Window(), InForce: s.InForce(now), Kept: grouped(s.Muted), Muted: "It has kept no message back so far."}
	card.Reason = shorten(card.Reason, shownReasons)
	if s.Muted > 0 {
		card.Muted = "It has kept " + plural(int(s.Muted), "message", "messages") + " back so far."
	}
	if m := incidentReason.FindStringSubmatch(s.Reason); m != nil {
		card.Incident = "/i/" + m[1]
	}
	for _, t := range s.Next(now, nextWindows) {
		card.Next = append(card.Next, w.moment(t))
	}
	if !s.Window() && !s.Over(now) {
		for _, l := range longers {
			if until := s.EndsAt.Add(l.length); until.Sub(s.StartsAt.Time) <= silence.MaxLength {
				card.Longer = append(card.Longer, choice{Value: until.UTC().Format(time.RFC3339), Label: l.label})
			}
		}
	}
	return card
}

// Begins are the next times at which a window begins, or a silence does, as short
// as they are clear.
func (s silenceCard) Begins() string {
	var out []string
	for _, m := range s.Next {
		out = append(out, strings.TrimSuffix(m.Human, ":00 UTC"))
	}
	if len(out) == 0 {
		return ""
	}
	return strings.Join(out, ", ") + " UTC"
}
