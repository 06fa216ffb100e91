package migrations

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
)

// unreachable is a failed connection in one line that somebody can act on.
type unreachable struct {
	message string
	err     error
}

func (u *unreachable) Error() string { return u.message }
func (u *unreachable) Unwrap() error { return u.err }

// Reachable says in one line, without the password, which database could not
// be reached and why; other errors stay as they are.
func Reachable(err error) error {
	var ce *pgconn.ConnectError
	if !errors.As(err, &ce) || ce.Config == nil {
		return err
	}
	cause := "no answer"
	var pe *pgconn.PgError
	var oe *net.OpError
	var de *net.DNSError
	switch {
	case errors.As(err, &pe):
		cause = pe.Message
	case errors.As(err, &de):
		cause = "no such host"
	case errors.As(err, &oe):
		cause = oe.Err.Error()
	case errors.Is(err, context.DeadlineExceeded):
		cause = "timed out"
	}
	return &unreachable{fmt.Sprintf("the database %q at %s:%d cannot be reached as %q: %s; check ERRATA_DATABASE_URL",
		ce.Config.Database, ce.Config.Host, ce.Config.Port, ce.Config.User, cause), err}
}
