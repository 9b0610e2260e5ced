package main_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/fcsim"
)

// TestRefusalsOfManyProcesses: 500 refusals for one reason, in eight processes over one Redis, are
// one message; the others are counted, and the count is in the ledger for the message that comes
// when ten minutes are over.
func TestRefusalsOfManyProcesses(t *testing.T) {
	t.Parallel()
	const refusals = 500
	var mu sync.Mutex
	var told []string
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // what is missing is seen below
		mu.Lock()
		defer mu.Unlock()
		told = append(told, string(body))
	}))
	t.Cleanup(hook.Close)
	server := redisServer(t, "")
	s := newSetting(t)
	// A call may take 10 s: so many processes start at once here.
	s.env = append(s.env, "REMEDY_LEDGER=redis://"+server, "REMEDY_LEASE=30s",
		"REMEDY_NOTIFY="+hook.URL+"/"+s.secret("very-secret-path")+"#as=json")
	for range 8 {
		s.start()
	}
	var sent []*fcsim.Invocation
	for n := range refusals {
		id := fmt.Sprintf("i-bp1refused%010d", n)
		locked := optedIn(id, ecssim.Guest{})
		locked.Locks = []string{"security"}
		s.world.Add(locked)
		sent = append(sent,
			s.send(fcsim.Event{Payload: []byte(kernelHang(id, time.Now())), Retries: 9}))
	}
	for _, i := range sent {
		if said := ended(s.results(s.wait(i))); said != "refused/security-locked" {
			t.Fatalf("it ended %s", said)
		}
	}
	ledger := redis.NewClient(&redis.Options{Addr: server, Protocol: 2})
	t.Cleanup(func() { ledger.Close() })
	count := 0
	s.until("every refusal is told or counted", func() bool {
		s.wait(s.send(fcsim.Event{Payload: []byte(timer)}))
		count = 0
		keys, err := ledger.Keys(t.Context(), "*notify/refusals").Result()
		if err != nil || len(keys) != 1 {
			return false
		}
		value, err := ledger.HGetAll(t.Context(), keys[0]).Result()
		if err != nil {
			return false
		}
		for _, field := range value {
			var record struct {
				Reasons map[string]struct{ Count int }
			}
			if json.Unmarshal([]byte(field), &record) == nil {
				count += record.Reasons["security-locked"].Count
			}
		}
		return count == refusals-1
	})
	mu.Lock()
	defer mu.Unlock()
	if len(told) != 1 {
		t.Errorf("%d messages, want 1: %.300v", len(told), told)
	}
}
