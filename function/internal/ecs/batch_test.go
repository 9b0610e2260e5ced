package ecs

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/remedy"
)

// crowd returns n ids, and a world whose calls each take a second and which does not know the
// strangers among them.
func crowd(clock ecssim.Clock, n int, strangers ...int) (*ecssim.World, []string) {
	w := ecssim.New(clock)
	w.Latency = time.Second
	var ids []string
	for i := range n {
		id := fmt.Sprintf("i-%04d", i)
		ids = append(ids, id)
		if !slices.Contains(strangers, i) {
			w.Add(ecssim.Instance{ID: id, Region: region})
		}
	}
	return w, ids
}

// inCrowd returns a client of the world.
func inCrowd(t *testing.T, w *ecssim.World, change func(*Options)) *Client {
	return newClient(t, func(o *Options) {
		o.Credentials = Credentials{ecssim.DefaultKeyID, ecssim.DefaultSecret, ecssim.DefaultToken}
		o.Base, o.Now = w.RoundTripper(), time.Now
		change(o)
	})
}

func upTo(n int) (all []int) {
	for i := range n {
		all = append(all, i)
	}
	return all
}

// TestRounds counts how many calls stand one behind the other: in the world's time, in which each
// takes a second.
func TestRounds(t *testing.T) {
	for _, row := range []struct {
		why       string
		n         int
		strangers []int
		rounds    time.Duration
	}{
		{"one id", 1, nil, 1},
		{"one id that ECS does not know", 1, []int{0}, 1},
		{"64 known ids", 64, nil, 1},
		{"one stranger among 64: log2(64) halvings", 64, []int{20}, 7},
		{"five of them: no more", 64, []int{0, 7, 31, 32, 63}, 7},
		{"two side by side", 64, []int{30, 31}, 7},
		{"eight, as far apart as they can be", 64, []int{0, 8, 16, 24, 32, 40, 48, 56}, 7},
		{"all 64: 127 calls, 16 at once", 64, upTo(64), 11},
		{"100, the most of one call", 100, []int{99}, 8},
		{"101 are two calls at once", 101, nil, 1},
		{"a stranger in the second call of two", 200, []int{199}, 8},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, ids := crowd(ecssim.Real(), row.n, row.strangers...)
				c := inCrowd(t, w, func(*Options) {})
				start := time.Now()
				readings := c.Heartbeats(t.Context(), region, ids)
				if took := time.Since(start) / time.Second; took != row.rounds {
					t.Errorf("%d rounds, want %d", took, row.rounds)
				}
				if len(readings) != row.n {
					t.Errorf("%d readings, want %d", len(readings), row.n)
				}
				for i, id := range ids {
					got, want := readings[id], remedy.Failure("")
					if slices.Contains(row.strangers, i) {
						want = remedy.FailureMissing
					}
					if got.Failure != want {
						t.Errorf("%s: %q (%s), want %q", id, got.Failure, got.Note, want)
					}
					if !got.Date.Equal(got.At.Truncate(time.Second)) ||
						got.At.Before(start.Add(time.Second)) {
						t.Errorf("%s: at %v, answered at %v: the times are not of one answer", id,
							got.At, got.Date)
					}
				}
			})
		})
	}
}

// TestAges: an id that shares no call with a stranger any more has its answer's age, not that of
// the whole batch.
func TestAges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, ids := crowd(ecssim.Real(), 64, 0)
		c := inCrowd(t, w, func(*Options) {})
		start := time.Now()
		readings := c.Heartbeats(t.Context(), region, ids)
		for _, row := range []struct {
			id  int
			age time.Duration
			why string
		}{
			{63, 2, "the other half: the second round"},
			{32, 2, "the other half, its first id"},
			{31, 3, "a quarter"},
			{1, 7, "the stranger's neighbour: the last round"},
			{0, 7, "the stranger itself"},
		} {
			r := readings[ids[row.id]]
			if age := r.At.Sub(start) / time.Second; age != row.age {
				t.Errorf("%s: read in round %d, want %d: %s", ids[row.id], age, row.age, row.why)
			}
		}
	})
}

