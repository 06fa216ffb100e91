// Package config is the one table of settings: each is a flag and an
// environment variable ERRATA_…, and secrets may be read from a file named by
// the variable with _FILE behind it.
package config

import (
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"
)

// Config is what the servers can be told. The help texts are what --help and
// docs/configuration.md print.
type Config struct {
	DatabaseURL     string `name:"database-url" env:"ERRATA_DATABASE_URL" placeholder:"URL" help:"PostgreSQL 14 or newer: postgres://user:password@host:5432/database. Without it, 'errata serve' runs a private PostgreSQL in the data directory."`
	DatabaseURLFile string `name:"database-url-file" env:"ERRATA_DATABASE_URL_FILE" placeholder:"FILE" help:"File with the database URL."`
	DatabaseMode    string `name:"database-mode" env:"ERRATA_DATABASE_MODE" enum:"prepare,exec" default:"prepare" help:"'exec' where a PgBouncer without protocol-level prepared statements stands in between."`
	DatabaseConns   int32  `name:"database-conns" env:"ERRATA_DATABASE_CONNS" default:"8" help:"Connections to the database that one process opens at most."`

	DatabaseListen bool `name:"database-listen" env:"ERRATA_DATABASE_LISTEN" default:"true" negatable:"" help:"Hear of jobs at once (LISTEN), on one more connection. 'false' behind a PgBouncer in transaction mode: jobs are then asked for every two seconds. Off with the database mode 'exec'."`

	DataDir string `name:"data-dir" env:"ERRATA_DATA_DIR" placeholder:"DIR" help:"Where the private PostgreSQL keeps its data. Default: /var/lib/errata for root, else the XDG state directory."`

	HTTPAddr     string `name:"http-addr" env:"ERRATA_HTTP_ADDR" default:"127.0.0.1:8080" help:"Address of the API and the web pages."`
	OTLPHTTPAddr string `name:"otlp-http-addr" env:"ERRATA_OTLP_HTTP_ADDR" default:"127.0.0.1:4318" help:"Address of OTLP/HTTP and POST /v1/errors."`
	OTLPGRPCAddr string `name:"otlp-grpc-addr" env:"ERRATA_OTLP_GRPC_ADDR" default:"127.0.0.1:4317" help:"Address of OTLP/gRPC."`

	BootstrapIngestKey     string `name:"bootstrap-ingest-key" env:"ERRATA_BOOTSTRAP_INGEST_KEY" placeholder:"KEY" help:"An ingest key (24 characters or more) that is created on start when absent."`
	BootstrapIngestKeyFile string `name:"bootstrap-ingest-key-file" env:"ERRATA_BOOTSTRAP_INGEST_KEY_FILE" placeholder:"FILE" help:"File with that key."`
	BootstrapAdminKey      string `name:"bootstrap-admin-key" env:"ERRATA_BOOTSTRAP_ADMIN_KEY" placeholder:"KEY" help:"An admin key (24 characters or more) that is created on start when absent."`
	BootstrapAdminKeyFile  string `name:"bootstrap-admin-key-file" env:"ERRATA_BOOTSTRAP_ADMIN_KEY_FILE" placeholder:"FILE" help:"File with that key."`

	SecretKey             string `name:"secret-key" env:"ERRATA_SECRET_KEY" placeholder:"KEY" help:"Encrypts the secrets of channels in the database: 32 random bytes, as base64 or hexadecimal digits (openssl rand -base64 32), the same for all processes. Without it they are stored as they are; 'errata serve' on a private PostgreSQL makes a key in the data directory (secret.key)."`
	SecretKeyFile         string `name:"secret-key-file" env:"ERRATA_SECRET_KEY_FILE" placeholder:"FILE" help:"File with that key."`
	SecretKeyPrevious     string `name:"secret-key-previous" env:"ERRATA_SECRET_KEY_PREVIOUS" placeholder:"KEY,…" help:"Keys that also open what they encrypted, while the key is rotated. On its start the API encrypts that anew with the key of now."`
	SecretKeyPreviousFile string `name:"secret-key-previous-file" env:"ERRATA_SECRET_KEY_PREVIOUS_FILE" placeholder:"FILE" help:"File with these keys."`

	SpoolDir   string `name:"spool-dir" env:"ERRATA_SPOOL_DIR" placeholder:"DIR" help:"Where the collector keeps what it acknowledges while the database is away. Each collector needs one of its own. Default: spool in the data directory."`
	SpoolMaxMB int64  `name:"spool-max-mb" env:"ERRATA_SPOOL_MAX_MB" default:"1024" help:"How many MiB the spool may hold; 0 for no spool: senders are then refused while the database is away."`

	KeyEvents     int64 `name:"key-events-per-second" env:"ERRATA_KEY_EVENTS_PER_SECOND" default:"0" help:"Failures that one key may send a second; beyond that 429. 0 for no limit."`
	KeyBytes      int64 `name:"key-bytes-per-second" env:"ERRATA_KEY_BYTES_PER_SECOND" default:"0" help:"Bytes, decompressed, that one key may send a second. 0 for no limit."`
	ServiceEvents int64 `name:"service-events-per-second" env:"ERRATA_SERVICE_EVENTS_PER_SECOND" default:"0" help:"Failures that one service may send a second. 0 for no limit."`
	ServiceBytes  int64 `name:"service-bytes-per-second" env:"ERRATA_SERVICE_BYTES_PER_SECOND" default:"0" help:"Bytes that one service may send a second. 0 for no limit."`
	MaxInflightMB int64 `name:"max-inflight-mb" env:"ERRATA_MAX_INFLIGHT_MB" default:"512" help:"MiB of memory that requests may take in the collector at a time, as they were sent and decoded, half of it for one key; beyond that 503 or UNAVAILABLE, and 413 for one that needs more by itself. Until it is collected, garbage can take as much again."`
	RollupCacheMB int64 `name:"rollup-cache-mb" env:"ERRATA_ROLLUP_CACHE_MB" default:"0" help:"MiB of roll-ups that a process that serves pages keeps in memory; 0 for a sixteenth of the memory, from 192 to 1024. A month of ten million failures takes about 100, one of fifty million about 500."`
	SegmentEvents int   `name:"segment-events" env:"ERRATA_SEGMENT_EVENTS" default:"131072" help:"After how many failures of a day a collector goes on in another stretch of the indexes of IDs, so that it stays in the processor's caches. Fewer make writing a little faster on days with millions of failures, and looking up a little slower."`
	MaxConns      int   `name:"max-connections" env:"ERRATA_MAX_CONNECTIONS" default:"2000" help:"Connections that each port of the collector takes at a time; more wait."`

	RetentionDays       int `name:"retention-events" aliases:"retention-days" env:"ERRATA_RETENTION_EVENTS,ERRATA_RETENTION_DAYS" default:"30" help:"How many days of failures are taken and kept, with their stack traces. (Also ERRATA_RETENTION_DAYS, as it used to be called.)"`
	RetentionBodies     int `name:"retention-bodies" env:"ERRATA_RETENTION_BODIES" default:"7" help:"How many days error bodies are kept as they were sent. What was read out of them stays with the failure."`
	RetentionRollups    int `name:"retention-rollups" env:"ERRATA_RETENTION_ROLLUPS" default:"400" help:"How many days counts are kept: of failures, customers, issues and requests."`
	RetentionIDs        int `name:"retention-ids" env:"ERRATA_RETENTION_IDS" default:"400" help:"For how many days it can be told that an ID was there, after its failure has gone."`
	RetentionRejections int `name:"retention-rejections" env:"ERRATA_RETENTION_REJECTIONS" default:"30" help:"How many days it is kept what was rejected and refused."`
	RetentionAudit      int `name:"retention-audit" env:"ERRATA_RETENTION_AUDIT" default:"400" help:"How many days it is kept who did what: at least 30."`

	DefaultEnvironment string   `name:"default-environment" env:"ERRATA_DEFAULT_ENVIRONMENT" help:"Environment of OpenTelemetry resources that name none."`
	RequestIDKeys      []string `name:"request-id-keys" env:"ERRATA_REQUEST_ID_KEYS" placeholder:"KEY,…" help:"OpenTelemetry attributes that hold the request ID, before all others."`
	CustomerKeys       []string `name:"customer-keys" env:"ERRATA_CUSTOMER_KEYS" placeholder:"KEY,…" help:"OpenTelemetry attributes that name the customer, before all others."`

	SLO float64 `name:"slo" env:"ERRATA_SLO" default:"99.9" help:"Default objective: the percentage of a service's requests that must not fail on its own side (5xx, providers) over 28 days. It is for services that nobody set an objective for."`

	PublicURL           string   `name:"public-url" env:"ERRATA_PUBLIC_URL" placeholder:"URL" help:"Where people reach the web pages, such as https://errata.example.com: messages about incidents link there. Without it they have no links."`
	AlertAllowAddresses []string `name:"alert-allow-addresses" env:"ERRATA_ALERT_ALLOW_ADDRESSES" placeholder:"CIDR,…" help:"Addresses that are not public, and that messages about incidents may go to all the same, and without TLS: an Alertmanager or a mail server next door, such as 10.1.2.0/24. Everything else in private networks is refused."`
	AlertProxy          string   `name:"alert-proxy" env:"ERRATA_ALERT_PROXY" placeholder:"URL" help:"HTTP proxy that messages about incidents go through. The proxy variables of the environment are not used for them."`

	DeadmanURL      string        `name:"deadman-url" env:"ERRATA_DEADMAN_URL" placeholder:"URL" help:"Dead-man's switch: a URL that gets a GET as long as minutes are judged and messages sent, such as a check of healthchecks.io. Whoever is behind it tells you when that stops. It is a secret. Redirects and private addresses are as with messages about incidents."`
	DeadmanURLFile  string        `name:"deadman-url-file" env:"ERRATA_DEADMAN_URL_FILE" placeholder:"FILE" help:"File with that URL."`
	DeadmanInterval time.Duration `name:"deadman-interval" env:"ERRATA_DEADMAN_INTERVAL" default:"1m" help:"How often that is, by each API process: 10s to 1h."`

	LogLevel  string `name:"log-level" env:"ERRATA_LOG_LEVEL" enum:"debug,info,warn,error" default:"info" help:"How much is logged."`
	LogFormat string `name:"log-format" env:"ERRATA_LOG_FORMAT" enum:"text,json" default:"text" help:"How logs look."`
}

