package main_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/fcsim"
	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

const (
	account  = ecssim.DefaultAccount
	region   = "cn-hangzhou"
	instance = "i-bp1process000000001"
	timer    = `{"triggerTime":"2026-11-21T00:00:00Z","triggerName":"sweep","payload":""}`
	// patience is how long anything may take before a test gives it up.
	patience = 90 * time.Second
)

// folder holds what the tests build.
var folder string

func TestMain(m *testing.M) {
	flag.Parse()
	// These tests wait for other processes most of the time, so more of them fit than there are
	// processors: fewer where the race detector slows the processes down.
	parallel := "8"
	if raced() {
		parallel = "3"
	}
	if err := flag.Set("test.parallel", parallel); err != nil {
		panic(err)
	}
	var err error
	if folder, err = os.MkdirTemp("", "ecs-remedy"); err != nil {
		panic(err)
	}
	status := m.Run()
	os.RemoveAll(folder)
	os.Exit(status)
}

// raced is whether this test runs under the race detector.
var raced = sync.OnceValue(func() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
})

// binary is the function, built like this test, so that there is nothing left to compile but
// itself. It has no race detector, for that would make it too slow for the leases of these tests.
// The binary that is deployed has its own test, with the command that packages it.
var binary = sync.OnceValues(func() (string, error) { return build(".", "main", os.Environ()) })

// detecting is the function with the race detector where this test runs under it.
var detecting = sync.OnceValues(func() (string, error) {
	if raced() {
		return build(".", "race", os.Environ(), "-race")
	}
	return binary()
})

// buildDeployed builds a package or a file with the options that the deployed binary is built with,
// and more ones.
func buildDeployed(source, name string, more ...string) (string, error) {
	return build(source, name, append(os.Environ(), "CGO_ENABLED=0"),
		append([]string{"-trimpath", "-ldflags=-s -w"}, more...)...)
}

func build(source, name string, env []string, options ...string) (string, error) {
	output := filepath.Join(folder, name)
	command := exec.Command(
		"go",
		slices.Concat([]string{"build", "-o", output}, options, []string{source})...)
	command.Env = env
	if said, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, said)
	}
	return output, nil
}

// setting is a platform that starts real function processes, and an ECS on a port for them.
type setting struct {
	*testing.T
	world    *ecssim.World
	ecs      string // the world's address
	platform *fcsim.Platform
	env      []string
	secrets  []string
	pace     pace
	detects  bool // the processes have the race detector where this test runs under it

	mu       sync.Mutex
	sent     []*fcsim.Invocation
	recorded []byte // what the ledger was seen to hold
}

// newSetting serves the instances on a port. Whatever the processes print, answer and leave in the
// ledger until the test ends is searched for secrets then.
func newSetting(t *testing.T, instances ...ecssim.Instance) *setting {
	t.Helper()
	s := &setting{T: t, world: ecssim.New(ecssim.Real()), platform: fcsim.New(account, region),
		secrets: []string{
			ecssim.DefaultKeyID,
			ecssim.DefaultSecret,
			ecssim.DefaultToken,
			"Signature=",
		}}
	for _, i := range instances {
		s.world.Add(i)
	}
	s.platform.Concurrency = 40
	s.platform.Backoff = 300 * time.Millisecond
	address, stop, err := s.world.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	if err := s.pace.watch(over); err != nil {
		t.Fatal(err)
	}
	s.ecs = strings.TrimPrefix(address, "http://")
	s.env = []string{
		"REMEDY_MODE=enforce", "REMEDY_LEDGER=mem:", "REMEDY_ECS_ENDPOINT=" + address,
		// A call may take 10 s, however busy the machine is. Tests about leases have shorter ones.
		"REMEDY_LEASE=30s", "REMEDY_POLL=50ms", "REMEDY_ATTEMPT_TIMEOUT=600ms",
		"REMEDY_BOOT_GRACE=5s", "REMEDY_DEADLINE_RESERVE=1s",
		// The platform sets these when it starts the process; an invocation has its own.
		"ALIBABA_CLOUD_ACCESS_KEY_ID=" + s.secret("STS.of-the-start"),
		"ALIBABA_CLOUD_ACCESS_KEY_SECRET=" + s.secret("secret-of-the-start"),
		"ALIBABA_CLOUD_SECURITY_TOKEN=" + s.secret("token-of-the-start"),
	}
	t.Cleanup(func() {
		s.platform.Close()
		stop()
		s.discreet()
	})
	return s
}

