package ecs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"ecs-remedy/function/internal/remedy"
)

// hijack answers with raw bytes and closes the connection.
func hijack(w http.ResponseWriter, raw string) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	io.WriteString(conn, raw)
	conn.Close()
}

// echo is a server message that quotes the request, as a proxy's error page or
// SignatureDoesNotMatch does.
func echo(w http.ResponseWriter, r *http.Request, code string) {
	w.WriteHeader(http.StatusBadRequest)
	fmt.Fprintf(w, `{"RequestId":"R-1","Code":%q,"Message":%q,"HostId":"x"}`, code,
		"server string to sign is:"+r.URL.String())
}

// TestFailures has a row for each way in which a call can break, before anything was sent and
// after. A read that breaks is unavailable whichever it is. For a reboot it is all the difference.
func TestFailures(t *testing.T) {
	untrusted := httptest.NewUnstartedServer(http.HandlerFunc(
		func(http.ResponseWriter, *http.Request) {}))
	// each refused handshake is an error to the server
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	defer untrusted.Close()
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer plain.Close()
	// Nobody listens at our end of a connection, and nobody else can get its port.
	held, err := net.Dial("tcp", plain.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()

	type setup func(*testing.T) (*Client, context.Context)
	serve := func(h http.HandlerFunc) setup {
		return func(t *testing.T) (*Client, context.Context) { return served(t, h), t.Context() }
	}
	endpoint := func(address string, change func(*Client)) setup {
		return func(t *testing.T) (*Client, context.Context) {
			c := newClient(t, func(o *Options) { o.Endpoint = address })
			change(c)
			return c, t.Context()
		}
	}
	base := func(err error) setup {
		return func(t *testing.T) (*Client, context.Context) {
			return carried(t, func(r *http.Request) (*http.Response, error) {
				return nil, &url.Error{Op: "Post", URL: r.URL.String(), Err: err}
			}), t.Context()
		}
	}
	hung := func(t *testing.T) *Client {
		return served(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	}
	// silent is a server at the other end of a pipe, which reads and never answers.
	silent := func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go io.Copy(io.Discard, theirs)
		return ours, nil
	}
	type row struct {
		why   string
		setup setup
		sent  bool // perhaps: the answer is unknown
	}
	// In their bubbles no time passes but that of the limit: a busy machine changes nothing.
	limited := []row{
		{"no connection within the limit", endpoint("https://ecs.example.com", func(c *Client) {
			c.connect = func(ctx context.Context, _, _ string) (net.Conn, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}
		}), false},
		{"no TLS handshake within the limit", endpoint("https://ecs.example.com", func(c *Client) {
			c.connect = silent
		}), false},
		{"no answer within the limit", endpoint("http://127.0.0.1:1", func(c *Client) {
			c.connect = silent
		}), true},
	}
	tests := []row{
		{"connection refused", endpoint("http://"+held.LocalAddr().String(), func(*Client) {}),
			false},
		{"the name does not resolve", endpoint("https://ecs.example.com", func(c *Client) {
			c.connect = func(context.Context, string, string) (net.Conn, error) {
				return nil, &net.OpError{Op: "dial",
					Err: &net.DNSError{Err: "no such host", Name: "ecs.example.com",
						IsNotFound: true}}
			}
		}), false},
		{"a certificate that nobody vouches for", endpoint(untrusted.URL, func(*Client) {}), false},
		{"no TLS at the other end",
			endpoint(strings.Replace(plain.URL, "http", "https", 1), func(*Client) {}), false},
		{"given up before it began", func(t *testing.T) (*Client, context.Context) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return hung(t), ctx
		}, false},
		{"given up while connecting", func(t *testing.T) (*Client, context.Context) {
			ctx, cancel := context.WithCancel(t.Context())
			c := newClient(t, func(o *Options) { o.Endpoint = "https://ecs.example.com" })
			c.connect = func(ctx context.Context, _, _ string) (net.Conn, error) {
				cancel()
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return c, ctx
		}, false},
		{"given up while waiting for the answer", func(t *testing.T) (*Client, context.Context) {
			ctx, cancel := context.WithCancel(t.Context())
			return served(t, func(_ http.ResponseWriter, r *http.Request) {
				cancel()
				<-r.Context().Done()
			}), ctx
		}, true},
		{"closed without an answer",
			serve(func(w http.ResponseWriter, _ *http.Request) { hijack(w, "") }), true},
		{"closed within the header", serve(func(w http.ResponseWriter, _ *http.Request) {
			hijack(w, "HTTP/1.1 200 OK\r\nCont")
		}), true},
		{"closed within the body", serve(func(w http.ResponseWriter, _ *http.Request) {
			hijack(w, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"RequestId\":")
		}), true},
		{"not HTTP", serve(func(w http.ResponseWriter, _ *http.Request) {
			hijack(w, "SSH-2.0-x\r\n")
		}), true},
		{"reset", serve(func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := w.(http.Hijacker).Hijack()
			conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
		}), true},
		{"a redirect", serve(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example/", http.StatusTemporaryRedirect)
		}), true},
		{"2 MiB, though it makes sense", serve(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, answerAll(r.URL.Query())+strings.Repeat(" ", 2<<20))
		}), true},
		{"2 MiB of an error", serve(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(500)
			io.WriteString(w, strings.Repeat(" ", 2<<20))
		}), true},
		{"a header of 100 KiB", serve(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Filler", strings.Repeat("x", 100<<10))
			io.WriteString(w, answerAll(r.URL.Query()))
		}), true},
		{"a code that is a number, at which the SDK panics",
			serve(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(502)
				io.WriteString(w, `{"Code":502}`)
			}), true},
		{"an error page that quotes the request",
			serve(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(403)
				io.WriteString(w, "Blocked: "+r.URL.String())
			}), true},
		{"a log-in page", serve(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "<html>"+r.URL.String())
		}), true},
		{"an empty answer", serve(func(http.ResponseWriter, *http.Request) {}), true},

		{"the given transport: connection refused",
			base(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}), false},
		{"the given transport: no such name", base(&net.DNSError{Err: "no such host"}), false},
		{"the given transport: a certificate",
			base(&tls.CertificateVerificationError{Err: errors.New("x")}), false},
		{"the given transport: an authority", base(x509.UnknownAuthorityError{}), false},
		{"the given transport: another host's certificate",
			base(x509.HostnameError{Certificate: &x509.Certificate{}}), false},
		{"the given transport: reset while reading",
			base(&net.OpError{Op: "read", Err: syscall.ECONNRESET}), true},
		{"the given transport: broken while writing",
			base(&net.OpError{Op: "write", Err: syscall.EPIPE}), true},
		{"the given transport: EOF", base(io.EOF), true},
		{"the given transport: unexpected EOF", base(io.ErrUnexpectedEOF), true},
		{"the given transport: time-out", base(context.DeadlineExceeded), true},
		{"the given transport: something new", base(errors.New("something new")), true},
	}
	run := func(tt row) func(*testing.T) {
		return func(t *testing.T) {
			c, ctx := tt.setup(t)
			reboot := c.Reboot(ctx, order())
			want := remedy.Reply{At: noon, Answer: remedy.AnswerUnknown, Note: reboot.Note}
			if !tt.sent {
				want.Answer, want.Code = remedy.AnswerNotExecuted, "not-sent"
			}
			if reboot != want || reboot.Note == "" {
				t.Errorf("reboot: %+v, want %+v", reboot, want)
			}
			c, ctx = tt.setup(t)
			machine := c.Machines(ctx, region, []string{instanceID})[instanceID]
			vitals := c.Heartbeats(ctx, region, []string{instanceID})[instanceID]
			events := c.PlatformEvents(ctx, region, instanceID)
			for _, failure := range []remedy.Failure{machine.Failure, vitals.Failure,
				events.Failure} {
				if failure != remedy.FailureUnavailable {
					t.Errorf("read: %q, want %q", failure, remedy.FailureUnavailable)
				}
			}
			noSecrets(t, fmt.Sprintf("%+v %+v %+v %+v", reboot, machine, vitals, events))
		}
	}
	for _, tt := range tests {
		t.Run(tt.why, run(tt))
	}
	for _, tt := range limited {
		t.Run(tt.why, func(t *testing.T) { synctest.Test(t, run(tt)) })
	}
}

