package ledger_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

// kept are the keys of the records that FuzzRecords makes up.
var kept = [3]string{"instance/i-1", "fleet", "function"}

// FuzzRecords puts anything in the place of the three records, and lets an alarm, the timer's sweep
// and whoever waited loose on it. What is read back is what can be written back, or unreadable, and
// then nothing of it is believed; nobody loops without a wait, reboots another instance, or reboots
// at all where the instance's record says nothing; and nobody writes what cannot be read again.
func FuzzRecords(f *testing.F) {
	for _, records := range recorded(f) {
		f.Add(records[0], records[1], records[2])
		// The same under the wrong key, with a number that is none, and cut in two.
		f.Add(records[1], records[0], records[2])
		for n := range records {
			odd := records
			odd[n] = strings.Replace(odd[n], `"i-1`, `"i-2`, 1)
			f.Add(odd[0], odd[1], odd[2])
			odd = records
			odd[n] = strings.Replace(odd[n], "2026-11-23T10", "9999-11-23T10", 1)
			f.Add(odd[0], odd[1], odd[2])
			odd = records
			odd[n] = odd[n][:len(odd[n])/2]
			f.Add(odd[0], odd[1], odd[2])
		}
	}
	f.Fuzz(func(t *testing.T, record, fleet, sign string) {
		store := &spoiled{ledger.NewMem(), map[string]string{}}
		for n, value := range []string{record, fleet, sign} {
			if value != "" { // else there is none
				store.values[kept[n]] = value
			}
		}
		w := newRegion(store)
		l := ledger.New(store, w.policy, func() time.Time { return w.at })
		first := l.Record(t.Context(), remedy.BookEnforce, "i-1")
		believable(t, first)
		believable(t, l.Fleet(t.Context(), remedy.BookEnforce))
		believable(t, l.Sign(t.Context(), remedy.BookEnforce))
		if first.OK() && first.Value.Revision != 0 {
			wrote := l.Write(t.Context(), remedy.BookEnforce, "i-1",
				remedy.Write{Record: &first.Value})
			again := l.Record(t.Context(), remedy.BookEnforce, "i-1")
			again.Value.Revision = first.Value.Revision
			if diff := cmp.Diff(first.Value, again.Value, equal); wrote.Wrote != remedy.WroteDone ||
				diff != "" {
				t.Errorf("what was read is not what was written back: %s %s", wrote.Note, diff)
			}
		}
		tame(t, w, w.invoke("delivered", hangs("i-1", "key", ten)), first.OK())
		w.at = w.at.Add(2 * time.Hour)
		fleetNow := l.Fleet(t.Context(), remedy.BookEnforce)
		for _, slot := range fleetNow.Value.Sweepable(w.policy, remedy.BookEnforce, "cn-hangzhou",
			w.at) {
			v := w.invoke("swept", events.Alarm{Instance: slot.Instance})
			v.facts.Swept, v.facts.Slot, v.facts.Fleet = true, slot, fleetNow
			tame(t, w, v, true)
		}
		for _, waiter := range fleetNow.Value.DueWaiters(w.policy, "cn-hangzhou", w.at) {
			v := w.invoke("its turn", events.Alarm{})
			v.facts.TakeTurn(waiter, remedy.BookEnforce, fleetNow)
			tame(t, w, v, true)
		}
	})
}

// spoiled is a store in which somebody else wrote what none of ours would take.
type spoiled struct {
	*ledger.Mem
	values map[string]string
}

const spoiledAt = 1 << 40 // their revision

func (s *spoiled) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	if value, is := s.values[key]; is {
		return []byte(value), spoiledAt, nil
	}
	return s.Mem.Get(ctx, key)
}

func (s *spoiled) Put(ctx context.Context, key string, value []byte, expected uint64) (
	uint64, error) {
	if _, is := s.values[key]; is {
		if expected != spoiledAt {
			return 0, ledger.ErrConflict
		}
		expected = 0
		delete(s.values, key)
	}
	return s.Mem.Put(ctx, key, value, expected)
}

// recorded are the three records at every moment of an incident, from the alarm to its end.
func recorded(f *testing.F) [][3]string {
	w := newRegion(ledger.NewMem())
	v := w.invoke("owner", hangs("i-1", "key", ten))
	l := ledger.New(w.store, w.policy, func() time.Time { return w.at })
	l.Write(f.Context(), remedy.BookEnforce, "", remedy.Write{Fleet: &remedy.Fleet{}})
	l.Write(f.Context(), remedy.BookEnforce, "", remedy.Write{Sign: &remedy.Sign{
		Mode: remedy.ModeEnforce, Version: "213c343", At: ten}})
	all := [][3]string{{}}
	for n := 0; !v.done && n < far; n++ {
		var now [3]string
		for i, key := range kept {
			value, _, err := w.store.Get(f.Context(), key)
			if err != nil {
				f.Fatal(err)
			}
			now[i] = string(value)
		}
		if now != all[len(all)-1] {
			all = append(all, now)
		}
		if step := v.next(f.Context(), nil); step.Do == remedy.DoWait {
			v.apart += v.until.Sub(v.now())
		}
	}
	if len(all) < 10 {
		f.Fatalf("an incident leaves %d states of the ledger", len(all))
	}
	return all
}

// believable: what is unreadable comes with a reason, and without a value.
func believable[T any](t *testing.T, r remedy.Reading[T]) {
	t.Helper()
	var none T
	switch {
	case r.OK() && r.Note != "":
		t.Errorf("readable, and %s", r.Note)
	case !r.OK() && (r.Failure != remedy.FailureUnreadable || r.Note == ""):
		t.Errorf("it is neither readable nor unreadable: %s %q", r.Failure, r.Note)
	case !r.OK() && cmp.Diff(none, r.Value, equal) != "":
		t.Errorf("unreadable, and of it there is %+v", r.Value)
	}
}

// tame lets an invocation go on to its end.
func tame(t *testing.T, w *region, v *invocation, may bool) {
	t.Helper()
	instance := v.facts.Alarm.Instance
	reader := ledger.New(w.store, w.policy, v.now)
	restless := 0
	for n := 0; !v.done && n < far; n++ {
		sent := v.sent
		step := v.next(t.Context(), func(write remedy.Write) {
			record := reader.Record(t.Context(), v.facts.Book, instance)
			fleet := reader.Fleet(t.Context(), v.facts.Book)
			if write.Record != nil && !record.OK() || write.Fleet != nil && !fleet.OK() {
				t.Fatalf("it wrote what cannot be read: %s%s", record.Note, fleet.Note)
			}
		})
		if restless++; step.Do == remedy.DoWait {
			restless = 0
			v.apart += max(0, v.until.Sub(v.now()))
		}
		if restless > 100 {
			t.Fatalf("100 steps without a wait; the last is %+v", step)
		}
		if v.sent > sent && (step.Order.Instance != instance || !may) {
			t.Fatalf("it rebooted %s", step.Order.Instance)
		}
	}
	if !v.done {
		t.Fatalf("it never ends")
	}
}
