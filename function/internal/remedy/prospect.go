package remedy

import (
	"slices"
	"time"

	"ecs-remedy/events"
)

// Prospect is what an instance would get if its guest fell silent now.
type Prospect struct {
	Step  Step  // Observed where everything lets a reboot through; otherwise why not, with a finding of every rule
	Grant Grant // how far its owner and the policy let the ladder go
}

// Foresee supposes that the platform reports a hang of an instance, and asks the rules, in a rehearsal. It takes Now, Region,
// Record, Machine, Vitals, Events and Dry of the facts, all of them read. A guest that is alive is supposed to have just fallen
// silent. What concerns all instances at once is left out: the mode, the windows, a pause and the fleet's limits; and so is an
// incident that is open already.
func Foresee(p Policy, f Facts) Prospect {
	p.Mode, p.Windows = ModeObserve, nil
	const supposed = "Instance:InstanceFailure.PerformanceImpact"
	id := f.Machine.Value.ID
	f.Account = "supposed"
	f.Alarm = events.Alarm{Format: events.FormatSystemEvent, Name: supposed, Rule: supposed, Product: "ECS", Event: supposed,
		EventStatus: curable("ECS", supposed).Status, State: events.StateFiring, Key: "supposed", Time: f.Now, Account: f.Account,
		Region: f.Region, Instance: id}
	if id == "" { // it could not be read: the rules say so
		f.Alarm.Instance = "unread"
	}
	f.Fleet = Reading[Fleet]{At: f.Now}
	f.Record.Value.Open = nil
	f.Failures = retries // nobody waits for another look
	if state, _ := f.pulse(&p); state == pulseBeating {
		f.Vitals.Value.Heartbeat = f.Vitals.Date.Add(-p.HeartbeatFresh)
	}
	prospect := Prospect{Step: Next(p, f)}
	if f.Machine.OK() {
		prospect.Grant, _ = p.granted(&f.Machine.Value)
	}
	if prospect.Grant == GrantFull && !p.Force {
		prospect.Grant = GrantGraceful
	}
	return prospect
}

// LeftAloneUntil is when the instance's cool-down is over; zero: no incident counts for one.
func (r *Record) LeftAloneUntil(p Policy) time.Time {
	ended := r.lastEnd()
	if ended.IsZero() {
		return ended
	}
	return ended.Add(p.Cooldown)
}

// SpentUntil is when the instance may have an incident again after it used up those of its window; zero: it may now.
func (r *Record) SpentUntil(p Policy, now time.Time) time.Time {
	if r.Spent(now.Add(-p.IncidentWindow)) < p.MaxIncidents {
		return time.Time{}
	}
	var opened []time.Time
	for i := range r.Recent {
		if e := &r.Recent[i]; !e.Forgiven {
			opened = append(opened, e.OpenedAt)
		}
	}
	slices.SortFunc(opened, time.Time.Compare)
	return opened[len(opened)-p.MaxIncidents].Add(p.IncidentWindow)
}
