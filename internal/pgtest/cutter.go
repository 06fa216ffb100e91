package pgtest

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

// Cutter stands between a client and the server, and loses a connection after
// the server has run so many statements: those of a batch, which travel together,
// and COMMIT, of which the client never hears, included.
type Cutter struct {
	URL string // leads through it

	mu    sync.Mutex
	left  int // statements until the next cut; 0: none is to come
	ran   int // statements since Cut was called
	conns map[net.Conn]bool
}

// NewCutter gives a Cutter in front of a URL's server. It ends with the test.
func NewCutter(t testing.TB, to string) *Cutter {
	t.Helper()
	cfg, err := pgconn.ParseConfig(to)
	require.NoError(t, err)
	network, address := pgconn.NetworkAddress(cfg.Host, cfg.Port)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	u := url.URL{Scheme: "postgres", User: url.UserPassword(cfg.User, cfg.Password), Host: listener.Addr().String(), Path: cfg.Database, RawQuery: "sslmode=disable"}
	c := &Cutter{URL: u.String(), conns: map[net.Conn]bool{}}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial(network, address)
			if err != nil {
				client.Close() //nolint:errcheck // it notices
				continue
			}
			all.Go(func() { c.serve(client, server) })
		}
	})
	t.Cleanup(func() {
		listener.Close() //nolint:errcheck // nothing was written
		c.mu.Lock()
		for conn := range c.conns {
			conn.Close() //nolint:errcheck // the test is over
		}
		c.mu.Unlock()
		all.Wait()
	})
	return c
}

// Cut loses the connection that runs the n-th statement from now on, after that; 0
// loses none.
func (c *Cutter) Cut(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left, c.ran = n, 0
}

// Ran is how many statements ran since Cut.
func (c *Cutter) Ran() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ran
}

// counts a statement, and tells whether it is the last.
func (c *Cutter) counts() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ran++
	if c.left == 0 {
		return false
	}
	c.left--
	return c.left == 0
}

func (c *Cutter) know(conns ...net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range conns {
		c.conns[conn] = true
	}
}

// serve passes on what one client says until either is gone.
func (c *Cutter) serve(client, server net.Conn) {
	c.know(client, server)
	defer client.Close() //nolint:errcheck // it is over
	answered := make(chan struct{})
	var mu sync.Mutex
	var to io.Writer = client
	go func() {
		defer close(answered)
		defer client.Close() //nolint:errcheck // the server has nothing more to say
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			mu.Lock()
			_, _ = to.Write(buf[:n]) // who is gone need not hear it
			mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	c.forward(client, server, func() {
		mu.Lock()
		defer mu.Unlock()
		to = io.Discard
	})
	if half, ok := server.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	<-answered
	server.Close() //nolint:errcheck // it is over
	c.mu.Lock()
	delete(c.conns, client)
	delete(c.conns, server)
	c.mu.Unlock()
}

// forward passes messages on to the server, until one is the last: what comes of
// that, nobody is to hear.
func (c *Cutter) forward(client io.Reader, server io.Writer, hush func()) {
	for first := true; ; first = false {
		kind, message, err := readMessage(client, first)
		if err != nil {
			return
		}
		last := (kind == 'Q' || kind == 'E') && c.counts() // a simple query, or the execution of a prepared one
		if last {
			hush()
		}
		if _, err := server.Write(message); err != nil || last {
			return
		}
	}
}

// readMessage reads what a client says: the first thing has no kind.
func readMessage(r io.Reader, first bool) (kind byte, message []byte, err error) {
	head := make([]byte, 5)
	if first {
		head = head[:4]
	}
	if _, err := io.ReadFull(r, head); err != nil {
		return 0, nil, err
	}
	length := binary.BigEndian.Uint32(head[len(head)-4:])
	if length < 4 || length > 64<<20 {
		return 0, nil, errors.New("this is not PostgreSQL's protocol")
	}
	message = make([]byte, len(head)+int(length)-4)
	copy(message, head)
	_, err = io.ReadFull(r, message[len(head):])
	return head[0], message, err
}
