package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/doctor"
	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

type incidentsCommand struct {
	recordsFlags
	Incident string `arg:"" optional:"" help:"${help_one}"`
	Watch    bool   `help:"Look again every two seconds, until nothing is under way any more."`
	JSON     bool   `name:"json" help:"Print one JSON document, and nothing else."`
}

// Help says what the flags' own lines have no room for.
func (incidentsCommand) Help() string {
	return `What the ledger holds: a pause, the incidents that are open, the alarms that wait for
one of them to end, the instances that cool down or have spent their incidents, and how the recent
ones ended. Nothing is changed. Where mode enforce has no records at all, those of mode observe are
shown, unless --mode says whose.

With an instance or an incident it is everything about that one: the alarm, each attempt with ECS's
answer, what was seen, how it ended or what will happen next and when. Of an instance it is the open
incident or else the last one, with the others beside it. --watch shows it anew until it has ended;
with --json only its end.

How long a cool-down lasts, and how many incidents an instance may have, is taken from the REMEDY_*
variables of this environment: give it those of the function.
` + ledgerHelp + `
Examples:

    remedy incidents
    remedy incidents --ledger redis://HOST:6379 --json
    remedy incidents i-bp1abcdefghijklmnopq --watch
    remedy incidents i-bp1abcdefghijklmnopq/20261123T074201Z

Exit status: 0, whatever the ledger holds. With --watch and an instance or incident: 0 restarted or
observed, 1 it ended otherwise. 2 for wrong usage, an incident that the ledger does not hold, or a
ledger that cannot be reached.`
}

// overview is what the ledger holds, in the form of --json. Lists are never null.
type overview struct {
	Function *doctor.Function `json:"function"` // null: no function ever wrote to this ledger
	Ledger   string           `json:"ledger"`
	Mode     remedy.Mode      `json:"mode"` // whose records
	At       time.Time        `json:"at"`
	Paused   *remedy.Pause    `json:"paused"` // null: not paused
	// FleetLost: the record that a pause stands in was lost, and nothing opens until remedy resume.
	FleetLost   bool             `json:"fleetLost"`
	Open        []openIncident   `json:"open"`
	Waiting     []waitingAlarm   `json:"waiting"` // in the order in which they get their turn
	CoolingDown []coolingDown    `json:"coolingDown"`
	Spent       []spentIncidents `json:"spent"`
	Recent      []endedIncident  `json:"recent"` // newest first
	Unreadable  []badRecord      `json:"unreadable"`

	instead bool          // of mode enforce's records, of which there are none
	policy  remedy.Policy // of this environment
}

type openIncident struct {
	Incident   string    `json:"incident"`
	InstanceID string    `json:"instanceId"`
	Region     string    `json:"region"`
	Alarm      string    `json:"alarm"`
	OpenedAt   time.Time `json:"openedAt"`
	// Owner is alive, released, lease-over, opening, void, unknown, lost, or none: a slot that
	// nobody uses.
	Owner      string               `json:"owner"`
	LeaseUntil time.Time            `json:"leaseUntil,omitzero"`
	Attempts   []remedy.AttemptView `json:"attempts"`

	attempts []remedy.Attempt
}

// waitingAlarm is an alarm that waits for a slot.
type waitingAlarm struct {
	Place      int       `json:"place"` // from 1
	InstanceID string    `json:"instanceId"`
	Region     string    `json:"region"`
	Alarm      string    `json:"alarm"`
	AlarmTime  time.Time `json:"alarmTime"`
	Since      time.Time `json:"since"`
	OldFrom    time.Time `json:"oldFrom"`             // when it is too old to open an incident
	ResolvedAt time.Time `json:"resolvedAt,omitzero"` // it is over, and its turn will say so
	Judged     bool      `json:"judged"`              // it has its turn at this moment
}

type coolingDown struct {
	InstanceID string    `json:"instanceId"`
	Until      time.Time `json:"until"`
}

type spentIncidents struct {
	InstanceID string    `json:"instanceId"`
	Incidents  int       `json:"incidents"`
	Limit      int       `json:"limit"`
	Until      time.Time `json:"until"` // when the oldest of them counts no longer
}

