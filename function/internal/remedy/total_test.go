package remedy_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/lawtest"
	"ecs-remedy/function/internal/remedy"
)

// TestTotal: every input has an answer, facts that contradict themselves in every way included.
func TestTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for range 20 {
			total(t)
		}
	})
}

func FuzzNext(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(total))
}

// draws makes facts up.
type draws struct {
	*rapid.T
	now      time.Time
	oddities int // how many are to come yet
}

func newDraws(t *rapid.T) *draws {
	seconds := rapid.IntRange(-120, 3600).Draw(t, "now")
	return &draws{T: t, now: remedy.Start.Add(time.Duration(seconds) * time.Second),
		oddities: rapid.SampledFrom([]int{0, 1, 2, 4, 100}).Draw(t, "oddities")}
}

func (d *draws) flip(label string) bool { return rapid.Bool().Draw(d.T, label) }

// often is mostly the usual: a few oddities at a time, so that the draws come far. Rapid prefers
// small numbers, and what stands first.
func (d *draws) often(label string) bool {
	if d.oddities == 0 || rapid.IntRange(0, 15).Draw(d.T, label) < 12 {
		return true
	}
	d.oddities--
	return false
}

// moment is a time within an hour of the alarm's, or none.
func (d *draws) moment(label string) time.Time {
	if !d.often(label + " known") {
		return time.Time{}
	}
	seconds := rapid.IntRange(-3600, 3600).Draw(d.T, label)
	return remedy.Start.Add(time.Duration(seconds) * time.Second)
}

// near is a time so many seconds from now, or any other moment.
func (d *draws) near(label string, seconds ...int) time.Time {
	if !d.often(label + " is near") {
		return d.moment(label)
	}
	return d.now.Add(time.Duration(one(d, label, seconds...)) * time.Second)
}

// lately is a time shortly before now or after it: a claim may rest on readings of 10 seconds.
func (d *draws) lately(label string) time.Time {
	return d.near(label, 0, -1, -1, -3, -10, -11, 1)
}

func one[T any](d *draws, label string, of ...T) T {
	return rapid.SampledFrom(of).Draw(d.T, label)
}

func (d *draws) policy() remedy.Policy {
	p := remedy.Armed()
	p.Mode = one(d, "mode", remedy.ModeEnforce, remedy.ModeEnforce, remedy.ModeEnforce,
		remedy.ModeObserve, remedy.ModeOff, "")
	p.Force, p.SecondCheck = d.flip("force"), d.flip("second check")
	p.MaxAttempts = one(d, "attempts", 5, 5, 3, 6, 0)
	p.EvidenceLimit = time.Duration(rapid.IntRange(0, 5).Draw(d.T, "evidence")) * time.Second
	p.Poll = time.Duration(rapid.IntRange(1, 120).Draw(d.T, "poll")) * time.Second
	if !d.often("no windows") {
		p.Windows = []remedy.Window{{From: rapid.IntRange(-1, 1441).Draw(d.T, "from"),
			To: rapid.IntRange(-1, 1441).Draw(d.T, "to")}}
	}
	return p
}

// ids are what incidents are called here. The ledger takes no record in which one stands twice: the
// first is of the open one, and the others are of those that have ended.
var ids = []string{
	remedy.IncidentID(remedy.InstanceID, remedy.Start),
	remedy.IncidentID(remedy.InstanceID, remedy.Start.Add(-time.Hour)),
	remedy.IncidentID(remedy.InstanceID, remedy.Start.Add(-2*time.Hour)),
}

func (d *draws) attempt(n int) remedy.Attempt {
	a := remedy.Attempt{
		N: n, Force: !d.often("graceful"), ClaimedAt: d.moment("claimed"),
		SendBefore: d.moment("send before"), AnsweredAt: d.moment("answered"), RequestID: "R",
		Before: remedy.Baseline{StartTime: "2026-11-01T00:00Z", Heartbeat: d.moment("beat before")},
		Answer: one(d, "answer", remedy.AnswerAccepted, remedy.AnswerAccepted,
			remedy.AnswerAccepted, remedy.AnswerNone, remedy.AnswerUnknown, remedy.AnswerRejected,
			remedy.AnswerNotExecuted, "odd"),
		Fate: one(d, "fate", remedy.FateFailed, remedy.FateFailed, remedy.FateFailed,
			remedy.FateOpen, remedy.FateOpen, remedy.FateWorked, remedy.FateUnconfirmed, "odd"),
		Reason:    one(d, "rejected as", remedy.ReasonNotRunning, remedy.ReasonSecurityLocked, ""),
		Throttled: d.flip("throttled"), Stuck: !d.often("not stuck"),
		LastReadAt: d.moment("last read"),
	}
	if !d.often("never left") {
		a.LeftRunningAt = d.moment("left")
	}
	if !d.often("never back") {
		a.BackAt = d.moment("back")
	}
	return a
}

