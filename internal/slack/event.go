package slack

import (
	"encoding/json"
	"net/url"
	"strings"
)

// Event is what Slack tells without being asked.
type Event struct {
	Challenge string // to be answered as it is: Slack wants to know who is there
	TeamID    string
	Links     *Links // that somebody posted; nil: it is about something else
}

// Links are addresses of ours in a message, and what to say to unfurl them.
type Links struct {
	Channel  string
	TS       string // of the message
	UnfurlID string // in place of channel and time, with Source
	Source   string
	URLs     []string // as they stand in the message
}

// maxLinks is how many links of a message are unfurled.
const maxLinks = 5

// ParseEvent reads the body of an event.
// https://docs.slack.dev/reference/events/link_shared
func ParseEvent(body []byte) (Event, error) {
	var in struct {
		Type      string `json:"type"`
		Challenge string `json:"challenge"`
		TeamID    string `json:"team_id"`
		Event     struct {
			Type      string `json:"type"`
			Channel   string `json:"channel"`
			MessageTS string `json:"message_ts"`
			UnfurlID  string `json:"unfurl_id"`
			Source    string `json:"source"`
			Links     []struct {
				URL string `json:"url"`
			} `json:"links"`
		} `json:"event"`
	}
	if len(body) > MaxBody || json.Unmarshal(body, &in) != nil {
		return Event{}, errUnreadable
	}
	switch in.Type {
	case "url_verification":
		if in.Challenge == "" || len(in.Challenge) > maxField {
			return Event{}, errUnreadable
		}
		return Event{Challenge: in.Challenge}, nil
	case "event_callback":
	default:
		return Event{}, errUnreadable
	}
	out := Event{TeamID: in.TeamID}
	if out.TeamID == "" || len(out.TeamID) > maxField {
		return Event{}, errUnreadable
	}
	e := in.Event
	if e.Type != "link_shared" || len(e.Channel)+len(e.MessageTS)+len(e.UnfurlID)+len(e.Source) > 4*maxField {
		return out, nil
	}
	l := &Links{Channel: e.Channel, TS: e.MessageTS, UnfurlID: e.UnfurlID, Source: e.Source}
	seen := map[string]bool{}
	for _, link := range e.Links {
		if len(l.URLs) < maxLinks && !seen[link.URL] {
			seen[link.URL] = true
			l.URLs = append(l.URLs, link.URL)
		}
	}
	if len(l.URLs) > 0 && (l.Channel != "" && l.TS != "" || l.UnfurlID != "" && l.Source != "") {
		out.Links = l
	}
	return out, nil
}

// Ours reports whether a link leads to a page about failures of the installation
// whose address is base.
func Ours(base, link string) bool {
	own, err := url.Parse(base)
	if err != nil || own.Host == "" {
		return false
	}
	u, err := url.Parse(Unescape(link))
	if err != nil || u.User != nil || !strings.EqualFold(u.Scheme, own.Scheme) || !strings.EqualFold(u.Host, own.Host) {
		return false
	}
	path, ok := strings.CutPrefix(u.EscapedPath(), strings.TrimRight(own.EscapedPath(), "/"))
	return ok && (strings.HasPrefix(path, "/r/") || strings.HasPrefix(path, "/events/"))
}
