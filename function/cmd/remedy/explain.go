package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/doctor"
	"ecs-remedy/function/internal/drill"
	"ecs-remedy/function/internal/handle"
	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
	"ecs-remedy/function/internal/report"
)

type explainCommand struct {
	File      string   `arg:"" predictor:"alarm" name:"file" help:"${help_alarm}"`
	Guest     string   `predictor:"guest" placeholder:"NAME" help:"${help_guest}"`
	Fault     []string `predictor:"fault" placeholder:"NAME" sep:"none" help:"${help_fault}"`
	Mode      *string  `enum:"enforce,observe,off" placeholder:"MODE" help:"${help_mode}"`
	Ledger    string   `placeholder:"URL" help:"${help_read}"`
	Live      bool     `help:"Ask the real account, reads only, instead of a simulated one."`
	DryRun    bool     `help:"${help_dryrun}"`
	AsIfFresh bool     `name:"as-if-fresh" help:"${help_fresh}"`
	Region    string   `placeholder:"ID" help:"With --live: the region of alarms that name none."`
	Account   string   `placeholder:"ID" help:"${help_own}"`
	JSON      bool     `name:"json" help:"Print one JSON document, and nothing else."`
}

// Help says what the flags' own lines have no room for.
func (explainCommand) Help() string {
	return `Every alarm of the payload is decoded, the function's rules are asked about it, and
what they need to know is read. Then it says what the function would do next, and does nothing: no
reboot is sent, and nothing is written to a ledger. Its first line says what was asked: a SIMULATED
account and ledger, or the real ones.

Without --live the account is simulated, as in a drill, 30 s after the alarm's time, and ECS is
always asked with DryRun, too. A ledger that is given is real, so it is read at the real time, and
an alarm is as old as it is.

With --live it is the account that ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET and
ALIBABA_CLOUD_SECURITY_TOKEN open, now; mode and ledger are those of the environment. The role needs
ecs:DescribeInstances, ecs:DescribeCloudAssistantStatus and ecs:DescribeInstanceHistoryEvents, and
ecs:RebootInstance for --dry-run only.

An old alarm is refused before anything else is asked; with --as-if-fresh its age refuses nothing. A
recovery since then still does: that is what the rule last-recovery is for.

Examples:

    remedy explain system-event-agent-stopped
    remedy explain --ledger redis://HOST:6379 --as-if-fresh alarm.json
    remedy explain --live --dry-run --region cn-hangzhou - < alarm.json

Exit status: 0 whatever the rules say, 2 for wrong usage, a wrong environment or a file that cannot
be read or understood.`
}

// answered is what the rules were asked about, and what came of it, in the form of --json.
type answered struct {
	Simulated bool   `json:"simulated"` // the account is not a real one
	Ledger    string `json:"ledger"`    // mem: is an empty one
	// LedgerRead: the ledger is one that outlives this command, and was read as it is.
	LedgerRead bool `json:"ledgerRead"`
	// Function is of the ledger that was read; null: none ever wrote there.
	Function *doctor.Function `json:"function"`
	// At is when the rules were asked, on the clock that they went by.
	At           time.Time     `json:"at"`
	AsIfFresh    bool          `json:"asIfFresh"` // no alarm was too old
	Explanations []explanation `json:"explanations"`

	source string        // of the alarms
	delay  time.Duration // from the first alarm's time to At; zero: it has none
	limit  time.Duration // REMEDY_ALARM_MAX_AGE
	took   string        // the account that the function was taken to work for
}

// explanation is an alarm's part of the output.
type explanation struct {
	Alarm    decoded          `json:"alarm"`
	At       time.Time        `json:"at"`       // when the rules were asked
	Findings []remedy.Finding `json:"findings"` // of every rule that had to be asked
	// Next is reboot, force, rehearse, watch, wait, settle, refuse or sweep.
	Next    string         `json:"next"`
	Verdict remedy.Verdict `json:"verdict"` // where it would end here; otherwise empty
	Reason  remedy.Reason  `json:"reason"`
	Detail  string         `json:"detail"` // one sentence
	DryRun  string         `json:"dryRun"` // accepted, or the error code; empty: not asked
	// DecidedBy is who said the last word: alarm, batch (another alarm of it leads), ledger, rules,
	// or ecs by its answer to the DryRun.
	DecidedBy string `json:"decidedBy"`
	// TooOld: the alarm would be refused as stale-alarm, were it not taken for fresh.
	TooOld bool `json:"tooOld"`
}