func (d *draws) incident(id string) *remedy.Incident {
	i := &remedy.Incident{ID: id, Instance: remedy.InstanceID,
		Region: "cn-hangzhou", Account: remedy.Account, OpenedAt: d.moment("opened"),
		Owner:    one(d, "owner", "me", "me", "me", "you", ""),
		Alarm:    remedy.AlarmRef{Key: one(d, "key", "e-1|Executing", "other", "")},
		Attempts: spare[remedy.Attempt](nil)}
	for n := range one(d, "attempts made", 2, 1, 0, 3, 4, 5) {
		i.Attempts = append(i.Attempts, d.attempt(n+1))
	}
	i.Attempts = spare(i.Attempts)
	i.LeaseUntil = d.near("lease", 60, 50, 30, 1, 0, -1, -10)
	if !d.often("not taken over") {
		i.TakenOverAt = d.moment("taken over")
	}
	if !d.often("not resolved") {
		i.ResolvedAt = d.moment("resolved")
	}
	return i
}

// ended is an incident with an end.
func (d *draws) ended(id string) *remedy.Incident {
	i := d.incident(id)
	i.EndedAt = d.moment("ended")
	i.Verdict = one(d, "verdict", remedy.VerdictRestarted, remedy.VerdictFailed,
		remedy.VerdictRefused, remedy.VerdictObserved)
	i.Reason = one(d, "reason", remedy.ReasonRecovered, remedy.ReasonStuck, remedy.ReasonAbandoned,
		remedy.ReasonInProgress)
	i.Forgiven = !d.often("not forgiven")
	return i
}

// spare is the list with room behind it in which something stands: whoever appends in place can be
// seen to.
func spare[T any](list []T) []T {
	var other T
	return append(slices.Clip(list), other)[:len(list)]
}

func (d *draws) failure(label string) remedy.Failure {
	if d.often(label + " is there") {
		return ""
	}
	return one(d, label, remedy.FailureUnavailable, remedy.FailureForbidden, remedy.FailureMissing,
		remedy.FailureUnreadable, "odd")
}

// facts may contradict themselves in every way.
func (d *draws) facts() remedy.Facts {
	f := remedy.Readable()
	f.Now = d.now
	d.alarm(&f)
	f.Book = one(d, "book", remedy.BookEnforce, remedy.BookObserve)
	f.Swept = !d.often("alarm")
	f.Slot = d.slot()
	f.Crowd = d.flip("one of many")
	f.Superseded, f.Redelivered = !d.often("not superseded"), d.flip("redelivered")
	if !d.often("leads") {
		f.Leader = remedy.Leader{Leads: d.flip("another leads"),
			Verdict: one(d, "leader's verdict", remedy.VerdictRefused, remedy.VerdictFailed, ""),
			Reason:  one(d, "leader's reason", remedy.ReasonUnconfirmedHang, remedy.ReasonLocked)}
	}
	if !d.often("no deadline") {
		f.StopAt, f.ClaimBy = d.moment("stop"), d.moment("claim by")
	}
	d.records(&f)
	d.live(&f)
	d.seen(&f)
	if !d.often("just delivered") {
		w := d.waiter(f.Alarm.Key)
		w.Instance, w.Alarm.Key, w.Alarm.Time = f.Alarm.Instance, f.Alarm.Key, f.Alarm.Time
		f.Waiter, f.Swept, f.Redelivered = &w, false, false
	}
	f.Reported = !d.often("not reported yet")
	return f
}