// Retention is RetentionDays as a duration.
func (c *Config) Retention() time.Duration { return time.Duration(c.RetentionDays) * 24 * time.Hour }

// Resolve reads the secrets that are in files and checks what kong cannot.
func (c *Config) Resolve() error {
	for _, s := range []struct {
		value      *string
		file, name string
	}{
		{&c.DatabaseURL, c.DatabaseURLFile, "ERRATA_DATABASE_URL"},
		{&c.BootstrapIngestKey, c.BootstrapIngestKeyFile, "ERRATA_BOOTSTRAP_INGEST_KEY"},
		{&c.BootstrapAdminKey, c.BootstrapAdminKeyFile, "ERRATA_BOOTSTRAP_ADMIN_KEY"},
		{&c.DeadmanURL, c.DeadmanURLFile, "ERRATA_DEADMAN_URL"},
		{&c.SecretKey, c.SecretKeyFile, "ERRATA_SECRET_KEY"},
		{&c.SecretKeyPrevious, c.SecretKeyPreviousFile, "ERRATA_SECRET_KEY_PREVIOUS"},
	} {
		if err := FromFile(s.value, s.file, s.name); err != nil {
			return err
		}
	}
	for _, r := range []struct {
		name              string
		days, least, most int
	}{
		{"EVENTS", c.RetentionDays, 1, 400}, {"BODIES", c.RetentionBodies, 1, 400}, {"ROLLUPS", c.RetentionRollups, c.RetentionDays, 4000},
		{"IDS", c.RetentionIDs, 1, 400}, {"REJECTIONS", c.RetentionRejections, 1, 400}, {"AUDIT", c.RetentionAudit, 30, 4000},
	} {
		if r.days < r.least || r.days > r.most {
			return fmt.Errorf("ERRATA_RETENTION_%s must be between %d and %d days; it is %d", r.name, r.least, r.most, r.days)
		}
	}
	if c.SLO != 0 && !(c.SLO >= 50 && c.SLO < 100) {
		return fmt.Errorf("ERRATA_SLO must be at least 50 and below 100 (percent); it is %g", c.SLO)
	}
	for name, raw := range map[string]string{"ERRATA_PUBLIC_URL": c.PublicURL, "ERRATA_ALERT_PROXY": c.AlertProxy} {
		if u, err := url.Parse(raw); raw != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
			return fmt.Errorf("%s must be a URL such as https://errata.example.com", name)
		}
	}
	if c.DeadmanURL != "" && (c.DeadmanInterval < 10*time.Second || c.DeadmanInterval > time.Hour) {
		return fmt.Errorf("ERRATA_DEADMAN_INTERVAL must be between 10s and 1h; it is %s", c.DeadmanInterval)
	}
	if c.SpoolMaxMB < 0 || c.SpoolMaxMB > 1<<20 {
		return fmt.Errorf("ERRATA_SPOOL_MAX_MB must be between 0 and %d; it is %d", 1<<20, c.SpoolMaxMB)
	}
	for name, n := range map[string]int64{"ERRATA_KEY_EVENTS_PER_SECOND": c.KeyEvents, "ERRATA_KEY_BYTES_PER_SECOND": c.KeyBytes,
		"ERRATA_SERVICE_EVENTS_PER_SECOND": c.ServiceEvents, "ERRATA_SERVICE_BYTES_PER_SECOND": c.ServiceBytes} {
		if n < 0 {
			return fmt.Errorf("%s must not be negative; it is %d", name, n)
		}
	}
	for name, n := range map[string]int64{"ERRATA_MAX_INFLIGHT_MB": c.MaxInflightMB - 64, "ERRATA_MAX_CONNECTIONS": int64(c.MaxConns) - 1} {
		if n < 0 {
			return fmt.Errorf("%s is too small: a single request must fit (64 MiB, one connection)", name)
		}
	}
	if c.SegmentEvents < 100 || c.SegmentEvents > 1<<30 {
		return fmt.Errorf("ERRATA_SEGMENT_EVENTS must be between 100 and %d; it is %d", 1<<30, c.SegmentEvents)
	}
	if c.RollupCacheMB < 0 || c.RollupCacheMB > 1<<20 {
		return fmt.Errorf("ERRATA_ROLLUP_CACHE_MB must be between 0 and %d; it is %d", 1<<20, c.RollupCacheMB)
	}
	for name, key := range map[string]string{"ERRATA_BOOTSTRAP_INGEST_KEY": c.BootstrapIngestKey, "ERRATA_BOOTSTRAP_ADMIN_KEY": c.BootstrapAdminKey} {
		if key != "" && len(key) < 24 {
			return fmt.Errorf("%s must have at least 24 characters", name)
		}
	}
	return nil
}

// FromFile fills a secret from the file that is named for it, if any.
func FromFile(value *string, file, name string) error {
	if file == "" {
		return nil
	}
	if *value != "" {
		return fmt.Errorf("both %s and %s_FILE are set; set one", name, name)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("%s_FILE: %w", name, err)
	}
	*value = strings.TrimSpace(string(raw))
	return nil
}

// Logger makes the logger that the settings ask for, on standard error.
func (c *Config) Logger() *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		level = slog.LevelInfo
	}
	opt := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, opt))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, opt))
}
