package timeline

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/remedy"
)

var start = time.Date(2026, 11, 23, 7, 42, 0, 0, time.UTC)

func at(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }

// brief is an entry's time, kind and attempt.
type brief struct {
	Seconds int
	Kind    Kind
	Attempt int
}

func briefly(entries []Entry) []brief {
	var all []brief
	for i := range entries {
		e := &entries[i]
		b := brief{Seconds: int(e.At.Sub(start).Seconds()), Kind: e.Kind}
		if e.Attempt != nil {
			b.Attempt = e.Attempt.N
		}
		all = append(all, b)
	}
	return all
}

// incident has a graceful attempt that failed and a second one that worked.
func incident() remedy.Incident {
	return remedy.Incident{
		ID: "i-bp1/20261123T074230Z", Instance: "i-bp1", Region: "cn-hangzhou",
		Alarm:    remedy.AlarmRef{Name: "hung", Time: at(0)},
		OpenedAt: at(30), TakenOverAt: at(200), EndedAt: at(420),
		Verdict: remedy.VerdictRestarted, Reason: remedy.ReasonRecovered,
		Attempts: []remedy.Attempt{
			{N: 1, ClaimedAt: at(31), SendBefore: at(41), AnsweredAt: at(32),
				Before: remedy.Baseline{Status: "Running"}, Answer: remedy.AnswerAccepted,
				Fate: remedy.FateFailed, LastReadAt: at(332)},
			{N: 2, ClaimedAt: at(332), SendBefore: at(342), AnsweredAt: at(333),
				Answer: remedy.AnswerAccepted, Fate: remedy.FateWorked, LeftRunningAt: at(340),
				BackAt: at(360), LastReadAt: at(360)},
		},
	}
}