// waiter is an alarm that waits, or did until it got its slot.
func (d *draws) waiter(key string) remedy.Waiter {
	w := remedy.Waiter{Instance: one(d, "waits", remedy.InstanceID, remedy.InstanceID, "i-other"),
		Region: one(d, "waits in", "cn-hangzhou", "cn-hangzhou", "cn-beijing", ""),
		Since:  d.moment("waits since"), By: one(d, "judged by", "", "me", "you"),
		LeaseUntil: d.near("judged until", -60, 60)}
	w.Alarm.Key, w.Alarm.Time = one(d, "its key", key, key, "other"), d.moment("its time")
	if !d.often("it goes on") {
		w.ResolvedAt = d.moment("it ended")
	}
	return w
}

func (d *draws) alarm(f *remedy.Facts) {
	f.Alarm = one(d, "alarm", remedy.Hangs, remedy.Busy, remedy.Quiet)()
	f.Alarm.State = one(d, "state", events.StateFiring, events.StateFiring, events.StateFiring,
		events.StateResolved, events.StateInsufficientData, "")
	if !d.often("our region") {
		f.Alarm.Region = one(d, "region", "cn-beijing", "")
	}
	if !d.often("no problem") {
		f.Alarm.Problem = one(d, "problem", events.ProblemNotECS, events.ProblemContradiction,
			events.Problem("odd"))
	}
	if !d.often("alarm fresh") {
		f.Alarm.Time = d.moment("alarm time")
	}
}

func (d *draws) slot() remedy.Slot {
	return remedy.Slot{Incident: one(d, "slot's incident", append(ids, "")...),
		Instance: one(d, "slot's instance", remedy.InstanceID, "i-other"), Region: "cn-hangzhou",
		OpenedAt: d.moment("slot opened"), LeaseUntil: d.moment("slot's lease")}
}

// records draws what the ledger said.
func (d *draws) records(f *remedy.Facts) {
	f.Record.Failure, f.Fleet.Failure = d.failure("record"), d.failure("fleet")
	f.Record.At, f.Fleet.At = d.lately("record at"), d.lately("fleet at")
	f.Record.Value.Revision, f.Fleet.Value.Revision = 7, 9
	if d.flip("open") {
		f.Record.Value.Open = d.incident(ids[0])
	}
	recent := spare[remedy.Incident](nil)
	for n := range rapid.IntRange(0, 2).Draw(d.T, "ended ones") {
		recent = append(recent, *d.ended(ids[n+1]))
	}
	f.Record.Value.Recent = spare(recent)
	if !d.often("key not known") {
		f.Record.Value.Keys["e-1|Executing"] = d.moment("key's end")
	}
	var slots []remedy.Slot
	for range one(d, "slots", 1, 0, 2, 3) {
		slots = append(slots, d.slot())
	}
	var begun []remedy.Begun
	for range rapid.IntRange(0, 2).Draw(d.T, "begun") {
		begun = append(begun, remedy.Begun{At: d.moment("begun"), Incident: one(d, "one", ids...)})
	}
	for i := range slots {
		if !d.often("nobody waited for it") {
			w := d.waiter(f.Alarm.Key)
			slots[i].Waiter = &w
		}
	}
	var waiting []remedy.Waiter
	for range rapid.IntRange(0, 2).Draw(d.T, "waiting") {
		w := d.waiter(f.Alarm.Key)
		twice := slices.ContainsFunc(waiting, func(o remedy.Waiter) bool {
			return o.Instance == w.Instance
		})
		if !twice { // or the ledger does not take it
			waiting = append(waiting, w)
		}
	}
	slices.SortFunc(waiting, remedy.Waiter.Compare)
	f.Fleet.Value.Open, f.Fleet.Value.Begun = spare(slots), spare(begun)
	f.Fleet.Value.Waiting = spare(waiting)
	if !d.often("fleet stored") {
		f.Fleet.Value.Revision = 0
	}
	if !d.often("fleet not lost") {
		f.Fleet.Value.Lost = d.moment("lost")
	}
	f.Sign = remedy.Reading[remedy.Sign]{At: d.lately("sign at"), Failure: d.failure("sign"),
		Value: remedy.Sign{Revision: uint64(rapid.IntRange(0, 1).Draw(d.T, "signed"))}}
	if !d.often("not paused") {
		f.Fleet.Value.Paused = remedy.Pause{Since: d.moment("paused"), Until: d.moment("until")}
	}
}

