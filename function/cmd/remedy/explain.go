package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/handle"
	"ecs-remedy/function/internal/remedy"
	"ecs-remedy/function/internal/report"
)

type explainCommand struct {
	File    string   `arg:"" predictor:"alarm" name:"file" help:"An alarm: a file, - for standard input, or the name of a sample."`
	Guest   string   `predictor:"guest" placeholder:"NAME" help:"How the simulated guests behave (ignores-graceful)."`
	Fault   []string `predictor:"fault" placeholder:"NAME" sep:"none" help:"Something that goes wrong on the way; may be repeated."`
	Mode    *string  `enum:"enforce,observe,off" placeholder:"MODE" help:"In place of REMEDY_MODE (enforce)."`
	Ledger  string   `placeholder:"URL" help:"In place of REMEDY_LEDGER (mem:). It is read, never written."`
	Live    bool     `help:"Ask the real account, reads only, instead of a simulated one."`
	DryRun  bool     `help:"With --live: ask ECS with DryRun, too, whether it would accept the reboot."`
	Region  string   `placeholder:"ID" help:"With --live: the region of alarms that name none."`
	Account string   `placeholder:"ID" help:"The account that the function works for (the alarm's own)."`
	JSON    bool     `name:"json" help:"Print one JSON document, and nothing else."`
}

// Help says what the flags' own lines have no room for.
func (explainCommand) Help() string {
	return `Every alarm of the payload is decoded, the function's rules are asked about it, and what they need to know is read. Then
it says what the function would do next, and does nothing: no reboot is sent, and nothing is written to a ledger.

Without --live the account is simulated, as in a drill, 30 s after the alarm's time, and ECS is always asked with DryRun, too.

With --live it is the account that ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET and
ALIBABA_CLOUD_SECURITY_TOKEN open, now; mode and ledger are those of the environment. The role needs ecs:DescribeInstances,
ecs:DescribeCloudAssistantStatus and ecs:DescribeInstanceHistoryEvents, and ecs:RebootInstance for --dry-run only.

Exit status: 0 whatever the rules say, 2 for wrong usage, a wrong environment or a file that cannot be read or understood.`
}

// explanation is an alarm's part of the output.
type explanation struct {
	Alarm    decoded          `json:"alarm"`
	At       time.Time        `json:"at"`       // when the rules were asked
	Findings []remedy.Finding `json:"findings"` // of every rule that had to be asked
	Next     string           `json:"next"`     // reboot, force, rehearse, watch, wait, settle, refuse or sweep
	Verdict  remedy.Verdict   `json:"verdict"`  // where it would end here; otherwise empty
	Reason   remedy.Reason    `json:"reason"`
	Detail   string           `json:"detail"` // one sentence
	DryRun   string           `json:"dryRun"` // accepted, or the error code; empty: not asked
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
	answers, err := ask(c, in)
	if err != nil {
		return err
	}
	explanations := make([]explanation, len(answers))
	for n := range answers {
		explanations[n] = explain(&answers[n])
	}
	if e.JSON {
		return printJSON(c, map[string]any{"explanations": explanations})
	}
	p := newPage(c)
	p.text(bold, "Explanation of "+in.name)
	for n := range explanations {
		p.gap()
		explanations[n].print(p, n, len(explanations))
	}
	return p.err
}

// simulated asks a function in a simulated world.
func (e *explainCommand) simulated(c *console, in input) ([]handle.Explanation, error) {
	switch {
	case e.Region != "":
		return nil, hinted{errors.New("--region is for --live"), "a simulated instance is where its alarm says"}
	case e.DryRun:
		return nil, hinted{errors.New("--dry-run is for --live"), "the simulated ECS is always asked"}
	}
	guest, mode, ledger := e.Guest, "enforce", e.Ledger
	if guest == "" {
		guest = "ignores-graceful"
	}
	if e.Mode != nil {
		mode = *e.Mode
	}
	if ledger == "" {
		ledger = "mem:"
	}
	scenario, err := newScenario(guest, e.Fault)
	if err != nil {
		return nil, err
	}
	settings, err := c.load(mode, ledger)
	if err != nil {
		return nil, err
	}
	store, err := app.OpenStore(settings, c.credentials())
	if err != nil {
		return nil, err
	}
	sim, err := simulate(settings, in, scenario, in.starts(time.Now().UTC().Round(time.Second)), e.Account, store, nil)
	if err != nil {
		store.Close() // nothing was written
		return nil, err
	}
	defer sim.function.Close() // nothing was written
	return sim.function.Explain(context.Background(), sim.invocation, in.payload, true)
}

