package alert

import "net/url"

// The links lead to pages that ask before they change anything: scanners of
// mail and previews of chats follow every link they see.

// url gives the Incident's page, with a query that opens one of its forms.
func (i Incident) url(query string) string {
	if i.BaseURL == "" || i.ID == "" {
		return ""
	}
	return i.BaseURL + "/incidents/" + url.PathEscape(i.ID) + query
}

// URL is the Incident's page; empty where Errata does not know its own address.
func (i Incident) URL() string { return i.url("") }

func (i Incident) requestURL(id string) string {
	if i.BaseURL == "" {
		return ""
	}
	return i.BaseURL + "/r/" + url.PathEscape(id)
}

func (i Incident) links() []Link {
	if i.url("") == "" {
		if i.Runbook != "" {
			return []Link{{"Runbook", i.Runbook}}
		}
		return nil
	}
	links := []Link{{"Incident", i.url("")}}
	if i.Open() {
		links = append(links, Link{"Silence 1h", i.url("?do=silence&for=1h")}, Link{"Ack", i.url("?do=ack")})
	}
	if i.Runbook != "" {
		links = append(links, Link{"Runbook", i.Runbook})
	}
	return links
}

// votes say whether a rule is any good.
func (i Incident) votes() []Link {
	if i.url("") == "" {
		return nil
	}
	return []Link{{"yes", i.url("?do=vote&vote=useful")}, {"too noisy", i.url("?do=vote&vote=noisy")}, {"too late", i.url("?do=vote&vote=late")}}
}