// TestWholeRead: a read ends within twice the call limit, which is 10 seconds, with all its pages
// and rounds, however long each call takes. What was read until then is kept.
func TestWholeRead(t *testing.T) {
	const event = `{"EventId":"e","InstanceId":"` + instanceID + `","EventType":{"Name":"X"},` +
		`"EventCycleStatus":{"Name":"Executing"}}`
	type reads func(context.Context, *Client) (readable int, failure remedy.Failure)
	machines := func(ctx context.Context, c *Client) (int, remedy.Failure) {
		r := c.Machines(ctx, region, []string{instanceID})[instanceID]
		return 0, r.Failure
	}
	events := func(ctx context.Context, c *Client) (int, remedy.Failure) {
		r := c.PlatformEvents(ctx, region, instanceID)
		return len(r.Value), r.Failure
	}
	// pages answers the nth call with the nth page, and the last one again and again.
	pages := func(each time.Duration, bodies ...string) func(*Options) {
		return func(o *Options) {
			o.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
				body := bodies[0]
				bodies = bodies[min(1, len(bodies)-1):]
				return reply(200, body), ecssim.Real().Sleep(r.Context(), each)
			})
		}
	}
	more := func(body string) string { return strings.Replace(body, `{`, `{"NextToken":"p",`, 1) }
	// 64 instances, of which one is a stranger: seven rounds, if they all come about
	_, ids := crowd(ecssim.Real(), 64)
	rounds := func(ctx context.Context, c *Client) (readable int, failure remedy.Failure) {
		all := c.Heartbeats(ctx, region, ids)
		for _, r := range all {
			if r.OK() {
				readable++
			}
		}
		return readable, all[ids[20]].Failure
	}
	inRounds := func(each time.Duration) func(*Options) {
		return func(o *Options) {
			w, _ := crowd(ecssim.Real(), 64, 20)
			w.Latency = each
			o.Credentials = Credentials{ecssim.DefaultKeyID, ecssim.DefaultSecret,
				ecssim.DefaultToken}
			o.Base, o.Now = w.RoundTripper(), time.Now
		}
	}
	never, last := time.Hour, systemEvents(event, "")
	for _, row := range []struct {
		why      string
		options  func(*Options)
		read     reads
		giveUp   time.Duration // when the caller does
		takes    time.Duration
		readable int
		failure  remedy.Failure
	}{
		{"two slow pages", pages(9*time.Second, systemEvents(event, "p"), last), events, never,
			18 * time.Second, 2, ""},
		{"a third one comes just in time", pages(6666*time.Millisecond, systemEvents(event, "p"),
			systemEvents(event, "p"), last), events, never, 19998 * time.Millisecond, 3, ""},
		{"it comes too late: two pages are not the whole", pages(6667*time.Millisecond,
			systemEvents(event, "p"), systemEvents(event, "p"), last), events, never,
			20 * time.Second, 0, remedy.FailureUnavailable},
		{"pages without an end", pages(9*time.Second, systemEvents(event, "p")), events, never,
			20 * time.Second, 0, remedy.FailureUnavailable},
		{"one page that never comes ends with its call", pages(never, ""), events, never,
			10 * time.Second, 0, remedy.FailureUnavailable},
		{"empty pages without an end",
			pages(9*time.Second, more(`{"RequestId":"R","Instances":{"Instance":[]}}`)),
			machines, never, 20 * time.Second, 0, remedy.FailureUnavailable},
		{"the caller gives up between two pages", pages(4*time.Second, systemEvents(event, "p")),
			events, 5 * time.Second, 5 * time.Second, 0, remedy.FailureUnavailable},
		{"seven rounds, just in time", inRounds(2857 * time.Millisecond), rounds, never,
			19999 * time.Millisecond, 63, remedy.FailureMissing},
		{"the seventh is too late for the stranger and its neighbour, and spoils no other",
			inRounds(2858 * time.Millisecond), rounds, never, 20 * time.Second, 62,
			remedy.FailureUnavailable},
		{"the caller gives up in the fifth round", inRounds(time.Second), rounds,
			4500 * time.Millisecond, 4500 * time.Millisecond, 56, remedy.FailureUnavailable},
		{"the caller gave up before", inRounds(time.Second), rounds, 0, 0, 0,
			remedy.FailureUnavailable},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), row.giveUp)
				defer cancel()
				c := newClient(t, row.options)
				start := time.Now()
				readable, failure := row.read(ctx, c)
				if took := time.Since(start); took != row.takes {
					t.Errorf("it took %v, want %v", took, row.takes)
				}
				if readable != row.readable || failure != row.failure {
					t.Errorf("%d readable, failure %q; want %d, %q", readable, failure,
						row.readable, row.failure)
				}
			})
		})
	}
}

// TestAgeOfPages: an answer of several pages is as old as the first of them.
func TestAgeOfPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pages := 0
		c := newClient(t, func(o *Options) {
			o.Now = time.Now
			o.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
				<-time.After(time.Second)
				pages++
				resp := reply(200, systemEvents(`{"InstanceId":"`+instanceID+`","EventType":`+
					`{"Name":"X"},"EventCycleStatus":{"Name":"Executing"}}`,
					map[int]string{1: "two", 2: "three"}[pages]))
				resp.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
				return resp, nil
			})
		})
		start := time.Now()
		got := c.PlatformEvents(t.Context(), region, instanceID)
		if want := start.Add(time.Second); pages != 3 || !got.OK() || !got.At.Equal(want) ||
			!got.Date.Equal(want) {
			t.Errorf("%d pages: %+v, want the times of the first, %v", pages, got, want)
		}
	})
}

