package remedy

import "ecs-remedy/events"

// Prospect is what an instance would get if its guest fell silent now.
type Prospect struct {
	// Step is Observed where everything lets a reboot through; otherwise it says why not, with a
	// finding of every rule.
	Step  Step
	Grant Grant // how far its owner and the policy let the ladder go
}

// Foresee supposes that the platform reports a hang of an instance, and asks the rules, in a
// rehearsal. It takes Now, Region, Record, Instance, Vitals, Platform and Rehearsal of the facts,
// all of them read. A guest that is alive is supposed to have just fallen silent. What concerns all
// instances at once is left out: the mode, the windows, a pause and the fleet's limits; and so is
// an incident that is open already.
func Foresee(p Policy, f Facts) Prospect {
	p.Mode, p.Windows = ModeObserve, nil
	const supposed = "Instance:InstanceFailure.PerformanceImpact"
	id := f.Instance.Value.ID
	f.Account = "supposed"
	f.Alarm = events.Alarm{
		Format:  events.FormatSystemEvent,
		Name:    supposed,
		Rule:    supposed,
		Product: "ECS",
		Event:   supposed,
		EventStatus: curable(
			"ECS",
			supposed,
		).Status,
		State:    events.StateFiring,
		Key:      "supposed",
		Time:     f.Now,
		Account:  f.Account,
		Region:   f.Region,
		Instance: id,
	}
	if id == "" { // it could not be read: the rules say so
		f.Alarm.Instance = "unread"
	}
	f.Fleet = Reading[Fleet]{At: f.Now, Value: Fleet{Revision: 1}} // there is one, and it is idle
	f.Record.Value.Open = nil
	f.Seen = Seen{Blind: blindRounds, Reread: true} // nobody waits for another look
	if state, _ := f.pulse(&p); state == pulseBeating {
		f.Vitals.Value.Heartbeat = f.Vitals.Date.Add(-p.HeartbeatFresh)
	}
	prospect := Prospect{Step: Next(&p, &f)}
	if f.Instance.OK() {
		prospect.Grant, _ = p.granted(&f.Instance.Value)
	}
	if prospect.Grant == GrantFull && !p.Force {
		prospect.Grant = GrantGraceful
	}
	return prospect
}
