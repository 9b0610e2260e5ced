package main_test

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/fcsim"
	"ecs-remedy/function/internal/remedy"
)

// number is an environment variable, or its default.
func number(t *testing.T, name string, standard int64) int64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return standard
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// TestManyProcesses: four processes, one ledger, one ECS; one alarm fifty times and thirty others
// at once, later the same again with new alarms, and a few more in between; processes killed or
// frozen at any moment and replaced, calls that fail, deliveries repeated, a timer. The laws hold,
// and every incident ends.
//
// ECS_REMEDY_ROUNDS is how many rounds there are, ECS_REMEDY_SEED the first one's seed.
func TestManyProcesses(t *testing.T) {
	t.Parallel()
	server := redisServer(t, "")
	rounds := number(t, "ECS_REMEDY_ROUNDS", 2)
	seed := number(t, "ECS_REMEDY_SEED", time.Now().UnixNano()%1_000_000)
	for n := range rounds {
		t.Run(fmt.Sprintf("seed %d", seed+n), func(t *testing.T) {
			t.Parallel()
			ledger := fmt.Sprintf("redis://%s/%d", server, n)
			for try := 1; !manyProcesses(t, ledger, seed+n); try++ {
				if try == 5 {
					t.Fatal("nothing happened")
				}
				t.Log("this machine was too busy for anything to happen; once more")
			}
		})
	}
}

// sort is a sort of instance, and how many reboots of it ECS may take.
type sort struct {
	name    string
	guest   ecssim.Guest
	change  func(*ecssim.Instance)        // before anything happens
	after   func(*ecssim.Instance)        // after its first reboot
	alarmed func(now time.Time) time.Time // when its alarm is from; nil: now
	most    int
	force   bool // it may be forced
}

const anyNumber = 1 << 30

var sorts = []sort{
	{name: "obeys", most: anyNumber},
	{
		name:  "obeys the second",
		guest: ecssim.Guest{IgnoreGraceful: 1},
		most:  anyNumber,
		force: true,
	},
	{name: "obeys force", guest: ecssim.Guest{IgnoreGraceful: -1}, most: anyNumber, force: true},
	{
		name:  "obeys nothing",
		guest: ecssim.Guest{IgnoreGraceful: -1, IgnoreForced: -1},
		most:  anyNumber,
		force: true,
	},
	{
		name:  "without an agent",
		guest: ecssim.Guest{Agent: ecssim.AgentNone},
		most:  anyNumber,
		force: true,
	},
	{
		name:  "without an agent, obeys the second",
		guest: ecssim.Guest{Agent: ecssim.AgentNone, IgnoreGraceful: 1},
		most:  anyNumber,
		force: true,
	},
	{name: "hangs again", guest: ecssim.Guest{HangsAgainAfter: 2 * time.Second}, most: anyNumber},
	{name: "sticks in Stopping", most: anyNumber, force: true,
		guest: ecssim.Guest{
			IgnoreGraceful: 2,
			Ignored:        ecssim.ReactionSticksStopping,
			IgnoredFor:     500 * time.Millisecond,
		}},
	{name: "sticks in Stopping for ever", most: anyNumber, force: true,
		guest: ecssim.Guest{
			IgnoreGraceful:          -1,
			Ignored:                 ecssim.ReactionSticksStopping,
			IgnoredFor:              -1,
			AcceptForceInTransition: true,
		}},
	{name: "ends Stopped", guest: ecssim.Guest{NeverComesBack: true}, most: 1},
	{name: "never boots", guest: ecssim.Guest{NeverBoots: true}, most: anyNumber, force: true},
	{name: "opted in to graceful reboots", guest: ecssim.Guest{IgnoreGraceful: -1}, most: anyNumber,
		change: func(i *ecssim.Instance) {
			i.Tags = map[string]string{"auto-restart": "graceful"}
		}},
	{name: "not opted in", change: func(i *ecssim.Instance) { i.Tags = nil }},
	{name: "locked", change: func(i *ecssim.Instance) { i.Locks = []string{"security"} }},
	{
		name: "expired",
		change: func(i *ecssim.Instance) {
			i.ChargeType, i.ExpiredTime = "PrePaid", "2020-01-01T00:00Z"
		},
	},
	{name: "alive", guest: ecssim.Guest{Agent: ecssim.AgentAlive}},
	{name: "released", change: func(i *ecssim.Instance) { i.Released = true }},
	{name: "stopped", change: func(i *ecssim.Instance) { i.Status = ecssim.StatusStopped }},
	{name: "stale", alarmed: func(now time.Time) time.Time { return now.Add(-20 * time.Minute) }},
	{name: "locked after its first reboot", guest: ecssim.Guest{IgnoreGraceful: -1}, most: 1,
		after: func(i *ecssim.Instance) { i.Locks = []string{"financial"} }},
	{name: "opted out after its first reboot", guest: ecssim.Guest{IgnoreGraceful: -1}, most: 1,
		after: func(i *ecssim.Instance) { i.Tags = nil }},
}

