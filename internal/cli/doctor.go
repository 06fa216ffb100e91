package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// DoctorOptions say where Errata should be. What is empty is not checked. The
// functions look into the database, which this package cannot.
type DoctorOptions struct {
	Server, Collector, GRPC string // API, collector HTTP; host:port of OTLP gRPC
	IngestKey, ReadKey      string
	DatabaseURL             string // only to say that it is not set
	// Schema gives the database's schema version and the one that this binary
	// needs.
	Schema func(ctx context.Context) (have, want int64, err error)
	// DatabaseClock gives the database's time.
	DatabaseClock func(ctx context.Context) (time.Time, error)
	// Secrets gives how many secrets of channels lie in the database unencrypted,
	// and the IDs of the keys that the others are encrypted with.
	Secrets func(ctx context.Context) (plain int, keys []string, err error)
	Out     io.Writer
	Color   bool
}

const (
	// maxSkew is how far two clocks may be apart. HTTP dates have whole
	// seconds, and the answer takes a while.
	maxSkew = 5 * time.Second
	// readBackWithin is the promise that the doctor holds Errata to.
	readBackWithin = 5 * time.Second
	readBackEvery  = 50 * time.Millisecond
	dialTimeout    = 3 * time.Second
)

// checkup is one run of the doctor.
type checkup struct {
	opt    DoctorOptions
	p      printer
	failed int
	api    *client
	ingest *client
}

