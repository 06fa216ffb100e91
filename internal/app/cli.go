package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/alecthomas/kong"

	"errata/internal/bench"
	"errata/internal/cli"
	"errata/internal/config"
	"errata/internal/store"
	"errata/migrations"
)

// commands is the command line of the errata binary.
type commands struct {
	Lookup    lookupCmd    `cmd:"" group:"desk" help:"Find out what happened to a request."`
	Explain   explainCmd   `cmd:"" group:"desk" help:"Say what a code means, and from which entry of the catalogue that is."`
	Notes     notesCmd     `cmd:"" group:"desk" help:"Read and write notes about a request."`
	Status    statusCmd    `cmd:"" group:"desk" help:"Say how far the team has come with a request."`
	Tickets   ticketsCmd   `cmd:"" group:"desk" help:"Link a request to tickets."`
	Watches   watchesCmd   `cmd:"" group:"desk" aliases:"watch" help:"Wait for an ID that is not there yet."`
	Shares    sharesCmd    `cmd:"" group:"desk" aliases:"share" help:"Make, list and revoke public links of requests."`
	Customers customersCmd `cmd:"" group:"desk" help:"Say what customers are called."`

	Issues    issuesCmd    `cmd:"" group:"watch" help:"List the problems behind failures, and decide about them."`
	Incidents incidentsCmd `cmd:"" group:"watch" help:"List what alerts found, and decide about it."`
	SLOs      slosCmd      `cmd:"" group:"watch" name:"slos" help:"Set what services are held to, and see what is left of their error budgets."`
	Backtest  backtestCmd  `cmd:"" group:"watch" help:"Replay counts from CSV files and print the incidents that the alert rules would have made."`

	Key        keyCmd        `cmd:"" group:"settings" help:"Create, list, and revoke API keys."`
	Catalog    catalogCmd    `cmd:"" group:"settings" help:"Keep what codes mean in files, and see which codes nobody has written about."`
	Rules      rulesCmd      `cmd:"" group:"settings" help:"See by which rules alerts are raised, and keep them in files."`
	Silence    silenceCmd    `cmd:"" group:"settings" help:"Say who is not told about what, for a time."`
	Channels   channelsCmd   `cmd:"" group:"settings" help:"Say where messages about incidents go, and test it."`
	Deliveries deliveriesCmd `cmd:"" group:"settings" help:"See what became of messages about incidents, and send them again."`
	Zendesk    zendeskCmd    `cmd:"" group:"settings" help:"Make the app that shows Errata beside tickets."`

	Send       sendCmd       `cmd:"" group:"reports" help:"Report a failure, or a file of them."`
	Rejections rejectionsCmd `cmd:"" group:"reports" help:"List what was rejected, and try it again."`
	Retention  retentionCmd  `cmd:"" group:"reports" help:"See what is going to expire, and let it go now."`
	Thinning   thinningCmd   `cmd:"" group:"reports" help:"Keep only some of the failures that are all alike, and see what that lets go."`

	Serve       serveCmd       `cmd:"" group:"run" help:"Run everything in one process; without a database URL on a private PostgreSQL."`
	Demo        demoCmd        `cmd:"" group:"run" help:"The same, with living traffic of simulated services."`
	Migrate     migrateCmd     `cmd:"" group:"run" help:"Bring the database's schema up to date."`
	Doctor      doctorCmd      `cmd:"" group:"run" help:"Check an installation: database, schema, ports, clocks, and an error there and back."`
	Bench       benchCmd       `cmd:"" group:"run" help:"Measure an installation under a load of made-up failures."`
	Healthcheck healthcheckCmd `cmd:"" group:"run" help:"Ask a URL whether it is well; for container health checks."`
	Version     versionCmd     `cmd:"" group:"run" help:"Print the version."`
}

// groups put the commands in order of what somebody came for.
var groups = kong.ExplicitGroups([]kong.Group{
	{Key: "desk", Title: "What happened to a request, and what to say"},
	{Key: "watch", Title: "What goes wrong"},
	{Key: "settings", Title: "Settings"},
	{Key: "reports", Title: "What is reported and kept"},
	{Key: "run", Title: "Run it"},
})

