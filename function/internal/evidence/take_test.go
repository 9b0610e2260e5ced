package evidence

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ecs-remedy/function/internal/ecs"
	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/osssim"
	"ecs-remedy/function/internal/remedy"
)

// guest is an instance with a console, and an ECS in front of it that answers after a while.
type guest struct {
	picture, log []byte
	takes        time.Duration // until an answer
	deaf         bool          // it does not notice that its caller has given up
	refusal      *remedy.Reading[[]byte]
	panics       bool
	asked        []string
}

func (g *guest) answer(ctx context.Context, value []byte) remedy.Reading[[]byte] {
	now := time.Now
	given := ctx.Done()
	if g.deaf {
		given = nil
	}
	select {
	case <-time.After(g.takes):
	case <-given:
		return remedy.Reading[[]byte]{At: now(), Failure: remedy.FailureUnavailable,
			Note: "no answer in time"}
	}
	switch {
	case g.panics:
		panic(mark)
	case g.refusal != nil:
		return *g.refusal
	}
	return remedy.Reading[[]byte]{At: now(), Value: value}
}

func (g *guest) Screenshot(ctx context.Context, region, id string) remedy.Reading[[]byte] {
	g.asked = append(g.asked, "screenshot of "+id+" in "+region)
	return g.answer(ctx, g.picture)
}

func (g *guest) Console(ctx context.Context, region, id string) remedy.Reading[[]byte] {
	return g.answer(ctx, g.log)
}

// slow is a store that takes its time, and does not care for contexts.
type slow struct {
	Store
	takes  time.Duration
	panics bool
	exits  bool
}

func (s slow) Put(ctx context.Context, incident, name string, content []byte,
	overwrite bool) error {
	<-time.After(s.takes)
	if s.panics {
		panic(mark)
	}
	if s.exits {
		runtime.Goexit()
	}
	return s.Store.Put(context.WithoutCancel(ctx), incident, name, content, overwrite)
}

const region = "cn-hangzhou"