// TestQuotedRequestsAreNotRepeated: an error's message, code and RequestId are the server's, who
// knows the request.
func TestQuotedRequestsAreNotRepeated(t *testing.T) {
	tests := []struct {
		why   string
		serve http.HandlerFunc
		want  string // in the note
	}{
		{"the string to sign", func(w http.ResponseWriter, r *http.Request) {
			echo(w, r, "SignatureDoesNotMatch")
		}, "SignatureDoesNotMatch"},
		{"any other code", func(w http.ResponseWriter, r *http.Request) {
			echo(w, r, "InvalidParameter")
		}, "InvalidParameter"},
		{"the key as the code",
			func(w http.ResponseWriter, r *http.Request) {
				echo(w, r, testKeys.AccessKeyID)
			}, "not from ECS"},
		{"the key as the RequestId", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(403)
			fmt.Fprintf(w, `{"Code":"Forbidden.RAM","RequestId":%q,"Message":"no"}`,
				testKeys.AccessKeyID)
		}, "ecs:RebootInstance"},
		{"the secret in the message", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(403)
			fmt.Fprintf(w, `{"Code":"Forbidden.RAM","Message":"for %s"}`, testKeys.AccessKeySecret)
		}, "Forbidden.RAM"},
		{"a URL in the message", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(403)
			io.WriteString(w,
				`{"Code":"Forbidden.RAM","RequestId":"R-1",`+
					`"Message":"hush: see https://ecs.example.com/?Signature=x"}`)
		}, "Forbidden.RAM"},
		{"a part of the request in the message", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(403)
			io.WriteString(w,
				`{"Code":"Forbidden.RAM","RequestId":"R-1",`+
					`"Message":"hush: POST&%2F&Action%3DRebootInstance"}`)
		}, "Forbidden.RAM"},
		{"whatever is said of a signature", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(400)
			io.WriteString(w, `{"Code":"SignatureDoesNotMatch","RequestId":"R-1","Message":"hush"}`)
		}, "SignatureDoesNotMatch"},
		{"a harmless message is kept", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(403)
			io.WriteString(w,
				`{"Code":"Forbidden.RAM","RequestId":"R-1",`+
					`"Message":"User not\n\u001b[31mauthorized."}`)
		}, "User not [31mauthorized."},
		{"a long message is cut", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(403)
			fmt.Fprintf(w, `{"Code":"Forbidden.RAM","Message":%q}`, strings.Repeat("long ", 1000))
		}, "long long"},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			got := served(t, tt.serve).Reboot(t.Context(), order())
			if !strings.Contains(got.Note, tt.want) || strings.Contains(got.Note, "hush") ||
				len(got.Note) > 500 {
				t.Errorf("note %q, want %q in it", got.Note, tt.want)
			}
			noSecrets(t, strings.ReplaceAll(fmt.Sprintf("%+v", got), "InvalidAccessKeyId", ""))
		})
	}
}