// manyProcesses is one round. It reports whether anything happened: not where the machine was so
// busy that every call took longer than it may, and each alarm was asked for again until nobody
// did.
func manyProcesses(t *testing.T, address string, seed int64) (happened bool) {
	random := rand.New(rand.NewPCG(uint64(seed), 0))
	pick := func(least, most time.Duration) time.Duration { return least + rand.N(most-least) }
	s := newSetting(t)
	s.env = append(
		s.env,
		"REMEDY_LEDGER="+address,
		"REMEDY_LEASE=2s",
		"REMEDY_BOOT_GRACE=3s",
		"REMEDY_COOLDOWN=2500ms",
		"REMEDY_MAX_INCIDENTS=2",
		"REMEDY_HEARTBEAT_FRESH=2s",
		fmt.Sprintf("REMEDY_FLEET_CONCURRENT=%d", 2+random.IntN(10)),
		fmt.Sprintf("REMEDY_FLEET_HOURLY=%d", 6+random.IntN(40)),
	)
	settings, book := s.ledgerOf(time.Now)

	var ids []string
	of := map[string]sort{}
	reboot := make(chan string, 1000) // told at every first reboot
	for n, index := range random.Perm(31) {
		id := fmt.Sprintf("i-bp1round%011d", n)
		kind := sorts[index%len(sorts)]
		i := optedIn(id, kind.guest)
		if kind.change != nil {
			kind.change(&i)
		}
		s.world.Add(i)
		s.world.Change(id, ecssim.AfterCall("RebootInstance", 1), func(i *ecssim.Instance) {
			reboot <- id
			if kind.after != nil {
				kind.after(i)
			}
		})
		ids, of[id] = append(ids, id), kind
	}
	// Answers get lost, before and after their effect.
	for range 3 {
		s.world.Inject(
			ecssim.Fault{
				Kind: []ecssim.Kind{ecssim.KindDrop, ecssim.KindReset, ecssim.KindTruncate,
					ecssim.KindFail}[random.IntN(4)],
				Action:   "RebootInstance",
				Instance: ids[random.IntN(len(ids))],
				Skip:     random.IntN(2),
				After:    random.IntN(2) == 0,
			},
		)
		s.world.Inject(
			ecssim.Fault{
				Kind: []ecssim.Kind{ecssim.KindDrop, ecssim.KindTruncate, ecssim.KindFail,
					ecssim.KindNoDate}[random.IntN(4)],
				Action:   "DescribeInstances",
				Instance: ids[random.IntN(len(ids))],
				Skip:     random.IntN(6),
				Times:    1 + random.IntN(4),
			},
		)
	}

	processes := make([]*fcsim.Process, 4)
	for n := range processes {
		processes[n] = s.start()
	}
	alarm := func(id string) []byte {
		at := time.Now()
		if of[id].alarmed != nil {
			at = of[id].alarmed(at)
		}
		return []byte(kernelHang(id, at))
	}
	var sent []*fcsim.Invocation
	wave := func() {
		same := alarm(ids[0])
		for range 50 {
			sent = append(sent, s.send(fcsim.Event{Payload: same, Retries: 3}))
		}
		for _, id := range ids[1:] {
			sent = append(sent, s.send(fcsim.Event{Payload: alarm(id), Retries: 3}))
		}
	}
	wave()

	// Chaos: something happens to a process after a random time, or right at somebody's first
	// reboot.
	second, end := time.After(pick(3*time.Second, 4*time.Second)), time.After(6*time.Second)
	sweep, another := time.NewTicker(time.Second), time.NewTicker(50*time.Millisecond)
	defer sweep.Stop()
	defer another.Stop()
	var frozen *fcsim.Process
	var thaw <-chan time.Time
	wake := func() {
		if frozen != nil {
			if err := frozen.Thaw(); err != nil {
				t.Error(err)
			}
		}
		frozen, thaw = nil, nil
	}
	strike := func() {
		n := random.IntN(len(processes))
		if frozen == nil && random.IntN(3) == 0 {
			frozen, thaw = processes[n], time.After(pick(2300*time.Millisecond, 3*time.Second))
			if err := frozen.Freeze(); err != nil {
				t.Errorf("a process cannot be frozen: %v\n%s", err, frozen.Stderr())
			}
			return
		}
		if processes[n] == frozen {
			wake()
		}
		processes[n].Kill()
		processes[n] = s.start()
	}
	due := func() <-chan time.Time {
		return time.After(pick(200*time.Millisecond, 900*time.Millisecond))
	}
	next := due()
	for chaos := true; chaos; {
		select {
		case <-next:
			strike()
			next = due()
		case <-reboot:
			if random.IntN(4) == 0 {
				strike()
			}
		case <-thaw:
			wake()
		case <-sweep.C:
			s.send(fcsim.Event{Payload: []byte(timer)})
		case <-another.C:
			sent = append(
				sent,
				s.send(fcsim.Event{Payload: alarm(ids[random.IntN(len(ids))]), Retries: 3}),
			)
		case <-second:
			wave()
		case <-end:
			chaos = false
		}
	}
	wake()

	// Liveness: every event is answered for good, and with the timer going on no incident stays
	// open.
	for _, i := range sent {
		s.wait(i)
	}
	var left string // what is still under way
	t.Cleanup(func() {
		if t.Failed() && left != "" {
			t.Log("the last look found", left)
		}
	})
	s.until("the end of every incident, and of its slot", func() bool {
		s.wait(s.send(fcsim.Event{Payload: []byte(timer)}))
		left = ""
		fleet := book.Fleet(t.Context())
		if !fleet.OK() || len(fleet.Value.Open)+len(fleet.Value.Waiting) > 0 {
			left = fmt.Sprintf("slots %+v, waiting %+v %s", fleet.Value.Open, fleet.Value.Waiting,
				fleet.Note)
		}
		for _, id := range ids {
			record := book.Record(t.Context(), id)
			if !record.OK() || underWay(record.Value.Open, settings.Policy) {
				left += fmt.Sprintf(
					"; of %s (%s) %+v %s",
					id,
					of[id].name,
					record.Value.Open,
					record.Note,
				)
			}
		}
		return left == ""
	})

	h := s.historyOf(settings.Policy, book, ids)
	h.lawful()
	count := map[remedy.Verdict]int{}
	for _, id := range ids {
		kind, calls := of[id], h.calls[id]
		effects := 0
		for _, call := range calls {
			if call.Effect {
				effects++
			}
			if call.Force && !kind.force {
				t.Errorf("%s, %s, was forced", id, kind.name)
			}
		}
		if effects > kind.most || kind.most == 0 && len(calls) > 0 {
			t.Errorf(
				"%s, %s, was rebooted %d times, %d of them with effect",
				id,
				kind.name,
				len(calls),
				effects,
			)
		}
		for _, i := range h.incidents[id] {
			count[i.Verdict]++
		}
	}
	t.Logf("incidents: %v, reboots: %d, events: %d", count, len(s.world.Reboots("")), len(s.sent))
	if t.Failed() {
		t.Logf("repeat it with ECS_REMEDY_ROUNDS=1 ECS_REMEDY_SEED=%d", seed)
	}
	return count[remedy.VerdictRestarted]+count[remedy.VerdictFailed] > 0
}

