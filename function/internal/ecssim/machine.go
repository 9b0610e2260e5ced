package ecssim

import (
	"slices"
	"time"
)

const (
	stoppedMoment = 5 * time.Second // how long Guest.ViaStopped shows Stopped
	// freshBeat is how old the last report may be before CloudAssistantStatus is false (API
	// document DescribeCloudAssistantStatus).
	freshBeat = 2 * time.Minute
	sinceBeat = 20 * time.Second // how long before World.Add an agent that is alive reported last
)

// machine is an instance that lives: its status is a function of time, worked out when somebody
// looks. No timers, so nothing runs on after a test. World.mu guards it.
type machine struct {
	Instance
	ahead []transition // what will happen, soonest first

	ignoredGraceful, ignoredForced int

	shown      string // what reads show until shownUntil, where the platform lags
	shownUntil time.Time

	// The agent reports every Guest.Beat from beatFrom to beatUntil; zero: not reporting, and no
	// end. lastBeat is its last report of the time before.
	lastBeat, beatFrom, beatUntil time.Time

	restarts       int
	consoleAt      time.Time // the guest's last boot, for the console log
	screenshotAt   time.Time // the console operations allow one call in 10 s
	consoleReadAt  time.Time
	pendingChanges []*change
}

// transition is the status that begins at a time.
type transition struct {
	at      time.Time
	status  string
	restart bool // the guest boots anew
	ignored bool // the guest does not notice
}

func newMachine(i Instance, now time.Time) *machine {
	i = i.clone()
	i.fill(now)
	m := &machine{Instance: i, consoleAt: i.StartTime}
	switch i.Guest.Agent {
	case AgentAlive:
		m.beatFrom = now.Add(-sinceBeat)
		if i.Status != StatusRunning {
			m.silence(now)
		}
	case AgentSilent:
		m.lastBeat = now.Add(-i.Guest.SilentFor).Truncate(time.Second)
	}
	return m
}

// heartbeat is the agent's last report.
func (m *machine) heartbeat(now time.Time) time.Time {
	if m.beatFrom.IsZero() || now.Before(m.beatFrom) {
		return m.lastBeat
	}
	if !m.beatUntil.IsZero() && m.beatUntil.Before(now) {
		now = m.beatUntil
	}
	return m.beatFrom.Add(now.Sub(m.beatFrom).Truncate(m.Guest.Beat)).Truncate(time.Second)
}

func (m *machine) silence(at time.Time) {
	m.lastBeat = m.heartbeat(at)
	m.beatFrom, m.beatUntil = time.Time{}, time.Time{}
}

// hung reports whether the guest does not respond.
func (m *machine) hung(now time.Time) bool {
	if m.Guest.Agent == AgentNone {
		return m.restarts == 0
	}
	return now.Sub(m.heartbeat(now)) > freshBeat
}

// readStatus is what a read shows.
func (m *machine) readStatus(now time.Time) string {
	if now.Before(m.shownUntil) {
		return m.shown
	}
	return m.Status
}

// settle lets everything happen that is due, in the order of its time.
func (m *machine) settle(now time.Time) {
	for {
		next := m.dueChange(now)
		if len(m.ahead) > 0 && !m.ahead[0].at.After(now) &&
			(next == nil || !next.when.at.Before(m.ahead[0].at)) {
			t := m.ahead[0]
			m.ahead = m.ahead[1:]
			m.enter(t)
			continue
		}
		if next == nil {
			return
		}
		m.apply(next, next.when.at)
	}
}

// dueChange finds the earliest change that is bound to a time not after now.
func (m *machine) dueChange(now time.Time) (due *change) {
	for _, c := range m.pendingChanges {
		if c.when.at.IsZero() || c.when.at.After(now) {
			continue
		}
		if due == nil || c.when.at.Before(due.when.at) {
			due = c
		}
	}
	return due
}

// apply makes somebody else's change.
func (m *machine) apply(c *change, at time.Time) {
	m.pendingChanges = slices.DeleteFunc(m.pendingChanges,
		func(other *change) bool { return other == c })
	status, agent := m.Status, m.Guest.Agent
	c.do(&m.Instance)
	m.Guest.fill()
	if m.Guest.Agent != agent {
		m.silence(at)
		if m.Guest.Agent == AgentAlive && m.Status == StatusRunning {
			m.beatFrom = at
		}
	}
	if m.Status != status {
		m.ahead, m.shownUntil = nil, time.Time{}
		m.enter(transition{at: at, status: m.Status, restart: m.Status == StatusRunning})
	}
}

