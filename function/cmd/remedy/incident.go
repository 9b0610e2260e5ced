package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/doctor"
	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
	"ecs-remedy/function/internal/report"
)

// oneIncident is all that the ledger holds of one incident, or of an alarm that waits to open one,
// in the form of --json. All text in it is plain, and lists are never null.
type oneIncident struct {
	Function   *doctor.Function `json:"function"` // null: no function ever wrote to this ledger
	Ledger     string           `json:"ledger"`
	Mode       remedy.Mode      `json:"mode"` // whose records
	At         time.Time        `json:"at"`
	Paused     *remedy.Pause    `json:"paused"` // null: not paused
	InstanceID string           `json:"instanceId"`
	Incident   *wholeIncident   `json:"incident"` // null: there is none yet
	Waiting    *waitingAlarm    `json:"waiting"`  // null: no alarm about the instance waits
	Others     []endedIncident  `json:"others"`   // of the same instance, newest first
}

type wholeIncident struct {
	Incident   string          `json:"incident"`
	InstanceID string          `json:"instanceId"`
	Region     string          `json:"region"`
	Account    string          `json:"account"`
	Alarm      remedy.AlarmRef `json:"alarm"`
	OpenedAt   time.Time       `json:"openedAt"`
	// Owner is as in the list of all; empty: the incident has ended.
	Owner      string         `json:"owner"`
	LeaseUntil time.Time      `json:"leaseUntil,omitzero"`
	ResolvedAt time.Time      `json:"resolvedAt,omitzero"` // its alarm was reported resolved
	Attempts   []wholeAttempt `json:"attempts"`
	EndedAt    time.Time      `json:"endedAt,omitzero"`
	Verdict    remedy.Verdict `json:"verdict"`
	Reason     remedy.Reason  `json:"reason"`
	Detail     string         `json:"detail"` // the verdict's sentence
	Reset      bool           `json:"reset"`  // it counts no longer
	Next       []nextEvent    `json:"next"`   // what will happen, the soonest first
}

type wholeAttempt struct {
	N             int             `json:"n"`
	Force         bool            `json:"force"`
	ClaimedAt     time.Time       `json:"claimedAt"`
	SendBefore    time.Time       `json:"sendBefore"`
	Before        remedy.Baseline `json:"before"` // what was read just before
	Answer        remedy.Answer   `json:"answer"` // empty: none is known
	AnsweredAt    time.Time       `json:"answeredAt,omitzero"`
	RequestID     string          `json:"requestId"`
	Code          string          `json:"code"`
	Outcome       remedy.Outcome  `json:"outcome"`
	LeftRunningAt time.Time       `json:"leftRunningAt,omitzero"`
	BackAt        time.Time       `json:"backAt,omitzero"`
	WatchedUntil  time.Time       `json:"watchedUntil,omitzero"` // without a gap
	Stuck         bool            `json:"stuck"`
}

// nextEvent is something that will happen, at a time where that is known.
type nextEvent struct {
	At   time.Time `json:"at,omitzero"`
	What string    `json:"what"`
}

// errNoIncident is the answer about an instance or an incident that the ledger does not know.
var errNoIncident = errors.New("the ledger holds no incident of that name")

// one looks for the incident that the command names, among the records of one mode or, where nobody
// said of which, of both.
func (i *incidentsCommand) one(c *console, books app.Books, settings config.Config) (
	*oneIncident, error) {
	ctx := context.Background()
	sign, err := lifeIn(ctx, books, c.now())
	if err != nil {
		return nil, err
	}
	book, mode := i.book(c, books)
	o := &oneIncident{Function: sign, Ledger: settings.Ledger.Name, Mode: mode, At: c.now()}
	found, err := o.find(ctx, book, i.Incident, settings.Policy)
	if err == nil && !found && i.Mode == nil {
		book, o.Mode = books.Observe, remedy.ModeObserve
		if mode == remedy.ModeObserve {
			book, o.Mode = books.Enforce, remedy.ModeEnforce
		}
		found, err = o.find(ctx, book, i.Incident, settings.Policy)
	}
	switch {
	case err != nil:
		return nil, err
	case !found && i.Mode != nil:
		return nil, hinted{fmt.Errorf("%s: %w, among the records of mode %s", i.Incident,
			errNoIncident,
			mode), noIncidentHint}
	case !found:
		return nil, hinted{fmt.Errorf("%s: %w", i.Incident, errNoIncident), noIncidentHint}
	}
	return o, nil
}