// client is how the verbs reach a running Errata.
type client struct {
	Server string `env:"ERRATA_SERVER" default:"http://127.0.0.1:8080" help:"Address of the API."`
	Key    string `env:"ERRATA_KEY" placeholder:"KEY" help:"API key."`
}

// options are those of a verb, which prints JSON or words.
func (c *client) options(json bool) cli.Options {
	return cli.Options{Server: c.Server, Key: c.Key, JSON: json, In: os.Stdin, Out: os.Stdout}
}

// CLI is the body of the errata binary.
func CLI() {
	var c commands
	parsed := kong.Parse(&c, kong.Name("errata"), kong.UsageOnError(), groups, kong.Help(help),
		kong.Description("Errata answers: the customer sent us this request ID. What happened?"))
	exit("errata", func(ctx context.Context) error {
		parsed.BindTo(ctx, (*context.Context)(nil))
		return parsed.Run()
	})
}

// help is a line for each command, or all about the one that was named.
func help(options kong.HelpOptions, ctx *kong.Context) error {
	options.NoExpandSubcommands, options.Compact = true, ctx.Selected() == nil
	return kong.DefaultHelpPrinter(options, ctx)
}

type serveCmd struct {
	config.Config `embed:""`
}

func (c *serveCmd) Run(ctx context.Context) error {
	if err := c.Resolve(); err != nil {
		return err
	}
	return Run(ctx, c.Config, Options{Role: All, Embedded: true, Out: os.Stdout, Logger: c.Logger()})
}

type migrateCmd struct {
	DatabaseURL     string `env:"ERRATA_MIGRATE_DATABASE_URL,ERRATA_DATABASE_URL" placeholder:"URL" help:"The database, as a role that may create roles and tables; not through a pooler."`
	DatabaseURLFile string `env:"ERRATA_MIGRATE_DATABASE_URL_FILE" placeholder:"FILE" help:"File with that URL."`
	AppPassword     string `env:"ERRATA_APP_PASSWORD" placeholder:"PASSWORD" help:"Let the role errata_app log in with this password."`
	AppPasswordFile string `env:"ERRATA_APP_PASSWORD_FILE" placeholder:"FILE" help:"File with that password."`
}

func (c *migrateCmd) Run(ctx context.Context) error {
	if err := config.FromFile(&c.DatabaseURL, c.DatabaseURLFile, "ERRATA_MIGRATE_DATABASE_URL"); err != nil {
		return err
	}
	if err := config.FromFile(&c.AppPassword, c.AppPasswordFile, "ERRATA_APP_PASSWORD"); err != nil {
		return err
	}
	if c.DatabaseURL == "" {
		return errors.New("ERRATA_MIGRATE_DATABASE_URL (or ERRATA_DATABASE_URL) is not set")
	}
	log := (&config.Config{LogLevel: "info"}).Logger()
	if err := migrations.Up(ctx, c.DatabaseURL, log); err != nil {
		return err
	}
	if c.AppPassword != "" {
		if err := migrations.SetAppPassword(ctx, c.DatabaseURL, c.AppPassword); err != nil {
			return err
		}
	}
	_, err := fmt.Printf("The schema is at version %d.\n", migrations.Latest())
	return err
}

type keyCmd struct {
	Create struct {
		client
		Name  string   `arg:"" help:"What the key is for."`
		Scope []string `default:"ingest" enum:"ingest,support,read,admin" help:"What it may do: ingest; support, which sees what happened to requests and what to tell customers; read, which sees everything; admin."`
		JSON  bool     `help:"Print JSON."`
	} `cmd:"" help:"Create a key; it is shown once."`
	List struct {
		client
		JSON bool `help:"Print JSON."`
	} `cmd:"" help:"List the keys."`
	Revoke struct {
		client
		ID string `arg:"" help:"The key's ID, as 'list' shows it."`
	} `cmd:"" help:"End a key; every process honours that within seconds."`
}