type endedIncident struct {
	Incident   string               `json:"incident"`
	InstanceID string               `json:"instanceId"`
	Region     string               `json:"region"`
	EndedAt    time.Time            `json:"endedAt"`
	Verdict    remedy.Verdict       `json:"verdict"`
	Reason     remedy.Reason        `json:"reason"`
	Reset      bool                 `json:"reset"` // it counts no longer
	Attempts   []remedy.AttemptView `json:"attempts"`
}

type badRecord struct {
	InstanceID string `json:"instanceId"`
	Problem    string `json:"problem"`
}

// Run shows what the ledger holds.
func (i *incidentsCommand) Run(c *console) error {
	settings, books, err := i.open(c)
	if err != nil {
		return err
	}
	defer books.Store.Close() // nothing was written
	return i.show(c, func() (view, error) {
		if i.Incident != "" {
			return i.one(c, books, settings)
		}
		return i.overview(c, books, settings)
	})
}

// overview looks at the records of a mode. Where nobody said of which, and those of mode enforce
// are empty, it is those of mode observe, if there are any.
func (i *incidentsCommand) overview(c *console, books app.Books, settings config.Config) (
	*overview, error) {
	ctx := context.Background()
	book, mode := i.book(c, books)
	sign, err := lifeIn(ctx, books, c.now())
	if err != nil {
		return nil, err
	}
	own := book.Sign(ctx) // before the fleet's record, which a sweep writes before its sign
	seen, err := book.Look(ctx)
	if err != nil {
		return nil, err
	}
	o := newOverview(seen, sign, &own, settings.Policy)
	if i.Mode == nil && mode == remedy.ModeEnforce && o.empty() {
		own = books.Observe.Sign(ctx)
		if seen, err = books.Observe.Look(ctx); err != nil {
			return nil, err
		}
		if other := newOverview(seen, sign, &own, settings.Policy); !other.empty() {
			o, mode = other, remedy.ModeObserve
			o.instead = true
		}
	}
	o.Ledger, o.Mode = settings.Ledger.Name, mode
	return o, nil
}

// empty reports whether there is no record of any instance.
func (o *overview) empty() bool {
	return len(o.Open)+len(o.Waiting)+len(o.Recent)+len(o.Unreadable) == 0
}

// newOverview sorts what was seen by what it means; sign is what is known of the function, and own
// the sign of life among the records that were seen. Text that came from alarms or was typed is
// made fit for a terminal here, for both forms of output.
func newOverview(seen ledger.Overview, sign *doctor.Function, own *remedy.Reading[remedy.Sign],
	policy remedy.Policy) *overview {
	o := &overview{policy: policy, Function: sign, At: seen.At, Open: []openIncident{},
		Waiting:     []waitingAlarm{},
		CoolingDown: []coolingDown{}, Spent: []spentIncidents{}, Recent: []endedIncident{},
		Unreadable: []badRecord{}}
	o.FleetLost = seen.Fleet.LostBeside(own)
	if pause := seen.Fleet.Paused; pause.On(seen.At) {
		pause.Reason = plain(pause.Reason)
		o.Paused = &pause
	}
	shown := map[string]bool{}
	for _, id := range slices.Sorted(maps.Keys(seen.Records)) {
		reading := seen.Records[id]
		id := plain(id)
		if !reading.OK() {
			o.Unreadable = append(o.Unreadable, badRecord{id, plain(reading.Note)})
			continue
		}
		record := &reading.Value
		if open := record.Open; open != nil {
			shown[open.ID] = true
			o.Open = append(o.Open, openIncident{Incident: plain(open.ID), InstanceID: id,
				Region: plain(open.Region), Alarm: plain(open.Alarm.Name), OpenedAt: open.OpenedAt,
				Owner: owner(open, policy, seen.At), LeaseUntil: open.LeaseUntil,
				Attempts: views(open.Attempts), attempts: open.Attempts})
		}
		if until := record.LeftAloneUntil(policy); seen.At.Before(until) {
			o.CoolingDown = append(o.CoolingDown, coolingDown{id, until})
		}
		if until := record.SpentUntil(policy, seen.At); !until.IsZero() {
			spent := record.Spent(seen.At.Add(-policy.IncidentWindow))
			o.Spent = append(o.Spent, spentIncidents{id, spent, policy.MaxIncidents, until})
		}
		for _, e := range record.Recent {
			if e.Void() {
				continue
			}
			o.Recent = append(o.Recent, newEnded(&e))
		}
	}
	for _, slot := range seen.Fleet.Open {
		if shown[slot.Incident] {
			continue
		}
		state := "none"
		record := seen.Records[slot.Instance]
		switch {
		case !record.OK():
			state = "unknown"
		case record.Value.Ended(slot.Incident) == nil:
			state = "lost"
		}
		o.Open = append(o.Open, openIncident{Incident: plain(slot.Incident),
			InstanceID: plain(slot.Instance),
			OpenedAt:   slot.OpenedAt, Owner: state, LeaseUntil: slot.LeaseUntil,
			Attempts: views(nil)})
	}
	for n := range seen.Fleet.Waiting {
		o.Waiting = append(o.Waiting, newWaiting(n, &seen.Fleet.Waiting[n], policy, seen.At))
	}
	slices.SortFunc(o.Open, func(a, b openIncident) int {
		return cmp.Or(a.OpenedAt.Compare(b.OpenedAt), cmp.Compare(a.Incident, b.Incident))
	})
	slices.SortFunc(o.Recent, func(a, b endedIncident) int {
		return cmp.Or(b.EndedAt.Compare(a.EndedAt), cmp.Compare(a.Incident, b.Incident))
	})
	return o
}

