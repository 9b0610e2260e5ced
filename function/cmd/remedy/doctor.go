package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/doctor"
	"ecs-remedy/function/internal/notify"
)

type doctorCommand struct {
	Region     string    `placeholder:"ID" help:"The region (default: ALIBABA_CLOUD_REGION_ID)."`
	Instance   string    `placeholder:"ID" help:"Look at this instance only, tagged or not."`
	All        bool      `help:"Show every instance, those that are well too."`
	NotifyTest bool      `help:"Send a test message to each address in REMEDY_NOTIFY."`
	Simulate   sceneFlag `help:"Look at a simulated account. A wrong =NAME lists them."`
	JSON       bool      `name:"json" help:"Print one JSON document, and nothing else."`
}

// Help says what the flags' own lines have no room for.
func (doctorCommand) Help() string {
	return `What each instance would get if its guest fell silent now, and what is missing. To be
run before the first incident, and after every change, with the REMEDY_* variables of the function.

It uses the credentials in ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET and, for a
role, ALIBABA_CLOUD_SECURITY_TOKEN, and no others. What is checked is what these may do: with those
of the function's role it is what the function may, with your own it is what you may.

✗ is a finding that needs somebody to act, ! is worth knowing, ✓ is well. The same finding about
several instances is one line, with the first few ids; --all shows all.

It changes nothing: RebootInstance is called with DryRun only, and of the ledger's keys only one of
its own is written.

Examples:

  remedy doctor --simulate=fleet
  remedy doctor --region cn-hangzhou
  remedy doctor --region cn-hangzhou --instance i-bp1a2b3c4d5e6f7g8h9j
  remedy doctor --region cn-hangzhou --notify-test --json

Exit status: 0 nothing needs anybody to act, 1 there is a finding, of which a wrong configuration is
one, 2 wrong usage.`
}

// Run examines, prints, and returns errNotWell where there is a finding.
func (d *doctorCommand) Run(c *console) error {
	settings, wrong := config.Load(c.environ)
	options := doctor.Options{Settings: settings, Wrong: wrong, Credentials: c.credentials(),
		Region: d.Region, Instance: d.Instance, Version: app.Version(),
		Progress: func(all int) (func(), func()) {
			bar := newProgress(c, all)
			return bar.step, bar.end
		}}
	if d.Instance != "" && !doctor.IsInstanceID(d.Instance) {
		return hinted{fmt.Errorf("--instance: %s is not the id of an instance",
			strconv.Quote(d.Instance)), "an id such as i-bp1a2b3c4d5e6f7g8h9j"}
	}
	if d.Simulate != "" {
		scene, err := newScene(string(d.Simulate))
		if err != nil {
			return err
		}
		options.Scene = scene
	} else if options.Region == "" {
		options.Region = c.getenv("ALIBABA_CLOUD_REGION_ID")
	}
	if wrong == nil && d.Simulate == "" && settings.Evidence.Kind != config.EvidenceOff {
		options.EvidencePlace = settings.Evidence.Name
		options.Evidence = func(ctx context.Context) error {
			return app.CheckEvidence(ctx, settings, c.credentials(), options.Region)
		}
	}
	if d.NotifyTest && wrong == nil {
		test, err := notifyTest(settings)
		if err != nil {
			return err
		}
		options.Notify = test
	}
	report := doctor.Examine(context.Background(), options)
	report.Rewrite(plain)
	if d.JSON {
		if err := printJSON(c, report); err != nil {
			return err
		}
	} else {
		p := newPage(c)
		d.print(p, &report)
		if p.err != nil {
			return p.err
		}
	}
	if report.ToCure() > 0 { // a wrong configuration is one
		return errNotWell
	}
	return nil
}

// notifyLimit is how long all test messages together may take.
const notifyLimit = 10 * time.Second

// notifyTest makes what sends a message to each address.
func notifyTest(settings config.Config) (doctor.NotifyTest, error) {
	if len(settings.Notify) == 0 {
		return nil, hinted{errors.New("--notify-test: there is nobody to tell"),
			"set REMEDY_NOTIFY to the addresses that the function has"}
	}
	sender, err := app.OpenSender(settings, nil)
	if err != nil {
		return nil, err
	}
	message := notify.Message{Title: "ecs-remedy: a test",
		Text: "An operator ran remedy doctor --notify-test. Nothing happened to any instance."}
	return func(ctx context.Context) []doctor.Delivery {
		ctx, cancel := context.WithTimeout(ctx, notifyLimit)
		defer cancel()
		defer sender.Close()
		done := make([]doctor.Delivery, len(settings.Notify))
		for i, host := range sender.Hosts() {
			done[i].Host = host
		}
		for _, err := range sender.Send(ctx, message) {
			var failure *notify.Failure
			if errors.As(err, &failure) {
				done[failure.Number-1].Why = failure.Why
			}
		}
		return done
	}, nil
}

