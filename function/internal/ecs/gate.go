package ecs

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"
)

// gate lets a reboot leave until its time has passed, and knows whether any of it left. A process
// can be frozen at any point and thaw after its lease is gone, so the gate is asked when the bytes
// are about to leave, not only at the start.
type gate struct {
	now    func() time.Time
	before time.Time
	always bool // a dry run may leave at any time

	mu      sync.Mutex
	passed  bool // something may have left
	refused bool // the request is not whole, and never will be
	closed  bool
}

// late reports whether the time has passed. Round(0) makes it compare wall clocks: the monotonic
// one can stand still while a machine is frozen.
func (g *gate) late() bool { return !g.always && g.now().After(g.before.Round(0)) }

// pass says that bytes are about to leave, or why they must not.
func (g *gate) pass() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed || g.late() {
		g.refused = true
		return errLate
	}
	g.passed = true
	return nil
}

// shut lets nothing pass any more. It reports whether something may have left, and whether
// something was refused; a request of which a part was refused cannot have been executed.
func (g *gate) shut() (sent, refused bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	return g.passed, g.refused
}

// behind returns what carries one reboot: the base behind the gate, or a connection that is the
// reboot's own, with the gate at its Write, whether it was opened ahead or is opened now. A pooled
// connection could have been closed by the other side while the process was frozen, and its EOF
// would look like that of a reboot that ran.
func (c *Client) behind(g *gate) http.RoundTripper {
	if c.base != nil {
		return gatedBase{g, c.base}
	}
	gated := func(dial dialer) dialer {
		return func(ctx context.Context, network, address string) (net.Conn, error) {
			if conn := c.takeAhead(ctx, address); conn != nil {
				return gatedConn{conn, g}, nil
			}
			conn, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return gatedConn{conn, g}, nil
		}
	}
	return &http.Transport{
		DialContext: gated(c.dial), DialTLSContext: gated(c.dialTLS), DisableKeepAlives: true,
		MaxResponseHeaderBytes: maxHeader,
	}
}

type gatedBase struct {
	gate *gate
	base http.RoundTripper
}

func (b gatedBase) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := b.gate.pass(); err != nil {
		return nil, err
	}
	return b.base.RoundTrip(r)
}

// gatedConn is a connection, above its TLS, that carries one request.
type gatedConn struct {
	net.Conn
	gate *gate
}

// Write implements net.Conn.
func (c gatedConn) Write(b []byte) (int, error) {
	if err := c.gate.pass(); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// dial connects. http.Transport lets a dial go on after its call, for the next one to use; this one
// ends with the call limit or the Client.
func (c *Client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, done := c.bounded(ctx)
	defer done()
	return c.connect(ctx, network, address)
}

// dialTLS is dial with a TLS handshake.
func (c *Client) dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	ctx, done := c.bounded(ctx)
	defer done()
	plain, err := c.connect(ctx, network, address)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(plain, &tls.Config{ServerName: host, RootCAs: c.trusted,
		MinVersion: tls.VersionTLS12})
	if err := conn.HandshakeContext(ctx); err != nil {
		plain.Close()
		return nil, err
	}
	return conn, nil
}

// bounded returns ctx with an end at the call limit or the Client's, whichever comes first.
func (c *Client) bounded(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithTimeout(ctx, c.limit)
	stop := context.AfterFunc(c.life, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}
