package ticket

import (
	"net/url"
	"regexp"
	"strings"
)

// known are the systems, each by the hosts that are its own.
var known = []struct {
	host *regexp.Regexp
	read func(host string, u *url.URL) (Ticket, bool)
}{
	{regexp.MustCompile(`^[a-z0-9-]+\.zendesk\.com$`), zendesk},
	{regexp.MustCompile(`^app(\.(eu|au))?\.intercom\.(com|io)$`), intercom},
	{regexp.MustCompile(`^[a-z0-9-]+\.atlassian\.net$`), jira},
	{regexp.MustCompile(`^linear\.app$`), linear},
	{regexp.MustCompile(`^github\.com$`), github},
}

var zendeskPath = regexp.MustCompile(`^/(?:agent/tickets|tickets|requests|hc/(?:[a-z]{2}(?:-[A-Za-z]{2,4})?/)?requests)/([0-9]{1,15})(?:/.*)?$`)

func zendesk(host string, u *url.URL) (Ticket, bool) {
	m := zendeskPath.FindStringSubmatch(u.Path)
	if m == nil {
		return Ticket{}, false
	}
	return Ticket{Zendesk, "#" + m[1], "https://" + host + "/agent/tickets/" + m[1]}, true
}

// A conversation stands behind the inbox that it was opened from.
var intercomPath = regexp.MustCompile(`^(/a/(?:inbox|apps)/([a-z0-9]{4,20})/.*?conversations?/([0-9]{3,25}))(?:/.*)?$`)

func intercom(host string, u *url.URL) (Ticket, bool) {
	m := intercomPath.FindStringSubmatch(u.Path)
	if m == nil || !plainPath(m[1]) {
		return Ticket{}, false
	}
	return Ticket{Intercom, "#" + m[3], "https://" + host + m[1]}, true
}

const jiraKey = `([A-Z][A-Z0-9_]{0,19}-[0-9]{1,10})`

var (
	jiraPath  = regexp.MustCompile(`^/(?:browse|jira/.+/(?:issues|queues/.+)|projects/[A-Z0-9_]+/(?:issues|queues/.+)|servicedesk/customer/portal/[0-9]+)/` + jiraKey + `/?$`)
	jiraBoard = regexp.MustCompile(`^/jira/`)
	jiraName  = regexp.MustCompile(`^` + jiraKey + `$`)
)

func jira(host string, u *url.URL) (Ticket, bool) {
	key := ""
	if m := jiraPath.FindStringSubmatch(u.Path); m != nil {
		key = m[1]
	} else if chosen := u.Query().Get("selectedIssue"); jiraBoard.MatchString(u.Path) && jiraName.MatchString(chosen) {
		key = chosen
	} else {
		return Ticket{}, false
	}
	return Ticket{Jira, key, "https://" + host + "/browse/" + key}, true
}

var linearPath = regexp.MustCompile(`^/([a-z0-9-]{1,60})/issue/([A-Z][A-Z0-9]{0,9}-[0-9]{1,10})(?:/.*)?$`)

func linear(host string, u *url.URL) (Ticket, bool) {
	m := linearPath.FindStringSubmatch(u.Path)
	if m == nil {
		return Ticket{}, false
	}
	return Ticket{Linear, m[2], "https://" + host + "/" + m[1] + "/issue/" + m[2]}, true
}

var githubPath = regexp.MustCompile(`^/([A-Za-z0-9](?:[A-Za-z0-9-]{0,38}))/([A-Za-z0-9._-]{1,100})/(issues|pull|discussions)/([0-9]{1,10})(?:/.*)?$`)

func github(host string, u *url.URL) (Ticket, bool) {
	m := githubPath.FindStringSubmatch(u.Path)
	if m == nil || strings.Trim(m[2], ".") == "" {
		return Ticket{}, false
	}
	return Ticket{GitHub, m[1] + "/" + m[2] + "#" + m[4], "https://" + host + "/" + m[1] + "/" + m[2] + "/" + m[3] + "/" + m[4]}, true
}

// plainPath has only what need not be escaped, and leads nowhere else.
func plainPath(s string) bool {
	return !strings.Contains(s, "..") && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("/-_.", r)
	})
}