// print prints the totals, then what was found, then what is well.
func (d *doctorCommand) print(p *page, r *doctor.Report) {
	if r.Simulated != "" {
		ledger := "the ledger is the real one: " + r.Ledger
		switch r.Ledger {
		case "":
			ledger = "no ledger was looked at"
		case "simulated":
			ledger = "its ledger is simulated, too"
		}
		p.text(bold, fmt.Sprintf("SIMULATED account %q; %s", r.Simulated, ledger))
	}
	switch {
	case r.Function == nil:
		p.text(yellow, "function: not known")
	case !r.Function.Seen:
		p.text(red, r.Function.String())
	default:
		p.text(normal, r.Function.String())
	}
	if t := r.Totals; t != nil {
		p.text(bold, fmt.Sprintf("%s of %s: %d the whole ladder, %d graceful, %d nothing",
			plural(t.Instances, "instance"), r.Region, t.Whole, t.Graceful, t.Nothing))
	} else {
		p.text(yellow, "instances: not known")
	}
	p.gap()
	for i := range r.Findings {
		d.finding(p, r, &r.Findings[i])
	}
	for _, c := range r.Checks {
		line(p, doctor.ResultOK, c.Check, c.Saw)
	}
	d.instances(p, r)
	p.gap()
	found, warned := plural(r.ToCure(), "finding"), plural(r.Warnings(), "warning")
	switch {
	case r.ToCure() > 0:
		p.text(red, found+", "+warned+".")
	case r.Warnings() > 0:
		p.text(yellow, "Nothing needs anybody to act; "+warned+".")
	default:
		p.text(green, "All is well.")
	}
}

// fewest is how many of the instances with the same finding are named.
const fewest = 3

// finding prints what was found, about whom, and the cures.
func (d *doctorCommand) finding(p *page, r *doctor.Report, f *doctor.Finding) {
	said := f.Saw
	cases := f.Instances
	if most := len(cases); most > 0 {
		if !d.All {
			cases = cases[:min(most, fewest)]
		}
		named := make([]string, len(cases))
		for i, one := range cases {
			named[i] = one.InstanceID
			if one.Saw != "" {
				named[i] += " (" + one.Saw + ")"
			}
		}
		said += ": " + strings.Join(named, ", ")
		if more := most - len(cases); more > 0 {
			said += " and " + strconv.Itoa(more) + " more"
		}
		if r.Totals != nil && r.Totals.Instances > 1 {
			said = fmt.Sprintf("%d of %d: %s", most, r.Totals.Instances, said)
		}
	}
	line(p, f.Result, f.Check, said)
	for _, cure := range f.Cures {
		head := "    cure: " // at the edge, so that a command has room
		for _, text := range wrap(cure, p.width-len(head)) {
			p.print(head + text)
			head = pad("", len(head))
		}
	}
}

// instances prints each of them where that is asked for, and otherwise how many are well.
func (d *doctorCommand) instances(p *page, r *doctor.Report) {
	fine := 0
	for i := range r.Instances {
		x := &r.Instances[i]
		if x.Result == doctor.ResultOK {
			fine++
		}
		if !d.All && d.Instance == "" {
			continue
		}
		said := x.Saw
		if x.Name != "" {
			said = x.Name + ": " + said
		}
		line(p, x.Result, x.InstanceID, said)
		if d.Instance == "" {
			continue
		}
		for _, rule := range x.Rules {
			result := doctor.ResultOK
			if !rule.OK {
				result = doctor.ResultFinding
			}
			line(p, result, "  "+string(rule.Rule), rule.Saw)
		}
	}
	if fine > 0 && !d.All && d.Instance == "" {
		line(p, doctor.ResultOK, "well", plural(fine, "instance")+"; --all shows each")
	}
}

// line prints a mark, a name and what was seen, wrapped beside them.
func line(p *page, r doctor.Result, name, said string) {
	mark := map[doctor.Result]cell{doctor.ResultOK: {"✓", green},
		doctor.ResultWarning: {"!", yellow}, doctor.ResultFinding: {"✗", red}}[r]
	const width = 30 // DescribeInstanceHistoryEvents
	p.beside(p.paint(mark)+" "+name+pad(name, width)+" ", max(width, wide(name))+3, said)
}

// sceneFlag is the name of a scene; the flag alone names the first one.
type sceneFlag string

// Decode implements kong.MapperValue.
func (f *sceneFlag) Decode(ctx *kong.DecodeContext) error {
	*f = sceneFlag(doctor.Scenes()[0].Name)
	if ctx.Scan.Peek().Type != kong.FlagValueToken {
		return nil
	}
	token, err := ctx.Scan.PopValue("scene")
	if name, ok := token.Value.(string); ok {
		*f = sceneFlag(name)
	}
	return err
}

// IsBool implements kong.BoolMapperValue: the flag may stand alone.
func (*sceneFlag) IsBool() bool { return true }

// newScene finds a scene by its name.
func newScene(name string) (*doctor.Scene, error) {
	var names []string
	for _, scene := range doctor.Scenes() {
		if scene.Name == name {
			return &scene, nil
		}
		names = append(names, scene.Name)
	}
	return nil, hinted{fmt.Errorf("--simulate: there is no %q", name),
		"there are " + strings.Join(names, ", ")}
}