const noIncidentHint = "remedy incidents lists those that it holds; an alarm that was refused " +
	"opened none, and the function's log says why"

// find looks for an incident by its own name, or by its instance's: the open one then, or else the
// last that ended, and the others beside it.
func (o *oneIncident) find(ctx context.Context, book *ledger.Records, name string,
	p remedy.Policy) (
	bool, error) {
	instance := remedy.InstanceOf(name)
	if instance == "" {
		return false, nil
	}
	// The fleet first: an incident that ends in between is then in its record.
	fleet := book.Fleet(ctx)
	record := book.Record(ctx, instance)
	for _, note := range []string{fleet.Note, record.Note} {
		if note != "" {
			return false, errors.New(note)
		}
	}
	o.InstanceID = plain(instance)
	if pause := fleet.Value.Paused; pause.On(o.At) {
		pause.Reason = plain(pause.Reason)
		o.Paused = &pause
	}
	all := slices.Clone(record.Value.Recent)
	if open := record.Value.Open; open != nil {
		all = append(all, *open)
	}
	slices.SortStableFunc(all, func(a,
		b remedy.Incident) int {
		return b.OpenedAt.Compare(a.OpenedAt)
	})
	o.Others = []endedIncident{}
	var shown *remedy.Incident
	for n := range all {
		each := &all[n]
		byName := name == each.ID
		byInstance := name == instance && !each.Void()
		switch {
		case shown == nil && (byName || byInstance):
			shown = each
		case !each.Void():
			o.Others = append(o.Others, newEnded(each))
		}
	}
	if name == instance {
		for n := range fleet.Value.Waiting {
			if w := &fleet.Value.Waiting[n]; w.Instance == instance {
				waiting := newWaiting(n, w, p, o.At)
				o.Waiting = &waiting
			}
		}
	}
	if shown == nil {
		shown = o.slotted(&fleet.Value, name)
	}
	if shown == nil {
		return o.Waiting != nil, nil
	}
	if o.Incident == nil {
		o.Incident = newWhole(shown)
	}
	o.foresee(&record.Value, shown, p)
	return true, nil
}

// slotted is an incident of which only its slot is known: it is being opened, or the ledger lost
// it.
func (o *oneIncident) slotted(fleet *remedy.Fleet, name string) *remedy.Incident {
	for _, slot := range fleet.Open {
		if slot.Incident != name && slot.Instance != name {
			continue
		}
		i := &remedy.Incident{ID: slot.Incident, Instance: slot.Instance, Region: slot.Region,
			OpenedAt: slot.OpenedAt, LeaseUntil: slot.LeaseUntil}
		if slot.Waiter != nil {
			i.Alarm, i.Account = slot.Waiter.Alarm.AlarmRef, slot.Waiter.Alarm.Account
		}
		o.Incident = newWhole(i)
		o.Incident.Owner = "lost"
		return i
	}
	return nil
}