// TestOneRequestEach: the SDK would send again after an error, and follow a redirect with the token
// in its Referer.
func TestOneRequestEach(t *testing.T) {
	var elsewhere, here atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		elsewhere.Add(1)
	}))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308, 400, 429, 500, 503} {
		here.Store(0)
		c := served(t, func(w http.ResponseWriter, _ *http.Request) {
			here.Add(1)
			w.Header().Set("Location", other.URL)
			w.WriteHeader(status)
		})
		c.Reboot(t.Context(), order())
		c.Machines(t.Context(), region, []string{instanceID})
		if here.Load() != 2 || elsewhere.Load() != 0 {
			t.Errorf("%d: %d requests here, %d elsewhere; want 2 and 0", status, here.Load(),
				elsewhere.Load())
		}
	}
}

// clock is a clock that a test moves.
type clock struct{ atomic.Pointer[time.Time] }

func newClock() *clock {
	c := new(clock)
	c.set(noon)
	return c
}

func (c *clock) set(t time.Time) { c.Store(&t) }
func (c *clock) now() time.Time  { return *c.Load() }

// TestSendBefore freezes a reboot at each point at which it can be late. Nothing may arrive then.
func TestSendBefore(t *testing.T) {
	due := noon.Add(10 * time.Second)
	late := due.Add(time.Nanosecond)
	tests := []struct {
		why  string
		send time.Time // SendBefore
		// Our clock: at the start, when connecting is done, and when the TLS handshake is done.
		start, connected, secured time.Time
		dryRun                    bool
		arrives                   bool
	}{
		{"in time", due, noon, noon, noon, false, true},
		{"at the last moment", due, due, due, due, false, true},
		{"late from the start", due, late, late, late, false, false},
		{"late once connected", due, noon, late, late, false, false},
		{"late once the handshake is done", due, noon, noon, late, false, false},
		{"no time given is always late", time.Time{}, noon, noon, noon, false, false},
		{"a dry run is never late", due, late, late, late, true, true},
		{"a dry run needs no time", time.Time{}, noon, noon, noon, true, true},
	}
	for _, tt := range tests {
		for _, secure := range []bool{false, true} {
			if !secure && !tt.secured.Equal(tt.connected) {
				continue // plain HTTP has no handshake
			}
			t.Run(fmt.Sprintf("%s, TLS %v", tt.why, secure), func(t *testing.T) {
				var arrived atomic.Int32
				clock := newClock()
				server := httptest.NewUnstartedServer(http.HandlerFunc(
					func(w http.ResponseWriter, r *http.Request) {
						arrived.Add(1)
						io.WriteString(w, answerAll(r.URL.Query()))
					}))
				server.Config.ErrorLog = log.New(io.Discard, "", 0)
				if secure {
					server.StartTLS()
				} else {
					server.Start()
				}
				c := newClient(t, func(o *Options) { o.Endpoint, o.Now = server.URL, clock.now })
				if secure {
					c.trusted = x509.NewCertPool()
					c.trusted.AddCert(server.Certificate())
				}
				connect := c.connect
				c.connect = func(ctx context.Context, network, address string) (net.Conn, error) {
					clock.set(tt.connected)
					conn, err := connect(ctx, network, address)
					return &movingConn{Conn: conn, secured: func() { clock.set(tt.secured) },
						secure: secure}, err
				}
				clock.set(tt.start)
				o := order()
				o.SendBefore, o.DryRun = tt.send, tt.dryRun
				got := c.Reboot(t.Context(), o)
				c.Close()
				server.Close() // waits for every request that it got
				want := int32(0)
				if tt.arrives {
					want = 1
				}
				if arrived.Load() != want {
					t.Errorf("%d requests arrived, want %d (%+v)", arrived.Load(), want, got)
				}
				if sent := got.Code != "not-sent"; sent != tt.arrives || !sent &&
					got.Answer != remedy.AnswerNotExecuted {
					t.Errorf("%+v", got)
				}
			})
		}
	}
}

