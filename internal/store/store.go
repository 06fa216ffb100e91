// Package store keeps Events in PostgreSQL and answers look-ups from it. It is
// the only package that speaks SQL. Every statement is scoped to a workspace
// and stands directly above the method that runs it.
//
// Writing is one transaction per batch: keys → events → issues → roll-ups,
// exactly once (see write.go). Nothing needs session state, so that a
// transaction-pooling PgBouncer may stand in between.
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"errata/internal/fault"
	"errata/internal/seal"
	"errata/internal/stats"
	"errata/migrations"
)

// DefaultWorkspace is the tenant that exists from the first start.
const DefaultWorkspace int32 = 1

// ErrSchema says that the database's schema is older than this program.
var ErrSchema = errors.New("the database schema is older than this program")

// Options say how to open a Store.
type Options struct {
	URL      string
	MaxConns int32 // 0 = 8
	// ExecMode "exec" avoids protocol-level prepared statements, for a
	// PgBouncer that does not know them. Empty caches statements.
	ExecMode string
	// PollOnly: nobody can be told about jobs (LISTEN), as behind a PgBouncer.
	// ExecMode "exec" implies it.
	PollOnly  bool
	Retention Retention
	// StatsAge is how old the newest counts may be that statistics are made of;
	// 0 reads them each time.
	StatsAge time.Duration
	// StatsCache is how many bytes of roll-ups may be kept in memory; 0 for none.
	StatsCache int
	Logger     *slog.Logger
	// MayWait opens the Store although the database cannot be reached: its
	// schema is then looked at before the first write.
	MayWait bool
	// Tracer observes queries (otelpgx); nil for none.
	Tracer pgx.QueryTracer
	// SegmentRows is how many Events of a day are written before its indexes
	// of IDs go on in a new place; 0 = 131,072.
	SegmentRows int
	// Keys encrypt the secrets of channels; without a current one they are stored
	// as they are.
	Keys *seal.Keys
}

// Store is safe for concurrent use.
type Store struct {
	pool      *pgxpool.Pool
	log       *slog.Logger
	retention Retention
	keys      *seal.Keys
	pollOnly  bool
	slots     chan int16
	// requestSlot is where this process counts requests; 0 is for totals.
	requestSlot int16

	endpoints endpointBook
	issues    *recent[issueKey]
	releases  *recent[releaseKey]
	sights    *sights
	curious   curious
	blobs     *recent[blobKey]
	bases     *bases
	seen      *seen
	segments  *segments
	// contents is about bodies and stack traces, which other collectors may
	// have written.
	contents caution

	open    openHours
	alerts  alertMemories
	replays replaying
	own     alertMemories // of incidents of Errata itself
	books   books
	reaches reaches
	thins   thinCounts

	packBytes int64 // how large a day is at least that is packed
	looks     *looks
	opened    openings
	tables    tableCache
	sums      stats.Memory

	failuresSince atomic.Pointer[time.Time] // see keyedSince
	words         wordNumbers

	checked atomic.Bool // the schema is new enough

	daysMu sync.Mutex
	days   map[int32]bool
}

// Open connects and checks the schema. Errors: ErrSchema, or why the database
// cannot be reached.
func Open(ctx context.Context, opt Options) (*Store, error) {
	cfg, err := pgxpool.ParseConfig(opt.URL)
	if err != nil {
		return nil, fmt.Errorf("the database URL cannot be read: %w", scrub(err))
	}
	cfg.MaxConns = opt.MaxConns
	if cfg.MaxConns == 0 {
		cfg.MaxConns = 8
	}
	cfg.MaxConnIdleTime = 5 * time.Minute
	cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	cfg.ConnConfig.RuntimeParams["timezone"] = "UTC"
	cfg.ConnConfig.RuntimeParams["application_name"] = "errata"
	cfg.ConnConfig.Tracer = opt.Tracer
	// The planner knows little of partial indexes on expressions and takes a look-up
	// by ID for a long one. Starting workers for it takes ten times what it takes.
	// It is set by a statement, because a PgBouncer passes no such parameter on.
	cfg.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `SET max_parallel_workers_per_gather = 0`)
		return err
	}
	if opt.ExecMode == "exec" {
		cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, scrub(err)
	}
	s := &Store{pool: pool, log: opt.Logger, retention: opt.Retention.orDefault(), keys: opt.Keys, pollOnly: opt.PollOnly || opt.ExecMode == "exec", days: map[int32]bool{}, seen: newSeen(), segments: newSegments(opt.SegmentRows), looks: newLooks(),
		issues: newRecent[issueKey](50_000), releases: newRecent[releaseKey](10_000), sights: newSights(50_000), blobs: newRecent[blobKey](50_000), bases: newBases(), replays: newReplaying(), packBytes: packBytes}
	s.open.keep, s.tables.room, s.sums.Room = opt.StatsAge, opt.StatsCache/4*3, opt.StatsCache/4
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.fillSlots(int(cfg.MaxConns))
	s.requestSlot = int16(1 + rand.IntN(32_000)) //nolint:gosec // spreads load, guards nothing
	if err := s.checkSchema(ctx); err != nil && (!opt.MayWait || errors.Is(err, ErrSchema)) {
		pool.Close()
		return nil, err
	}
	return s, nil
}