func newWhole(i *remedy.Incident) *wholeIncident {
	w := &wholeIncident{Incident: plain(i.ID), InstanceID: plain(i.Instance),
		Region:  plain(i.Region),
		Account: plain(i.Account), OpenedAt: i.OpenedAt, LeaseUntil: i.LeaseUntil,
		ResolvedAt: i.ResolvedAt, EndedAt: i.EndedAt,
		Verdict: remedy.Verdict(plain(string(i.Verdict))),
		Reason:  remedy.Reason(plain(string(i.Reason))), Reset: i.Forgiven,
		Alarm: remedy.AlarmRef{Format: plain(i.Alarm.Format), Name: plain(i.Alarm.Name),
			Rule: plain(i.Alarm.Rule), State: plain(i.Alarm.State), Level: plain(i.Alarm.Level),
			Key: plain(i.Alarm.Key), Time: i.Alarm.Time},
		Attempts: []wholeAttempt{}, Next: []nextEvent{}}
	if !i.EndedAt.IsZero() {
		w.Detail = plain(report.Detail(&remedy.Result{InstanceID: i.Instance, Verdict: i.Verdict,
			Reason: i.Reason, Why: i.Why, Attempts: i.Views()}))
	}
	for n := range i.Attempts {
		a := &i.Attempts[n]
		w.Attempts = append(w.Attempts, wholeAttempt{N: a.N, Force: a.Force, ClaimedAt: a.ClaimedAt,
			SendBefore: a.SendBefore, Answer: remedy.Answer(plain(string(a.Answer))),
			AnsweredAt: a.AnsweredAt, RequestID: plain(a.RequestID), Code: plain(a.Code),
			Outcome:       remedy.Outcome(plain(string(a.Outcome()))),
			LeftRunningAt: a.LeftRunningAt, BackAt: a.BackAt, WatchedUntil: a.LastReadAt,
			Stuck: a.Stuck,
			Before: remedy.Baseline{Status: plain(a.Before.Status),
				StartTime: plain(a.Before.StartTime),
				Heartbeat: a.Before.Heartbeat}})
	}
	return w
}

// foresee says what will happen next, and when, by the limits of the policy.
func (o *oneIncident) foresee(record *remedy.Record, i *remedy.Incident, p remedy.Policy) {
	w := o.Incident
	tell := func(at time.Time, what string, more ...any) {
		w.Next = append(w.Next, nextEvent{at, fmt.Sprintf(what, more...)})
	}
	if !i.EndedAt.IsZero() {
		if until := record.LeftAloneUntil(p); o.At.Before(until) && record.Open == nil {
			tell(until, "the instance's cool-down is over; alarms before that are refused, unless "+
				"somebody calls remedy reset %s", o.InstanceID)
		}
		if until := record.SpentUntil(p, o.At); !until.IsZero() && record.Open == nil {
			tell(until, "the instance may have an incident again: it has had %d within %s, unless "+
				"somebody calls remedy reset %s", p.MaxIncidents, p.IncidentWindow, o.InstanceID)
		}
		return
	}
	if w.Owner == "" {
		w.Owner = owner(i, p, o.At)
	}
	switch w.Owner {
	case "alive", "opening":
	case "lease-over", "released":
		tell(time.Time{}, "the next delivery of its alarm, or the sweep within a minute, takes "+
			"it up")
	case "void":
		tell(time.Time{}, "nothing was sent, and the next sweep drops it")
		return
	case "lost":
		tell(time.Time{},
			"if it is not just being opened, the next sweep ends it as failed/ledger-lost")
		return
	}
	if o.Paused != nil {
		tell(o.Paused.Until, "the pause ends; until then nothing is claimed, and an incident "+
			"that would "+
			"have to claim something ends as failed/paused")
	}
	if !i.ResolvedAt.IsZero() {
		tell(time.Time{}, "its alarm is over, so nothing more is claimed: it ends as soon as its "+
			"last "+
			"attempt is settled")
	}
	limit := i.OpenedAt.Add(p.IncidentLimit)
	if len(i.Attempts) == 0 {
		tell(time.Time{}, "a graceful reboot is claimed, and then sent")
		tell(limit, "the last moment at which an attempt may be claimed")
		return
	}
	a := &i.Attempts[len(i.Attempts)-1]
	watched := a.AnsweredAt
	if watched.IsZero() {
		watched = a.SendBefore // it may have been sent until then
	}
	watched = watched.Add(p.AttemptTimeout)
	switch {
	case a.Fate == remedy.FateWorked:
		tell(a.BackAt.Add(p.BootGrace),
			"the instance is back, and this is until when its guest has time "+
				"to report; where Cloud Assistant never reported from it, two looks at it "+
				"are enough")
		return
	case a.Answer == remedy.AnswerNotExecuted:
		tell(time.Time{}, "ECS did not execute attempt %d, so it is claimed and sent anew", a.N)
	case a.Fate == remedy.FateOpen && o.At.Before(watched):
		tell(watched, "attempt %d has had its time. If the instance was seen to restart by then, "+
			"its "+
			"guest is waited for; if not, %s", a.N, rungAfter(i, true, p))
	default:
		tell(time.Time{}, "%s", rungAfter(i, a.Fate == remedy.FateOpen, p))
	}
	tell(limit, "the last moment at which an attempt may be claimed: after it the incident is "+
		"only "+
		"watched to its end")
}

