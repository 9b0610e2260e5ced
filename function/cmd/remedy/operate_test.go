package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

// command runs the command line in an environment, and returns what it wrote and its exit status.
func command(environ []string, args ...string) (stdout, stderr string, status int) {
	var out, err bytes.Buffer
	status = run(args, &console{in: strings.NewReader(""), out: &out, err: &err, environ: environ})
	return out.String(), err.String(), status
}

func TestLater(t *testing.T) {
	shanghai := load(t, "Asia/Shanghai")
	berlin := load(t, "Europe/Berlin")
	now := time.Date(2026, 11, 23, 15, 4, 0, 0, shanghai)
	// the clocks go from 2:00 to 3:00 on the 29th
	spring := time.Date(2026, 3, 28, 12, 0, 0, 0, berlin)
	for _, row := range []struct {
		why, text string
		now       time.Time
		want      string // RFC 3339; empty: refused
	}{
		{"a duration", "2h", now, "2026-11-23T17:04:00+08:00"},
		{"no time at all", "0s", now, ""},
		{"a duration backwards", "-1s", now, ""},
		{"a time of day that is still to come", "15:05", now, "2026-11-23T15:05:00+08:00"},
		{"the present one is over: the next is tomorrow", "15:04", now,
			"2026-11-24T15:04:00+08:00"},
		{"one that is over today", "09:00", now, "2026-11-24T09:00:00+08:00"},
		{"one that the clocks leave out: what they show then", "02:30", spring,
			"2026-03-29T03:30:00+02:00"},
		{"a day of 23 hours is still a day", "11:00", spring, "2026-03-29T11:00:00+02:00"},
		{"there is no such time of day", "24:00", now, ""},
		{"a whole time, in another zone", "2026-11-23T07:04:01Z", now, "2026-11-23T07:04:01Z"},
		{"the present is over", "2026-11-23T07:04:00Z", now, ""},
		{"a time without a zone could be any of a day", "2026-11-23T18:00:00", now, ""},
		{"a number without a unit", "90", now, ""},
		{"words", "tomorrow", now, ""},
		{"nothing", "", now, ""},
	} {
		got, err := later(row.text, row.now)
		if row.want == "" {
			if err == nil {
				t.Errorf("%s: %q is %v, want it refused", row.why, row.text, got)
			}
			continue
		}
		if want, _ := time.Parse(time.RFC3339, row.want); err != nil || !got.Equal(want) {
			t.Errorf("%s: %q is %v (%v), want %v", row.why, row.text, got, err, want)
		}
	}
}

func load(t *testing.T, zone string) *time.Location {
	t.Helper()
	location, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	return location
}

// TestOwner: how it stands with an incident's owner is what its lease says to the function, too.
func TestOwner(t *testing.T) {
	policy := remedy.Policy{Lease: time.Minute}
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	most := policy.Lease + remedy.MaxSkew
	for _, row := range []struct {
		why             string
		lease           time.Duration // from now; zero: none
		opening, opened string
	}{
		{"given free", 0, "void", "released"},
		{"the last moment before a take-over", -6*time.Second + 1, "opening", "alive"},
		{"the first moment of it", -6 * time.Second, "void", "lease-over"},
		{"as long as two clocks can make it", most, "opening", "alive"},
		{"longer than that, so no clock of ours wrote it", most + 1, "void", "lease-over"},
	} {
		i := remedy.Incident{}
		if row.lease != 0 {
			i.LeaseUntil = now.Add(row.lease)
		}
		if got := owner(&i, policy, now); got != row.opening {
			t.Errorf("%s: an opening is %s, want %s", row.why, got, row.opening)
		}
		i.Attempts = make([]remedy.Attempt, 1)
		if got := owner(&i, policy, now); got != row.opened {
			t.Errorf("%s: an incident is %s, want %s", row.why, got, row.opened)
		}
	}
}

// hostile would clear a terminal, ring it, and turn text round, if it were printed as it is.
const hostile = "\x1b[2Jweb\a\u009b31m\u202e"