// TestOf: the ledger's record of an incident is told in the order of its times.
func TestOf(t *testing.T) {
	ended := incident()
	want := []brief{{0, KindAlarm, 0}, {31, KindLook, 0}, {31, KindClaim, 1}, {32, KindAnswer, 1},
		{200, KindTakeover, 0}, {332, KindFate, 1}, {332, KindClaim, 2}, {333, KindAnswer, 2},
		{340, KindLook, 0}, {360, KindLook, 0}, {360, KindFate, 2}, {420, KindEnd, 0}}
	got := Of(&ended)
	if diff := cmp.Diff(want, briefly(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	last := got[len(got)-1].Result
	if last.Verdict != remedy.VerdictRestarted || len(last.Attempts) != 2 || last.Findings == nil {
		t.Errorf("the result is %+v", last)
	}
	open := incident()
	open.EndedAt, open.Verdict = time.Time{}, ""
	if slices.ContainsFunc(Of(&open), func(e Entry) bool { return e.Kind == KindEnd }) {
		t.Error("an open incident has an end")
	}
	if Result(&open).Verdict != "" {
		t.Error("an open incident has a verdict")
	}
}

// TestSettledAt: what became of an attempt is told when it was last looked at, and neither before
// its claim nor after what came next.
func TestSettledAt(t *testing.T) {
	for _, row := range []struct {
		why    string
		change func(i *remedy.Incident)
		want   int
	}{
		{"at its last reading", func(*remedy.Incident) {}, 332},
		{"nobody looked: at the last moment at which it may have been sent",
			func(i *remedy.Incident) { i.Attempts[0].LastReadAt = time.Time{} }, 41},
		{"not after the next claim",
			func(i *remedy.Incident) { i.Attempts[0].LastReadAt = at(333) }, 332},
		{"not before its own claim",
			func(i *remedy.Incident) { i.Attempts[0].LastReadAt = at(30) }, 31},
	} {
		i := incident()
		row.change(&i)
		if got := settledAt(&i, 0); !got.Equal(at(row.want)) {
			t.Errorf("%s: %v", row.why, got.Sub(start))
		}
	}
}

// TestAbout: an alarm's own entries, and what was told of all before its end; in order.
func TestAbout(t *testing.T) {
	all := []Entry{{Alarm: 1, At: at(0), Kind: KindAlarm},
		{Alarm: 2, At: at(0), Kind: KindAlarm}, {Alarm: 0, At: at(10), Kind: KindSweep},
		{Alarm: 1, At: at(20), Kind: KindWait}, {Alarm: 1, At: at(15), Kind: KindLook},
		{Alarm: 0, At: at(30), Kind: KindSweep}, {Alarm: 1, At: at(25), Kind: KindEnd},
		{Alarm: 2, At: at(40), Kind: KindEnd}}
	if diff := cmp.Diff([]brief{{0, KindAlarm, 0}, {10, KindSweep, 0}, {15, KindLook, 0},
		{20, KindWait, 0}, {25, KindEnd, 0}}, briefly(About(all, 1))); diff != "" {
		t.Errorf("the first (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]brief{{0, KindAlarm, 0}, {10, KindSweep, 0}, {30, KindSweep, 0},
		{40, KindEnd, 0}}, briefly(About(all, 2))); diff != "" {
		t.Errorf("the second (-want +got):\n%s", diff)
	}
}

// TestRecorderTellsAlarmByAlarm: what happens to two alarms at one instant, in whatever order, is
// told first of the first.
func TestRecorderTellsAlarmByAlarm(t *testing.T) {
	alarms := []events.Alarm{{Key: "1", Instance: "i-1"}, {Key: "2", Instance: "i-2"}}
	for _, first := range []int{0, 1} {
		var told []Entry
		r := NewRecorder(alarms, start, func(e Entry) { told = append(told, e) })
		r.Begin()
		for _, n := range []int{first, 1 - first} {
			r.Decided(&remedy.Facts{Now: at(5), Alarm: alarms[n]}, &remedy.Step{Do: remedy.DoWait,
				Seen:     remedy.Seen{WaitUntil: at(60)},
				Findings: []remedy.Finding{{Rule: remedy.RuleMode, OK: true, Saw: "enforce"}}})
		}
		r.End(make([]remedy.Result, 2), at(9))
		var got []int
		for _, e := range told {
			got = append(got, e.Alarm)
		}
		if diff := cmp.Diff([]int{1, 2, 1, 1, 2, 2, 1, 2}, got); diff != "" {
			t.Errorf("alarms (-want +got):\n%s", diff)
		}
	}
}

// TestRecorderCountsLooks: readings that show the same are one entry, by the API's code and not by
// the note, which names another request each time.
func TestRecorderCountsLooks(t *testing.T) {
	running := remedy.Reading[remedy.Instance]{Value: remedy.Instance{Status: "Running"}}
	throttled := remedy.Reading[remedy.Instance]{Failure: remedy.FailureUnavailable,
		Code: "Throttling"}
	refused := throttled
	refused.Code = "ServiceUnavailable"
	for _, row := range []struct {
		why      string
		readings []remedy.Reading[remedy.Instance]
		want     []int // looks of each entry
	}{
		{"the same status", []remedy.Reading[remedy.Instance]{running, running, running}, []int{3}},
		{"a failure between", []remedy.Reading[remedy.Instance]{running, throttled, running},
			[]int{1, 1, 1}},
		{"the same code", []remedy.Reading[remedy.Instance]{throttled, throttled}, []int{2}},
		{"another code", []remedy.Reading[remedy.Instance]{throttled, refused}, []int{1, 1}},
	} {
		var got []int
		r := NewRecorder([]events.Alarm{{Key: "1"}}, start, func(e Entry) {
			if e.Kind == KindLook {
				got = append(got, e.Look.Looks)
			}
		})
		for n, reading := range row.readings {
			reading.At = at(5 * n)
			if reading.Failure != "" {
				reading.Note = "request " + string(rune('A'+n))
			}
			r.Decided(&remedy.Facts{Now: reading.At, Alarm: events.Alarm{Key: "1"},
				Instance: reading}, &remedy.Step{Do: remedy.DoWait,
				Incident: &remedy.Incident{Attempts: []remedy.Attempt{{N: 1}}}})
		}
		r.End(nil, at(99))
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.why, diff)
		}
	}
}

// TestRecorderWithoutAlarms: an event without any is not told of, and nothing breaks.
func TestRecorderWithoutAlarms(t *testing.T) {
	var told []Entry
	r := NewRecorder(nil, start, func(e Entry) { told = append(told, e) })
	r.Begin()
	r.Decided(&remedy.Facts{Now: start}, &remedy.Step{Do: remedy.DoAnswer})
	r.End(nil, start)
	if diff := cmp.Diff([]brief{{0, KindIdle, 0}}, briefly(told)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