// decoded is an alarm as it was understood.
type decoded struct {
	Format      events.Format  `json:"format"`
	Name        string         `json:"name"`
	Rule        string         `json:"rule"`
	State       events.State   `json:"state"`
	RawState    string         `json:"rawState"`
	Level       string         `json:"level"`
	Key         string         `json:"key"`
	Time        time.Time      `json:"time,omitzero"`
	Account     string         `json:"account"`
	Region      string         `json:"region"`
	InstanceID  string         `json:"instanceId"`
	Product     string         `json:"product"`
	Event       string         `json:"event"`
	EventStatus string         `json:"eventStatus"`
	Metric      string         `json:"metric"`
	Problem     events.Problem `json:"problem"`
	Note        string         `json:"note"`
}

// Run explains the file.
func (e *explainCommand) Run(c *console) error {
	in, err := c.read(e.File)
	if err != nil {
		return err
	}
	ask := e.simulated
	if e.Live {
		ask = e.live
	}
	all, answers, err := ask(c, in)
	if err != nil {
		return err
	}
	all.source, all.AsIfFresh = in.Name, e.AsIfFresh
	all.Explanations = make([]explanation, len(answers))
	for n := range answers {
		all.Explanations[n] = explain(&answers[n])
		all.Explanations[n].age(&answers[n].Facts, all.limit)
	}
	if e.JSON {
		return printJSON(c, all)
	}
	p := newPage(c)
	all.print(p, c.now())
	return p.err
}

// simulated asks a function in a simulated world.
func (e *explainCommand) simulated(c *console, in drill.Event) (
	*answered, []handle.Explanation, error) {
	switch {
	case e.Region != "":
		return nil, nil, hinted{errors.New("--region is for --live"),
			"a simulated instance is where its alarm says"}
	case e.DryRun:
		return nil, nil, hinted{errors.New("--dry-run is for --live"),
			"the simulated ECS is always asked"}
	}
	guest, mode, where := e.Guest, "enforce", e.Ledger
	if guest == "" {
		guest = "ignores-graceful"
	}
	if e.Mode != nil {
		mode = *e.Mode
	}
	if where == "" {
		where = "mem:"
	}
	scenario, err := newScenario(guest, e.Fault)
	if err != nil {
		return nil, nil, err
	}
	settings, err := c.load(mode, where)
	if err != nil {
		return nil, nil, err
	}
	now := c.now().Round(time.Second)
	all := newAnswered(true, settings)
	all.took = e.account(in)
	all.At = now
	if !all.LedgerRead {
		all.At = in.Starts(now)
	}
	if first := in.Starts(time.Time{}); !first.IsZero() {
		all.delay = all.At.Sub(first.Add(-drill.Delivered))
	}
	e.freshen(&settings)
	store, err := app.OpenStore(settings, c.credentials())
	if err != nil {
		return nil, nil, unopened(app.Unopened(err), e.Ledger)
	}
	all.look(store, settings, c.now())
	sim, err := drill.Simulate(drill.Options{Settings: settings, Event: in, Scenario: scenario,
		Start: all.At, Account: e.Account, Store: store})
	if err != nil {
		store.Close() // nothing was written
		return nil, nil, err
	}
	defer sim.Function.Close() // nothing was written
	answers, err := sim.Function.Explain(context.Background(), sim.Invocation, in.Payload, true)
	return all, answers, err
}

// live asks a function about the real account, which only reads: handle.Handler.Explain sends no
// reboot, and a dry run only with --dry-run.
func (e *explainCommand) live(c *console, in drill.Event) (*answered, []handle.Explanation, error) {
	if e.Guest != "" || len(e.Fault) > 0 {
		return nil, nil, hinted{
			errors.New("--guest and --fault are for the simulation, and --live is not one"),
			"leave out the one or the other"}
	}
	mode := ""
	if e.Mode != nil {
		mode = *e.Mode
	}
	settings, err := c.load(mode, e.Ledger)
	if err != nil {
		return nil, nil, err
	}
	keys := c.credentials()
	if keys.AccessKeyID == "" || keys.AccessKeySecret == "" {
		return nil, nil, hinted{
			errors.New("--live needs credentials, and there are none in the environment"),
			"set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, and " +
				"ALIBABA_CLOUD_SECURITY_TOKEN of a role's"}
	}
	for _, a := range in.Alarms {
		if a.Instance != "" && a.Region == "" && e.Region == "" {
			return nil, nil, hinted{fmt.Errorf("%s: the alarm does not name a region", in.Name),
				"name it: --region cn-hangzhou"}
		}
	}
	all := newAnswered(false, settings)
	all.took, all.At = e.account(in), c.now()
	e.freshen(&settings)
	store, err := app.OpenStore(settings, keys)
	if err != nil {
		return nil, nil, unopened(app.Unopened(err), e.Ledger)
	}
	all.look(store, settings, c.now())
	function, err := app.New(settings, io.Discard, app.Seams{Store: store})
	if err != nil {
		store.Close() // nothing was written
		return nil, nil, err
	}
	defer function.Close() // nothing was written
	answers, err := function.Explain(context.Background(),
		app.Invocation{Account: all.took, Region: e.Region, Credentials: keys}, in.Payload,
		e.DryRun)
	return all, answers, err
}