func newEnded(e *remedy.Incident) endedIncident {
	return endedIncident{plain(e.ID), plain(e.Instance), plain(e.Region), e.EndedAt,
		remedy.Verdict(plain(string(e.Verdict))), remedy.Reason(plain(string(e.Reason))),
		e.Forgiven,
		views(e.Attempts)}
}

// newWaiting is the nth alarm that waits, from 0.
func newWaiting(n int, w *remedy.Waiter, policy remedy.Policy, now time.Time) waitingAlarm {
	return waitingAlarm{n + 1, plain(w.Instance), plain(w.Region), plain(w.Alarm.Name),
		w.Alarm.Time,
		w.Since, w.Alarm.Time.Add(policy.AlarmMaxAge), w.ResolvedAt, w.Judged(policy, now)}
}

// owner is how it stands with the incident's owner, as far as the lease tells.
func owner(open *remedy.Incident, policy remedy.Policy, now time.Time) string {
	held, opening := open.Held(policy, now), len(open.Attempts) == 0
	switch {
	case opening && held:
		return "opening"
	case opening:
		return "void"
	case held:
		return "alive"
	case open.LeaseUntil.IsZero():
		return "released"
	}
	return "lease-over"
}

func views(all []remedy.Attempt) []remedy.AttemptView {
	views := make([]remedy.AttemptView, len(all))
	for i, a := range all {
		views[i] = remedy.AttemptView{N: a.N, Force: a.Force, At: a.ClaimedAt,
			RequestID: plain(a.RequestID), Outcome: remedy.Outcome(plain(string(a.Outcome()))),
			Code: plain(a.Code)}
	}
	return views
}

// mostEnded is how many ended incidents a page lists.
const mostEnded = 20

// over reports whether nothing is under way and nothing waits.
func (o *overview) over() bool { return len(o.Open)+len(o.Waiting) == 0 }

// steady is the same without what changes from one second to the next.
func (o *overview) steady() any {
	same := *o
	same.Function, same.At = nil, time.Time{}
	return &same
}