// movingConn moves the clock when the client has read the end of the server's part of the TLS
// handshake.
type movingConn struct {
	net.Conn
	secure  bool
	secured func()
	once    sync.Once
}

func (c *movingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.secure {
		c.once.Do(c.secured)
	}
	return n, err
}

// TestLateAtTheGivenTransport: without a connection of our own, the gate is in front of the
// transport.
func TestLateAtTheGivenTransport(t *testing.T) {
	clock := newClock()
	arrived := 0
	c := newClient(t, func(o *Options) {
		o.Now = func() time.Time { // the first look is in time; the process is frozen after it
			now := clock.now()
			clock.set(order().SendBefore.Add(time.Second))
			return now
		}
		o.Base = roundTripper(func(*http.Request) (*http.Response, error) {
			arrived++
			return reply(200, `{"RequestId":"R"}`), nil
		})
	})
	if got := c.Reboot(t.Context(), order()); got.Answer != remedy.AnswerNotExecuted ||
		got.Code != "not-sent" || arrived != 0 {
		t.Errorf("%d arrived, %+v", arrived, got)
	}
}

// TestGivenUpThenConnected: the answer "not sent" was given, so a connection that comes about
// afterwards stays silent.
func TestGivenUpThenConnected(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	theirs := make(chan net.Conn, 1)
	release := make(chan struct{})
	c := newClient(t, func(o *Options) { o.Endpoint = "http://127.0.0.1:1" })
	c.connect = func(context.Context, string, string) (net.Conn, error) {
		cancel()
		<-release
		ours, other := net.Pipe()
		theirs <- other
		return ours, nil
	}
	if got := c.Reboot(ctx, order()); got.Answer != remedy.AnswerNotExecuted ||
		got.Code != "not-sent" {
		t.Errorf("%+v", got)
	}
	close(release)
	conn := <-theirs
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if sent, err := io.ReadAll(conn); err != nil || len(sent) > 0 {
		t.Errorf("%q was written, %v; want the connection closed in silence", sent, err)
	}
}