// account is the account that the function is taken to work for.
func (e *explainCommand) account(in drill.Event) string {
	if e.Account != "" {
		return e.Account
	}
	return in.Account()
}

// freshen lets no alarm be too old, where that was asked for.
func (e *explainCommand) freshen(settings *config.Config) {
	if e.AsIfFresh {
		settings.Policy.AlarmMaxAge = 100 * 365 * 24 * time.Hour
	}
}

func newAnswered(simulated bool, settings config.Config) *answered {
	return &answered{Simulated: simulated, Ledger: settings.Ledger.Name,
		LedgerRead: settings.Ledger.Kind != config.LedgerMemory, limit: settings.Policy.AlarmMaxAge}
}

// look reads the function's sign of life in a ledger that outlives this command. That it cannot be
// read is no reason not to ask the rules: they say so, too.
func (all *answered) look(store ledger.Store, settings config.Config, now time.Time) {
	if !all.LedgerRead {
		return
	}
	book := ledger.New(store, settings.Policy, func() time.Time { return now })
	books := app.Books{Enforce: book.In(remedy.BookEnforce), Observe: book.In(remedy.BookObserve)}
	var err error
	if all.Function, err = lifeIn(context.Background(), books, now); err != nil {
		all.Function = &doctor.Function{Seen: true, Problem: plain(err.Error())}
	}
}

// asked says in a line who was asked.
func (all *answered) asked() string {
	took := "no account"
	if all.took != "" {
		took = "account " + all.took
	}
	switch {
	case all.Simulated && all.LedgerRead:
		return "SIMULATED account; the real ledger " + all.Ledger + ", as it is now"
	case all.Simulated && all.delay == 0:
		return "SIMULATED account and ledger, as if now: no alarm says when it happened"
	case all.Simulated:
		return "SIMULATED account and ledger, as if " + doctor.Span(all.delay) + " after the alarm"
	case all.LedgerRead:
		return "The REAL account that the credentials open, taken for the alarm's (" + took +
			"), and the real ledger " + all.Ledger + ", now"
	}
	return "The REAL account that the credentials open, taken for the alarm's (" + took + "), " +
		"now; and NO ledger: REMEDY_LEDGER is not set, so no pause, cool-down, spent or open " +
		"incident is known"
}

func (all *answered) print(p *page, now time.Time) {
	p.text(yellow, all.asked())
	if all.LedgerRead {
		p.begin(all.Function, all.Ledger, now)
	}
	p.text(bold, "Explanation of "+all.source)
	for n := range all.Explanations {
		p.gap()
		all.Explanations[n].print(p, n, len(all.Explanations))
	}
}

// explain words an answer.
func explain(answer *handle.Explanation) explanation {
	a, f, step := &answer.Facts.Alarm, &answer.Facts, &answer.Step
	x := explanation{
		Alarm: decoded{Format: a.Format, Name: a.Name, Rule: a.Rule, State: a.State,
			RawState: a.RawState, Level: a.Level, Key: a.Key, Time: a.Time, Account: a.Account,
			Region: a.Region, InstanceID: a.Instance, Product: a.Product, Event: a.Event,
			EventStatus: a.EventStatus, Metric: a.Metric, Problem: a.Problem, Note: a.Note},
		At: f.Now, Findings: step.Seen.Findings, DryRun: rehearsed(f.Rehearsal),
		DecidedBy: decided(f, step),
	}
	if x.Findings == nil {
		x.Findings = []remedy.Finding{}
	}
	claim := step.Claims()
	if step.Opens() {
		claim = &remedy.Attempt{N: 1}
	}
	switch {
	case claim != nil:
		x.Next = "reboot"
		how := "gracefully"
		if claim.Force {
			x.Next, how = "force", "by force"
		}
		x.Detail = fmt.Sprintf("%s would be rebooted %s, attempt %d of its incident, after a "+
			"claim in "+
			"the ledger.", a.Instance, how, claim.N)
	case step.Waits():
		x.Next, x.Verdict, x.Reason = "wait", step.Verdict, step.Reason
		x.Detail = detail(a, step)
	case step.Do == remedy.DoRead:
		x.Next = "rehearse"
		x.Detail = a.Instance + " would be put to ECS with DryRun, and nothing be rebooted: the " +
			"mode is observe."
	case step.Do == remedy.DoWait, step.Do == remedy.DoWrite && !step.Ends():
		x.Next = "watch"
		later := f.Now
		if step.Do == remedy.DoWait {
			later = step.Seen.WaitUntil
		}
		x.Detail = a.Instance + " would be looked at again at " +
			later.UTC().Format(time.RFC3339) + "."
	default:
		x.Next, x.Verdict, x.Reason = "refuse", step.Verdict, step.Reason
		if step.Ends() {
			x.Next = "settle"
		}
		x.Detail = detail(a, step)
	}
	if a.Format == events.FormatTimer {
		x.Next, x.Verdict, x.Reason = "sweep", "", ""
		x.Detail = "A timer's event, not an alarm: the function would take up every incident " +
			"that is under way."
	}
	return x
}