// rungAfter says what follows the last attempt if it has failed; still: it is being watched.
func rungAfter(i *remedy.Incident, still bool, p remedy.Policy) string {
	last := &i.Attempts[len(i.Attempts)-1]
	all, graceful := 0, 0
	for n := range i.Attempts {
		a := &i.Attempts[n]
		if a.Answer != remedy.AnswerNotExecuted {
			all++
		}
		if a.Fate == remedy.FateFailed && !a.Force {
			graceful++
		}
	}
	if still && !last.Force && last.Answer == remedy.AnswerAccepted {
		graceful++
	}
	unknown := last.Fate == remedy.FateUnconfirmed || still && last.Answer != remedy.AnswerAccepted
	switch {
	case last.Force && !unknown:
		return "the incident ends as failed/not-recovered, and needs a human"
	case all >= p.MaxAttempts:
		return fmt.Sprintf("all %d attempts are used up, and the incident ends as failed", all)
	case unknown:
		return "another graceful reboot follows, if nobody looked away meanwhile or its guest is " +
			"known to be silent; otherwise it ends as failed/unconfirmed"
	case graceful >= 2 && !p.Force:
		return "the incident ends as failed/force-not-allowed: REMEDY_FORCE forbids the forced " +
			"reboot"
	case graceful >= 2:
		return "a forced reboot follows, if the instance's tag allows it"
	}
	return "a graceful reboot follows, if the instance may still be rebooted then"
}

// over reports whether nothing will change any more.
func (o *oneIncident) over() bool {
	return o.Waiting == nil && (o.Incident == nil || !o.Incident.EndedAt.IsZero())
}

// steady is the same without what changes from one second to the next.
func (o *oneIncident) steady() any {
	same := *o
	same.Function, same.At = nil, time.Time{}
	return &same
}

// print prints the incident as a timeline. Its times of day are in this machine's zone.
func (o *oneIncident) print(p *page) {
	p.begin(o.Function, o.Ledger, o.At)
	name := o.InstanceID
	if o.Incident != nil {
		name = o.Incident.Incident
	}
	p.text(bold, fmt.Sprintf("%s, records of mode %s, at %s", o.Ledger, o.Mode, local(o.At)))
	if o.Mode == remedy.ModeObserve {
		p.text(yellow, "OBSERVED only: nothing was rebooted.")
	}
	if o.Paused != nil {
		p.text(yellow, paused(*o.Paused))
	}
	p.gap()
	p.text(bold, name)
	if o.Incident != nil {
		o.Incident.print(p)
	}
	if o.Waiting != nil {
		p.row("", cell{"waiting", bold}, "An alarm about it waits for a slot: "+o.Waiting.words())
	}
	others := cell{"others", bold}
	for n, e := range o.Others {
		if n == mostEnded {
			p.row("", others, fmt.Sprintf("and %d before; --json lists all", len(o.Others)-n))
			break
		}
		p.row("", others, e.Incident+", "+e.words())
		others = cell{}
	}
}

