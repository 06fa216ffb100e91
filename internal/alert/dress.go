package alert

import (
	"html/template"
	"regexp"
	"strings"
)

// Plain is the text for receivers that show letters and nothing else; URLs
// stand below it.
func (t Text) Plain() string {
	lines := append([]string{t.Title}, t.Lines...)
	var actions []string
	for _, l := range t.Links {
		if t.Ask == "" {
			actions = append(actions, "["+l.Text+"]")
		}
	}
	if line := t.sampleLine(func(l Link) string { return l.Text }); line != "" {
		lines = append(lines, strings.TrimRight(line+"        "+strings.Join(actions, " "), " "))
	}
	if t.Why != "" {
		lines = append(lines, t.Why)
	}
	if t.Ask != "" {
		lines = append(lines, t.Ask)
	}
	for _, l := range t.Links {
		if l.URL != "" {
			lines = append(lines, l.Text+": "+l.URL)
		}
	}
	if t.Footer != "" {
		lines = append(lines, t.Footer)
	}
	return strings.Join(lines, "\n")
}

func (t Text) sampleLine(show func(Link) string) string {
	if len(t.Samples) == 0 {
		return ""
	}
	var shown []string
	for _, s := range t.Samples {
		shown = append(shown, show(s))
	}
	return "Sample: " + strings.Join(shown, " ")
}

// mention is what calls people in a chat, also where a client sends it again.
var mention = regexp.MustCompile(`(?i)@(channel|here|everyone|group|all|team)`)

// Escape makes plain text mean only itself in Slack's mrkdwn.
// https://docs.slack.dev/messaging/formatting-message-text#escaping
func Escape(s string) string {
	s = mention.ReplaceAllString(s, "＠$1") // a wide @ reads the same and calls nobody
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// mrkdwnLink escapes what would end a link early.
func mrkdwnLink(l Link) string {
	if l.URL == "" {
		return Escape(l.Text)
	}
	u := strings.NewReplacer("|", "%7C", "@", "%40", "<", "%3C", ">", "%3E", "&", "&amp;", " ", "%20").Replace(l.URL)
	return "<" + u + "|" + strings.ReplaceAll(Escape(l.Text), "|", "¦") + ">"
}

// Mrkdwn is the text for Slack, as paragraphs.
func (t Text) Mrkdwn() []string {
	out := []string{"*" + strings.ReplaceAll(Escape(t.Title), "*", "∗") + "*"}
	var lines, links []string
	for _, line := range t.Lines {
		lines = append(lines, Escape(line))
	}
	for _, l := range t.Links {
		links = append(links, mrkdwnLink(l))
	}
	sample := t.sampleLine(mrkdwnLink)
	if t.Ask == "" && sample != "" {
		sample, links = sample+"    "+strings.Join(links, " · "), nil
	}
	if sample != "" {
		lines = append(lines, sample)
	}
	if t.Why != "" {
		lines = append(lines, Escape(t.Why))
	}
	if len(links) > 0 {
		lines = append(lines, strings.TrimSpace(Escape(t.Ask)+" "+strings.Join(links, " · ")))
	}
	if len(lines) > 0 {
		out = append(out, strings.Join(lines, "\n"))
	}
	if t.Footer != "" {
		out = append(out, Escape(t.Footer))
	}
	return out
}

// Mail clients know little of HTML and less of CSS.
var page = template.Must(template.New("mail").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{.Title}}</title></head>
<body style="font-family:sans-serif;font-size:15px;line-height:1.5">
<p><strong>{{.Title}}</strong></p>
{{range .Lines}}<p>{{.}}</p>
{{end}}{{with .Samples}}<p>Sample:{{range .}} {{if .URL}}<a href="{{.URL}}"><code>{{.Text}}</code></a>{{else}}<code>{{.Text}}</code>{{end}}{{end}}</p>
{{end}}{{with .Why}}<p>{{.}}</p>
{{end}}{{if .Links}}<p>{{.Ask}}{{range .Links}} {{if .URL}}<a href="{{.URL}}">{{.Text}}</a>{{else}}{{.Text}}{{end}}{{end}}</p>
{{end}}{{with .Footer}}<p style="color:#666">{{.}}</p>
{{end}}</body></html>
`))

// HTML is the text for mail.
func (t Text) HTML() (string, error) {
	var b strings.Builder
	err := page.Execute(&b, t)
	return b.String(), err
}
