package ecs

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ecs-remedy/function/internal/remedy"
)

// aheadSetting is a server that knows what each connection carried, and a client of it.
type aheadSetting struct {
	*Client
	clock *clock
	dials atomic.Int32

	accepted chan net.Conn // the server's sides of them all

	mu   sync.Mutex
	from map[string][]string // the actions that came over each connection
}

func newAheadSetting(t *testing.T, secure bool) *aheadSetting {
	s := &aheadSetting{clock: newClock(), from: map[string][]string{},
		accepted: make(chan net.Conn, 10)}
	server := httptest.NewUnstartedServer(http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			s.mu.Lock()
			s.from[r.RemoteAddr] = append(s.from[r.RemoteAddr], r.URL.Query().Get("Action"))
			s.mu.Unlock()
			io.WriteString(w, answerAll(r.URL.Query()))
		}))
	server.Config.ConnState = func(conn net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.accepted <- conn
		}
	}
	if secure {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	s.Client = newClient(t, func(o *Options) { o.Endpoint, o.Now = server.URL, s.clock.now })
	if secure {
		s.trusted = x509.NewCertPool()
		s.trusted.AddCert(server.Certificate())
	}
	connect := s.connect
	s.connect = func(ctx context.Context, network, address string) (net.Conn, error) {
		s.dials.Add(1)
		return connect(ctx, network, address)
	}
	return s
}

// reboots are the connections that carried a reboot, and what else each of them carried.
func (s *aheadSetting) reboots() (all [][]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, carried := range s.from {
		if slices.Contains(carried, "RebootInstance") {
			all = append(all, carried)
		}
	}
	return all
}

// look reads an instance's events, and returns when what is opened beside is open.
func (s *aheadSetting) look(t *testing.T) {
	t.Helper()
	if got := s.PlatformEvents(t.Context(), region, instanceID); !got.OK() {
		t.Fatalf("%+v", got)
	}
	s.lane.mu.Lock()
	next := s.lane.next
	s.lane.mu.Unlock()
	if next != nil {
		<-next.ready
	}
}

// TestRebootFindsItsConnectionOpen: a reboot goes over a connection that was opened while the
// guards were read and that carried nothing before; at most one is opened ahead, and one that is
// not young is not used.
func TestRebootFindsItsConnectionOpen(t *testing.T) {
	expects := func(_ *testing.T, s *aheadSetting) { s.ExpectReboots() }
	later := func(d time.Duration) func(*testing.T, *aheadSetting) {
		return func(_ *testing.T, s *aheadSetting) { s.clock.set(noon.Add(d)) }
	}
	again := func(t *testing.T, s *aheadSetting) { s.look(t) }
	expectsLater := func(t *testing.T, s *aheadSetting) {
		s.look(t) // whose connection the next reading uses
		s.ExpectReboots()
	}
	server := func(does func(net.Conn)) func(*testing.T, *aheadSetting) {
		return func(_ *testing.T, s *aheadSetting) {
			<-s.accepted // the reading's
			does(<-s.accepted)
			<-s.lane.next.conn.heard
		}
	}
	tests := []struct {
		why     string
		before  func(*testing.T, *aheadSetting) // the guards are read
		between func(*testing.T, *aheadSetting) // that and the reboot
		ahead   int32                           // connections before the reboot
		all     int32                           // and after it
	}{
		{"one for the reading and one ahead", expects, nil, 2, 2},
		{"nobody expects a reboot", nil, nil, 1, 2},
		{"read again, with one open already", expects, again, 2, 2},
		{"the oldest that is used", expects, later(aheadFor - time.Nanosecond), 2, 2},
		{"the youngest that is too old", expects, later(aheadFor), 2, 3},
		{"the wall clock went back", expects, later(-aheadFor), 2, 3},
		{"too old, and the guards are read again", expects, func(t *testing.T, s *aheadSetting) {
			s.clock.set(noon.Add(aheadFor))
			s.look(t)
		}, 3, 3},
		{"another reboot took it", expects, func(t *testing.T, s *aheadSetting) {
			if got := s.Reboot(t.Context(), order()); got.Answer != remedy.AnswerAccepted {
				t.Errorf("the first: %+v", got)
			}
		}, 2, 3},
		{"the server has closed it", expectsLater,
			server(func(conn net.Conn) { conn.Close() }), 2, 3},
		{"the server has spoken on it, as one that is about to close it does", expectsLater,
			server(func(conn net.Conn) {
				io.WriteString(conn, "HTTP/1.1 408 Request Timeout\r\n\r\n")
			}), 2, 3},
		{"the one ahead cannot be opened", func(t *testing.T, s *aheadSetting) {
			expectsLater(t, s)
			connect := s.connect
			var once sync.Once
			s.connect = func(ctx context.Context, network, address string) (net.Conn, error) {
				var err error
				if once.Do(func() { err = errors.New("no route") }); err != nil {
					return nil, err
				}
				return connect(ctx, network, address)
			}
		}, nil, 1, 2},
	}
	for _, tt := range tests {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, TLS %v", tt.why, secure), func(t *testing.T) {
				s := newAheadSetting(t, secure)
				if tt.before != nil {
					tt.before(t, s)
				}
				s.look(t)
				if tt.between != nil {
					tt.between(t, s)
				}
				if got := s.dials.Load(); got != tt.ahead {
					t.Errorf("%d connections before the reboot, want %d", got, tt.ahead)
				}
				o := order()
				o.SendBefore = noon.Add(time.Hour)
				if got := s.Reboot(t.Context(), o); got.Answer != remedy.AnswerAccepted {
					t.Errorf("%+v", got)
				}
				if got := s.dials.Load(); got != tt.all {
					t.Errorf("%d connections after it, want %d", got, tt.all)
				}
				for _, carried := range s.reboots() {
					if len(carried) > 1 {
						t.Errorf("a connection carried %q", carried)
					}
				}
			})
		}
	}
}