func (c *keyCmd) Run(ctx context.Context, k *kong.Context) error {
	switch k.Selected().Name {
	case "create":
		opt := c.Create.options(c.Create.JSON)
		return cli.CreateKey(ctx, opt, c.Create.Name, c.Create.Scope)
	case "list":
		return cli.ListKeys(ctx, c.List.options(c.List.JSON))
	default:
		return cli.RevokeKey(ctx, c.Revoke.options(false), c.Revoke.ID)
	}
}

type rejectionsCmd struct {
	List struct {
		client
		JSON bool `help:"Print JSON."`
	} `cmd:"" help:"List what was rejected, newest first."`
	Replay struct {
		client
		IDs []string `arg:"" optional:"" name:"id" help:"The rejections' IDs, as 'list' shows them; without any, all that can be replayed."`
	} `cmd:"" help:"Try to store rejected items again. Needs an admin key."`
}

func (c *rejectionsCmd) Run(ctx context.Context, k *kong.Context) error {
	if k.Selected().Name == "list" {
		return cli.ListRejections(ctx, c.List.options(c.List.JSON))
	}
	return cli.ReplayRejections(ctx, c.Replay.options(false), c.Replay.IDs)
}

type retentionCmd struct {
	Plan struct {
		client
		Days int  `default:"1" help:"How many days to look ahead; 0 for what the next run takes."`
		JSON bool `help:"Print JSON."`
	} `cmd:"" help:"List what is going to go, by table and day, and the bytes that frees."`
	Now struct {
		client
	} `cmd:"" name:"run" help:"Let what is due go now, rather than within the hour. Needs an admin key."`
}

func (c *retentionCmd) Run(ctx context.Context, k *kong.Context) error {
	if k.Selected().Name == "plan" {
		return cli.PlanRetention(ctx, cli.RetentionOptions{Server: c.Plan.Server, Key: c.Plan.Key, Days: c.Plan.Days, JSON: c.Plan.JSON, Out: os.Stdout})
	}
	return cli.RunRetention(ctx, cli.RetentionOptions{Server: c.Now.Server, Key: c.Now.Key, Out: os.Stdout})
}

type lookupCmd struct {
	client
	IDs   []string `arg:"" name:"id" help:"Request, trace, span or other IDs; '-' reads any text from standard input."`
	JSON  bool     `help:"Print the API's answers as JSON." xor:"as"`
	CSV   bool     `help:"Print a row for each ID, for spreadsheets." xor:"as"`
	Table bool     `help:"Print a row for each ID; more than five are a table anyway." xor:"as"`
}

// Help says what scripts need.
func (lookupCmd) Help() string {
	return `The text may be anything that a customer sent: an e-mail, headers, an error body, log lines, or a list of up to 500 IDs; or what a customer is called, and nothing else. It is not stored. Exit codes: 0 everything was found, 1 something was not, 2 nothing could be asked.`
}

func (c *lookupCmd) Run(ctx context.Context) error {
	return cli.Lookup(ctx, cli.LookupOptions{Server: c.Server, Key: c.Key, JSON: c.JSON, CSV: c.CSV, Table: c.Table, IDs: c.IDs,
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Color: terminal(os.Stdout)})
}

type sendCmd struct {
	Collector   string `env:"ERRATA_COLLECTOR" default:"http://127.0.0.1:4318" help:"Address of the collector."`
	Key         string `env:"ERRATA_KEY" placeholder:"KEY" help:"An API key with the ingest scope."`
	File        string `arg:"" optional:"" help:"An error body (with --service), or reports as JSON or NDJSON; '-' is standard input."`
	Service     string `help:"The service that failed."`
	Status      int    `help:"The HTTP status that it answered."`
	Endpoint    string `help:"The endpoint, e.g. /v1/charges/{id}."`
	Method      string `help:"The HTTP method."`
	Customer    string `help:"Whose request it was."`
	Environment string `help:"E.g. production."`
	RequestID   string `help:"The request ID, where the body has none."`
}

func (c *sendCmd) Run(ctx context.Context) error {
	return cli.Send(ctx, cli.SendOptions{Collector: c.Collector, Key: c.Key, Service: c.Service, Status: c.Status, Endpoint: c.Endpoint, Method: c.Method,
		Customer: c.Customer, Environment: c.Environment, RequestID: c.RequestID, File: c.File, In: os.Stdin, Out: os.Stdout})
}