// live draws what ECS answered.
func (d *draws) live(f *remedy.Facts) {
	f.Instance.Failure, f.Vitals.Failure = d.failure("instance"), d.failure("vitals")
	f.Platform.Failure = d.failure("platform")
	f.Instance.At, f.Vitals.At = d.lately("instance at"), d.lately("vitals at")
	f.Platform.At = d.lately("platform at")
	f.Instance.Date, f.Vitals.Date, f.Platform.Date = time.Time{}, time.Time{}, time.Time{}
	if d.often("clocks agree") {
		f.Instance.Date, f.Vitals.Date = f.Instance.At, f.Vitals.At
		f.Platform.Date = f.Platform.At
	}
	i := &f.Instance.Value
	i.Status = one(d, "status", "Running", "Running", "Stopping", "Starting", "Stopped", "")
	i.LocksKnown = d.often("locks known")
	if !d.often("no locks") {
		i.Locks = one(d, "locks", []string{"security"}, []string{""})
	}
	i.ChargeType = one(d, "charge type", "PostPaid", "PostPaid", "PostPaid", "PrePaid", "")
	i.ExpiredTime = d.moment("expires")
	i.Tags = one(d, "tags", map[string]string{"auto-restart": "true"},
		map[string]string{"auto-restart": "true"}, map[string]string{"auto-restart": "graceful"},
		map[string]string{"auto-restart": ""}, nil)
	if !d.often("same start time") {
		i.StartTime = one(d, "start time", "2026-11-23T08:03Z", "")
	}
	f.Vitals.Value.Heartbeat = d.now.Add(-10 * time.Minute)
	if !d.often("silent") {
		f.Vitals.Value.Heartbeat = d.moment("heartbeat")
	}
	if !d.often("platform idle") {
		f.Platform.Value = []remedy.PlatformEvent{{
			Type: one(d, "event", "SystemFailure.Reboot", "InstanceFailure.PerformanceImpact",
				""),
			Status:    one(d, "event status", "Executing", "Scheduled", ""),
			NotBefore: d.moment("not before")}}
	}
	f.Rehearsal = remedy.Reply{At: d.moment("rehearsed"), Reason: remedy.ReasonRejected,
		Answer: one(d, "rehearsal", remedy.AnswerAccepted, remedy.AnswerRejected,
			remedy.AnswerNotExecuted, remedy.AnswerUnknown, "")}
}

// seen draws what this invocation is in the middle of: mostly of the incident that the record
// shows, as its owner would be, and sometimes of another one.
func (d *draws) seen(f *remedy.Facts) {
	s := &f.Seen
	open := f.Record.Value.Open
	switch {
	case d.flip("nothing held"):
	case open != nil && d.often("the same incident"):
		same := *open
		same.Attempts = slices.Clone(open.Attempts)
		if n := len(same.Attempts); n > 0 && d.flip("saw more of it") {
			a := &same.Attempts[n-1]
			a.Answer, a.BackAt = remedy.AnswerAccepted, d.moment("seen back")
		}
		same.Attempts = spare(same.Attempts)
		s.Incident = &same
	default:
		s.Incident = d.incident(one(d, "held", ids...))
	}
	switch held := s.Incident; {
	case d.flip("nothing claimed"):
	case held != nil && len(held.Attempts) > 0 && d.often("the last attempt"):
		claim := held.Attempts[len(held.Attempts)-1]
		claim.SendBefore = d.lately("send before")
		s.Claim = &claim
	default:
		claim := d.attempt(rapid.IntRange(0, 6).Draw(d.T, "claim's number"))
		s.Claim = &claim
	}
	if !d.often("nothing ending") {
		s.Ending = d.ended(one(d, "ending", ids...))
		if recent := f.Record.Value.Recent; len(recent) > 0 && d.often("written") {
			*s.Ending = recent[len(recent)-1]
		}
	}
	if d.flip("waited") {
		s.WaitUntil = d.lately("wait until")
	}
	if d.flip("rested") {
		s.RestUntil = d.lately("rest until")
	}
	s.Stays = !d.often("it does not stay")
	s.Blind, s.Reread = rapid.IntRange(0, 4).Draw(d.T, "blind"), d.flip("read again")
	s.Findings = spare([]remedy.Finding{{Rule: remedy.RuleMode, OK: true, Saw: "enforce"}})

	if d.flip("wrote") {
		f.Written = remedy.Written{At: d.lately("written at"), Fleet: d.flip("the fleet's"),
			Revision: 7, Note: "no answer", Wrote: one(d, "what became of it", remedy.WroteNothing,
				remedy.WroteDone, remedy.WroteConflict, remedy.WroteUnknown, "odd")}
	}
	f.Conflicts = rapid.IntRange(0, 12).Draw(d.T, "conflicts")
	if s.Claim != nil && s.Incident != nil && d.flip("sent") {
		f.Sent = remedy.Order{Region: s.Incident.Region, Instance: s.Incident.Instance,
			Force: s.Claim.Force, SendBefore: s.Claim.SendBefore}
		f.Reply = remedy.Reply{At: d.lately("reply at"), RequestID: "R",
			Answer: one(d, "reply", remedy.AnswerAccepted, remedy.AnswerRejected,
				remedy.AnswerNotExecuted, remedy.AnswerUnknown, ""),
			Reason: remedy.ReasonNotRunning}
	}
}