// TestTake is what a reboot waits for: whatever console and store do, it ends in time and says what
// was kept.
func TestTake(t *testing.T) {
	const limit = 3 * time.Second
	picture, log := asJPEG(t, screen(240, 160)), []byte("\x1b[31mKernel panic\r\n")
	good := guest{picture: picture, log: log, takes: time.Second}
	whole := "kept 1-screenshot.jpg and 1-console.txt"
	neither := func(why string) string {
		return "no screenshot: " + why + "; no console log: " + why
	}
	refused := func(r remedy.Reading[[]byte]) guest {
		r.At = time.Unix(1, 0)
		return guest{refusal: &r}
	}
	for _, row := range []struct {
		name  string
		guest guest
		fault osssim.Fault
		slow  func(Store) Store
		took  time.Duration
		want  string
	}{
		{name: "all is well", guest: good, took: time.Second, want: whole},
		{name: "just in time", guest: guest{picture: picture, log: log, takes: limit - 1},
			took: limit - 1, want: whole},

		{name: "ECS hangs", guest: guest{takes: time.Hour}, took: limit,
			want: neither(lateECS)},
		{name: "ECS hangs, and cannot be stopped", guest: guest{takes: time.Hour, deaf: true},
			took: limit, want: neither(lateECS)},
		{name: "ECS refuses", guest: refused(remedy.Reading[[]byte]{
			Failure: remedy.FailureUnavailable, Code: "Throttling",
			Note: "GetInstanceScreenshot: Throttling"}),
			want: neither("GetInstanceScreenshot: Throttling")},
		{name: "ECS refuses without saying its code in the note", guest: refused(
			remedy.Reading[[]byte]{Failure: remedy.FailureUnreadable, Code: "NotSupported",
				Note: "no console"}), want: neither("no console (NotSupported)")},
		{name: "a note that should not be", guest: refused(remedy.Reading[[]byte]{
			Failure: remedy.FailureUnreadable, Code: "a b", Note: "see https://" + mark}),
			want: neither("ECS did not give it")},
		{name: "a note with an escape sequence", guest: refused(remedy.Reading[[]byte]{
			Failure: remedy.FailureUnreadable, Note: "\x1b[31m"}),
			want: neither("ECS did not give it")},
		{name: "a note without end", guest: refused(remedy.Reading[[]byte]{
			Failure: remedy.FailureUnreadable, Note: strings.Repeat("长", 1000)}),
			want: neither(strings.Repeat("长", longestNote) + "…")},
		{name: "ECS is not even read", guest: guest{refusal: &remedy.Reading[[]byte]{}},
			want: neither("ECS did not give it")},
		{name: "the client panics", guest: guest{panics: true},
			want: neither("it could not be handled")},
		{name: "nothing on it", guest: guest{picture: []byte{}, log: []byte("\r\n")},
			want: neither("what ECS gave was not kept: it is empty")},
		{name: "a bomb", guest: guest{picture: withSize(asPNG(t, screen(4, 4)), 1<<16, 1<<16),
			log: log}, want: "kept 1-console.txt; no screenshot: what ECS gave was not kept: it " +
			"has more than 4096 by 4096 points, or 4 million"},
		{name: "a picture that is none", guest: guest{picture: []byte(script), log: log},
			want: "kept 1-console.txt; no screenshot: what ECS gave was not kept: it is " +
				"neither a JPEG nor a PNG"},

		{name: "the store hangs", guest: good, fault: osssim.FaultHang, took: limit,
			want: neither(lateStore)},
		{name: "the store hangs, and cannot be stopped", guest: good, slow: func(s Store) Store {
			return slow{Store: s, takes: time.Hour}
		}, took: limit, want: neither(lateStore)},
		{name: "the store is slow", guest: good, slow: func(s Store) Store {
			return slow{Store: s, takes: time.Second}
		}, took: 2 * time.Second, want: whole},
		{name: "the store panics", guest: good, slow: func(s Store) Store {
			return slow{Store: s, panics: true}
		}, took: time.Second, want: neither("it could not be handled")},
		{name: "the store never comes back", guest: good, slow: func(s Store) Store {
			return slow{Store: s, exits: true}
		}, took: time.Second, want: neither("it could not be handled")},
		{name: "there is no store", guest: good, slow: func(Store) Store { return nil },
			took: time.Second, want: neither("it could not be handled")},
		{name: "the store refuses", guest: good, fault: osssim.FaultRefuse, took: time.Second,
			want: neither("OSS refused PutObject (AccessDenied, status 403, request " +
				"5C3D9175B6FC201293AD4890)")},
		{name: "the store is full", guest: good, fault: osssim.FaultFull, took: time.Second,
			want: neither("OSS refused PutObject (UserDisable, status 403, request " +
				"5C3D9175B6FC201293AD4890)")},
		{name: "the store lies", guest: good, fault: osssim.FaultWrongBody, took: time.Second,
			want: neither("OSS gave an answer to PutObject that does not fit it (status 200)")},
		{name: "the store sends elsewhere", guest: good, fault: osssim.FaultRedirect,
			took: time.Second, want: neither("OSS's answer points to another host")},
		{name: "the store echoes keys", guest: good, fault: osssim.FaultEcho, took: time.Second,
			want: neither("an error answer that is not from OSS (status 403)")},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim, oss := newOSS(t)
				sim.Break("", row.fault)
				var store Store = oss
				if row.slow != nil {
					store = row.slow(oss)
				}
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				defer cancel()
				start := time.Now()
				kept := Take(ctx, &row.guest, store, region, incident, MomentFirst)
				if took := time.Since(start); took != row.took {
					t.Errorf("it took %v, want %v", took, row.took)
				}
				if diff := cmp.Diff(row.want, said(kept)); diff != "" {
					t.Errorf("(-want +got) %s", diff)
				}
				secretless(t, "what was kept", kept)
				<-time.After(2 * time.Hour) // what was left behind ends too, and harms nobody
			})
		})
	}
}

