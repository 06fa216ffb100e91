package api

import (
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"errata/internal/event"
	"errata/internal/stats"
	"errata/internal/store"
)

const (
	maxDeployBody = 64 << 10
	maxDeployText = 200 // characters of a name
	maxDeployURL  = 2000
	// reported is how many releases one answer compares with the ones before.
	reportedReleases = 10
)

// addDeploy notes that a release was deployed.
func (a *api) addDeploy(c *gin.Context) error {
	var in struct {
		Service     string     `json:"service"`
		Environment string     `json:"environment"`
		Release     string     `json:"release"`
		DeployedAt  *time.Time `json:"deployed_at"`
		URL         string     `json:"url"`
	}
	if err := readJSON(c, maxDeployBody, &in); err != nil {
		return err
	}
	for _, f := range []struct {
		name     string
		value    *string
		required bool
	}{{"service", &in.Service, true}, {"release", &in.Release, true}, {"environment", &in.Environment, false}} {
		*f.value = strings.TrimSpace(*f.value)
		if f.required && *f.value == "" || utf8.RuneCountInString(*f.value) > maxDeployText || strings.ContainsFunc(*f.value, unicode.IsControl) {
			return invalid(f.name, "must have 1 to %d characters, without control characters", maxDeployText)
		}
	}
	now := a.Now().UTC()
	at := now
	if in.DeployedAt != nil {
		at = in.DeployedAt.UTC()
	}
	if at.After(now.Add(time.Hour)) || at.Before(now.Add(-90*24*time.Hour)) {
		return invalid("deployed_at", "must be within the last 90 days, and not in the future")
	}
	if u, err := url.Parse(in.URL); in.URL != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || len(in.URL) > maxDeployURL) {
		return invalid("url", "must be an http or https address of at most %d bytes", maxDeployURL)
	}
	d := store.Deploy{Service: in.Service, Environment: in.Environment, Release: in.Release, At: event.Time{Time: at.Truncate(time.Millisecond)}, URL: in.URL, Reported: true}
	if err := a.Store.AddDeploy(c.Request.Context(), actor(c), workspace(c), d); err != nil {
		return err
	}
	return reply(c, http.StatusCreated, d)
}

// deploys lists deploys, newest first: of the last seven days without a period.
func (a *api) deploys(c *gin.Context) error {
	p, err := query(c, "service", "environment", "release", "from", "to")
	if err != nil {
		return err
	}
	f, err := a.deployFilter(p, 7*24*time.Hour)
	if err != nil {
		return err
	}
	list, err := a.Store.Deploys(c.Request.Context(), workspace(c), f)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, gin.H{"deploys": orEmpty(list)})
}

func (a *api) deployFilter(p params, span time.Duration) (out store.DeployFilter, err error) {
	f, err := p.filter(a.Now())
	if err != nil {
		return out, err
	}
	out = store.DeployFilter{Service: f.Service, Environment: f.Environment, Release: f.Release, From: f.From, To: f.To}
	if out.To.IsZero() {
		out.To = a.Now().Add(time.Minute)
	}
	if out.From.IsZero() {
		out.From = out.To.Add(-span)
	}
	return out, nil
}

// releases compares the newest releases of a service with those before them.
func (a *api) releases(c *gin.Context) error {
	p, err := query(c, "service", "environment", "release")
	if err != nil {
		return err
	}
	if p["service"] == "" {
		return invalid("service", "must name a service")
	}
	f, err := a.deployFilter(p, 90*24*time.Hour)
	if err != nil {
		return err
	}
	deploys, err := a.Store.Deploys(c.Request.Context(), workspace(c), f)
	if err != nil {
		return err
	}
	out := struct {
		Releases []releaseView `json:"releases"`
	}{[]releaseView{}}
	seen := map[[2]string]bool{}
	for _, d := range deploys {
		if k := [2]string{d.Environment, d.Release}; seen[k] || len(out.Releases) == reportedReleases {
			continue
		} else {
			seen[k] = true
		}
		r, err := a.Store.ReleaseReport(c.Request.Context(), workspace(c), d.Service, d.Environment, d.Release, a.Now())
		if err != nil {
			return err
		}
		out.Releases = append(out.Releases, viewRelease(&r))
	}
	return reply(c, http.StatusOK, out)
}

type (
	releaseView struct {
		store.Deploy
		Until         event.Time     `json:"until"`
		Previous      string         `json:"previous_release,omitempty"`
		WindowSeconds int            `json:"window_seconds"`
		All           comparisonView `json:"all"`
		Server        comparisonView `json:"server"`
		New           []newView      `json:"new"`
	}
	comparisonView struct {
		Verdict    stats.Verdict `json:"verdict"`
		Statement  string        `json:"statement"`
		Ratio      *float64      `json:"ratio"`
		Low        *float64      `json:"low"`
		High       *float64      `json:"high"`
		ByRequests bool          `json:"by_requests"`
		Before     bucketView    `json:"before"`
		After      bucketView    `json:"after"`
	}
	bucketView struct {
		Errors   float64  `json:"errors"`
		Requests *float64 `json:"requests"`
	}
	newView struct {
		Method   string `json:"method,omitempty"`
		Endpoint string `json:"endpoint,omitempty"`
		Code     string `json:"code"`
		Errors   int64  `json:"errors"`
	}
)

func viewRelease(r *store.ReleaseReport) releaseView {
	v := releaseView{Deploy: r.Deploy, Until: event.Time{Time: r.Until}, WindowSeconds: int(r.Window.Seconds()), All: viewComparison(r.All), Server: viewComparison(r.Server), New: []newView{}}
	if r.Before != nil {
		v.Previous = r.Before.Release
	}
	for _, n := range r.New {
		v.New = append(v.New, newView{n.Method, n.Endpoint, n.Code, n.N})
	}
	return v
}

func viewComparison(c stats.Comparison) comparisonView {
	return comparisonView{c.Verdict, c.String(), number(c.Ratio), number(c.Low), number(c.High), c.ByRequests, viewBucket(c.Before, c.ByRequests), viewBucket(c.After, c.ByRequests)}
}

func viewBucket(b stats.Bucket, counted bool) bucketView {
	if !counted {
		return bucketView{Errors: b.Errors}
	}
	return bucketView{b.Errors, &b.Requests}
}