// frozen is a moment at which an owner is frozen.
type frozen struct {
	why     string
	guards  int  // it is frozen while the answer to the nth reading of guards is on its way
	claim   int  // or that to its nth claim
	half    bool // and the connection that its next reboot is to have is half open by then
	reboot  bool // or that to its first reboot
	waiting bool // or while it waits after its first reboot
	sent    int  // its reboots before that
}

// TestFrozenOwner: a process that stands still for longer than its lease, at the worst moments,
// reboots nothing when it goes on. Another one has taken over by then.
func TestFrozenOwner(t *testing.T) {
	t.Parallel()
	for _, row := range []frozen{
		{why: "before its first claim: its readings are on their way", guards: 1},
		{why: "before its second claim: its readings are on their way", guards: 2, sent: 1},
		{why: "between its claim and its reboot: the ledger's answer is on its way", claim: 1},
		{why: "between its claim and its reboot: it is still connecting to ECS", claim: 2,
			half: true, sent: 1},
		{why: "after its reboot: ECS's answer is on its way", reboot: true, sent: 1},
		{why: "while it waits", waiting: true, sent: 1},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			for try := 1; !row.happens(t); try++ {
				if try == 5 {
					t.Fatal("the point was never reached")
				}
				t.Log("this machine was too busy for the owner to come so far; once more")
			}
		})
	}
}