// snapshot is all that the facts hold, what stands behind their lists included.
func snapshot(t *rapid.T, f *remedy.Facts) string {
	all := []any{f, behind(f.Record.Value.Recent), behind(f.Fleet.Value.Open),
		behind(f.Fleet.Value.Begun), behind(f.Fleet.Value.Waiting), behind(f.Seen.Findings)}
	for _, i := range []*remedy.Incident{f.Record.Value.Open, f.Seen.Incident, f.Seen.Ending} {
		if i != nil {
			all = append(all, behind(i.Attempts))
		}
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func behind[T any](list []T) []T { return list[:cap(list)] }

// total checks what holds for every answer to any facts.
func total(t *rapid.T) {
	d := newDraws(t)
	p, f := d.policy(), d.facts()
	before := snapshot(t, &f)
	step := remedy.Next(&p, &f)
	if after := snapshot(t, &f); after != before {
		t.Fatalf("Next changes its facts:\n%s\n%s", before, after)
	}
	if again := remedy.Next(&p, &f); !reflect.DeepEqual(again, step) {
		t.Fatalf("the same facts give another step:\n%+v\n%+v", step, again)
	}
	sound(t, &p, &f, &step)
}

// sound checks a step for itself.
func sound(t *rapid.T, p *remedy.Policy, f *remedy.Facts, step *remedy.Step) {
	switch step.Do {
	case remedy.DoAnswer:
		answers(t, f, step)
	case remedy.DoRead:
		reads(t, p, f, step)
	case remedy.DoWait:
		if !step.Until.After(f.Now) {
			t.Fatalf("it waits until %v at %v", step.Until, f.Now)
		}
		if !f.StopAt.IsZero() && step.Until.After(f.StopAt) {
			t.Fatalf("it waits until %v, and must stop at %v", step.Until, f.StopAt)
		}
	case remedy.DoWrite:
		writes(t, p, f, step)
	case remedy.DoSend:
		sends(t, f, step)
	default:
		t.Fatalf("do %d", step.Do)
	}
	if step.Do != remedy.DoAnswer && step.Result != nil {
		t.Fatalf("do %d, and there is a result: %+v", step.Do, step.Result)
	}
}

func answers(t *rapid.T, f *remedy.Facts, step *remedy.Step) {
	switch r := step.Result; {
	case step.Verdict == "" && (f.ForOthers() || f.Reported) && r == nil:
	case f.Reported:
		t.Fatalf("it was reported, and is reported again: %+v", step)
	case f.Waiter != nil && step.Verdict == remedy.VerdictPending && r.Incident == "":
		t.Fatal("nobody is to deliver again what waits")
	case step.Verdict == "" || step.Reason == "" || r == nil:
		t.Fatalf("an answer without a reason: %+v", step)
	case r.Verdict != step.Verdict || r.Reason != step.Reason || r.Attempts == nil ||
		r.Findings == nil:
		t.Fatalf("the answer %s %s is reported as %+v", step.Verdict, step.Reason, r)
	}
}

// known is what is read and not outdated by a take-over.
func known(f *remedy.Facts) (s remedy.Source) {
	var since time.Time
	open := f.Record.Value.Open
	if f.Record.OK() && open != nil && open.Owner == f.Owner && !open.TakenOverAt.After(f.Now) {
		since = open.TakenOverAt
	}
	for source, at := range map[remedy.Source]time.Time{
		remedy.SourceInstance: f.Instance.At, remedy.SourceVitals: f.Vitals.At,
		remedy.SourcePlatform: f.Platform.At, remedy.SourceRehearsal: f.Rehearsal.At,
	} {
		if !at.IsZero() && !at.Before(since) {
			s |= source
		}
	}
	if f.Record.Read() {
		s |= remedy.SourceRecord
	}
	if f.Fleet.Read() {
		s |= remedy.SourceFleet
	}
	if f.Sign.Read() {
		s |= remedy.SourceSign
	}
	return s
}

// reads checks that a source is read again only where what it said cannot be relied on.
func reads(t *rapid.T, p *remedy.Policy, f *remedy.Facts, step *remedy.Step) {
	const guards = remedy.SourceInstance | remedy.SourceVitals | remedy.SourcePlatform
	if step.Sources == 0 {
		t.Fatal("it asks for nothing")
	}
	again := step.Sources & known(f)
	anew := step.Seen.Reread && !f.Seen.Reread // once
	old := f.Now.Add(-p.CallLimit())
	stale := f.Instance.At.Before(old) || f.Vitals.At.Before(old) || f.Platform.At.Before(old)
	switch {
	case again == 0:
	case again == guards && anew && stale: // too old for a claim
	case again == remedy.SourceRecord && anew && f.Instance.Value.Status != "Running":
		// another invocation's doing perhaps
	case again == remedy.SourceRecord && f.Record.At.Before(f.Fleet.At):
		// a slot may be newer than its incident was when it was looked for
	case again == remedy.SourceRecord && !f.Record.OK(): // its owner looks for it again
	case again == remedy.SourceFleet && f.Fleet.At.Before(f.Instance.At): // the pause is asked last
	default:
		t.Fatalf("it asks for %b and knows %b", step.Sources, known(f))
	}
	if !f.StopAt.IsZero() && !f.Now.Before(f.StopAt) && !f.Reported {
		t.Fatalf("it reads at %v, and must stop at %v", f.Now, f.StopAt)
	}
}

func writes(t *rapid.T, p *remedy.Policy, f *remedy.Facts, step *remedy.Step) {
	record := step.Write.Record
	if (record == nil) == (step.Write.Fleet == nil) || step.Write.Sign != nil {
		t.Fatalf("it writes %+v, which is not one record", step.Write)
	}
	if record == nil {
		if !f.Fleet.OK() || step.Write.Fleet.Revision != f.Fleet.Value.Revision {
			t.Fatalf("it writes the fleet's record, and read %+v", f.Fleet)
		}
		queue(t, p, f, step)
		return
	}
	if !f.Record.OK() || record.Revision != f.Record.Value.Revision {
		t.Fatalf("it writes the instance's record, and read %+v", f.Record)
	}
	more := attempts(record.Open) > attempts(f.Record.Value.Open)
	if more != (step.Claims() != nil) {
		t.Fatalf("it writes %+v, and says that it claims %+v", record.Open, step.Claims())
	}
	if step.Ends() {
		i := record.Ended(step.Seen.Ending.ID)
		if i == nil || i.EndedAt.IsZero() || i.Verdict != step.Verdict || i.Reason != step.Reason ||
			i.Reason == "" || record.Open != nil && record.Open.ID == i.ID {
			t.Fatalf("it writes the end %s %s of %+v", step.Verdict, step.Reason, i)
		}
	}
	if step.Opens() {
		o := record.Open
		if o.Owner != f.Owner || !o.LeaseUntil.Equal(f.Now.Add(p.Lease)) || !o.EndedAt.IsZero() ||
			o.Region != f.Region {
			t.Fatalf("it opens %+v", o)
		}
		fit(t, p, f, true, false)
	}
	if claim := step.Claims(); claim != nil {
		claims(t, p, f, step, claim)
	}
}

// queue checks what is written of the alarms that wait.
func queue(t *rapid.T, p *remedy.Policy, f *remedy.Facts, step *remedy.Step) {
	before, after := &f.Fleet.Value, step.Write.Fleet
	if !slices.IsSortedFunc(after.Waiting, remedy.Waiter.Compare) {
		t.Fatalf("they wait out of order: %+v", after.Waiting)
	}
	for i, w := range after.Waiting {
		switch n := before.Place(w.Instance); {
		case after.Place(w.Instance) != i+1:
			t.Fatalf("%s waits twice", w.Instance)
		case n == 0:
		case w.By == before.Waiting[n-1].By:
		case before.Waiting[n-1].By != f.Owner && before.Waiting[n-1].Judged(*p, f.Now):
			t.Fatalf("it takes what %+v judges", before.Waiting[n-1])
		case w.By != "" && (w.By != f.Owner || f.Waiter == nil || w.Instance != f.Alarm.Instance):
			t.Fatalf("it leases %+v", w)
		}
	}
	for _, w := range before.Waiting {
		moved := slices.ContainsFunc(after.Open, func(s remedy.Slot) bool {
			return s.Waiter != nil && s.Waiter.Instance == w.Instance
		})
		if after.Place(w.Instance) == 0 && !moved && !f.Reported {
			t.Fatalf("%+v waits no longer, and nobody was told", w)
		}
	}
	began := len(after.Waiting) > len(before.Waiting) && len(after.Open) == len(before.Open)
	if began != step.Waits() || began && (len(before.Waiting) >= p.FleetWaiting ||
		f.Waiter != nil) {
		t.Fatalf("of %d, %d wait now: %+v", len(before.Waiting), len(after.Waiting), step)
	}
}

func attempts(open *remedy.Incident) int {
	if open == nil {
		return 0
	}
	return len(open.Attempts)
}

// claims checks that an attempt is claimed by the owner of a running lease, with all guards fit.
func claims(t *rapid.T, p *remedy.Policy, f *remedy.Facts, step *remedy.Step, a *remedy.Attempt) {
	open, claimed := f.Record.Value.Open, step.Write.Record.Open
	if open == nil || open.Owner != f.Owner || f.Now.After(open.LeaseUntil) {
		t.Fatalf("it claims without a lease: %+v", open)
	}
	n := len(open.Attempts) + 1
	if claimed == nil || claimed.ID != open.ID || len(claimed.Attempts) != n ||
		claimed.Attempts[n-1] != *a || a.N != n || a.Outcome() != remedy.OutcomeClaimed ||
		!a.ClaimedAt.Equal(f.Now) || !a.SendBefore.Equal(f.Now.Add(p.CallLimit())) ||
		!claimed.LeaseUntil.Equal(f.Now.Add(p.Lease)) {
		t.Fatalf("it claims %+v as %+v", a, claimed)
	}
	slots := f.Fleet.Value.Open
	if !slices.ContainsFunc(slots, func(s remedy.Slot) bool { return s.Incident == open.ID }) {
		t.Fatal("it claims without a slot")
	}
	failed := 0
	for i := range n - 1 {
		e := &claimed.Attempts[i]
		if e.Fate == remedy.FateWorked {
			t.Fatalf("it claims after attempt %d worked", i+1)
		}
		if e.Fate == remedy.FateFailed && !e.Force {
			failed++
		}
	}
	if a.Force && failed < 2 {
		t.Fatalf("it forces after %d failures", failed)
	}
	if n > 1 {
		switch claimed.Attempts[n-2].Outcome() {
		case remedy.OutcomeClaimed, remedy.OutcomeAccepted, remedy.OutcomeUnknown:
			t.Fatalf("it claims while attempt %d is %s", n-1, claimed.Attempts[n-2].Outcome())
		}
	}
	if f.Now.After(open.OpenedAt.Add(p.IncidentLimit)) && n > 1 {
		t.Fatalf("it claims %v after the incident opened", f.Now.Sub(open.OpenedAt))
	}
	old := f.Now.Add(-p.CallLimit())
	if f.Instance.At.Before(old) || f.Vitals.At.Before(old) || f.Platform.At.Before(old) {
		t.Fatal("it claims on readings that are old")
	}
	fit(t, p, f, n == 1, a.Force)
}

// fit checks that nothing which was read forbids a reboot.
func fit(t *rapid.T, p *remedy.Policy, f *remedy.Facts, first, force bool) {
	basis := lawtest.Basis{At: f.Now, Mode: p.Mode, Instance: f.Instance, Vitals: f.Vitals,
		Platform: f.Platform, Fleet: f.Fleet}
	if bad := lawtest.Unfit(p, &basis, force); bad != "" {
		t.Fatalf("it reboots an instance that is %s", bad)
	}
	if p.Mode != remedy.ModeEnforce || !f.Fleet.OK() || f.Fleet.Value.Paused.On(f.Now) {
		t.Fatalf("it reboots in mode %q, or paused", p.Mode)
	}
	lost := f.Fleet.Value.Revision == 0 && f.Sign.OK() && f.Sign.Value.Revision != 0
	if first && (lost || !f.Fleet.Value.Lost.IsZero()) {
		t.Fatal("it begins, and a pause may be lost")
	}
	for _, stop := range []time.Time{f.StopAt, f.ClaimBy} {
		if !stop.IsZero() && !f.Now.Before(stop) {
			t.Fatalf("it claims at %v, and must not after %v", f.Now, stop)
		}
	}
}

// sends checks that only what the record shows as our claim is sent, once, and in time.
func sends(t *rapid.T, f *remedy.Facts, step *remedy.Step) {
	open, claim, order := f.Record.Value.Open, f.Seen.Claim, step.Order
	if !f.Record.OK() || open == nil || open.Owner != f.Owner || f.Now.After(open.LeaseUntil) {
		t.Fatalf("it sends, and the record is %+v", f.Record)
	}
	n := len(open.Attempts)
	if claim == nil || n == 0 || claim.N != n ||
		!open.Attempts[n-1].ClaimedAt.Equal(claim.ClaimedAt) {
		t.Fatalf("it sends %+v, which the record does not show: %+v", claim, open.Attempts)
	}
	want := remedy.Order{Region: open.Region, Instance: open.Instance, Force: claim.Force,
		SendBefore: claim.SendBefore}
	if order != want || order == f.Sent || f.Now.After(order.SendBefore) {
		t.Fatalf("at %v it sends %+v, want %+v; sent before: %+v", f.Now, order, want, f.Sent)
	}
}

// TestComesToRest: whatever the facts are, and whatever becomes of what is written, the loop comes
// to a wait, an order or an answer without going round.
func TestComesToRest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := newDraws(t)
		p, f := d.policy(), d.facts()
		read := f
		for range 60 {
			f.Ask(d.now)
			step := remedy.Next(&p, &f)
			sound(t, &p, &f, &step)
			f.Decided(&step)
			switch step.Do {
			case remedy.DoRead:
				d.read(&f, &read, step.Sources, step.Evidence)
			case remedy.DoWrite:
				f.Wrote(step.Write, remedy.Written{At: f.Now, Revision: 8, Note: "no answer",
					Wrote: one(d, "wrote", remedy.WroteDone, remedy.WroteDone, remedy.WroteConflict,
						remedy.WroteUnknown)})
				if f.Written.Wrote == remedy.WroteDone {
					read.Record, read.Fleet = f.Record, f.Fleet
				}
			default:
				return
			}
		}
		t.Fatal("it goes round")
	})
}

