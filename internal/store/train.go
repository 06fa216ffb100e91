package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// train is a whole transaction sent in one go: COPYs with their rows and
// statements with their arguments, before the first answer has been read. With
// an answer awaited after each of them, a transaction spends nearly half of its
// time waiting for us
// (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-PIPELINING,
// and, for rows that come after a COPY failed, #PROTOCOL-COPY).
//
// pgx pipelines statements, but no COPY. So the messages are sent and received
// through it, one by one.
type train struct {
	conn *pgx.Conn
	// byName: statements are prepared and kept by name, as pgx does it.
	byName bool
	// answers is how many ReadyForQuery there will be.
	answers int
	builder pgx.ExtendedQueryBuilder
	raw     *copyBuffer // the messages, encoded
	err     error
}

func newTrain(conn *pgx.Conn) *train {
	return &train{conn: conn, raw: newBuffer(), byName: conn.Config().DefaultQueryExecMode != pgx.QueryExecModeExec}
}

// prepare must come before everything else: it waits for answers, the first
// time that a connection sees a statement.
func (t *train) prepare(ctx context.Context, b *pgx.Batch) error {
	if !t.byName {
		return nil
	}
	for _, q := range b.QueuedQueries {
		if _, err := t.conn.Prepare(ctx, q.SQL, q.SQL); err != nil {
			return err
		}
	}
	return nil
}

// query adds a simple query. Each COPY … FROM STDIN in it needs its rows, in
// that order.
func (t *train) query(sql string, rows ...*copyBuffer) {
	t.add(&pgproto3.Query{String: sql})
	for _, c := range rows {
		c.raw = binary.BigEndian.AppendUint16(c.raw, 0xffff)
		t.add(&pgproto3.CopyData{Data: c.raw})
		t.add(&pgproto3.CopyDone{})
		c.free()
	}
	t.answers++
}

func (t *train) add(msg pgproto3.FrontendMessage) {
	var err error
	if t.raw.raw, err = msg.Encode(t.raw.raw); err != nil && t.err == nil {
		t.err = err
	}
}

// statements adds statements with arguments, of which only the errors matter.
func (t *train) statements(ctx context.Context, b *pgx.Batch) error {
	if b.Len() == 0 {
		return nil
	}
	for _, q := range b.QueuedQueries {
		var sd *pgconn.StatementDescription
		bind := pgproto3.Bind{}
		if t.byName {
			var err error
			if sd, err = t.conn.Prepare(ctx, q.SQL, q.SQL); err != nil { // kept by pgx since prepare
				return err
			}
			bind.PreparedStatement = sd.Name
		} else {
			t.add(&pgproto3.Parse{Query: q.SQL})
		}
		if err := t.builder.Build(t.conn.TypeMap(), sd, q.Arguments); err != nil {
			return fmt.Errorf("an argument cannot be encoded: %w", err)
		}
		bind.ParameterFormatCodes, bind.Parameters = t.builder.ParamFormats, t.builder.ParamValues
		t.add(&bind)
		t.add(&pgproto3.Execute{})
	}
	t.add(&pgproto3.Sync{})
	t.answers++
	return nil
}

// run sends everything and reads all answers. The first error is what went
// wrong: those after it say that the transaction has failed. When ctx ends, or
// the connection breaks, nobody knows whether there was a COMMIT.
func (t *train) run(ctx context.Context) error {
	defer t.raw.free()
	pg := t.conn.PgConn()
	if err := errors.Join(t.err, ctx.Err()); err != nil { // nothing has been sent yet
		return err
	}
	wake := context.AfterFunc(ctx, func() { _ = pg.Conn().SetDeadline(time.Unix(1, 0)) })
	err := t.exchange(pg)
	if !wake() {
		// The deadline stands, or is about to be set: the connection is of no
		// use any more.
		t.abandon()
		return errors.Join(ctx.Err(), err)
	}
	var pe *pgconn.PgError
	if err != nil && !errors.As(err, &pe) {
		t.abandon()
	}
	return err
}

func (t *train) exchange(pg *pgconn.PgConn) (first error) {
	if _, err := pg.Conn().Write(t.raw.raw); err != nil {
		return err
	}
	for t.answers > 0 {
		msg, err := pg.ReceiveMessage(context.Background())
		if err != nil {
			return errors.Join(first, err)
		}
		switch msg := msg.(type) {
		case *pgproto3.ErrorResponse:
			if first == nil {
				first = pgconn.ErrorResponseToPgError(msg)
			}
		case *pgproto3.ReadyForQuery:
			t.answers--
		}
	}
	return first
}

// abandon closes a connection that is in the middle of something, and tells the
// server to stop. The pool makes another.
func (t *train) abandon() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	pg := t.conn.PgConn()
	_ = pg.CancelRequest(ctx) // at worst the server goes on and commits
	ended, end := context.WithCancel(context.Background())
	end() // no polite farewell: the server would not hear it
	_ = pg.Close(ended)
}

// violates reports whether an error is a unique violation in a table or one of
// its partitions.
func violates(err error, table string) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && pe.Code == "23505" && (pe.TableName == table || strings.HasPrefix(pe.TableName, table+"_"))
}

func isPrimaryKey(err error) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && strings.HasSuffix(pe.ConstraintName, "_pkey")
}