// happens takes an owner to the moment and freezes it there. It reports false where the owner gave
// up before, because the machine is so busy that a call took too long.
func (row frozen) happens(t *testing.T) bool {
	// The platform's events are read before an attempt is claimed, and at no other time.
	guards := []byte("Action=DescribeInstanceHistoryEvents")
	reboot := []byte("Action=RebootInstance")
	server := redisServer(t, "")
	s := newSetting(t, optedIn(instance, ecssim.Guest{IgnoreGraceful: 1}))
	s.env = append(s.env, "REMEDY_LEASE=2s")
	if row.reboot {
		s.env = append(
			s.env,
			"REMEDY_ATTEMPT_TIMEOUT=3s",
		) // it is not over when the heir takes over
	}
	p := newPoint()
	var claimed, guarded atomic.Int32
	toLedger := startProxy(t, server, func(l *link, request []byte) {
		if claims(request) && int(claimed.Add(1)) == row.claim {
			l.hold(p)
		}
	})
	toECS := startProxy(t, s.ecs, func(l *link, request []byte) {
		nth := bytes.Contains(request, guards) && int(guarded.Add(1)) == row.guards
		if nth || row.reboot && bytes.Contains(request, reboot) {
			l.hold(p)
		}
	})
	certificate, ecs := secureECS(t, s.world)
	half := newPoint()
	toSecureECS := startProxy(t, ecs, func(l *link, _ []byte) {
		// After the first reboot nothing connects anew but the next one, ahead of its claim.
		if l.requests == 1 && len(s.world.Reboots(instance)) > 0 {
			l.hold(half)
		}
	})
	endpoint := "REMEDY_ECS_ENDPOINT=http://" + toECS.address
	if row.half {
		endpoint = "REMEDY_ECS_ENDPOINT=https://" + toSecureECS.address
	}
	owner := s.start(
		endpoint,
		"REMEDY_LEDGER=redis://"+toLedger.address,
		"SSL_CERT_FILE="+certificate,
	)
	payload := []byte(kernelHang(instance, time.Now()))
	first, second := s.key("owner"), s.key("heir")
	late := s.send(fcsim.Event{Payload: payload, Key: first})
	if row.waiting {
		s.until("two looks after the first reboot", func() bool {
			calls := s.world.Calls()
			at := slices.IndexFunc(
				calls,
				func(c ecssim.Call) bool { return c.Action == "RebootInstance" },
			)
			return at >= 0 && len(calls) > at+2
		})
	} else {
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			late.Wait(t.Context()) // only that it has an answer matters here
		}()
		points := []*point{p}
		if row.half {
			points = append(points, half)
		}
		for _, point := range points {
			select {
			case <-point.arrived:
			case <-answered:
				close(p.released)
				close(half.released)
				return false
			case <-time.After(patience):
				t.Fatalf("the point was never reached\n%s", s.platform.Output())
			}
		}
	}
	if err := owner.Freeze(); err != nil {
		t.Fatal(err)
	}
	since := time.Now()
	close(p.released)
	close(half.released)
	if got := len(s.world.Reboots(instance)); got != row.sent {
		t.Errorf("%d reboots before it was frozen, want %d", got, row.sent)
	}

	s.start("REMEDY_LEDGER=redis://" + server)
	again := s.send(fcsim.Event{Payload: payload, Key: second, Retry: 1, Retries: 20})
	settings, book := s.ledgerOf(time.Now, "REMEDY_LEDGER=redis://"+server)
	lease := settings.Policy.Takeover(since.Add(settings.Policy.Lease))
	byHeir := func() (n int) {
		for _, call := range s.world.Reboots(instance) {
			if call.Key == second.ID {
				n++
			}
		}
		return n
	}
	s.until("the heir's reboot", func() bool { return byHeir() > 0 && time.Now().After(lease) })
	if err := owner.Thaw(); err != nil {
		t.Fatal(err)
	}
	if answer := s.wait(late); answer.Error == nil {
		if said := ended(s.decode(answer.Body)); said == "restarted/recovered" {
			t.Errorf("the thawed one takes the credit: %s", answer.Body)
		}
	}
	if results := s.results(s.wait(again)); ended(results) != "restarted/recovered" {
		t.Errorf("the heir ended %s: %s", ended(results), results[0].Detail)
	}
	if got := len(s.world.Reboots(instance)) - byHeir(); got != row.sent {
		t.Errorf(
			"the thawed one rebooted: %d reboots of its own, %d before it was frozen",
			got,
			row.sent,
		)
	}
	h := s.historyOf(settings.Policy, book, []string{instance})
	h.lawful()
	return true
}

