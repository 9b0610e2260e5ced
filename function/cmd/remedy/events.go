package main

import (
	"strings"

	"ecs-remedy/function/internal/remedy"
)

type eventsCommand struct {
	JSON bool `name:"json" help:"Print one JSON document, and nothing else."`
}

// Help says what the flags' own lines have no room for.
func (eventsCommand) Help() string {
	return `Which events and metric alarms may restart an instance, and which well-known ones are
left alone, with the reason. An event that is not listed is left alone, too: it ends as
ignored/not-restartable. What metric alarms may restart is taken from REMEDY_METRICS, REMEDY_RULES
and REMEDY_LEVELS of this environment: give it those of the function. Whether an alarm that may
restart an instance does so is for the other rules to say: remedy explain FILE asks them.

Examples:

    remedy events
    remedy events --json
    REMEDY_METRICS=cpu_total remedy events

Exit status: 0, or 2 for wrong usage or a wrong environment.`
}

// eventRow is a kind of event, in the form of --json.
type eventRow struct {
	Product string `json:"product"`
	Event   string `json:"event"`
	Status  string `json:"status"` // the only one in which it is acted on; empty: it never is
	Acts    bool   `json:"acts"`
	Weak    bool   `json:"weak"` // it needs a second signal
	Why     string `json:"why"`
}

// eventTable is the whole answer, in the form of --json. Lists are never null.
type eventTable struct {
	Events  []eventRow   `json:"events"`
	Others  string       `json:"others"` // how every other event ends: VERDICT/REASON
	Metrics metricsTable `json:"metrics"`
}

// metricsTable says which metric alarms may restart an instance: those that meet all three.
type metricsTable struct {
	Metrics []string `json:"metrics"`
	Rules   []string `json:"rules"` // globs
	Levels  []string `json:"levels"`
}

// newEventTable is the table that the rules themselves go by.
func newEventTable(policy remedy.Policy) eventTable {
	t := eventTable{Events: []eventRow{},
		Others: string(remedy.VerdictIgnored) + "/" + string(remedy.ReasonNotRestartable),
		Metrics: metricsTable{Metrics: listed(policy.Metrics), Rules: listed(policy.Rules),
			Levels: listed(policy.Levels)}}
	for _, row := range remedy.CurableEvents {
		t.Events = append(t.Events, eventRow{Product: row.Product, Event: row.Event,
			Status: row.Status,
			Acts:   row.Status != "", Weak: row.Weak, Why: row.Why})
	}
	return t
}

// listed is a list that is not null.
func listed(all []string) []string { return append([]string{}, all...) }

// Run prints the table.
func (e *eventsCommand) Run(c *console) error {
	settings, err := c.load("observe", "mem:") // neither decides anything here
	if err != nil {
		return err
	}
	t := newEventTable(settings.Policy)
	if e.JSON {
		return printJSON(c, t)
	}
	p := newPage(c)
	t.print(p)
	return p.err
}

func (t *eventTable) print(p *page) {
	var acted [][2]string
	var groups []string
	width := 0
	alone := map[string][][2]string{}
	for _, row := range t.Events {
		if row.Acts {
			why := "in status " + row.Status + ": " + row.Why
			if row.Weak {
				why += "; weak, so a second signal is needed"
			}
			acted = append(acted, [2]string{row.Event, why})
			continue
		}
		group := groupOf(row.Event)
		if alone[group] == nil {
			groups = append(groups, group)
		}
		width = max(width, wide(row.Event))
		alone[group] = append(alone[group], [2]string{row.Event, row.Why})
	}
	p.table("Events that may restart an instance, if every other rule agrees", acted)
	p.gap()
	p.table("Metric alarms that may, too: those that meet all of these", [][2]string{
		{"REMEDY_METRICS", strings.Join(t.Metrics.Metrics, ", ")},
		{"REMEDY_RULES", strings.Join(t.Metrics.Rules, ", ")},
		{"REMEDY_LEVELS", strings.Join(t.Metrics.Levels, ", ") +
			"; an alarm for missing data has no level, and is not asked for one"},
		{"no data", "counts, weakly, of a metric that an agent in the guest reports, such as " +
			"cpu_total; not of CPUUtilization, which the host reports"},
	})
	p.gap()
	p.text(bold, "Events that never do")
	for _, group := range groups {
		p.print("  " + group)
		p.pairs(4, width, alone[group])
	}
	p.print("  Every other event, and every other status: " + t.Others + ".")
}

// groupOf is what the events of one kind have in common in their names.
func groupOf(event string) string {
	for _, end := range []string{".", ":"} {
		if at := strings.LastIndex(event, end); at > 0 {
			return event[:at+1] + "…"
		}
	}
	return "of CloudMonitor itself"
}