type benchCmd struct {
	Ingest benchIngestCmd `cmd:"" help:"Send failed spans over OTLP/HTTP and measure the answers. They are made up, come from services called bench-0 to bench-7 in the environment 'bench', and stay in the store until they expire."`
	Seed   benchSeedCmd   `cmd:"" help:"Fill a database with a made-up month of failures and request totals, through the store's own way in."`
}

type benchIngestCmd struct {
	Server          []string      `env:"ERRATA_COLLECTOR" default:"http://127.0.0.1:4318" help:"Address of the collector's OTLP/HTTP; several are loaded in turn."`
	Key             string        `env:"ERRATA_KEY" placeholder:"KEY" help:"An API key with the ingest scope."`
	Connections     int           `default:"4" help:"Requests under way at a time."`
	Batch           int           `default:"100" help:"Spans a request."`
	StackBytes      int           `default:"1024" help:"Bytes of each stack trace; 0 for none."`
	Distinct        float64       `default:"0.33" help:"Share of the stack traces that are distinct."`
	Spans           int64         `help:"End after this many spans, rounded up to whole requests."`
	Duration        time.Duration `help:"End after this long; 10s where --spans is not given either."`
	Rate            float64       `help:"Spans a second; 0 for as fast as they are answered. Answers are then timed from when a request was due."`
	Warmup          time.Duration `help:"Send for this long before anything is counted."`
	FillRemoteStore bool          `help:"Allow collectors on other machines. Their stores fill with made-up failures."`
	JSON            bool          `help:"Print the figures as JSON."`
}

func (i *benchIngestCmd) Run(ctx context.Context) error {
	return cli.BenchIngest(ctx, cli.BenchOptions{
		Load: bench.Load{Servers: i.Server, Key: i.Key, Connections: i.Connections, Batch: i.Batch, StackBytes: i.StackBytes, Distinct: i.Distinct,
			Spans: i.Spans, Duration: i.Duration, Rate: i.Rate, Warmup: i.Warmup},
		FillRemoteStore: i.FillRemoteStore, JSON: i.JSON, Out: os.Stdout, Err: os.Stderr,
	})
}

type doctorCmd struct {
	client
	Collector   string `env:"ERRATA_COLLECTOR" default:"http://127.0.0.1:4318" help:"Address of the collector."`
	GRPC        string `env:"ERRATA_GRPC" default:"127.0.0.1:4317" help:"Address of OTLP/gRPC."`
	IngestKey   string `env:"ERRATA_INGEST_KEY" placeholder:"KEY" help:"An ingest key, to write an error with."`
	DatabaseURL string `env:"ERRATA_DATABASE_URL" placeholder:"URL" help:"The database, to check its schema and clock."`
}

func (c *doctorCmd) Run(ctx context.Context) error {
	opt := cli.DoctorOptions{Server: c.Server, Collector: c.Collector, GRPC: c.GRPC, IngestKey: c.IngestKey, ReadKey: c.Key,
		DatabaseURL: c.DatabaseURL, Out: os.Stdout, Color: terminal(os.Stdout)}
	if c.DatabaseURL != "" {
		opt.Schema = func(ctx context.Context) (have, want int64, err error) {
			have, err = migrations.Version(ctx, c.DatabaseURL)
			return have, migrations.Latest(), err
		}
		opt.DatabaseClock = func(ctx context.Context) (time.Time, error) { return store.Clock(ctx, c.DatabaseURL) }
		opt.Secrets = func(ctx context.Context) (plain int, keys []string, err error) { return secretsOf(ctx, c.DatabaseURL) }
	}
	return cli.Doctor(ctx, opt)
}

type healthcheckCmd struct {
	URL string `arg:"" help:"The URL to ask, e.g. http://127.0.0.1:8080/healthz."`
}

func (c *healthcheckCmd) Run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // only read
	if _, err := io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20)); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", c.URL, res.Status)
	}
	return nil
}

type versionCmd struct{}

func (versionCmd) Run() error {
	_, err := fmt.Println("errata", Version)
	return err
}

// terminal reports whether colours make sense.
func terminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("NO_COLOR") == ""
}