// secureECS serves the world over TLS, too. It returns the file of the certificate that clients
// must trust, and the address.
func secureECS(t *testing.T, world *ecssim.World) (certificate, address string) {
	t.Helper()
	server := httptest.NewTLSServer(world)
	t.Cleanup(server.Close)
	certificate = filepath.Join(t.TempDir(), "certificate.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(certificate, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return certificate, server.Listener.Addr().String()
}

// TestLedgerFails loses the ledger at every request in turn: for good, the answer only, or the
// right to use it. There is never a reboot without its claim, and a process that has the ledger
// ends the incident.
func TestLedgerFails(t *testing.T) {
	t.Parallel()
	const password, another = "correct-horse-battery", "staple-of-another-sort"
	for _, row := range []struct {
		why  string
		fail func(t *testing.T, p *proxy, l *link, admin *redis.Client)
	}{
		{"refused", func(_ *testing.T, p *proxy, _ *link, _ *redis.Client) {
			p.listener.Close()
			p.hangUp()
		}},
		{"no answer, though it took effect",
			func(_ *testing.T, _ *proxy, l *link, _ *redis.Client) { l.lose() }},
		{"the password was changed", func(t *testing.T, p *proxy, _ *link, admin *redis.Client) {
			set := admin.ConfigSet(context.Background(), "requirepass", another)
			if err := set.Err(); err != nil {
				t.Error(err)
			}
			p.hangUp()
		}},
	} {
		for n := 1; n <= 10; n++ {
			t.Run(fmt.Sprintf("%s, request %d", row.why, n), func(t *testing.T) {
				t.Parallel()
				s := newSetting(t, optedIn(instance, ecssim.Guest{Agent: ecssim.AgentNone}))
				// A call may take 2 s. What has no answer is waited for that long, and the heir
				// waits for the lease.
				s.env = append(s.env, "REMEDY_LEASE=6s")
				server := redisServer(t, s.secret(password))
				s.secret(another)
				admin := redis.NewClient(
					&redis.Options{Addr: server, Password: password, Protocol: 2},
				)
				t.Cleanup(func() { admin.Close() })
				seen := 0
				var p *proxy
				p = startProxy(t, server, func(l *link, request []byte) {
					if !ledgerCommand(request) {
						return
					}
					if seen++; seen == n {
						row.fail(t, p, l, admin)
					}
				})
				first := s.start("REMEDY_LEDGER=redis://:" + password + "@" + p.address)
				payload := []byte(kernelHang(instance, time.Now()))
				answer := s.wait(s.send(fcsim.Event{Payload: payload}))
				told := ""
				if answer.Error != nil {
					told = answer.Error.Message
					if answer.Error.Type != "Pending" ||
						!strings.Contains(told, "ledger redis://"+p.address+"/0: ") {
						t.Errorf(
							"error %+v, want one of type Pending that names the ledger",
							*answer.Error,
						)
					}
				}
				first.Kill()
				if err := admin.ConfigSet(t.Context(), "requirepass", another).Err(); err != nil {
					t.Fatal(err)
				}
				heir := "REMEDY_LEDGER=redis://:" + another + "@" + server
				s.start(heir)
				if answer.Error != nil {
					again := s.send(fcsim.Event{Payload: payload, Retry: 1, Retries: 1000})
					if results := s.results(s.wait(again)); ended(
						results,
					) != "restarted/recovered" {
						t.Errorf(
							"with the ledger back it ended %s: %s",
							ended(results),
							results[0].Detail,
						)
					}
				}
				settings, book := s.ledgerOf(time.Now, heir)
				h := s.historyOf(settings.Policy, book, []string{instance})
				h.lawful()
				if len(h.calls[instance]) == 0 {
					t.Error("it was never rebooted")
				}
			})
		}
	}
}

// TestWrongPassword: nothing is done at all, and neither password is shown.
func TestWrongPassword(t *testing.T) {
	t.Parallel()
	s := newSetting(t, optedIn(instance, ecssim.Guest{}))
	server := redisServer(t, s.secret("correct-horse-battery"))
	s.start(
		"REMEDY_LEDGER=redis://" + s.secret(
			"operator-name",
		) + ":" + s.secret(
			"wrong-horse-battery",
		) + "@" + server,
	)
	cure := "ledger redis://" + server + "/0: refused the user or password"
	answer := s.invoke(kernelHang(instance, time.Now()))
	if answer.Error == nil || answer.Error.Type != "Pending" ||
		!strings.Contains(answer.Error.Message, cure) {
		t.Errorf("answered %s, want an error of type Pending that names the ledger and the cure",
			answer.Body)
	}
	// Nobody is helped by the timer's events coming again and again: the next one is a minute away.
	if swept := s.invoke(timer); swept.Error != nil || string(swept.Body) != `{"results":[]}` {
		t.Errorf("a sweep without a ledger ends with %s %+v", swept.Body, swept.Error)
	}
	s.until("one line that says that the sweep cannot read the ledger", func() bool {
		lines := 0
		for line := range strings.Lines(s.platform.Output()) {
			if strings.Contains(line, `"msg":"sweep"`) && strings.Contains(line, cure) {
				lines++
			}
		}
		return lines == 1
	})
	if calls := s.world.Calls(); len(calls) > 0 {
		t.Errorf("%d calls to ECS without a ledger", len(calls))
	}
}