// TestGate: the last moment is in time, and what is shut stays shut.
func TestGate(t *testing.T) {
	start := time.Now()
	tests := []struct {
		why         string
		now, before time.Time
		late        bool
	}{
		{"in time", start, start.Add(time.Second), false},
		{"at the last moment", start, start.Round(0), false},
		{"late", start.Add(1), start, true},
		{"no time", start, time.Time{}, true},
	}
	for _, tt := range tests {
		g := &gate{now: func() time.Time { return tt.now }, before: tt.before}
		err := g.pass()
		if sent, refused := g.shut(); (err != nil) != tt.late || sent == tt.late ||
			refused != tt.late {
			t.Errorf("%s: %v, sent %v, refused %v", tt.why, err, sent, refused)
		}
		if g.pass() == nil {
			t.Errorf("%s: open after it was shut", tt.why)
		}
	}
	// A request longer than one write, frozen in the middle: its head has left, its end never will.
	clock := newClock()
	g := &gate{now: clock.now, before: noon}
	first := g.pass()
	clock.set(noon.Add(time.Second))
	second := g.pass()
	if sent, refused := g.shut(); first != nil || second == nil || !sent || !refused {
		t.Errorf("%v, %v, sent %v, refused %v", first, second, sent, refused)
	}
}

// TestLargestAnswer: an answer of exactly the cap is read.
func TestLargestAnswer(t *testing.T) {
	for _, tt := range []struct {
		size int
		want remedy.Answer
	}{{maxBody, remedy.AnswerAccepted}, {maxBody + 1, remedy.AnswerUnknown}} {
		body := `{"RequestId":"R"}`
		c := carried(t, always(200, body+strings.Repeat(" ", tt.size-len(body))))
		if got := c.Reboot(t.Context(), order()); got.Answer != tt.want {
			t.Errorf("%d bytes: %+v, want %s", tt.size, got, tt.want)
		}
	}
}

// TestLargestHeader: a header of exactly the cap is read, of the given transport, too.
func TestLargestHeader(t *testing.T) {
	for _, tt := range []struct {
		size int
		want remedy.Answer
	}{{maxHeader, remedy.AnswerAccepted}, {maxHeader + 1, remedy.AnswerUnknown}} {
		c := carried(t, func(*http.Request) (*http.Response, error) {
			resp := reply(200, `{"RequestId":"R"}`)
			left := tt.size - headerSize(resp.Header)
			resp.Header.Set("X-Filler", strings.Repeat("x", left-len("X-Filler: \r\n")))
			return resp, nil
		})
		if got := c.Reboot(t.Context(), order()); got.Answer != tt.want {
			t.Errorf("%d bytes: %+v, want %s", tt.size, got, tt.want)
		}
	}
}

