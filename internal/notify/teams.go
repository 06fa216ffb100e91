package notify

import "errata/internal/alert"

var teamsFields = []Field{
	{Name: "url", Label: "Workflow URL", Help: "of a workflow “Post to a channel when a webhook request is received”", Required: true, Secret: true, check: isURL},
}

// teamsSize is below the 28 KB that Teams takes.
// https://learn.microsoft.com/connectors/teams/#known-issues-and-limitations-with-actions
const teamsSize = 24 << 10

type teamsMessage struct {
	Type        string            `json:"type"`
	Attachments []teamsAttachment `json:"attachments"`
}

type teamsAttachment struct {
	ContentType string    `json:"contentType"`
	ContentURL  *string   `json:"contentUrl"`
	Content     teamsCard `json:"content"`
}

type teamsCard struct {
	Schema  string            `json:"$schema"`
	Type    string            `json:"type"`
	Version string            `json:"version"`
	Body    []teamsBlock      `json:"body"`
	Actions []teamsAction     `json:"actions,omitempty"`
	Teams   map[string]string `json:"msteams"`
}

// teamsBlock is a RichTextBlock: other than a TextBlock, it reads no Markdown,
// so that text needs no escaping and cannot become anything else.
// https://adaptivecards.io/explorer/RichTextBlock.html
type teamsBlock struct {
	Type    string     `json:"type"`
	Inlines []teamsRun `json:"inlines"`
}

type teamsRun struct {
	Type   string       `json:"type"`
	Text   string       `json:"text"`
	Weight string       `json:"weight,omitempty"`
	Size   string       `json:"size,omitempty"`
	Color  string       `json:"color,omitempty"`
	Subtle bool         `json:"isSubtle,omitempty"`
	Select *teamsAction `json:"selectAction,omitempty"`
}

type teamsAction struct {
	Type  string `json:"type"`
	Title string `json:"title,omitempty"`
	URL   string `json:"url"`
}

func teamsLine(runs ...teamsRun) teamsBlock {
	for n := range runs {
		runs[n].Type = "TextRun"
	}
	return teamsBlock{Type: "RichTextBlock", Inlines: runs}
}

// sendTeams posts an Adaptive Card through a workflow.
// https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
func sendTeams(c *call) verdict {
	t := alert.Write(c.message)
	color := "Attention"
	if i, ok := c.message.Subject(); !ok || !i.Open() || c.message.Kind == alert.KindTest {
		color = "Good"
	}
	for { // a digest may be too long: lines go from the end
		body := encode(teamsCardOf(t, color))
		if len(body) <= teamsSize || len(t.Lines) == 0 && len(t.Links) == 0 {
			return c.postBody(c.get("url"), nil, body).verdict
		}
		t.Links = t.Links[:len(t.Links)/2]
		t.Lines = append(t.Lines[:len(t.Lines)/2:len(t.Lines)/2], "…")
		if len(t.Lines) == 1 {
			t.Lines = nil
		}
	}
}

func teamsCardOf(t alert.Text, color string) teamsMessage {
	card := teamsCard{
		Schema: "http://adaptivecards.io/schemas/adaptive-card.json", Type: "AdaptiveCard", Version: "1.4",
		Body:  []teamsBlock{teamsLine(teamsRun{Text: t.Title, Weight: "Bolder", Size: "Medium", Color: color})},
		Teams: map[string]string{"width": "Full"},
	}
	for _, line := range t.Lines {
		card.Body = append(card.Body, teamsLine(teamsRun{Text: line}))
	}
	if len(t.Samples) > 0 {
		runs := []teamsRun{{Text: "Sample:"}}
		for _, s := range t.Samples {
			run := teamsRun{Text: " " + s.Text}
			if s.URL != "" {
				run.Select = &teamsAction{Type: "Action.OpenUrl", URL: s.URL}
			}
			runs = append(runs, run)
		}
		card.Body = append(card.Body, teamsLine(runs...))
	}
	for _, line := range []string{t.Why, t.Footer, t.Ask} {
		if line != "" {
			card.Body = append(card.Body, teamsLine(teamsRun{Text: line, Subtle: line != t.Ask}))
		}
	}
	for _, l := range t.Links {
		if l.URL != "" && len(card.Actions) < 6 { // Teams shows no more
			card.Actions = append(card.Actions, teamsAction{Type: "Action.OpenUrl", Title: l.Text, URL: l.URL})
		}
	}
	return teamsMessage{Type: "message", Attachments: []teamsAttachment{{ContentType: "application/vnd.microsoft.card.adaptive", Content: card}}}
}