// live asks a function about the real account, which only reads: handle.Handler.Explain sends no reboot, and a dry run only
// with --dry-run.
func (e *explainCommand) live(c *console, in input) ([]handle.Explanation, error) {
	if e.Guest != "" || len(e.Fault) > 0 {
		return nil, hinted{errors.New("--guest and --fault are for the simulation, and --live is not one"),
			"leave out the one or the other"}
	}
	mode := ""
	if e.Mode != nil {
		mode = *e.Mode
	}
	settings, err := c.load(mode, e.Ledger)
	if err != nil {
		return nil, err
	}
	keys := c.credentials()
	if keys.AccessKeyID == "" || keys.AccessKeySecret == "" {
		return nil, hinted{errors.New("--live needs credentials, and there are none in the environment"),
			"set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, and ALIBABA_CLOUD_SECURITY_TOKEN of a role's"}
	}
	for _, a := range in.alarms {
		if a.Instance != "" && a.Region == "" && e.Region == "" {
			return nil, hinted{fmt.Errorf("%s: the alarm does not name a region", in.name), "name it: --region cn-hangzhou"}
		}
	}
	account := e.Account
	if account == "" {
		account = in.account()
	}
	function, err := app.New(settings, io.Discard, app.Seams{})
	if err != nil {
		return nil, err
	}
	defer function.Close() // nothing was written
	return function.Explain(context.Background(), app.Invocation{Account: account, Region: e.Region, Credentials: keys},
		in.payload, e.DryRun)
}

// explain words an answer.
func explain(answer *handle.Explanation) explanation {
	a, f, step := &answer.Facts.Alarm, &answer.Facts, &answer.Step
	x := explanation{
		Alarm: decoded{Format: a.Format, Name: a.Name, Rule: a.Rule, State: a.State, RawState: a.RawState, Level: a.Level,
			Key: a.Key, Time: a.Time, Account: a.Account, Region: a.Region, InstanceID: a.Instance, Product: a.Product,
			Event: a.Event, EventStatus: a.EventStatus, Metric: a.Metric, Problem: a.Problem, Note: a.Note},
		At: f.Now, Findings: step.Seen.Findings, DryRun: rehearsed(f.Rehearsal),
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
		x.Detail = fmt.Sprintf("%s would be rebooted %s, attempt %d of its incident, after a claim in the ledger.",
			a.Instance, how, claim.N)
	case step.Waits():
		x.Next, x.Verdict, x.Reason = "wait", step.Verdict, step.Reason
		x.Detail = report.Detail(&remedy.Result{InstanceID: a.Instance, Verdict: step.Verdict, Reason: step.Reason, Why: step.Why})
	case step.Do == remedy.DoRead:
		x.Next = "rehearse"
		x.Detail = a.Instance + " would be put to ECS with DryRun, and nothing be rebooted: the mode is observe."
	case step.Do == remedy.DoWait, step.Do == remedy.DoWrite && !step.Ends():
		x.Next = "watch"
		later := f.Now
		if step.Do == remedy.DoWait {
			later = step.Seen.WaitUntil
		}
		x.Detail = a.Instance + " would be looked at again at " + later.UTC().Format(time.RFC3339) + "."
	default:
		x.Next, x.Verdict, x.Reason = "refuse", step.Verdict, step.Reason
		if step.Ends() {
			x.Next = "settle"
		}
		x.Detail = report.Detail(&remedy.Result{InstanceID: a.Instance, Verdict: step.Verdict, Reason: step.Reason, Why: step.Why})
	}
	if a.Format == events.FormatTimer {
		x.Next, x.Verdict, x.Reason = "sweep", "", ""
		x.Detail = "A timer's event, not an alarm: the function would take up every incident that is under way."
	}
	return x
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
		{"format", string(a.Format)}, {"name", a.Name}, {"rule", a.Rule}, {"state", state(a)}, {"level", a.Level},
		{"time", stamp(a.Time, x.At)}, {"instance", a.InstanceID}, {"region", a.Region}, {"account", a.Account},
		{"event", strings.TrimSpace(a.Event + " " + a.EventStatus)}, {"metric", a.Metric}, {"key", a.Key},
		{"problem", string(a.Problem)}, {"note", a.Note},
	} {
		if field[1] != "" {
			p.row("", about, field[1], cell{field[0] + pad(field[0], 16) + " ", faint})
			about = cell{}
		}
	}
	rules := cell{"rules", bold}
	for _, f := range x.Findings {
		p.finding("", rules, f.OK, string(f.Rule), f.Saw)
		rules = cell{}
	}
	if len(x.Findings) == 0 {
		p.row("", rules, "none had to be asked: what the alarm says decides")
	}
	next := cell{"next", bold}
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