// Doctor checks an installation from the outside, prints a line for each
// check, and under each failure what to do. It fails when any check does.
func Doctor(ctx context.Context, opt DoctorOptions) error {
	d := checkup{
		opt: opt, p: printer{out: opt.Out, color: opt.Color},
		api: newClient(opt.Server, opt.ReadKey), ingest: newClient(opt.Collector, opt.IngestKey),
	}
	for _, check := range []func(context.Context){d.server, d.collector, d.grpc, d.schema, d.databaseClock, d.secrets, d.readKey, d.roundTrip} {
		check(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if d.p.err != nil {
		return d.p.err
	}
	if d.failed > 0 {
		return exitf("%d checks failed.", d.failed)
	}
	d.p.line("All is well.")
	return d.p.err
}

func (d *checkup) ok(format string, args ...any) {
	d.p.line("%s %s", d.p.style(green, "✓"), fmt.Sprintf(format, args...))
}

func (d *checkup) bad(what, do string) {
	d.failed++
	d.p.line("%s %s", d.p.style(red, "✗"), what)
	if do != "" {
		d.p.line("    → %s", do)
	}
}

func (d *checkup) skip(what string) { d.p.line("%s %s", d.p.style(dim, "–"), what) }

// server checks that the API is alive, ready, and lives at the same time.
func (d *checkup) server(ctx context.Context) {
	if d.opt.Server == "" {
		d.skip("API: no address given (ERRATA_SERVER)")
		return
	}
	if d.alive(ctx, "API", d.api, "Start it with 'errata serve', or set ERRATA_SERVER to where it is.") {
		d.skew(ctx)
	}
}

func (d *checkup) collector(ctx context.Context) {
	if d.opt.Collector == "" {
		d.skip("Collector: no address given")
		return
	}
	d.alive(ctx, "Collector", d.ingest, "Start it with 'errata serve', or check ERRATA_OTLP_HTTP_ADDR.")
}

// alive tells a process that is not there from one that cannot work.
func (d *checkup) alive(ctx context.Context, name string, c *client, start string) bool {
	if _, err := c.send(ctx, http.MethodGet, "/healthz", "", nil); err != nil {
		d.bad(name+": "+err.Error(), start)
		return false
	}
	if _, err := c.send(ctx, http.MethodGet, "/readyz", "", nil); err != nil {
		d.bad(name+" is alive but not ready: "+err.Error(), "Its log names the cause. Most often the database cannot be reached, or 'errata migrate' has not run.")
		return true
	}
	d.ok("%s at %s is alive and ready", name, c.base)
	return true
}

func (d *checkup) skew(ctx context.Context) {
	before := time.Now()
	got, err := d.api.send(ctx, http.MethodGet, "/healthz", "", nil)
	if err != nil {
		d.bad("Clock: "+err.Error(), "")
		return
	}
	server, err := http.ParseTime(got.header.Get("Date"))
	if err != nil {
		d.skip("Clock: the server sends no Date header")
		return
	}
	d.compare("the API server", server, before)
}

func (d *checkup) compare(whose string, theirs, ours time.Time) {
	if off := theirs.Sub(ours).Abs(); off > maxSkew {
		d.bad(fmt.Sprintf("Clock of %s is %s off from this machine's", whose, off.Round(time.Second)),
			"Set both with NTP. Reports more than 24 h ahead are rejected, and alerts look at the wrong minutes.")
		return
	}
	d.ok("Clock of %s agrees with this machine's", whose)
}

func (d *checkup) databaseClock(ctx context.Context) {
	if d.opt.DatabaseClock == nil {
		return
	}
	ours := time.Now()
	theirs, err := d.opt.DatabaseClock(ctx)
	if err != nil {
		d.bad("Database clock: "+safe(err.Error()), "Check that the database of ERRATA_DATABASE_URL can be reached from here.")
		return
	}
	d.compare("the database", theirs, ours)
}

// secrets checks that whoever reads the database does not read what belongs to
// others.
func (d *checkup) secrets(ctx context.Context) {
	if d.opt.Secrets == nil {
		return
	}
	plain, keys, err := d.opt.Secrets(ctx)
	switch {
	case err != nil:
		d.bad("Channel secrets: "+safe(err.Error()), "Check the schema first, and that the database of ERRATA_DATABASE_URL can be reached from here.")
	case plain > 0:
		d.bad(plural(plain, "secret of a channel lies", "secrets of channels lie")+" in the database unencrypted: who reads it can write in your name",
			"Set ERRATA_SECRET_KEY of the API to 32 random bytes (openssl rand -base64 32) and start it again: it encrypts them then.")
	case len(keys) > 1:
		d.bad("Channel secrets are encrypted with several keys: "+safe(strings.Join(keys, ", ")), "Start the API with the new key as ERRATA_SECRET_KEY and all others as ERRATA_SECRET_KEY_PREVIOUS: it encrypts all of them anew. Enter again what no key opens.")
	case len(keys) == 1:
		d.ok("Channel secrets are encrypted, with the key %s", safe(keys[0]))
	default:
		d.skip("Channel secrets: there are none yet")
	}
}

func (d *checkup) grpc(ctx context.Context) {
	if d.opt.GRPC == "" {
		d.skip("OTLP gRPC: no address given")
		return
	}
	dialer := net.Dialer{Timeout: dialTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", d.opt.GRPC)
	if err != nil {
		d.bad("OTLP gRPC: nothing answers at "+d.opt.GRPC, "Check ERRATA_OTLP_GRPC_ADDR, and that no firewall is in between.")
		return
	}
	if err := conn.Close(); err != nil {
		d.bad("OTLP gRPC: "+safe(err.Error()), "")
		return
	}
	d.ok("OTLP gRPC port %s accepts connections", d.opt.GRPC)
}

func (d *checkup) schema(ctx context.Context) {
	if d.opt.Schema == nil {
		if d.opt.DatabaseURL == "" {
			d.skip("Schema: ERRATA_DATABASE_URL is not set here, so only the server can tell")
		}
		return
	}
	have, want, err := d.opt.Schema(ctx)
	switch {
	case err != nil:
		d.bad("Schema: "+safe(err.Error()), "Check that the database of ERRATA_DATABASE_URL can be reached from here.")
	case have < want:
		d.bad(fmt.Sprintf("Schema is at version %d, this Errata needs %d", have, want), "Run 'errata migrate' with the URL of the owner role.")
	case have > want:
		d.bad(fmt.Sprintf("Schema is at version %d, newer than the %d of this Errata", have, want), "Run the newer Errata that migrated it.")
	default:
		d.ok("Schema is at version %d, as needed", have)
	}
}

func (d *checkup) readKey(ctx context.Context) {
	if d.opt.Server == "" {
		return
	}
	if d.opt.ReadKey == "" {
		d.skip("Read key: none given (ERRATA_KEY)")
		return
	}
	if _, err := d.api.send(ctx, http.MethodGet, "/v1/events?limit=1", "", nil); err != nil {
		d.bad("Read key: "+err.Error(), keyAdvice(err, "read"))
		return
	}
	d.ok("Read key may read")
}

func keyAdvice(err error, scope string) string {
	var refused *APIError
	if errors.As(err, &refused) && (refused.Status == http.StatusUnauthorized || refused.Status == http.StatusForbidden) {
		return "Make a new one with 'errata key create --scope " + scope + "'."
	}
	return ""
}

// roundTrip writes an error and reads it back: the one check that needs
// everything. The error is a 400 of its own service, so that no alert on 5xx
// takes notice.
func (d *checkup) roundTrip(ctx context.Context) {
	if d.opt.Collector == "" {
		return
	}
	if d.opt.IngestKey == "" {
		d.skip("Write and read back: no ingest key given")
		return
	}
	id := "req_doctor_" + strings.ToLower(rand.Text())
	report := map[string]any{
		"request_id": id, "service": "errata-doctor", "environment": "doctor", "status": http.StatusBadRequest,
		"occurred_at": time.Now().UTC().Format(time.RFC3339Nano),
		"envelope":    map[string]any{"error": map[string]any{"code": "doctor_check", "message": "Written by 'errata doctor' to be read back.", "request_id": id}},
	}
	var v verdict
	start := time.Now()
	if err := d.ingest.call(ctx, http.MethodPost, "/v1/errors", report, &v); err != nil {
		d.bad("Ingest key or write: "+err.Error(), keyAdvice(err, "ingest"))
		return
	}
	if v.Accepted != 1 {
		d.bad("Write: the collector did not accept a plain report", "Look at 'GET /v1/rejections' for the reason.")
		return
	}
	d.ok("Ingest key may write; an error was stored in %d ms", time.Since(start).Milliseconds())
	if d.opt.Server == "" || d.opt.ReadKey == "" {
		d.skip("Read back: needs the API's address and a read key")
		return
	}
	d.readBack(ctx, id, start)
}

func (d *checkup) readBack(ctx context.Context, id string, start time.Time) {
	tick := time.NewTicker(readBackEvery)
	defer tick.Stop()
	for {
		_, err := d.api.send(ctx, http.MethodGet, "/v1/requests/"+url.PathEscape(id), "", nil)
		if err == nil {
			d.ok("It was read back %d ms after it was sent", time.Since(start).Milliseconds())
			return
		}
		var refused *APIError
		notYet := errors.As(err, &refused) && refused.Status == http.StatusNotFound
		if !notYet || time.Since(start) > readBackWithin {
			d.bad("Read back: "+err.Error(), "The collector took it and the API does not show it: do both use the same database, and is the key of the same workspace?")
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