func (o *overview) print(p *page) {
	p.begin(o.Function, o.Ledger, o.At)
	p.text(bold, fmt.Sprintf("%s, records of mode %s, at %s", o.Ledger, o.Mode, local(o.At)))
	if o.instead {
		p.text(yellow, "OBSERVED only, nothing was rebooted: mode enforce has no records.")
	}
	p.gap()
	switch {
	case o.FleetLost:
		p.text(red, "THE FLEET'S RECORD WAS LOST, and with it perhaps a pause: no incident opens "+
			"until "+
			"remedy resume says that nothing is paused.")
	case o.Paused != nil:
		p.text(yellow, paused(*o.Paused))
	default:
		p.text(normal, "Not paused.")
	}
	open := make([][2]string, 0, len(o.Open))
	for _, i := range o.Open {
		open = append(open, [2]string{i.Incident, i.words()})
	}
	section(p, "Open", open)
	waiting := make([][2]string, 0, len(o.Waiting))
	for _, w := range o.Waiting {
		waiting = append(waiting, [2]string{w.InstanceID, w.words()})
	}
	section(p, "Waiting for a slot", waiting)
	cooling := make([][2]string, 0, len(o.CoolingDown))
	for _, i := range o.CoolingDown {
		cooling = append(cooling, [2]string{i.InstanceID, "left alone until " + local(i.Until)})
	}
	section(p, "Cooling down", cooling)
	spent := make([][2]string, 0, len(o.Spent))
	for _, i := range o.Spent {
		spent = append(spent, [2]string{i.InstanceID, fmt.Sprintf(
			"%d of %d within %s, until %s or remedy reset", i.Incidents, i.Limit,
			o.policy.IncidentWindow,
			local(i.Until))})
	}
	section(p, "Incidents spent", spent)
	ended := make([][2]string, 0, len(o.Recent))
	for _, i := range o.Recent[:min(len(o.Recent), mostEnded)] {
		ended = append(ended, [2]string{i.Incident, i.words()})
	}
	section(p, "Ended lately", ended)
	if more := len(o.Recent) - mostEnded; more > 0 {
		p.text(faint, "  and "+strconv.Itoa(more)+" before; --json lists all")
	}
	if len(o.Unreadable) > 0 {
		bad := make([][2]string, 0, len(o.Unreadable))
		for _, i := range o.Unreadable {
			bad = append(bad, [2]string{i.InstanceID, i.Problem})
		}
		section(p, "Records that cannot be read", bad)
	}
}

// words is where an open incident stands.
func (i *openIncident) words() string {
	words := stand(i.Owner, i.LeaseUntil)
	if len(i.attempts) > 0 {
		words += ": " + attempts(i.attempts)
	}
	if i.Region != "" {
		words = i.Region + ", " + words
	}
	return words
}

// stand is how it stands with the owner of an open incident.
func stand(owner string, lease time.Time) string {
	return map[string]string{
		"alive": "its owner is alive, with a lease until " + local(lease),
		"lease-over": "its owner's lease until " + local(lease) +
			" counts no longer, so the next sweep takes it up",
		"released": "its owner let go of it, and the next delivery or sweep takes it up",
		"opening":  "it is being opened",
		"void":     "it was opened and nothing was sent; the next sweep drops it",
		"lost":     "the ledger has lost it; the next sweep ends it as failed/ledger-lost",
		"unknown":  "its record cannot be read",
		"none":     "a slot that nobody uses; the next sweep drops it",
	}[owner]
}

// words is how an incident ended.
func (e *endedIncident) words() string {
	words := string(e.Verdict) + "/" + string(e.Reason) + " at " + local(e.EndedAt)
	if e.Reset {
		words += ", reset"
	}
	return words
}

// words is how long an alarm waits, and for what.
func (w *waitingAlarm) words() string {
	stand := fmt.Sprintf("number %d, since %s, for the alarm %s of %s", w.Place, local(w.Since),
		w.Alarm,
		local(w.AlarmTime))
	switch {
	case w.Judged:
		stand += "; it has its turn now"
	case !w.ResolvedAt.IsZero():
		stand += "; resolved at " + local(w.ResolvedAt) + ", as the next sweep tells"
	default:
		stand += "; too old from " + local(w.OldFrom) + " on"
	}
	if w.Region != "" {
		stand = w.Region + ", " + stand
	}
	return stand
}

// section prints rows under a heading, or that there are none.
func section(p *page, heading string, rows [][2]string) {
	p.gap()
	if len(rows) == 0 {
		p.text(normal, heading+": nothing.")
		return
	}
	p.table(heading, rows)
}