// enter begins a status.
func (m *machine) enter(t transition) {
	m.Status = t.status
	switch {
	case t.restart:
		m.boot(t.at)
	case t.status == StatusStopping:
		if m.Guest.LastGasp && m.Guest.Agent == AgentSilent {
			m.beatFrom = t.at
		}
	case !t.ignored || m.Guest.Agent == AgentSilent:
		m.silence(t.at)
	}
	for _, c := range slices.Clone(m.pendingChanges) {
		if c.when.status == m.Status && slices.Contains(m.pendingChanges, c) {
			m.apply(c, t.at)
		}
	}
}

func (m *machine) boot(at time.Time) {
	m.silence(at)
	m.restarts++
	m.consoleAt = at
	if !m.Guest.StartTimeUnchanged {
		m.StartTime = at
	}
	if m.Guest.NeverBoots || m.Guest.Agent == AgentNone {
		return
	}
	m.Guest.Agent = AgentAlive
	m.beatFrom = at.Add(m.Guest.BootTime)
	if m.Guest.HangsAgainAfter > 0 {
		m.beatUntil = m.beatFrom.Add(m.Guest.HangsAgainAfter)
	}
}

// rebootable reports whether RebootInstance is accepted in the present status.
func (m *machine) rebootable(force bool) bool {
	switch m.Status {
	case StatusRunning:
		return true
	case StatusStarting, StatusStopping:
		return m.Guest.AcceptInTransition || force && m.Guest.AcceptForceInTransition
	}
	return false
}

// reboot begins a reboot that was accepted and reports whether it will work.
func (m *machine) reboot(force bool, now time.Time) bool {
	m.shown, m.shownUntil = m.Status, now.Add(m.Guest.ReadLag)
	if m.ignores(force) {
		if m.Guest.Ignored == ReactionStaysRunning || m.Status != StatusRunning {
			return false
		}
		m.ahead = []transition{{at: now, status: string(m.Guest.Ignored), ignored: true}}
		if m.Guest.IgnoredFor > 0 {
			m.ahead = append(m.ahead,
				transition{at: now.Add(m.Guest.IgnoredFor), status: StatusRunning, ignored: true})
		}
		m.settle(now)
		return false
	}
	if !force && m.shuttingDown() {
		return true // what is under way goes on
	}
	at, cut := now, force && m.shuttingDown()
	m.ahead = nil
	show := func(status string, d time.Duration) {
		m.ahead = append(m.ahead, transition{at: at, status: status})
		at = at.Add(d)
	}
	switch {
	case m.Guest.SkipsStopping || cut:
	case !force && m.Guest.ShutdownTakes > 0:
		show(StatusStopping, m.Guest.ShutdownTakes)
	default:
		show(StatusStopping, m.Guest.Stop)
	}
	if m.Guest.ViaStopped || m.Guest.NeverComesBack {
		show(StatusStopped, stoppedMoment)
	}
	if !m.Guest.NeverComesBack {
		if !m.Guest.SkipsStarting {
			show(StatusStarting, m.Guest.Start)
		}
		m.ahead = append(m.ahead, transition{at: at, status: StatusRunning, restart: true})
	}
	m.settle(now)
	return true
}

// shuttingDown reports whether the guest is putting away what it has to, for as long as
// Guest.ShutdownTakes.
func (m *machine) shuttingDown() bool {
	return m.Guest.ShutdownTakes > 0 && m.Status == StatusStopping &&
		slices.ContainsFunc(m.ahead, func(t transition) bool { return !t.ignored })
}

// ignores decides whether the guest ignores this reboot, and counts it if it does.
func (m *machine) ignores(force bool) bool {
	limit, count := m.Guest.IgnoreGraceful, &m.ignoredGraceful
	if force {
		limit, count = m.Guest.IgnoreForced, &m.ignoredForced
	}
	if limit >= 0 && *count >= limit {
		return false
	}
	*count++
	return true
}