// detail words the verdict that a step gives.
func detail(a *events.Alarm, step *remedy.Step) string {
	return report.Detail(&remedy.Result{InstanceID: a.Instance, Verdict: step.Verdict,
		Reason: step.Reason,
		Why:    step.Why})
}

// decided says who had the last word.
func decided(f *remedy.Facts, step *remedy.Step) string {
	failed := slices.ContainsFunc(step.Seen.Findings, func(f remedy.Finding) bool { return !f.OK })
	switch rehearsed := f.Rehearsal; {
	case len(step.Seen.Findings) > 0 && !failed && !rehearsed.At.IsZero() &&
		rehearsed.Answer != remedy.AnswerAccepted && step.Verdict == remedy.VerdictRefused:
		return "ecs"
	case len(step.Seen.Findings) > 0:
		return "rules"
	case !f.Record.Read(), step.Verdict == remedy.VerdictIgnored:
		return "alarm"
	case f.Leader.Leads && (!f.Record.OK() || f.Record.Value.Open == nil):
		return "batch"
	}
	return "ledger"
}

// age says of an alarm that was taken for fresh how old it is.
func (x *explanation) age(f *remedy.Facts, limit time.Duration) {
	for n := range x.Findings {
		finding := &x.Findings[n]
		old := f.Now.Sub(f.Alarm.Time) > limit && !f.Alarm.Time.IsZero()
		if finding.Rule == remedy.RuleAlarmAge && finding.OK && old {
			x.TooOld, finding.OK = true, false
			finding.Saw += fmt.Sprintf(" old, the limit is %s: refused as stale-alarm as it is, "+
				"and asked "+
				"on as if it were fresh", limit)
		}
	}
}

// rehearsed is what ECS said to a dry run.
func rehearsed(dry remedy.Reply) string {
	switch {
	case dry.At.IsZero():
		return ""
	case dry.Answer == remedy.AnswerAccepted:
		return "accepted"
	case dry.Code != "":
		return dry.Code
	}
	return "no answer: " + dry.Note
}

// print prints an explanation, the nth of several or the only one.
func (x *explanation) print(p *page, n, of int) {
	label := "alarm"
	if of > 1 {
		label += " " + strconv.Itoa(n+1)
	}
	a := &x.Alarm
	about := cell{label, bold}
	for _, field := range [][2]string{
		{"format", string(a.Format)}, {"name", a.Name}, {"rule", a.Rule}, {"state", state(a)},
		{"level", a.Level},
		{"time", english.Stamp(a.Time, x.At)}, {"instance", a.InstanceID}, {"region", a.Region},
		{"account", a.Account},
		{"event", strings.TrimSpace(a.Event + " " + a.EventStatus)}, {"metric", a.Metric}, {"key",
			a.Key},
		{"problem", string(a.Problem)}, {"note", a.Note},
	} {
		if field[1] != "" {
			p.row("", about, field[1], cell{field[0] + pad(field[0], fieldWidth) + " ", faint})
			about = cell{}
		}
	}
	rules := cell{"rules", bold}
	for _, f := range x.Findings {
		p.finding("", rules, f.OK, string(f.Rule), f.Saw)
		rules = cell{}
	}
	if len(x.Findings) == 0 {
		p.row("", rules, "none had to be asked: "+map[string]string{
			"alarm":  "what the alarm says decides",
			"batch":  "another alarm of this batch leads for the same instance",
			"ledger": "what the ledger holds of the instance decides",
		}[x.DecidedBy])
	}
	next := cell{"next", bold}
	if x.TooOld {
		p.row("", next, "AS IF the alarm were fresh; as it is, it is refused: stale-alarm.")
		next = cell{}
	}
	if x.Verdict != "" {
		p.row("", next, string(x.Reason), cell{string(x.Verdict) + ": ", color(x.Verdict)})
		next = cell{}
	}
	p.row("", next, x.Detail)
	if x.DryRun != "" {
		p.row("", cell{}, "Asked with DryRun, ECS answers: "+x.DryRun+".")
	}
}

func state(a *decoded) string {
	if a.RawState == "" || a.RawState == string(a.State) {
		return string(a.State)
	}
	return string(a.State) + " (" + a.RawState + ")"
}
