package ecssim

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// serve handles one request from arrival to reply.
func (w *World) serve(ctx context.Context, r request) *reply {
	w.mu.Lock()
	defer w.mu.Unlock()
	take := w.take
	if r.visitor {
		take = func(*Call, moment, time.Time) *fault { return nil }
	}
	c := &Call{
		Action: r.query.get("Action"), Region: r.query.get("RegionId"), Host: r.host,
		Scheme:    r.scheme,
		Instances: r.query.instances(), Force: r.query.flag("ForceStop"),
		DryRun: r.query.flag("DryRun"),
		Key:    r.query.get("AccessKeyId"), Params: r.query.public(),
	}
	if len(c.Instances) > 0 {
		c.Instance = c.Instances[0]
	}
	if f := take(c, sending, w.now()); f != nil {
		return &reply{lost: f.Kind}
	}
	if w.Latency > 0 && !r.visitor && w.sleep(ctx, w.Latency) != nil {
		return &reply{lost: KindHang}
	}
	now := w.settle()
	c.At = now.Add(-w.Skew)
	if m := w.by[c.Instance]; m != nil {
		c.StatusBefore = m.Status
	}
	if !r.visitor {
		w.calls = append(w.calls, c)
	}

	key, reject, refused := w.inspect(r, now)
	if refused != nil {
		c.Reject = reject
		return w.errorReply(c, refused, now)
	}
	if f := take(c, before, now); f != nil {
		if rep := w.strike(ctx, f, c, nil); rep != nil {
			return rep
		}
	}
	if r.visitor {
		return w.act(key, c, r.query)
	}
	w.changeAround(c, false)
	rep := w.act(key, c, r.query)
	w.changeAround(c, true)
	if f := take(c, after, w.now()); f != nil {
		return w.strike(ctx, f, c, rep)
	}
	return rep
}

// RoundTripper speaks to the World in process, without a socket. Its errors are those of a network.
func (w *World) RoundTripper() http.RoundTripper { return roundTripper{w} }

type roundTripper struct{ w *World }

func (t roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	q, err := readRequest(r)
	if err != nil {
		return nil, err
	}
	rep := t.w.serve(r.Context(), q)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	body := io.Reader(bytes.NewReader(rep.body))
	switch rep.lost {
	case "":
	case KindTruncate:
		body = io.MultiReader(bytes.NewReader(rep.body[:len(rep.body)/2]), brokenOff{})
	case KindHang:
		return nil, t.w.giveUp(r.Context())
	default:
		return nil, networkError(rep.lost, r.URL.Hostname())
	}
	length, err := strconv.ParseInt(rep.header.Get("Content-Length"), 10, 64)
	if err != nil {
		length = -1
	}
	if rep.header["Date"] == nil {
		delete(rep.header, "Date")
	}
	return &http.Response{
		Status: strconv.Itoa(rep.status) + " " +
			http.StatusText(rep.status), StatusCode: rep.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: rep.header, Body: io.NopCloser(body), ContentLength: length, Request: r,
	}, nil
}

// giveUp waits for an answer that does not come, as long as a client would.
func (w *World) giveUp(ctx context.Context) error {
	if w.CallLimit > 0 {
		if err := w.clock.Sleep(ctx, w.CallLimit); err != nil {
			return err
		}
		return timeoutError{}
	}
	<-ctx.Done()
	return ctx.Err()
}

type timeoutError struct{}

func (timeoutError) Error() string        { return "net/http: timeout awaiting response headers" }
func (timeoutError) Timeout() bool        { return true }
func (timeoutError) Temporary() bool      { return true }
func (timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// brokenOff is the end of a body whose connection was closed too early.
type brokenOff struct{}

func (brokenOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// networkError is what net/http gives for a call that was lost in that way.
func networkError(kind Kind, host string) error {
	switch kind {
	case KindReset:
		return &net.OpError{Op: "read", Net: "tcp",
			Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	case KindDial:
		return &net.OpError{Op: "dial", Net: "tcp",
			Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	case KindDNS:
		return &net.OpError{Op: "dial", Net: "tcp",
			Err: &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}}
	case KindTLS:
		return &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}
	}
	return io.EOF
}

// ServeHTTP is the World on a port. A hang ends when the client gives up or the World's CallLimit
// is over.
func (w *World) ServeHTTP(rw http.ResponseWriter, r *http.Request) { w.answer(rw, r, false) }

// Visitors is the World on a port for people who look on while somebody else works with it: no
// fault meets their calls or is used up by them, no change waits for them, nothing delays them, and
// Calls does not have them. What they do to instances is done all the same. A virtual clock does
// not count them.
func (w *World) Visitors() http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.answer(rw, r, true) })
}

func (w *World) answer(rw http.ResponseWriter, r *http.Request, visitor bool) {
	q, err := readRequest(r)
	if err != nil {
		http.Error(rw, "malformed request", http.StatusBadRequest)
		return
	}
	q.visitor = visitor
	rep := w.serve(r.Context(), q)
	switch rep.lost {
	case "", KindTruncate:
	case KindHang:
		_ = w.giveUp(r.Context()) // whatever ended the wait, there is no answer
		panic(http.ErrAbortHandler)
	case KindReset:
		if conn, _, err := http.NewResponseController(rw).Hijack(); err == nil {
			if tcp, ok := conn.(*net.TCPConn); ok {
				// so that Close resets; where it fails the client sees an EOF, which is as good
				_ = tcp.SetLinger(0)
			}
			_ = conn.Close()
			return
		}
		panic(http.ErrAbortHandler)
	default:
		panic(http.ErrAbortHandler)
	}
	for name, values := range rep.header {
		rw.Header()[name] = values
	}
	rw.WriteHeader(rep.status)
	if rep.lost == KindTruncate {
		_, _ = rw.Write(rep.body[:len(rep.body)/2])
		_ = http.NewResponseController(rw).Flush()
		panic(http.ErrAbortHandler)
	}
	_, _ = rw.Write(rep.body) // an error means that the client has gone
}

// Listen serves the World on an address such as 127.0.0.1:0. The returned function stops it and
// returns when no connection and no handler is left.
func (w *World) Listen(addr string) (url string, stop func(), err error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return "", nil, err
	}
	var open sync.WaitGroup
	server := &http.Server{
		Handler:           w,
		ReadHeaderTimeout: time.Minute,
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				open.Add(1)
			case http.StateClosed, http.StateHijacked:
				open.Done()
			}
		},
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			panic(err) // a listener of ours that fails is a bug
		}
	}()
	return "http://" + listener.Addr().String(), func() {
		_ = server.Close()
		<-served
		open.Wait()
	}, nil
}