// TestTakeKeeps looks at what is in the store afterwards.
func TestTakeKeeps(t *testing.T) {
	picture := asPNG(t, screen(240, 160))
	g := &guest{picture: append(bytes.Clone(picture), script...), log: []byte("\x07ding\r\n")}
	for name, store := range stores(t) {
		for _, moment := range []Moment{MomentFirst, MomentForce, MomentEnd} {
			kept := Take(t.Context(), g, store, region, incident, moment)
			want := []string{fmt.Sprint(int(moment), "-screenshot.png"),
				fmt.Sprint(int(moment), "-console.txt")}
			if diff := cmp.Diff(want, kept.Names()); diff != "" {
				t.Errorf("%s: %v, (-want +got) %s", name, kept, diff)
			}
			shot, err := store.Get(t.Context(), incident, want[0], mostPicture)
			if err != nil || !bytes.Equal(shot, asPNG(t, screen(240, 160))) &&
				bytes.Contains(shot, []byte(script)) {
				t.Errorf("%s: the screenshot: %d bytes, %v", name, len(shot), err)
			}
			log, err := store.Get(t.Context(), incident, want[1], mostLog)
			if err != nil || string(log) != `\x07ding`+"\n" {
				t.Errorf("%s: the log: %q, %v", name, log, err)
			}
		}
		// Another invocation of the same incident, later: what is there stays, and is kept.
		later := &guest{picture: picture, log: []byte("later")}
		if kept := Take(t.Context(), later, store, region, incident,
			MomentFirst); len(kept.Names()) != 2 {
			t.Errorf("%s: taken again: %v", name, kept)
		}
		if log, err := store.Get(t.Context(), incident, "1-console.txt",
			mostLog); err != nil || string(log) == "later\n" {
			t.Errorf("%s: the first log is gone: %q, %v", name, log, err)
		}
	}
}

// TestTakeAsksNobody: without time, an incident or a moment, neither ECS nor the store is asked.
func TestTakeAsksNobody(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, row := range []struct {
		ctx      context.Context
		incident string
		moment   Moment
		why      string
	}{
		{over, incident, MomentFirst, noTime},
		{t.Context(), "../../x", MomentFirst, "the incident's id is none"},
		{t.Context(), incident, 0, "there is no such moment of an incident"},
		{t.Context(), incident, 4, "there is no such moment of an incident"},
	} {
		g := &guest{}
		sim, store := newOSS(t)
		kept := Take(row.ctx, g, store, region, row.incident, row.moment)
		if want := (Kept{Item{Why: row.why}, Item{Why: row.why}}); !reflect.DeepEqual(kept, want) ||
			len(g.asked) != 0 || len(sim.Calls()) != 0 || kept.Names() == nil {
			t.Errorf("%v, asked %v and %v, want %v", kept, g.asked, sim.Calls(), want)
		}
	}
}

// TestTakeFromECS: the real client fits, and what the simulated console shows arrives in OSS.
func TestTakeFromECS(t *testing.T) {
	w := ecssim.New(ecssim.Real())
	w.Add(ecssim.Instance{ID: "i-bp1example", Region: region,
		Screenshot:    asJPEG(t, screen(240, 160)),
		ConsoleOutput: []byte("\x1b[31mINFO: task java:1 blocked for more than 120 seconds.\r\n")})
	client, err := ecs.New(ecs.Options{Credentials: ecs.Credentials{
		AccessKeyID: ecssim.DefaultKeyID, AccessKeySecret: ecssim.DefaultSecret,
		SecurityToken: ecssim.DefaultToken}, CallLimit: 10 * time.Second, Now: time.Now,
		Base: w.RoundTripper()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	sim, store := newOSS(t)
	kept := Take(t.Context(), client, store, region, incident, MomentForce)
	if said(kept) != "kept 2-screenshot.jpg and 2-console.txt" {
		t.Error(said(kept))
	}
	log := sim.Objects()["ecs-remedy/a.b_C/"+incident+"/2-console.txt"].Content
	if marks := Marks(string(log)); len(marks) != 1 || marks[0].Kind != MarkHungTask {
		t.Errorf("%v in %q", marks, log)
	}
	// ECS takes the next one in 10 seconds.
	again := Take(t.Context(), client, store, region, incident, MomentEnd)
	if again.Screenshot.Code != "Throttling" || !strings.Contains(said(again), "Throttling") {
		t.Errorf("at once again: %+v", again)
	}
}

// said is what was kept, and what not and why, in one phrase.
func said(k Kept) string {
	var parts []string
	if names := k.Names(); len(names) > 0 {
		parts = append(parts, "kept "+strings.Join(names, " and "))
	}
	return strings.Join(append(parts, k.Missing()...), "; ")
}
