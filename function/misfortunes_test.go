package main_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/fcsim"
	"ecs-remedy/function/internal/remedy"
)

// misfortune is what befalls a ledger while incidents are under way.
type misfortune struct {
	name string
	// script does it to the database, in one step as seen by everybody else: between a loss and
	// what comes back after it, an owner would write down that it lost its incident, and that would
	// be lost in its turn, which is two misfortunes and beyond what anybody can notice.
	script string
	slow   bool // every command takes a second and a half, all the time
}

// Databases of the same server: a copy of all keys as they were a while before the misfortune, and
// one as they were just before it.
const (
	snapshotDB = 1
	beforeDB   = 2
)

// copyScript copies all keys of one database over another one: ARGV says from where, and to where.
const copyScript = `
local function copy(from, to)
	redis.call('SELECT', from)
	for _, key in ipairs(redis.call('KEYS', '*')) do
		redis.call('COPY', key, key, 'DB', to, 'REPLACE')
	end
	redis.call('SELECT', 0)
end
copy(ARGV[1], ARGV[2])
`

var misfortunes = []misfortune{
	{name: "everything is gone", script: `redis.call('FLUSHDB')`},
	{name: "an old snapshot is back", script: `redis.call('FLUSHDB') copy(ARGV[3], 0)`},
	{name: "two instances' records change places", script: `
for _, key in ipairs(redis.call('KEYS', '*misfortune0*')) do
	local other = string.gsub(key, 'misfortune0', 'misfortune1')
	if redis.call('EXISTS', other) == 1 then
		redis.call('RENAME', key, 'between')
		redis.call('RENAME', other, key)
		redis.call('RENAME', 'between', other)
	end
end`},
	{name: "every command takes a second and a half", slow: true},
}

// TestMisfortunes: a ledger that lost its data, went back in time, has records in the wrong places
// or is slow, at a random moment of two incidents. No instance is rebooted more often than its
// ladder allows, and none is forced before its time, for whoever lost an incident sends nothing
// more. Whatever is left comes to an end.
func TestMisfortunes(t *testing.T) {
	t.Parallel()
	rounds := 1
	if n, err := strconv.Atoi(os.Getenv("ECS_REMEDY_ROUNDS")); err == nil {
		rounds = max(1, n/4)
	}
	for _, m := range misfortunes {
		for round := range rounds {
			t.Run(fmt.Sprintf("%s, %d", m.name, round), func(t *testing.T) {
				t.Parallel()
				m.happens(t)
			})
		}
	}
}

func (m misfortune) happens(t *testing.T) {
	s := newSetting(t)
	server := redisServer(t, "")
	address, lease, ignores, instances := server, "6s", 2, 2 // a call may take 2 s
	if m.slow {
		address = startSlowProxy(t, server, 1500*time.Millisecond, func(*link, []byte) {}).address
		lease, ignores, instances = "30s", 1, 1 // a connection takes some commands, too
	}
	// The budget allows one incident, so that a second one is a loss's doing.
	s.env = append(s.env, "REMEDY_LEDGER=redis://"+address, "REMEDY_LEASE="+lease,
		"REMEDY_ATTEMPT_TIMEOUT=1500ms", "REMEDY_COOLDOWN=1h", "REMEDY_MAX_INCIDENTS=1")
	settings, book := s.ledgerOf(time.Now, "REMEDY_LEDGER=redis://"+server)
	_, before := s.ledgerOf(time.Now, fmt.Sprintf("REMEDY_LEDGER=redis://%s/%d", server, beforeDB))
	var ids []string
	for n := range instances {
		id := fmt.Sprintf("i-bp1misfortune%d00000000", n)
		s.world.Add(optedIn(id, ecssim.Guest{IgnoreGraceful: ignores}))
		ids = append(ids, id)
	}
	admin := redis.NewClient(&redis.Options{Addr: server, Protocol: 2})
	t.Cleanup(func() { admin.Close() })
	s.start()
	s.start()
	var sent []*fcsim.Invocation
	for _, id := range ids {
		sent = append(
			sent,
			s.send(fcsim.Event{Payload: []byte(kernelHang(id, time.Now())), Retries: 3}),
		)
	}
	if m.script != "" {
		run := func(script string, databases ...any) {
			err := admin.Eval(t.Context(), script, nil, databases...).Err()
			if err != nil && !errors.Is(err, redis.Nil) {
				t.Fatal(err)
			}
		}
		s.until("the first reboot", func() bool { return len(s.world.Reboots("")) > 0 })
		run(copyScript, 0, snapshotDB)
		<-time.After(rand.N(3 * time.Second))
		run(copyScript+m.script, 0, beforeDB, snapshotDB)
	}
	for _, i := range sent {
		s.wait(i)
	}
	s.until("the end of every incident", func() bool {
		s.wait(s.send(fcsim.Event{Payload: []byte(timer)}))
		for _, id := range ids {
			record := book.Record(t.Context(), id)
			// Nothing is sent on the account of one that cannot be read.
			unreadable := record.Failure == remedy.FailureUnreadable
			if !unreadable && (!record.OK() || underWay(record.Value.Open, settings.Policy)) {
				return false
			}
		}
		return true
	})
	for _, id := range ids {
		if then := before.Record(t.Context(), id); then.OK() && len(then.Value.Recent) > 0 {
			t.Logf("%s had its end before the misfortune, and nobody was left to notice it", id)
			continue
		}
		graceful, forced := 0, 0
		for _, call := range s.world.Reboots(id) {
			switch {
			case call.Force && graceful < 2:
				t.Errorf("%s was forced after %d graceful reboots", id, graceful)
			case call.Force:
				forced++
			default:
				graceful++
			}
		}
		if graceful > 2 || forced > 1 {
			t.Errorf("%s was rebooted %q\n%s", id, s.reboots(id), s.platform.Output())
		}
		if m.slow && s.reboots(id) != "GG" {
			t.Errorf("%s was rebooted %q by way of a slow ledger", id, s.reboots(id))
		}
	}
}