// TestIncidentsInEveryState shows open incidents in every state that an owner can leave them in,
// and text from outside with escapes in it.
func TestIncidentsInEveryState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	store, err := ledger.OpenBolt(path)
	if err != nil {
		t.Fatal(err)
	}
	policy := remedy.Policy{Mode: remedy.ModeEnforce, IncidentLimit: time.Hour, Lease: time.Minute,
		IncidentWindow:  time.Hour,
		FleetConcurrent: 9, FleetHourly: 9}
	now := time.Now()
	l := ledger.New(store, policy, func() time.Time { return now })
	book := l.In(remedy.BookEnforce)
	put := func(instance string, write remedy.Write) {
		t.Helper()
		if w := l.Write(t.Context(), remedy.BookEnforce, instance,
			write); w.Wrote != remedy.WroteDone {
			t.Fatal(w.Wrote, w.Note)
		}
	}
	var fleet remedy.Fleet
	incident := func(id string, at time.Time, attempts ...remedy.Attempt) remedy.Incident {
		i := remedy.Incident{ID: remedy.IncidentID(id, at), Instance: id, Region: "cn-hangzhou" +
			hostile,
			Alarm: remedy.AlarmRef{Name: hostile, Key: id}, OpenedAt: at, Owner: "a",
			LeaseUntil: at.Add(time.Minute), Attempts: attempts}
		fleet.Open = append(fleet.Open, remedy.Slot{Incident: i.ID, Instance: id, OpenedAt: at,
			LeaseUntil: i.LeaseUntil})
		return i
	}
	attempt := func(at time.Time) remedy.Attempt {
		return remedy.Attempt{N: 1, ClaimedAt: at, SendBefore: at.Add(10 * time.Second),
			Answer: remedy.AnswerAccepted, Fate: remedy.FateFailed, Code: hostile}
	}
	early := now.Add(-10 * time.Minute)
	alive := incident("i-alive", now, attempt(now))
	lapsed := incident("i-lapsed", early, attempt(early))
	released := incident("i-released", now, attempt(now))
	released.LeaseUntil = time.Time{}
	opening, void := incident("i-opening", now), incident("i-void", early)
	for _, open := range []remedy.Incident{alive, lapsed, released, opening, void} {
		put(open.Instance, remedy.Write{Record: &remedy.Record{Open: &open}})
	}
	// Its end is written and its slot is not given back yet; and one that the ledger has lost.
	ended := incident("i-unused", early, attempt(early))
	ended.EndedAt, ended.Verdict, ended.Reason = now, remedy.VerdictFailed,
		remedy.ReasonNotRecovered
	put(ended.Instance, remedy.Write{Record: &remedy.Record{Recent: []remedy.Incident{ended}}})
	incident("i-lost", early)
	// A later version of this program wrote it.
	incident("i-later", now)
	later := []byte(`{"version":3}`)
	if _, err := store.Put(t.Context(), "instance/i-later", later, 0); err != nil {
		t.Fatal(err)
	}
	waiter := func(id string, fired time.Time) remedy.Waiter {
		return remedy.Waiter{Instance: id, Region: "cn-hangzhou" + hostile, Since: now,
			Alarm: remedy.WaitingAlarm{AlarmRef: remedy.AlarmRef{Name: hostile, Key: id,
				Time: fired}}}
	}
	judged, resolved := waiter("i-judged", early), waiter("i-over", now)
	judged.By, judged.LeaseUntil, resolved.ResolvedAt = "a", now.Add(time.Minute), now
	fleet.Waiting = []remedy.Waiter{judged, waiter("i-waits", early.Add(time.Second)), resolved}
	put("", remedy.Write{Fleet: &fleet})
	if _, err := book.Pause(t.Context(), time.Time{}, hostile+"maintenance"); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}

	url := "bolt://" + path
	text, stderr, status := command(nil, "incidents", "--ledger", url)
	if status != 0 || stderr != "" {
		t.Fatalf("exit %d, %s", status, stderr)
	}
	for _, want := range []string{"its owner is alive, with a lease until",
		"its owner's lease until",
		"its owner let go of it", "it is being opened", "it was opened and nothing was sent",
		"its record cannot be read",
		"i-later record instance/i-later is unreadable", "number 1, since", "it has its turn now",
		"number 2, since", "too old from", "number 3, since", "resolved at",
		"a slot that nobody uses",
		"the ledger has lost it", "graceful failed ([2Jweb31m)", "[2Jweb31mmaintenance"} {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	document, _, _ := command(nil, "incidents", "--json", "--ledger", url)
	for form, output := range map[string]string{"text": text, "JSON": document} {
		for _, r := range output {
			if r != '\n' && unicode.In(r, unicode.Cc, unicode.Cf) {
				t.Errorf("the %s lets %U through to the terminal", form, r)
			}
		}
		if strings.Contains(output, `\u00`) {
			t.Errorf("the %s holds an escape in another spelling", form)
		}
	}
	var o overview
	if err := json.Unmarshal([]byte(document), &o); err != nil || len(o.Waiting) != 3 ||
		o.Waiting[1].Place != 2 ||
		o.Waiting[1].InstanceID != "i-waits" || !o.Waiting[0].Judged ||
		o.Waiting[2].ResolvedAt.IsZero() {
		t.Fatalf("the document is %+v (%v), want three alarms that wait", o, err)
	}
	if len(o.Open) != 8 || len(o.Unreadable) != 1 || o.Paused == nil {
		t.Fatalf("the document is %+v, want eight open incidents and a pause", o)
	}

	id := alive.ID
	if _, stderr, status = command(nil, "reset", "--ledger", url, "i-alive"); status != 2 ||
		!strings.Contains(stderr, "an incident of the instance is open") ||
		!strings.Contains(stderr, "\nhint: wait for its end") {
		t.Errorf("resetting it while it is open: exit %d, %s", status, stderr)
	}
	if text, stderr, status = command(nil, "close", "--ledger", url, id); status != 0 ||
		!strings.Contains(text, "\nClosed "+id+" by hand, after 1 graceful reboot. It counts as "+
			"failed/abandoned.\n") {
		t.Errorf("closing it: exit %d, %s%s", status, text, stderr)
	}
	if _, stderr, status = command(nil, "close", "--ledger", url, id); status != 2 ||
		!strings.Contains(stderr, "no such incident is open") {
		t.Errorf("closing it twice: exit %d, %s", status, stderr)
	}
	if _, stderr, status = command(nil, "close", "--ledger", url, hostile); status != 2 ||
		strings.ContainsRune(stderr, 0x1b) {
		t.Errorf("closing what nobody named so: exit %d, %q", status, stderr)
	}
}