// secret is a text that must not be seen again.
func (s *setting) secret(text string) string {
	s.secrets = append(s.secrets, text)
	return text
}

// key makes credentials that ECS knows.
func (s *setting) key(name string) fcsim.Key {
	k := fcsim.Key{
		ID:     s.secret("STS." + name),
		Secret: s.secret("secret-of-" + name),
		Token:  s.secret("token-of-" + name),
	}
	s.world.SetKey(ecssim.Key{ID: k.ID, Secret: k.Secret, Token: k.Token})
	return k
}

// start starts one more process.
func (s *setting) start(env ...string) *fcsim.Process {
	s.Helper()
	of := binary
	if s.detects {
		of = detecting
	}
	name, err := of()
	if err != nil {
		s.Fatal(err)
	}
	process, err := s.platform.Start(name, slices.Concat(s.env, env)...)
	if err != nil {
		s.Fatal(err)
	}
	return process
}

// send queues an event; without a key it gets the default one.
func (s *setting) send(e fcsim.Event) *fcsim.Invocation {
	if e.Key == (fcsim.Key{}) {
		e.Key = fcsim.Key{
			ID:     ecssim.DefaultKeyID,
			Secret: ecssim.DefaultSecret,
			Token:  ecssim.DefaultToken,
		}
	}
	i := s.platform.Send(e)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, i)
	return i
}

// invoke sends an event and waits for its last answer.
func (s *setting) invoke(payload string) fcsim.Answer {
	s.Helper()
	return s.wait(s.send(fcsim.Event{Payload: []byte(payload)}))
}

func (s *setting) wait(i *fcsim.Invocation) fcsim.Answer {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	answer, err := i.Wait(ctx)
	if err != nil {
		s.Fatalf("%v\n%s", err, s.platform.Output())
	}
	return answer
}

// until waits for something to become true.
func (s *setting) until(what string, is func() bool) {
	s.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			s.Fatalf("this never came: %s\n%s", what, s.platform.Output())
		}
	}
}

// discreet searches everything that was printed, answered and stored for secrets, and for reports
// of the race detector.
func (s *setting) discreet() {
	var all strings.Builder
	all.WriteString(s.platform.Output())
	s.mu.Lock()
	defer s.mu.Unlock()
	all.Write(s.recorded)
	for _, i := range s.sent {
		for _, answer := range i.Answers() {
			all.Write(answer.Body)
		}
	}
	for _, secret := range s.secrets {
		for _, form := range []string{secret, url.QueryEscape(secret)} {
			if strings.Contains(all.String(), form) {
				s.Errorf("a secret was printed, answered or stored: %s", secret)
			}
		}
	}
	if at := strings.Index(all.String(), "DATA RACE"); at >= 0 {
		s.Error(all.String()[at:])
	}
}

// reboots is the RebootInstance calls that reached ECS, as one letter each: G graceful, F forced.
func (s *setting) reboots(id string) string {
	var letters strings.Builder
	for _, call := range s.world.Reboots(id) {
		letters.WriteByte(map[bool]byte{false: 'G', true: 'F'}[call.Force])
	}
	return letters.String()
}

// result is what the contract says of a result, as far as these tests look.
type result struct {
	InstanceID string `json:"instanceId"`
	Verdict    string
	Reason     string
	Detail     string
	Incident   string
	Forced     bool
	Attempts   []struct {
		N         int
		Force     bool
		RequestID string `json:"requestId"`
		Outcome   string
	}
	Findings []struct{ Rule string }
}