// TestNoDialOutlivesItsClient: http.Transport would go on with a dial or a handshake that nobody
// waits for any more.
func TestNoDialOutlivesItsClient(t *testing.T) {
	hangingDial := func(ctx context.Context, ended chan struct{}) (net.Conn, error) {
		<-ctx.Done()
		close(ended)
		return nil, ctx.Err()
	}
	hangingHandshake := func(_ context.Context, ended chan struct{}) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			io.Copy(io.Discard, theirs)
			close(ended)
		}()
		return ours, nil
	}
	tests := []struct {
		why     string
		connect func(context.Context, chan struct{}) (net.Conn, error)
		limit   time.Duration
		closed  bool // else the limit ends it
	}{
		{"a dial, at the limit", hangingDial, time.Minute, false},
		{"a dial, at Close", hangingDial, time.Hour, true},
		{"a handshake, at the limit", hangingHandshake, time.Minute, false},
		{"a handshake, at Close", hangingHandshake, time.Hour, true},
	}
	calls := map[string]func(context.Context, *Client){
		"read": func(ctx context.Context, c *Client) {
			c.PlatformEvents(ctx, region, instanceID)
		},
		"reboot": func(ctx context.Context, c *Client) { c.Reboot(ctx, order()) },
	}
	for _, tt := range tests {
		for name, call := range calls {
			run := func(t *testing.T) {
				start := time.Now()
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan struct{})
				c := newClient(t,
					func(o *Options) {
						o.Endpoint, o.CallLimit = "https://ecs.example.com",
							tt.limit
					})
				c.connect = func(dialing context.Context, _, _ string) (net.Conn, error) {
					cancel()
					return tt.connect(dialing, ended)
				}
				call(ctx, c)
				if tt.closed {
					c.Close()
				}
				<-ended
				if took := time.Since(start); (took == tt.limit) == tt.closed {
					t.Errorf("it ended after %v", took)
				}
			}
			t.Run(tt.why+", "+name, func(t *testing.T) { synctest.Test(t, run) })
		}
	}
}

// TestLateInTheMiddle: a request that takes two writes, frozen between them, never becomes whole.
func TestLateInTheMiddle(t *testing.T) {
	clock := newClock()
	var arrived atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		arrived.Add(1)
	}))
	c := newClient(t, func(o *Options) {
		o.Endpoint, o.Now = server.URL, clock.now
		// a request longer than net/http writes at once
		o.Credentials.SecurityToken = strings.Repeat("t", 10_000)
	})
	connect := c.connect
	c.connect = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := connect(ctx, network, address)
		return freezingConn{conn, func() { clock.set(order().SendBefore.Add(time.Second)) }}, err
	}
	got := c.Reboot(t.Context(), order())
	c.Close()
	server.Close()
	if got.Answer != remedy.AnswerNotExecuted || got.Code != "not-sent" || arrived.Load() != 0 {
		t.Errorf("%d arrived, %+v", arrived.Load(), got)
	}
}

// freezingConn freezes the process after each write.
type freezingConn struct {
	net.Conn
	freeze func()
}

func (c freezingConn) Write(b []byte) (int, error) {
	defer c.freeze()
	return c.Conn.Write(b)
}

// TestRebootsShareNoConnection: a kept connection can be dead after a freeze, and its EOF looks
// like that of a reboot.
func TestRebootsShareNoConnection(t *testing.T) {
	var mu sync.Mutex
	from := make(map[string]int)
	c := served(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		from[r.RemoteAddr]++
		mu.Unlock()
		io.WriteString(w, answerAll(r.URL.Query()))
	})
	c.Machines(t.Context(), region, []string{instanceID})
	for range 3 {
		c.Reboot(t.Context(), order())
		c.Machines(t.Context(), region, []string{instanceID})
	}
	if len(from) != 4 { // one for all reads, and one for each reboot
		t.Errorf("%d connections, want 4: %v", len(from), from)
	}
}