// TestStrangersAreRemembered: an id that ECS does not know costs the others of its batch their
// halving once. It is not asked about again while its answer is young, and apart from the others
// after that.
func TestStrangersAreRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, ids := crowd(ecssim.Real(), 64, 5, 40)
		c := inCrowd(t, w, func(*Options) {})
		asked := func() map[string]int {
			named := make(map[string]int)
			for _, call := range w.Calls() {
				for _, id := range call.Instances {
					if len(call.Instances) == 1 {
						named[id]++
					}
				}
			}
			return named
		}
		rounds := func(ids []string) time.Duration {
			start := time.Now()
			got := c.Heartbeats(t.Context(), region, ids)
			for _, id := range ids {
				r, stranger := got[id], id == ids[5] || len(ids) > 40 && id == ids[40]
				if stranger != (r.Failure == remedy.FailureMissing) || !stranger && !r.OK() {
					t.Errorf("%s: %+v", id, r)
				}
				if age := time.Since(r.At); age > c.limit {
					t.Errorf("%s: a reading that is %v old", id, age)
				}
			}
			return time.Since(start) / time.Second
		}
		if got := rounds(ids); got != 7 {
			t.Errorf("the first time %d rounds, want 7", got)
		}
		before := asked()
		if got := rounds(ids); got != 1 {
			t.Errorf("the second time %d rounds, want 1", got)
		}
		if got := asked(); !maps.Equal(got, before) {
			t.Errorf("strangers were asked about again at once: %v, then %v", before, got)
		}
		if err := ecssim.Real().Sleep(t.Context(), c.limit); err != nil {
			t.Fatal(err)
		}
		if got := rounds(ids); got != 1 {
			t.Errorf("when the answer is old %d rounds, want 1: asked apart, at the same time", got)
		}
		if got := asked(); got[ids[5]] != before[ids[5]]+1 || got[ids[40]] != before[ids[40]]+1 {
			t.Errorf("the strangers were asked about %d and %d times, want once more each",
				got[ids[5]], got[ids[40]])
		}
		// One that ECS knows from now on is one of the others again.
		w.Add(ecssim.Instance{ID: ids[40], Region: region})
		if err := ecssim.Real().Sleep(t.Context(), c.limit); err != nil {
			t.Fatal(err)
		}
		if r := c.Heartbeats(t.Context(), region, ids)[ids[40]]; !r.OK() {
			t.Errorf("an instance that came to be: %+v", r)
		}
		calls := len(w.Calls())
		if r := c.Heartbeats(t.Context(), region, ids)[ids[40]]; !r.OK() ||
			len(w.Calls()) != calls+1 {
			t.Errorf("%d calls for all that are known: %+v", len(w.Calls())-calls, r)
		}
	})
}

// TestStrangersOfOneRegion: what is remembered of an id is of its region alone.
func TestStrangersOfOneRegion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, ids := crowd(ecssim.Real(), 1)
		c := inCrowd(t, w, func(*Options) {})
		if r := c.Heartbeats(t.Context(), "cn-shanghai",
			ids)[ids[0]]; r.Failure != remedy.FailureMissing {
			t.Errorf("in another region: %+v", r)
		}
		if r := c.Heartbeats(t.Context(), region, ids)[ids[0]]; !r.OK() {
			t.Errorf("in its own: %+v", r)
		}
	})
}

// TestNoHalvingWithoutReason: a call that fails for another reason than what is asked is not made
// again in halves.
func TestNoHalvingWithoutReason(t *testing.T) {
	_, ids := crowd(ecssim.Real(), 64)
	for _, row := range []struct {
		why, code string
		status    int
		body      string
		calls     int
	}{
		{"throttled", "Throttling", 400, "", 1},
		{"not permitted", "Forbidden.RAM", 403, "", 1},
		{"an error of ECS's own", "InternalError", 500, "", 1},
		{"an error that is not ECS's", "", 404, "", 1},
		{"more entries than were asked for", "", 200,
			vitals(`{},{}` + string(slices.Repeat([]byte(`,{}`), 99))), 1},
		{"an unknown id", "InvalidInstance.NotFound", 404, "", 127},
		{"a request that it does not like", "InvalidParameter", 400, "", 127},
	} {
		calls := 0
		c := newClient(t, func(o *Options) {
			// one after the other, so that the count needs no lock
			o.Each = func(n int, do func(int)) {
				for i := range n {
					do(i)
				}
			}
			o.Base = roundTripper(func(*http.Request) (*http.Response, error) {
				calls++
				if row.body != "" {
					return reply(row.status, row.body), nil
				}
				return reply(row.status,
					fmt.Sprintf(`{"RequestId":"R","Code":%q,"Message":"x"}`, row.code)), nil
			})
		})
		c.Heartbeats(t.Context(), region, ids)
		if calls != row.calls {
			t.Errorf("%s: %d calls, want %d", row.why, calls, row.calls)
		}
	}
}

// TestVirtualTime: in a time that counts who is running, the halves are started by that time's own
// Each.
func TestVirtualTime(t *testing.T) {
	clock := ecssim.NewVirtual(noon)
	w, ids := crowd(clock, 64, 3, 33)
	w.SigningClock = time.Now
	c := inCrowd(t, w, func(o *Options) { o.Now, o.Each = clock.Now, clock.Each })
	readings := c.Heartbeats(t.Context(), region, ids)
	if took := clock.Now().Sub(noon); took != 7*time.Second {
		t.Errorf("it took %v, want 7s", took)
	}
	if got := readings[ids[3]].Failure; got != remedy.FailureMissing || !readings[ids[4]].OK() {
		t.Errorf("%q, %+v", got, readings[ids[4]])
	}
}
