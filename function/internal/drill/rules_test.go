package drill

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
	"ecs-remedy/function/internal/timeline"
)

// obstacle is a drill in which a rule refuses, as anybody can play it with the command's flags.
type obstacle struct {
	sample  string // in place of the default alarm
	guest   string // empty: ignores-graceful
	fault   string
	env     []string
	account string
	later   time.Duration // that the drill begins after its usual time
	before  string        // a guest of a drill that came before, over the same ledger
	again   bool          // which had the same alarm
	old     time.Duration // how much older than usual the alarm is
	paused  bool
}

// obstacles are a drill for every rule that can refuse.
var obstacles = map[remedy.Rule]obstacle{
	remedy.RuleAlarmRule: {sample: "metric-mns-firing",
		env: []string{"REMEDY_RULES=another-rule"}},
	remedy.RuleAlarmLevel: {sample: "metric-mns-firing", env: []string{"REMEDY_LEVELS=INFO"}},
	remedy.RuleAccount:    {account: "42"},
	remedy.RuleAlarmAge:   {later: time.Hour},
	remedy.RuleMode:       {env: []string{"REMEDY_MODE=off"}},
	remedy.RuleWindow:     {env: []string{"REMEDY_WINDOWS=" + closed()}},
	remedy.RuleDuplicate:  {before: "dead", again: true},
	remedy.RuleLastRecovery: {before: "obeys", old: 19 * time.Minute, later: 10 * time.Minute,
		env: []string{"REMEDY_COOLDOWN=1s"}},
	remedy.RuleCoolDown: {before: "dead"},
	remedy.RuleIncidents: {before: "dead",
		env: []string{"REMEDY_COOLDOWN=1s", "REMEDY_MAX_INCIDENTS=1"}},
	remedy.RulePause: {paused: true},
	remedy.RuleFleet: {sample: "batch-two-instances",
		env: []string{"REMEDY_FLEET_CONCURRENT=1", "REMEDY_FLEET_WAITING=0"}},
	remedy.RuleFound:        {fault: "describe-empty"},
	remedy.RuleRunning:      {fault: "stopped"},
	remedy.RuleSecurityLock: {fault: "locked-midway"},
	remedy.RuleOtherLock:    {fault: "arrears-midway"},
	remedy.RuleExpiry:       {fault: "expired-midway"},
	remedy.RuleOptIn:        {fault: "tag-removed-midway"},
	remedy.RulePlatform:     {fault: "platform-midway"},
	remedy.RuleHeartbeat:    {guest: "alive"},
	remedy.RuleHang:         {sample: "system-event-agent-stopped", guest: "no-agent"},
	remedy.RuleForce:        {fault: "force-forbidden-midway"},
}

// closed is a window that is closed now, and for the next hours.
func closed() string {
	day := time.Now().UTC().AddDate(0, 0, 3).Weekday().String()[:3]
	return day + " 00:00-24:00 UTC"
}

// refusing are the rules of package remedy, by its source: all but the one that forbids nothing.
func refusing(t *testing.T) []remedy.Rule {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../remedy/guards.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var rules []remedy.Rule
	ast.Inspect(file, func(n ast.Node) bool {
		spec, is := n.(*ast.ValueSpec)
		if !is {
			return true
		}
		if kind, named := spec.Type.(*ast.Ident); named && kind.Name == "Rule" {
			for _, value := range spec.Values {
				text, err := strconv.Unquote(value.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				rules = append(rules, remedy.Rule(text))
			}
		}
		return true
	})
	return slices.DeleteFunc(rules, func(r remedy.Rule) bool { return r == remedy.RuleEvidence })
}

// TestEveryRuleHasItsDrill: each rule that can refuse is seen to refuse in a drill.
func TestEveryRuleHasItsDrill(t *testing.T) {
	rules := refusing(t)
	if len(rules) != len(obstacles) || len(rules) < 20 {
		t.Errorf("%d rules, %d obstacles", len(rules), len(obstacles))
	}
	for _, rule := range rules {
		t.Run(string(rule), func(t *testing.T) {
			o, known := obstacles[rule]
			if !known {
				t.Fatal("no drill shows it: add a guest, a fault or a sample that does")
			}
			var seen []string
			for _, f := range o.findings(t) {
				if !f.OK && f.Rule == rule {
					return
				}
				seen = append(seen, string(f.Rule))
			}
			t.Errorf("it refuses nothing: asked were %s", strings.Join(seen, ", "))
		})
	}
}

// findings are those of the obstacle's drill.
func (o obstacle) findings(t *testing.T) []remedy.Finding {
	t.Helper()
	settings, err := config.Load(append([]string{"REMEDY_MODE=enforce", "REMEDY_LEDGER=mem:"},
		o.env...))
	if err != nil {
		t.Fatal(err)
	}
	store := ledger.NewMem()
	now := time.Now().UTC().Truncate(time.Second)
	event, err := Default(now.Add(-o.old))
	if err == nil && o.sample != "" {
		event = sampled(t, o.sample)
	}
	if err != nil {
		t.Fatal(err)
	}
	start := event.Starts(now)
	if o.before != "" {
		earlier := event
		if !o.again { // an alarm of its own, ten minutes before
			if earlier, err = Default(now.Add(-20 * time.Minute)); err != nil {
				t.Fatal(err)
			}
			earlier.Payload = []byte(strings.ReplaceAll(string(earlier.Payload),
				"e-bp1drill0000000alarm", "e-bp1drill000000before"))
			if earlier.Alarms, err = events.Decode(earlier.Payload); err != nil {
				t.Fatal(err)
			}
		}
		o.play(t, settings, store, earlier, earlier.Starts(now), o.before)
		start = start.Add(time.Minute)
	}
	if o.paused {
		book := ledger.New(store, settings.Policy, func() time.Time { return start }).
			In(remedy.BookEnforce)
		if _, err := book.Pause(t.Context(), start.Add(time.Hour), "a drill"); err != nil {
			t.Fatal(err)
		}
	}
	guest := o.guest
	if guest == "" {
		guest = "ignores-graceful"
	}
	return o.play(t, settings, store, event, start.Add(o.later), guest)
}

func sampled(t *testing.T, name string) Event {
	t.Helper()
	sample, known := events.SampleByName(name)
	if !known {
		t.Fatal("no such sample")
	}
	alarms, err := events.Decode(sample.Payload)
	if err != nil {
		t.Fatal(err)
	}
	return Event{Name: name, Payload: sample.Payload, Alarms: alarms}
}

// play is one drill, and everything that was found in it.
func (o obstacle) play(t *testing.T, settings config.Config, store ledger.Store, event Event,
	start time.Time, guest string) []remedy.Finding {
	t.Helper()
	var faults []string
	if o.fault != "" {
		faults = append(faults, o.fault)
	}
	scenario, err := NewScenario(guest, faults)
	if err != nil {
		t.Fatal(err)
	}
	recorder := timeline.NewRecorder(event.Alarms, start, func(timeline.Entry) {})
	sim, err := Simulate(Options{Settings: settings, Event: event, Scenario: scenario, Start: start,
		Account: o.account, Store: store, Watcher: recorder})
	if err != nil {
		t.Fatal(err)
	}
	results, err := sim.Play(t.Context(), event.Payload, recorder)
	if err != nil {
		t.Fatal(err)
	}
	var all []remedy.Finding
	for _, r := range results {
		all = append(all, r.Findings...)
	}
	return all
}
