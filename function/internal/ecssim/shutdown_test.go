package ecssim

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestSlowShutdown drives guests that take their time to shut down: what the status shows, and what
// other orders meet.
func TestSlowShutdown(t *testing.T) {
	type order struct {
		at    time.Duration
		force bool
		code  string // of the answer; empty: accepted
	}
	const refused = "IncorrectInstanceStatus"
	for _, row := range []struct {
		why      string
		guest    Guest
		orders   []order
		timeline string
		restarts int
	}{
		{"4 minutes", Guest{ShutdownTakes: 4 * time.Minute}, []order{{0, false, ""}},
			"0s Stopping, 4m0s Starting, 4m20s Running", 1},
		{"8 minutes, and ECS refuses a retry and a force meanwhile",
			Guest{ShutdownTakes: 8 * time.Minute},
			[]order{{0, false, ""}, {5 * time.Minute, false, refused},
				{5*time.Minute + 5*time.Second, true, refused}},
			"0s Stopping, 8m0s Starting, 8m20s Running", 1},
		{"20 minutes, and a force that is accepted cuts it short at once",
			Guest{ShutdownTakes: 20 * time.Minute, AcceptForceInTransition: true},
			[]order{{0, false, ""}, {5 * time.Minute, false, refused},
				{10 * time.Minute, true, ""}},
			"0s Stopping, 10m0s Starting, 10m20s Running", 1},
		{"a force that is accepted when it is Starting starts again",
			Guest{ShutdownTakes: 4 * time.Minute, AcceptForceInTransition: true},
			[]order{{0, false, ""}, {4*time.Minute + 10*time.Second, true, ""}},
			"0s Stopping, 4m0s Starting, 4m10s Stopping, 4m30s Starting, 4m50s Running", 1},
		{"a graceful one that is accepted meanwhile changes nothing",
			Guest{ShutdownTakes: 8 * time.Minute, AcceptInTransition: true},
			[]order{{0, false, ""},
				{5 * time.Minute, false, ""}}, "0s Stopping, 8m0s Starting, 8m20s Running", 1},
		{"a force from the start takes no longer than any", Guest{ShutdownTakes: 8 * time.Minute},
			[]order{{0, true, ""}},
			"0s Stopping, 20s Starting, 40s Running", 1},
		{"it ignores the first one, and takes its time for the second",
			Guest{ShutdownTakes: 8 * time.Minute, IgnoreGraceful: 1},
			[]order{{0, false, ""},
				{5 * time.Minute, false, ""}}, "5m0s Stopping, 13m0s Starting, 13m20s Running", 1},
		{"one that sticks for 10 minutes is not shutting down",
			Guest{ShutdownTakes: 4 * time.Minute, IgnoreGraceful: 1,
				Ignored: ReactionSticksStopping, AcceptInTransition: true},
			[]order{{0, false, ""},
				{5 * time.Minute, false, ""}}, "0s Stopping, 9m0s Starting, 9m20s Running", 1},
		{"it never comes back", Guest{ShutdownTakes: 4 * time.Minute, NeverComesBack: true},
			[]order{{0, false, ""}},
			"0s Stopping, 4m0s Stopped", 0},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := New(Real())
				w.Add(Instance{ID: "i-1", Guest: row.guest})
				var timeline []string
				seen, orders := StatusRunning, row.orders
				for now := time.Duration(0); now <= 25*time.Minute; now += 5 * time.Second {
					for len(orders) > 0 && orders[0].at == now {
						if code := reboot(t, w, orders[0].force).code(); code != orders[0].code {
							t.Errorf("the order at %v: %q, want %q", now, code, orders[0].code)
						}
						orders = orders[1:]
					}
					if s := w.Instance("i-1").Status; s != seen {
						seen = s
						timeline = append(timeline, fmt.Sprint(now, " ", s))
					}
					if err := Real().Sleep(t.Context(), 5*time.Second); err != nil {
						t.Fatal(err)
					}
				}
				if got := strings.Join(timeline, ", "); got != row.timeline {
					t.Errorf("got  %s\nwant %s", got, row.timeline)
				}
				end := w.Instance("i-1")
				if end.Restarts != row.restarts || row.restarts > 0 &&
					time.Since(end.Heartbeat) > time.Minute {
					t.Errorf("%d restarts, want %d; last heartbeat %v ago", end.Restarts,
						row.restarts, time.Since(end.Heartbeat))
				}
			})
		})
	}
}