// fillSlots gives each concurrent writer a roll-up slot of its own: two
// writers on one row would wait for each other's COMMIT.
func (s *Store) fillSlots(n int) {
	s.slots = make(chan int16, n)
	base := rand.IntN(30_000) //nolint:gosec // spreads load, guards nothing
	for i := range n {
		s.slots <- int16(base + i) //nolint:gosec // < 32768
	}
}

const sqlSchemaVersion = `SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied`

func (s *Store) checkSchema(ctx context.Context) error {
	version, err := s.SchemaVersion(ctx)
	if err != nil {
		return err
	}
	if version >= migrations.Latest() {
		s.checked.Store(true)
	} else {
		return fmt.Errorf("%w (it has version %d, %d is needed): run 'errata migrate'", ErrSchema, version, migrations.Latest())
	}
	return nil
}

// SchemaVersion is the newest migration that has been applied; 0 for an empty
// database.
func (s *Store) SchemaVersion(ctx context.Context) (int64, error) {
	var version int64
	err := s.pool.QueryRow(ctx, sqlSchemaVersion).Scan(&version)
	var pe *pgconn.PgError
	if errors.As(err, &pe) && pe.Code == "42P01" { // undefined_table
		return 0, nil
	}
	return version, scrub(err)
}

// Close waits for what is under way and closes every connection.
func (s *Store) Close() {
	s.segments.close()
	s.pool.Close()
}

// Ping asks the database for a sign of life.
func (s *Store) Ping(ctx context.Context) error { return unavailable(s.pool.Ping(ctx)) }

const maxTries = 6

// session is a connection in a transaction.
type session interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	querier
}

// inTx runs fn in a transaction and commits, retrying as retrying does.
func (s *Store) inTx(ctx context.Context, fn func(pgx.Tx) error) error {
	// Marks of roll-ups, for one, need each statement to see what was committed
	// before it, whatever the server's default is.
	opt := pgx.TxOptions{IsoLevel: pgx.ReadCommitted}
	return s.retrying(ctx, func() error { return pgx.BeginTxFunc(ctx, s.pool, opt, fn) })
}

// retrying repeats a transaction after serialisation failures, deadlocks, and
// numbers of incidents that somebody else has just given, and on new connections where the server takes no more writes; it must therefore have no effects but on the database and on what it resets
// itself.
func (s *Store) retrying(ctx context.Context, transaction func() error) error {
	for try := 1; ; try++ {
		err := transaction()
		demoted := readOnly(err)
		if demoted {
			s.pool.Reset()
		}
		if err == nil || try == maxTries || !demoted && !retryable(err) {
			return unavailable(err)
		}
		pause := time.Duration(try*try) * time.Duration(2+rand.IntN(5)) * time.Millisecond //nolint:gosec // jitter
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return unavailable(ctx.Err())
		}
	}
}

func retryable(err error) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && (pe.Code == "40001" || pe.Code == "40P01" || pe.Code == "23505" && pe.ConstraintName == "incidents_workspace_id_number_key")
}

// readOnly: after a fail-over, connections to what used to be the primary stay
// open where that lives on. New ones go to where writes are taken, if the URL
// names several hosts and asks for target_session_attrs=read-write.
func readOnly(err error) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && pe.Code == "25006"
}

// unavailable turns what a healthy database would not answer into a fault of
// that kind, and leaves what the data caused as it is.
func unavailable(err error) error {
	if err == nil {
		return nil
	}
	var f *fault.Fault
	if errors.As(err, &f) {
		return err
	}
	var pe *pgconn.PgError
	var ne net.Error
	var ce *pgconn.ConnectError
	switch {
	case errors.As(err, &pe):
		switch pe.Code[:2] {
		case "08", "25", "40", "53", "55", "57", "58", "XX":
		default:
			return scrub(err)
		}
	case errors.As(err, &ce), errors.As(err, &ne), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled),
		pgconn.SafeToRetry(err), strings.Contains(err.Error(), "conn closed"), strings.Contains(err.Error(), "unexpected EOF"),
		strings.Contains(err.Error(), "closed pool"):
	default:
		return scrub(err)
	}
	return fault.New(fault.Unavailable, "service_unavailable", "The database cannot be reached right now. Retry shortly.").
		Retry(2 * time.Second).Because(scrub(err))
}

// scrub keeps passwords in connection strings out of messages.
func scrub(err error) error {
	var pc *pgconn.ParseConfigError
	if errors.As(err, &pc) {
		return errors.New("cannot parse the database URL; it should look like postgres://user:password@host:5432/database")
	}
	return migrations.Reachable(err)
}

// Clock gives the time of a database.
func Clock(ctx context.Context, url string) (now time.Time, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return time.Time{}, scrub(err)
	}
	defer conn.Close(ctx) //nolint:errcheck // only read
	err = conn.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now)
	return now, err
}