// results decodes a response; an error of the function fails the test.
func (s *setting) results(a fcsim.Answer) []result {
	s.Helper()
	if a.Error != nil {
		s.Fatalf("the function failed: %+v", *a.Error)
	}
	return s.decode(a.Body)
}

func (s *setting) decode(body []byte) []result {
	s.Helper()
	var response struct{ Results []result }
	if err := json.Unmarshal(body, &response); err != nil {
		s.Fatalf("%v in the answer %s", err, body)
	}
	return response.Results
}

// ended is what the results say, in short.
func ended(results []result) string {
	said := make([]string, len(results))
	for n, r := range results {
		said[n] = r.Verdict + "/" + r.Reason
	}
	return strings.Join(said, " ")
}

// quick is a guest that restarts within a fraction of a second.
func quick(g ecssim.Guest) ecssim.Guest {
	const while = 100 * time.Millisecond
	g.Stop, g.Start, g.BootTime, g.Beat = while, while, while, while
	return g
}

// optedIn is an instance whose owner allows everything.
func optedIn(id string, g ecssim.Guest) ecssim.Instance {
	return ecssim.Instance{ID: id, Tags: map[string]string{"auto-restart": "true"}, Guest: quick(g)}
}

// kernelHang is the system event of a guest whose kernel hangs.
func kernelHang(id string, at time.Time) string {
	serial := fmt.Sprintf("%s-%d", id, at.UnixNano())
	return fmt.Sprintf(
		`{"ver":"1.0","id":"event-%s","product":"ECS",
		"resourceId":"acs:ecs:%s:%s:instance/%s","level":"CRITICAL",
		"name":"Instance:InstanceFailure.PerformanceImpact:Executing","userId":"%s","eventTime":"%s","regionId":"%s",
		"content":{"eventId":"e-%s","instanceId":"%s","eventType":"InstanceFailure.PerformanceImpact",
		"eventStatus":"Executing"}}`,
		serial,
		region,
		account,
		id,
		account,
		at.UTC().Format("20060102T150405.000-0700"),
		region,
		serial,
		id,
	)
}

// ledgerOf is the configuration of a process, and the ledger as an operator with that clock sees
// it.
func (s *setting) ledgerOf(now func() time.Time, env ...string) (config.Config, *ledger.Records) {
	s.Helper()
	settings, err := config.Load(slices.Concat(s.env, env))
	if err != nil {
		s.Fatal(err)
	}
	store, err := ledger.OpenRedis(settings.Ledger.URL.Reveal(), 5*time.Second)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { store.Close() })
	return settings, ledger.New(store, settings.Policy, now).In(remedy.BookEnforce)
}

// redisServer starts a redis-server on a free port and returns its address. Without one the test is
// skipped, unless ECS_REMEDY_REQUIRE_REDIS is 1.
func redisServer(t *testing.T, password string) string {
	t.Helper()
	name, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("ECS_REMEDY_REQUIRE_REDIS") == "1" {
			t.Fatal(
				"ECS_REMEDY_REQUIRE_REDIS is 1, but there is no redis-server in PATH: " +
					"apt-get install redis-server",
			)
		}
		t.Skip(
			"several processes share a real Redis here, and there is no redis-server in PATH: " +
				"apt-get install redis-server",
		)
	}
	// Somebody else may take the free port before the server does; then it ends, and another port
	// is tried.
	for range 5 {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := free.Addr().String()
		free.Close()
		_, port, _ := net.SplitHostPort(address)
		command := exec.Command(
			name,
			"--port",
			port,
			"--bind",
			"127.0.0.1",
			"--save",
			"",
			"--appendonly",
			"no",
			"--dir",
			t.TempDir(),
			"--requirepass",
			password,
			"--databases",
			"256",
		)
		output, err := command.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			command.Process.Kill()
			command.Wait()
		})
		lines := bufio.NewScanner(output)
		for lines.Scan() {
			if strings.Contains(lines.Text(), "Ready to accept connections") {
				go io.Copy(io.Discard, output)
				return address
			}
		}
	}
	t.Fatalf("%s did not start", name)
	return ""
}

