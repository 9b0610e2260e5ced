// Package serve is a local page on which alarms are tried against simulated guests, and the
// simulated ECS behind it on a port of its own. Each run is a drill: the real handler, adapter and
// SDK in virtual time, which passes as fast as the visitor wants. Nothing real is ever reached.
//
// The page is for the person at this machine. It listens on loopback only, answers to its own names
// only (another name would be a foreign site that had itself resolved to loopback), and changes
// something only when its own script asks. What comes in by an alarm is text wherever it shows.
package serve

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/drill"
	"ecs-remedy/function/internal/ecssim"
)

// Limits of what one page holds and does. They are for accidents: the page has one user.
const (
	mostRuns    = 50  // that are kept; the oldest one that is over makes room
	mostAtOnce  = 8   // that are under way
	mostAlarms  = 200 // of one run
	mostStreams = 32  // that are open
	mostCalls   = 16  // of the simulated ECS at once
	mostForm    = 1 << 20
	callLimit   = 30 * time.Second // for everything but a stream
	patience    = 3 * time.Second  // for open answers when everything ends
)

// Options say what is simulated.
type Options struct {
	// Load is the configuration of the environment with a mode in place of its own, and a ledger in
	// memory.
	Load func(mode string) (config.Config, error)
}

// Keys open the simulated ECS, and nothing else. They are new in every process, so that no foreign
// site can know them.
type Keys struct{ ID, Secret, Token string }

// Server is the local page and the simulated ECS. Its methods are safe for concurrent use.
type Server struct {
	Keys Keys

	options Options
	ctx     context.Context // of the runs
	stop    context.CancelFunc
	under   sync.WaitGroup // runs, and the worlds that go on after them
	world   atomic.Pointer[ecssim.World]
	streams chan struct{} // one is taken by each that is open
	calls   chan struct{}
	pageURL atomic.Pointer[string]
	ecsAddr atomic.Pointer[string]

	mu     sync.Mutex
	runs   []*run // the oldest first
	last   int    // number of the last run
	active int    // runs under way
}

// New makes a Server whose world holds one instance that hangs, in real time, until a first run is
// sent. Close ends it. The error is the environment's.
func New(o Options) (*Server, error) {
	if _, err := o.Load(modes[0]); err != nil {
		return nil, err
	}
	s := &Server{options: o, streams: make(chan struct{}, mostStreams),
		calls: make(chan struct{}, mostCalls),
		Keys:  Keys{"STS.visitor", rand.Text(), rand.Text()}}
	s.ctx, s.stop = context.WithCancel(context.Background())
	event, err := drill.Default(time.Now())
	if err != nil {
		return nil, err
	}
	world := ecssim.New(ecssim.Real())
	world.Add(ecssim.Instance{ID: event.Alarms[0].Instance, Region: event.Alarms[0].Region,
		Guest: ecssim.Guests()[0].Guest, Tags: map[string]string{"auto-restart": "true"}})
	s.show(world)
	return s, nil
}

// show lets visitors of the simulated ECS see this world from now on.
func (s *Server) show(world *ecssim.World) {
	world.SetKey(ecssim.Key{ID: s.Keys.ID, Secret: s.Keys.Secret, Token: s.Keys.Token})
	s.world.Store(world)
}

// Close breaks off what is under way and returns when nothing is left of it.
func (s *Server) Close() {
	s.stop()
	s.under.Wait()
}

// Listen listens on an address of loopback, such as 127.0.0.1:0. Its errors are ErrNotLoopback, or
// the network's.
func Listen(address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, ErrNotLoopback
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	if tcp, ok := listener.Addr().(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		listener.Close() // a name that means another machine's address here
		return nil, ErrNotLoopback
	}
	return listener, nil
}

// ErrNotLoopback is of an address that other machines could reach.
var ErrNotLoopback = errors.New("not an address of loopback")

// Serve answers on both listeners until ctx ends, and closes them. Streams end, and what is under
// way is broken off; that is no error.
func (s *Server) Serve(ctx context.Context, page, ecs net.Listener) error {
	s.Addresses(page.Addr().String(), ecs.Addr().String())
	servers := []*http.Server{server(s.Page()), server(s.ECS())}
	ended := make(chan error, len(servers))
	for n, listener := range []net.Listener{page, ecs} {
		go func() { ended <- servers[n].Serve(listener) }()
	}
	var failed error
	select {
	case <-ctx.Done():
	case failed = <-ended:
		ended <- nil // what the loop below takes
	}
	s.Close() // streams end with it
	// The contract is to end although ctx has.
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	for _, server := range servers {
		if server.Shutdown(late) != nil {
			server.Close() // whoever still reads has had time
		}
	}
	for range servers {
		if err := <-ended; err != nil && !errors.Is(err, http.ErrServerClosed) && failed == nil {
			failed = err
		}
	}
	return failed
}

func server(handler http.Handler) *http.Server {
	return &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout: callLimit, WriteTimeout: callLimit, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 32 << 10}
}

// Addresses says where the page and the simulated ECS are, HOST:PORT each: the page shows both, and
// each answers to its own address only.
func (s *Server) Addresses(page, ecs string) {
	s.pageURL.Store(&page)
	s.ecsAddr.Store(&ecs)
}

// ours are the names under which an address is reached: as it is, and as localhost.
func ours(address string) []string {
	_, port, _ := net.SplitHostPort(address)
	names := []string{address, "localhost:" + port}
	if strings.HasPrefix(address, "127.") {
		names = append(names, "127.0.0.1:"+port)
	}
	return names
}

// known lets a request through that was made for one of our own names. A site that has its name
// resolved to loopback comes with that name.
func known(address *atomic.Pointer[string], handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at := address.Load()
		if at == nil || !slices.Contains(ours(*at), r.Host) {
			http.Error(w, "this page answers to its own address only", http.StatusForbidden)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// ECS is the simulated ECS as its visitors see it.
func (s *Server) ECS() http.Handler {
	return known(&s.ecsAddr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case s.calls <- struct{}{}:
			defer func() { <-s.calls }()
		default:
			http.Error(w, "too many calls at once", http.StatusServiceUnavailable)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, mostForm)
		s.world.Load().Visitors().ServeHTTP(w, r)
	}))
}

// Page is the local page.
func (s *Server) Page() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.index)
	mux.HandleFunc("GET /samples/{name}", s.sample)
	mux.HandleFunc("GET /runs", s.list)
	mux.HandleFunc("GET /runs/{run}/events", s.events)
	mux.HandleFunc("GET /runs/{run}/page", s.report)
	mux.Handle("POST /runs", own(http.HandlerFunc(s.send)))
	mux.Handle("POST /runs/{run}/hurry", own(http.HandlerFunc(s.hurry)))
	return known(&s.pageURL, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin") // no-referrer would make a form's Origin null
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		mux.ServeHTTP(w, r)
	}))
}

// own lets a request through that the page itself makes: browsers add the Origin to every POST.
func own(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Origin") != "http://"+r.Host {
			http.Error(w, "only the page itself may ask for this", http.StatusForbidden)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// sample shows a sample's payload as it is sent.
func (s *Server) sample(w http.ResponseWriter, r *http.Request) {
	sample, ok := events.SampleByName(r.PathValue("name"))
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, shown(string(sample.Payload))) // an error means that nobody reads
}