// read answers sources with what was drawn, as read just now.
func (d *draws) read(f, from *remedy.Facts, sources remedy.Source, order remedy.EvidenceOrder) {
	if sources.Has(remedy.SourceRecord) {
		f.Record = from.Record
		f.Record.At = f.Now
	}
	if sources.Has(remedy.SourceFleet) {
		f.Fleet = from.Fleet
		f.Fleet.At = f.Now
	}
	if sources.Has(remedy.SourceSign) {
		f.Sign = from.Sign
		f.Sign.At = f.Now
	}
	if sources.Has(remedy.SourceInstance) {
		f.Instance = from.Instance
		f.Instance.At, f.Instance.Date = f.Now, f.Now
	}
	if sources.Has(remedy.SourceVitals) {
		f.Vitals = from.Vitals
		f.Vitals.At, f.Vitals.Date = f.Now, f.Now
	}
	if sources.Has(remedy.SourcePlatform) {
		f.Platform = from.Platform
		f.Platform.At, f.Platform.Date = f.Now, f.Now
	}
	if sources.Has(remedy.SourceEvidence) {
		f.Evidence.At = f.Now
		f.Evidence.Value.Incident = order.Incident
		f.Evidence.Value.Stage = order.Stage
	}
	if sources.Has(remedy.SourceRehearsal) {
		f.Rehearsal = from.Rehearsal
		f.Rehearsal.At = f.Now
	}
}