func (w *wholeIncident) print(p *page) {
	clock := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.Local().Format(time.TimeOnly)
	}
	label := cell{"alarm", bold}
	row := func(at time.Time, text string) {
		if label.text != "" {
			p.shown = "" // what begins anew has its time again
		}
		p.row(clock(at), label, text)
		label = cell{}
	}
	a := &w.Alarm
	row(time.Time{}, join(a.Name, a.State, a.Level, "format "+a.Format))
	if !a.Time.IsZero() {
		row(time.Time{}, fmt.Sprintf("of %s, %s before the incident opened", local(a.Time),
			doctor.Span(w.OpenedAt.Sub(a.Time))))
	}
	if a.Key != "" {
		row(time.Time{}, "key "+a.Key)
	}
	label = cell{"opened", bold}
	row(w.OpenedAt, join(local(w.OpenedAt), w.Region, "account "+w.Account))
	for n := range w.Attempts {
		a := &w.Attempts[n]
		label = cell{fmt.Sprintf("attempt %d", a.N), bold}
		how := "graceful reboot"
		if a.Force {
			how = "FORCED reboot"
		}
		row(a.ClaimedAt, how+": claimed in the ledger; it could be sent until "+clock(a.SendBefore))
		if before := a.before(); before != "" {
			row(a.ClaimedAt, before)
		}
		row(a.AnsweredAt, a.answered())
		if !a.LeftRunningAt.IsZero() {
			row(a.LeftRunningAt, "the instance was seen to have left Running")
		}
		if !a.BackAt.IsZero() {
			row(a.BackAt, "the instance was seen to be back, Running after a restart")
		}
		if a.Stuck {
			row(a.WatchedUntil, "when its time was over, the instance was still Stopping or "+
				"Starting")
		}
		said, over := settled[a.Outcome]
		switch {
		case over && a.BackAt.IsZero():
			row(a.WatchedUntil, string(a.Outcome)+": "+said)
		case over:
			row(time.Time{}, string(a.Outcome)+": "+said)
		case !a.WatchedUntil.IsZero():
			row(a.WatchedUntil, "looked at until then, without a gap: it has not restarted yet")
		}
	}
	label = cell{"resolved", bold}
	if !w.ResolvedAt.IsZero() {
		row(w.ResolvedAt, "its alarm was reported to be over")
	}
	label = cell{"owner", bold}
	if w.Owner != "" {
		row(time.Time{}, stand(w.Owner, w.LeaseUntil))
	}
	if !w.EndedAt.IsZero() {
		label = cell{"ended", bold}
		end := string(w.Verdict) + ": " + string(w.Reason)
		if w.Reset {
			end += " (reset: it counts no longer)"
		}
		row(w.EndedAt, end)
		row(w.EndedAt, w.Detail)
	}
	label = cell{"next", bold}
	for _, next := range w.Next {
		row(next.At, next.What)
	}
}

// settled says what became of an attempt.
var settled = map[remedy.Outcome]string{
	remedy.OutcomeWorked: "the instance restarted",
	remedy.OutcomeFailed: "ECS accepted it, it was watched all the time, and the instance " +
		"did not restart",
	remedy.OutcomeUnconfirmed: "nobody knows whether it took effect, so it never counts towards " +
		"a forced one",
	remedy.OutcomeRejected:    "ECS refused it",
	remedy.OutcomeNotExecuted: "ECS did nothing, so it does not count",
}

// before is what was read just before the attempt.
func (a *wholeAttempt) before() string {
	var parts []string
	if a.Before.Status != "" {
		parts = append(parts, a.Before.Status)
	}
	if a.Before.StartTime != "" {
		parts = append(parts, "started at "+a.Before.StartTime)
	}
	if !a.Before.Heartbeat.IsZero() {
		parts = append(parts, "its guest last reported at "+local(a.Before.Heartbeat))
	}
	if len(parts) == 0 {
		return ""
	}
	return "just before it: " + join(parts...)
}

// answered is what ECS said.
func (a *wholeAttempt) answered() string {
	request := ""
	if a.RequestID != "" {
		request = ", RequestId " + a.RequestID
	}
	switch a.Answer {
	case remedy.AnswerNone:
		return "no answer of ECS is written down"
	case remedy.AnswerAccepted:
		return "ECS accepted it" + request
	case remedy.AnswerUnknown:
		return "no answer that can be trusted: perhaps executed, so it is watched and never sent " +
			"again" +
			request
	case remedy.AnswerRejected:
		return "ECS rejected it: " + a.Code + request
	case remedy.AnswerNotExecuted:
		return "not executed: " + a.Code + request
	}
	return string(a.Answer) + ": " + a.Code + request
}

// join is the parts that say something, with commas.
func join(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool {
		return s == "" || strings.HasSuffix(s, " ")
	}), ", ")
}
