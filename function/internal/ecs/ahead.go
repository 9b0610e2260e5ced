package ecs

import (
	"context"
	"net"
	"strings"
	"sync"
	"time"
)

// A reboot has a connection of its own, which takes two or three round trips to open. They need not
// be waited for when the guards have agreed: the connection is opened while the guards are read,
// and nothing but a TLS handshake is sent over it until the gate lets the reboot through.

// aheadFor is how old a connection that was opened ahead may be when its reboot is sent. It is well
// below any time after which a server closes a connection that has asked for nothing yet.
const aheadFor = 5 * time.Second

// ahead is a connection that is opened for the next reboot.
type ahead struct {
	address string
	begun   time.Time // the wall clock's: the monotonic one can stand still in a freeze
	ready   chan struct{}

	conn *watched // set before ready is closed; nil: it failed, or is somebody's, or is closed
	lost bool     // nobody will take it
}

// watched is a connection whose first Read is under way from the beginning. There is nothing to
// read before a request, so one on which that Read has returned is closed, or is about to be: a
// reboot over it would end as one of which nobody knows whether it was executed.
type watched struct {
	net.Conn
	heard chan struct{} // closed when the first Read has returned
	first []byte        // what it read
	err   error
}

func watch(conn net.Conn) *watched {
	w := &watched{Conn: conn, heard: make(chan struct{}), first: make([]byte, 4<<10)}
	go func() {
		defer close(w.heard)
		n, err := conn.Read(w.first)
		w.first, w.err = w.first[:n], err
	}()
	return w
}

// Read implements net.Conn, for one goroutine at a time, as http.Transport reads.
func (w *watched) Read(b []byte) (int, error) {
	<-w.heard
	if len(w.first) > 0 {
		n := copy(b, w.first)
		w.first = w.first[n:]
		return n, nil
	}
	if w.err != nil {
		return 0, w.err
	}
	return w.Conn.Read(b)
}

// lane holds at most one connection that is opened ahead.
type lane struct {
	mu   sync.Mutex // of next and of what it points at, too
	next *ahead     // nil: none
	open bool       // reboots are to be expected
}

// ExpectReboots says that this Client is there to reboot: from now on a connection for the next
// reboot is opened as soon as the platform's events of an instance are read, which is the last of
// what is read before one. It has no effect where Options.Base carries the calls.
func (c *Client) ExpectReboots() {
	c.lane.mu.Lock()
	defer c.lane.mu.Unlock()
	c.lane.open = c.base == nil
}

// openAhead begins to open a connection to the region's host, and to no other, unless there is a
// young one. It does not wait.
func (c *Client) openAhead(region string) {
	domain, trouble := c.domain(region)
	if trouble != nil {
		return
	}
	dial, port := c.dial, "80"
	if strings.EqualFold(c.scheme, "https") {
		dial, port = c.dialTLS, "443"
	}
	address := domain
	if _, _, err := net.SplitHostPort(domain); err != nil {
		address = net.JoinHostPort(domain, port)
	}
	c.lane.mu.Lock()
	defer c.lane.mu.Unlock()
	if !c.lane.open || c.life.Err() != nil || c.young(c.lane.next) {
		return
	}
	c.lane.drop(c.lane.next)
	a := &ahead{address: address, begun: c.now().Round(0), ready: make(chan struct{})}
	c.lane.next = a
	go func() {
		conn, err := dial(c.life, "tcp", address)
		c.lane.mu.Lock()
		defer c.lane.mu.Unlock()
		if err == nil {
			a.conn = watch(conn)
		}
		close(a.ready)
		if a.lost || c.life.Err() != nil {
			c.lane.drop(a)
		}
	}()
}

func (c *Client) young(a *ahead) bool {
	return a != nil && c.now().Round(0).Sub(a.begun).Abs() < aheadFor
}

// drop closes a's connection, or sees to it that it is closed once it is open. The caller holds the
// lane.
func (l *lane) drop(a *ahead) {
	if a == nil {
		return
	}
	a.lost = true
	if a.conn != nil {
		a.conn.Close()
		a.conn = nil
	}
}

// takeAhead returns the connection that was opened ahead for the address, and waits for one that is
// being opened; nil where there is none, or none that is young and still open.
func (c *Client) takeAhead(ctx context.Context, address string) net.Conn {
	c.lane.mu.Lock()
	a := c.lane.next
	c.lane.next = nil
	c.lane.mu.Unlock()
	if a == nil {
		return nil
	}
	if a.address == address {
		select {
		case <-a.ready:
		case <-ctx.Done():
		}
	}
	c.lane.mu.Lock()
	defer c.lane.mu.Unlock()
	if a.address != address || ctx.Err() != nil || !c.young(a) {
		c.lane.drop(a)
		return nil
	}
	if a.conn == nil {
		return nil
	}
	select {
	case <-a.conn.heard:
		c.lane.drop(a)
		return nil
	default:
	}
	conn := a.conn
	a.conn = nil
	return conn
}

// closeAhead closes what was opened for nothing.
func (c *Client) closeAhead() {
	c.lane.mu.Lock()
	defer c.lane.mu.Unlock()
	c.lane.drop(c.lane.next)
	c.lane.next = nil
}
