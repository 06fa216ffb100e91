package api

import (
	"context"
	_ "embed"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/goccy/go-yaml"

	"errata/internal/event"
	"errata/internal/fault"
)

//go:embed openapi.yaml
var specYAML []byte

// spec is openapi.yaml as the JSON that is served.
var spec = sync.OnceValues(func() ([]byte, error) { return yaml.YAMLToJSON(specYAML) })

func (a *api) openAPI(c *gin.Context) error {
	doc, err := spec()
	if err != nil {
		return err
	}
	c.Header("Access-Control-Allow-Origin", "*") // public, and documentation viewers live elsewhere
	c.Data(http.StatusOK, "application/json; charset=utf-8", doc)
	return nil
}

// state is the answer of /healthz and /readyz.
type state struct {
	Status  string            `json:"status"`
	Version string            `json:"version,omitempty"`
	Time    event.Time        `json:"time"`
	Checks  map[string]string `json:"checks,omitempty"`
}

// health says that the process is alive. It asks nobody else, so that an
// orchestrator does not kill it for the database's sake.
func (a *api) health(c *gin.Context) error {
	return reply(c, http.StatusOK, state{Status: "ok", Version: a.Version, Time: event.Time{Time: a.Now()}})
}

// ready says whether requests can be served now. Anybody may ask: causes that
// could name hosts and users go to the log only.
func (a *api) ready(c *gin.Context) error {
	if a.Ready != nil {
		if err := a.Ready(c.Request.Context()); err != nil {
			return notReady(err)
		}
	}
	jobs, alerts := "ok", "ok"
	if a.Store != nil {
		var err error
		if jobs, err = a.jobs(c.Request.Context()); err != nil {
			return notReady(err)
		}
		if alerts, err = a.alerts(c.Request.Context()); err != nil {
			return notReady(err)
		}
	}
	return reply(c, http.StatusOK, state{
		Status: "ready", Version: a.Version, Time: event.Time{Time: a.Now()}, Checks: map[string]string{"store": "ok", "jobs": jobs, "alerts": alerts},
	})
}

// jobs names the jobs that are behind. That is no reason to send requests
// elsewhere: they are as far behind there.
func (a *api) jobs(ctx context.Context) (string, error) {
	runs, err := a.Store.JobRuns(ctx)
	var behind []string
	for _, r := range runs {
		if r.Behind {
			behind = append(behind, r.Name)
		}
	}
	if len(behind) > 0 {
		return "behind: " + strings.Join(behind, ", "), err
	}
	return "ok", err
}

// alerts says whether minutes are judged, by any process. That is no reason to
// send requests elsewhere either.
func (a *api) alerts(ctx context.Context) (string, error) {
	p, err := a.Store.Pulse(ctx)
	if since, stalled := p.Stalled(); stalled {
		return "stalled: no minute was judged since " + since.Format(time.RFC3339), err
	}
	if !p.Late.IsZero() {
		return "paused: a collector holds back reports since " + p.Late.Format(time.RFC3339), err
	}
	return "ok", err
}

func notReady(err error) error {
	f := fault.New(fault.Unavailable, "service_unavailable", "The store cannot be used right now. Retry shortly.")
	var known *fault.Fault
	if errors.As(err, &known) && known.Kind != fault.Internal {
		f.Message = known.Message
	}
	return f.With("checks", map[string]string{"store": "failing"}).Retry(2 * time.Second).Because(err)
}

func (a *api) metrics(c *gin.Context) error {
	if a.Metrics == nil {
		return fault.New(fault.NotFound, "route_not_found", "Metrics are switched off on this server.")
	}
	a.Metrics.ServeHTTP(c.Writer, c.Request)
	return nil
}