// proxy passes TCP connections on. A test sees every request on its way to the server, and may hold
// or lose what comes back.
type proxy struct {
	address  string
	listener net.Listener
	see      func(l *link, request []byte) // before the request is passed on; one at a time
	away     time.Duration                 // what a request takes to the server

	mu    sync.Mutex
	links map[*link]bool
	gone  bool
}

// link is one connection through a proxy.
type link struct {
	client, server net.Conn
	requests       int // that were seen, this one included

	mu   sync.Mutex
	held *point
	lost bool
}

// point is where somebody is to be held up: arrived is closed when the answer is at the proxy,
// which passes it on once released is closed.
type point struct {
	arrived, released chan struct{}
	once              sync.Once
}

func newPoint() *point {
	return &point{arrived: make(chan struct{}), released: make(chan struct{})}
}

// hold holds every answer from now on at the point.
func (l *link) hold(p *point) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = p
}

// lose drops every answer from now on, and leaves the connection open.
func (l *link) lose() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost = true
}

func startProxy(t *testing.T, server string, see func(*link, []byte)) *proxy {
	t.Helper()
	return startSlowProxy(t, server, 0, see)
}

// startSlowProxy is startProxy to a server that is so far away.
func startSlowProxy(t *testing.T, server string, away time.Duration,
	see func(*link, []byte)) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{
		address:  listener.Addr().String(),
		listener: listener,
		see:      see,
		away:     away,
		links:    map[*link]bool{},
	}
	t.Cleanup(p.vanish)
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			upstream, err := net.Dial("tcp", server)
			if err != nil {
				client.Close()
				continue
			}
			l := &link{client: client, server: upstream}
			p.mu.Lock()
			p.links[l] = true
			gone := p.gone
			p.mu.Unlock()
			if gone {
				l.close()
				continue
			}
			go p.requests(l)
			go l.answers()
		}
	}()
	return p
}

// vanish closes every connection, and refuses new ones.
func (p *proxy) vanish() {
	p.listener.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
	p.hangUp()
}

// hangUp closes every connection. The caller holds p.mu, as see does.
func (p *proxy) hangUp() {
	for l := range p.links {
		l.close()
	}
}

func (l *link) close() {
	l.client.Close()
	l.server.Close()
}

func (p *proxy) requests(l *link) {
	defer l.close()
	b := make([]byte, 64<<10)
	for {
		n, err := l.client.Read(b)
		if err != nil {
			return
		}
		p.mu.Lock()
		l.requests++
		p.see(l, b[:n])
		p.mu.Unlock()
		if p.away > 0 {
			<-time.After(p.away)
		}
		if _, err := l.server.Write(b[:n]); err != nil {
			return
		}
	}
}

func (l *link) answers() {
	defer l.close()
	b := make([]byte, 64<<10)
	for {
		n, err := l.server.Read(b)
		if err != nil {
			return
		}
		l.mu.Lock()
		held, lost := l.held, l.lost
		l.mu.Unlock()
		if held != nil {
			held.once.Do(func() { close(held.arrived) })
			<-held.released
		}
		if lost {
			continue
		}
		if _, err := l.client.Write(b[:n]); err != nil {
			return
		}
	}
}

// ledgerCommand reports whether a request is one of the ledger's, and not of the connection's
// opening.
func ledgerCommand(request []byte) bool {
	return bytes.Contains(request, []byte("ecs-remedy/"))
}

// claims reports whether a request writes a record whose last attempt has no answer yet.
func claims(request []byte) bool {
	last := bytes.LastIndex(request, []byte(`{"n":`))
	return last >= 0 && !bytes.Contains(request[last:], []byte(`"answer":`))
}
