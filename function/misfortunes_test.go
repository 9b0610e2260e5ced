package main_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
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
	// befall does it to the database; snapshot is every key as it was a while before.
	befall func(ctx context.Context, t *testing.T, ledger *redis.Client, snapshot map[string]string)
	slow   bool // every command takes a second and a half, all the time
}

var misfortunes = []misfortune{
	{
		name: "everything is gone",
		befall: func(ctx context.Context, t *testing.T, ledger *redis.Client,
			_ map[string]string) {
			if err := ledger.FlushDB(ctx).Err(); err != nil {
				t.Error(err)
			}
		},
	},
	{name: "an old snapshot is back", befall: func(ctx context.Context, t *testing.T,
		ledger *redis.Client, snapshot map[string]string) {
		if err := ledger.FlushDB(ctx).Err(); err != nil {
			t.Error(err)
		}
		restore(ctx, t, ledger, snapshot)
	}},
	{name: "two instances' records change places", befall: func(ctx context.Context, t *testing.T,
		ledger *redis.Client, _ map[string]string) {
		now := dump(ctx, t, ledger)
		swapped := map[string]string{}
		for key := range now {
			other := strings.NewReplacer("misfortune0", "misfortune1", "misfortune1",
				"misfortune0").Replace(key)
			if value, there := now[other]; there && other != key {
				swapped[key] = value
			}
		}
		restore(ctx, t, ledger, swapped)
	}},
	{name: "every command takes a second and a half", slow: true},
}

// dump is every key's value as Redis serialises it.
func dump(ctx context.Context, t *testing.T, ledger *redis.Client) map[string]string {
	keys, err := ledger.Keys(ctx, "*").Result()
	if err != nil {
		t.Error(err)
	}
	all := map[string]string{}
	for _, key := range keys {
		if value, err := ledger.Dump(ctx, key).Result(); err == nil { // it may be gone by now
			all[key] = value
		}
	}
	return all
}

func restore(ctx context.Context, t *testing.T, ledger *redis.Client, all map[string]string) {
	for key, value := range all {
		if err := ledger.RestoreReplace(ctx, key, 0, value).Err(); err != nil {
			t.Error(err)
		}
	}
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
		address = startProxy(
			t,
			server,
			func(*link, []byte) { <-time.After(1500 * time.Millisecond) },
		).
			address
		lease, ignores, instances = "30s", 1, 1 // a connection takes some commands, too
	}
	// The budget allows one incident, so that a second one is a loss's doing.
	s.env = append(s.env, "REMEDY_LEDGER=redis://"+address, "REMEDY_LEASE="+lease,
		"REMEDY_ATTEMPT_TIMEOUT=1500ms", "REMEDY_COOLDOWN=1h", "REMEDY_MAX_INCIDENTS=1")
	settings, book := s.ledgerOf(time.Now, "REMEDY_LEDGER=redis://"+server)
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
	var lost []time.Time
	if m.befall != nil {
		s.until("the first reboot", func() bool { return len(s.world.Reboots("")) > 0 })
		snapshot := dump(t.Context(), t, admin)
		<-time.After(rand.N(3 * time.Second))
		m.befall(t.Context(), t, admin, snapshot)
		lost = append(lost, time.Now())
	}
	for _, i := range sent {
		s.wait(i)
	}
	s.until("the end of every incident", func() bool {
		s.wait(s.send(fcsim.Event{Payload: []byte(timer)}))
		for _, id := range ids {
			record := book.Record(t.Context(), id)
			unreadable := record.Failure == remedy.FailureUnreadable // nothing is sent on its account
			if !unreadable && (!record.OK() || underWay(record.Value.Open, settings.Policy)) {
				return false
			}
		}
		return true
	})
	for _, id := range ids {
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
			t.Errorf("%s was rebooted %q after %v", id, s.reboots(id), lost)
		}
		if m.slow && s.reboots(id) != "GG" {
			t.Errorf("%s was rebooted %q by way of a slow ledger", id, s.reboots(id))
		}
	}
}
