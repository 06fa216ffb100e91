package auth

import "maps"

// Anyone is the least scope of a route that asks for no key and no session. It is
// none that a key can have.
const Anyone Scope = "anyone"

// doors say, of every route of the API and of the pages, which scope it takes at
// least. This is the only place where that is decided: both servers ask here before
// they do anything, and tests fail for a route that is not in it.
//
// Support is for what docs/decisions/0036-support-role.md names, and nothing else. A
// handler that is open to support answers it with less (package front), and a few that
// are open to read ask for admin once they know what they are asked to do.
var doors = map[string]Scope{
	// The API.
	"GET /healthz":      Anyone,
	"GET /readyz":       Anyone,
	"GET /metrics":      Anyone,
	"GET /openapi.json": Anyone,

	"GET /v1/requests/:request_id":                Support,
	"GET /v1/lookup":                              Support,
	"POST /v1/lookup":                             Support,
	"GET /v1/requests/:request_id/desk":           Support,
	"PUT /v1/requests/:request_id/status":         Support,
	"POST /v1/requests/:request_id/notes":         Support,
	"DELETE /v1/requests/:request_id/notes/:note": Support,
	"POST /v1/requests/:request_id/tickets":       Support,
	"DELETE /v1/requests/:request_id/tickets":     Support,
	"GET /v1/customers/:customer/name":            Support,
	"PUT /v1/customers/:customer/name":            Support,
	"DELETE /v1/customers/:customer/name":         Support,
	"GET /v1/watches":                             Support,
	"POST /v1/watches":                            Support,
	"DELETE /v1/watches/:id":                      Support,

	"GET /v1/events":                         Read,
	"GET /v1/events/:id":                     Read,
	"GET /v1/issues":                         Read,
	"GET /v1/issues/:id":                     Read,
	"GET /v1/endpoints":                      Read,
	"GET /v1/stats/series":                   Read,
	"GET /v1/stats/top":                      Read,
	"GET /v1/stats/heatmap":                  Read,
	"GET /v1/deploys":                        Read,
	"GET /v1/releases":                       Read,
	"GET /v1/rejections":                     Read,
	"GET /v1/refusals":                       Read,
	"GET /v1/collectors":                     Read,
	"GET /v1/slos":                           Read,
	"GET /v1/links":                          Read,
	"GET /v1/customers":                      Read,
	"GET /v1/retention":                      Read,
	"GET /v1/thinning":                       Read,
	"POST /v1/thinning/plan":                 Read,
	"GET /v1/alerts/rules":                   Read,
	"GET /v1/alerts/rules/:id":               Read,
	"POST /v1/alerts/rules/replay":           Read,
	"GET /v1/alerts/silences":                Read,
	"POST /v1/alerts/silences/preview":       Read,
	"GET /v1/alerts/channels":                Read,
	"GET /v1/alerts/channels/:id":            Read,
	"GET /v1/alerts/deliveries":              Read,
	"GET /v1/alerts/deliveries/:id":          Read,
	"GET /v1/alerts/incidents":               Read,
	"GET /v1/alerts/incidents/:id":           Read,
	"GET /v1/alerts/precision":               Read,
	"GET /v1/catalog":                        Read,
	"GET /v1/catalog/undocumented":           Read,
	"GET /v1/catalog/export":                 Read,
	"POST /v1/catalog/plan":                  Read,
	"GET /v1/catalog/:service/:code":         Read,
	"GET /v1/catalog/:service/:code/history": Read,

	// A pipeline has the key that its service reports with.
	"POST /v1/deploys": Ingest,

	"GET /v1/keys":                             Admin,
	"POST /v1/keys":                            Admin,
	"DELETE /v1/keys/:id":                      Admin,
	"PATCH /v1/issues":                         Admin,
	"PATCH /v1/issues/:id":                     Admin,
	"POST /v1/issues/:id/comments":             Admin,
	"POST /v1/issues/:id/tickets":              Admin,
	"DELETE /v1/issues/:id/tickets":            Admin,
	"PUT /v1/links":                            Admin,
	"POST /v1/customers/import":                Admin,
	"PUT /v1/slos":                             Admin,
	"DELETE /v1/slos/:id":                      Admin,
	"POST /v1/alerts/rules":                    Admin,
	"PUT /v1/alerts/rules/:id":                 Admin,
	"DELETE /v1/alerts/rules/:id":              Admin,
	"POST /v1/alerts/silences":                 Admin,
	"PUT /v1/alerts/silences/:id":              Admin,
	"POST /v1/alerts/silences/:id/end":         Admin,
	"POST /v1/alerts/channels":                 Admin,
	"PUT /v1/alerts/channels/:id":              Admin,
	"DELETE /v1/alerts/channels/:id":           Admin,
	"POST /v1/alerts/channels/:id/test":        Admin,
	"POST /v1/alerts/deliveries/:id/redeliver": Admin,
	"POST /v1/alerts/incidents/:id/ack":        Admin,
	"POST /v1/alerts/incidents/:id/resolve":    Admin,
	"POST /v1/alerts/incidents/:id/vote":       Admin,
	"POST /v1/rejections/:id/replay":           Admin,
	"POST /v1/retention/runs":                  Admin,
	"POST /v1/thinning":                        Admin,
	"DELETE /v1/thinning/:name":                Admin,
	"POST /v1/catalog/import":                  Admin,
	"PUT /v1/catalog/:service/:code":           Admin,
	"DELETE /v1/catalog/:service/:code":        Admin,
	"POST /v1/catalog/:service/:code/revert":   Admin,
	"GET /v1/integrations":                     Admin,
	"POST /v1/integrations":                    Admin,
	"GET /v1/integrations/:id":                 Admin,
	"PUT /v1/integrations/:id":                 Admin,
	"DELETE /v1/integrations/:id":              Admin,
	"POST /v1/integrations/:id/test":           Admin,
	"POST /v1/integrations/:id/token":          Admin,
	"DELETE /v1/integrations/:id/token":        Admin,
	"POST /v1/requests/:request_id/shares":     Admin,
	"GET /v1/shares":                           Admin,
	"PUT /v1/shares":                           Admin,
	"DELETE /v1/shares/:id":                    Admin,
	"GET /v1/audit":                            Admin,

	// The pages.
	"GET /static/:file":  Anyone,
	"GET /login":         Anyone,
	"POST /login":        Anyone,
	"GET /login/:token":  Anyone,
	"POST /login/:token": Anyone,
	"POST /logout":       Anyone,
	"POST /theme":        Anyone, // colours of one browser
	"GET /s/:secret":     Anyone, // a public link proves itself

	"GET /":                     Support,
	"POST /find":                Support,
	"POST /find/preview":        Support, // what is in a text, before it is sent
	"GET /r/*id":                Support,
	"GET /events/:id":           Support, // the request that an Event's ID leads to
	"GET /desk/:event":          Support,
	"POST /desk/:event":         Support,
	"POST /watches":             Support,
	"GET /codes/:first":         Support, // in plain words
	"GET /codes/:first/:code":   Support,
	"GET /customers/:customer":  Support, // what they are called, and on whose side it failed
	"POST /customers/:customer": Support,
	"GET /alerts":               Support, // what to tell customers of incidents that last

	"GET /d":                            Read,
	"GET /events":                       Read,
	"GET /events/complete":              Read,
	"GET /issues":                       Read,
	"GET /issues/complete":              Read,
	"GET /issues/:id":                   Read,
	"GET /services":                     Read,
	"GET /services/:service":            Read,
	"GET /e/:service/:method/*endpoint": Read,
	"GET /codes":                        Read,
	"GET /codes/:first/:code/edit":      Read,
	"POST /codes/:first/:code/edit":     Read, // to preview; to save takes admin
	"GET /codes/:first/:code/history":   Read,
	"GET /releases":                     Read,
	"GET /rejections":                   Read,
	"GET /alerts/history":               Read,
	"GET /alerts/rules":                 Read,
	"GET /alerts/rules/complete":        Read,
	"GET /alerts/rules/export":          Read,
	"GET /alerts/rules/import":          Read,
	"POST /alerts/rules/import":         Read, // to check; to apply takes admin
	"GET /alerts/rules/new":             Read,
	"POST /alerts/rules/new":            Read, // to replay; to save takes admin
	"GET /alerts/rules/:rule":           Read,
	"POST /alerts/rules/:rule":          Read,
	"GET /alerts/silences":              Read,
	"GET /alerts/channels":              Read,
	"GET /alerts/channels/:id":          Read,
	"GET /alerts/deliveries":            Read,
	"GET /alerts/deliveries/:id":        Read,
	"GET /i/:id":                        Read,
	"GET /incidents/:id":                Read,

	"POST /issues":                                      Admin,
	"POST /issues/:id":                                  Admin,
	"POST /services/:service":                           Admin,
	"POST /e/:service/:method/*endpoint":                Admin,
	"POST /codes/:first/:code/history":                  Admin,
	"GET /alerts/silences/new":                          Admin,
	"POST /alerts/silences/new":                         Admin,
	"GET /alerts/silences/:id":                          Admin,
	"POST /alerts/silences/:id":                         Admin,
	"GET /alerts/channels/new":                          Admin,
	"POST /alerts/channels/new":                         Admin,
	"POST /alerts/channels/:id":                         Admin,
	"POST /alerts/deliveries/:id":                       Admin,
	"POST /i/:id":                                       Admin,
	"GET /settings/links":                               Admin,
	"POST /settings/links":                              Admin,
	"GET /settings/sharing":                             Admin,
	"POST /settings/sharing":                            Admin,
	"GET /settings/audit":                               Admin,
	"GET /settings/thinning":                            Admin,
	"POST /settings/thinning":                           Admin,
	"GET /settings/catalog":                             Admin,
	"GET /settings/catalog/export":                      Admin,
	"POST /settings/catalog":                            Admin,
	"GET /settings/integrations":                        Admin,
	"GET /settings/integrations/new":                    Admin,
	"POST /settings/integrations/new":                   Admin,
	"GET /settings/integrations/:id":                    Admin,
	"POST /settings/integrations/:id":                   Admin,
	"GET /settings/integrations/:id/errata-zendesk.zip": Admin,
}

// Least is the least scope that a route takes, named by its method and its pattern.
// One about which nothing was decided is for administrators.
func Least(method, route string) Scope {
	if scope, ok := doors[method+" "+route]; ok {
		return scope
	}
	return Admin
}

// Exists tells whether there is such a route.
func Exists(method, route string) bool {
	_, ok := doors[method+" "+route]
	return ok
}

// Doors are all decisions, by method and pattern.
func Doors() map[string]Scope { return maps.Clone(doors) }