// TestRebootWaitsForItsConnection: one that is being opened is waited for, and ends with the
// caller.
func TestRebootWaitsForItsConnection(t *testing.T) {
	for _, given := range []bool{false, true} {
		s := newAheadSetting(t, false)
		s.look(t)
		s.ExpectReboots()
		connect, goOn := s.connect, make(chan struct{})
		s.connect = func(ctx context.Context, network, address string) (net.Conn, error) {
			<-goOn
			return connect(ctx, network, address)
		}
		s.openAhead(region)
		a := s.lane.next
		ctx, cancel := context.WithCancel(t.Context())
		answered := make(chan remedy.Reply)
		go func() { answered <- s.Reboot(ctx, order()) }()
		if given {
			cancel()
			if got := <-answered; got.Answer != remedy.AnswerNotExecuted {
				t.Errorf("given up: %+v", got)
			}
			close(goOn)
			s.Close()
		} else {
			close(goOn)
			if got := <-answered; got.Answer != remedy.AnswerAccepted || s.dials.Load() != 2 {
				t.Errorf("%d connections, %+v", s.dials.Load(), got)
			}
		}
		cancel()
		<-a.ready
		s.lane.mu.Lock()
		if a.conn != nil {
			t.Errorf("given up %v: a connection is left open", given)
		}
		s.lane.mu.Unlock()
	}
}

// TestAheadIsBehindTheGate: nothing leaves after SendBefore, though the connection is open.
func TestAheadIsBehindTheGate(t *testing.T) {
	for _, secure := range []bool{false, true} {
		s := newAheadSetting(t, secure)
		s.ExpectReboots()
		s.look(t)
		o := order()
		var asked atomic.Int32
		s.now = func() time.Time {
			if asked.Add(1) > 2 { // the gate before all else, and how old the connection is
				return o.SendBefore.Add(time.Nanosecond)
			}
			return noon
		}
		got := s.Reboot(t.Context(), o)
		if got.Answer != remedy.AnswerNotExecuted || got.Code != notSent {
			t.Errorf("TLS %v: %+v", secure, got)
		}
		if s.lane.next != nil || s.dials.Load() != 2 || len(s.reboots()) > 0 {
			t.Errorf("TLS %v: the connection ahead was not the one that was used: %d were opened",
				secure, s.dials.Load())
		}
	}
}

// TestCloseClosesWhatIsAhead: open already, or about to be.
func TestCloseClosesWhatIsAhead(t *testing.T) {
	for _, late := range []bool{false, true} {
		ours, theirs := net.Pipe()
		goOn := make(chan struct{})
		c := newClient(t, func(o *Options) { o.Endpoint = "http://127.0.0.1:1" })
		c.connect = func(context.Context, string, string) (net.Conn, error) {
			<-goOn
			return ours, nil
		}
		c.ExpectReboots()
		c.openAhead(region)
		a := c.lane.next
		if !late {
			close(goOn)
			<-a.ready
		}
		c.Close()
		if late {
			close(goOn)
		}
		if _, err := theirs.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("late %v: %v", late, err)
		}
		if c.openAhead(region); c.lane.next != nil {
			t.Error("opened after Close")
		}
	}
}

// TestAheadGoesToOurRegionOnly: what is opened ahead is a connection to the host that the reboot
// goes to, and to no other.
func TestAheadGoesToOurRegionOnly(t *testing.T) {
	for _, row := range []struct {
		why, region string
		vpc         bool
		want        []string
	}{
		{"ours", region, false, []string{"ecs.cn-beijing.aliyuncs.com:443"}},
		{"ours, from inside of it", region, true, []string{"ecs-vpc.cn-beijing.aliyuncs.com:443"}},
		{"another one", "cn-hangzhou", false, nil},
		{"a host's name", "cn-beijing.evil.example/", false, nil},
	} {
		var mu sync.Mutex
		var dialled []string
		c := newClient(t, func(o *Options) { o.Region, o.VPC = region, row.vpc })
		c.connect = func(_ context.Context, _, address string) (net.Conn, error) {
			mu.Lock()
			defer mu.Unlock()
			dialled = append(dialled, address)
			return nil, errors.New("no network here")
		}
		c.ExpectReboots()
		c.openAhead(row.region)
		if c.lane.next != nil {
			<-c.lane.next.ready
		}
		if !slices.Equal(dialled, row.want) {
			t.Errorf("%s: dialled %s, want %s", row.why, strings.Join(dialled, " "),
				strings.Join(row.want, " "))
		}
	}
}
