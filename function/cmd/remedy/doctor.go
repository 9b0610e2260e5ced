package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/ecs"
	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

type doctorCommand struct {
	Region   string    `placeholder:"ID" help:"The region to look at (default: ALIBABA_CLOUD_REGION_ID)."`
	Simulate sceneFlag `help:"Look at a simulated account instead, which has an instance of every kind; --simulate=NAME is another one, and a wrong NAME lists them."`
	JSON     bool      `name:"json" help:"Print one JSON document {\"findings\": N, \"checks\": […]}, and nothing else."`
}

// Help says what the flags' own lines have no room for.
func (doctorCommand) Help() string {
	return `To be run before the first incident, with the REMEDY_* variables of the function, and with credentials of its role in
ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET and ALIBABA_CLOUD_SECURITY_TOKEN: what is checked is what these
may do. A line for each check: ✓ is well, ! is worth knowing, ✗ is a finding, with its cure.

It changes nothing: RebootInstance is called with DryRun only, and of the ledger's keys only one of its own is written. An
instance that is alive is judged as if its guest fell silent now.

Exit status: 0 all is well, 1 there is a finding, 2 wrong usage.`
}

// result is how a check came out.
type result string

const (
	good    result = "ok"
	note    result = "note"    // worth knowing
	finding result = "finding" // to be cured
)

// check is a line of the answer. All text in it is plain, and lists are never null.
type check struct {
	Check      string   `json:"check"`
	InstanceID string   `json:"instanceId"` // of a check of one instance
	Result     result   `json:"result"`
	Gets       string   `json:"gets"` // true or graceful: what the instance would get; empty: nothing
	Saw        string   `json:"saw"`
	Cures      []string `json:"cures"`
}

// examination is one run of the doctor.
type examination struct {
	console  *console
	settings config.Config
	region   string
	scene    *scene // nil: the real account
	cloud    *ecs.Client
	seams    app.Seams
	book     *ledger.Records // of the configured mode; nil: it cannot be read
	checks   []check
}

// Run examines, prints, and returns errNotWell where there is a finding.
func (d *doctorCommand) Run(c *console) error {
	e := examination{console: c, region: d.Region}
	if e.region == "" {
		e.region = c.getenv("ALIBABA_CLOUD_REGION_ID")
	}
	if d.Simulate != "" {
		var err error
		if e.scene, err = newScene(string(d.Simulate)); err != nil {
			return err
		}
		e.region = sceneRegion
		if d.Region != "" {
			e.region = d.Region
		}
	}
	e.examine(context.Background())
	findings := 0
	for _, c := range e.checks {
		if c.Result == finding {
			findings++
		}
	}
	if d.JSON {
		if err := printJSON(c, map[string]any{"findings": findings, "checks": e.checks}); err != nil {
			return err
		}
	} else {
		p := newPage(c)
		for i := range e.checks {
			e.checks[i].print(p)
		}
		p.gap()
		switch findings {
		case 0:
			p.text(green, "All is well.")
		default:
			p.text(red, plural(findings, "finding")+".")
		}
		if p.err != nil {
			return p.err
		}
	}
	if findings > 0 {
		return errNotWell
	}
	return nil
}

// add keeps a check.
func (e *examination) add(name string, r result, saw string, cures ...string) {
	e.addOf(check{Check: name, Result: r, Saw: saw, Cures: cures})
}

func (e *examination) addOf(c check) {
	c.InstanceID, c.Saw = plain(c.InstanceID), plain(c.Saw)
	cures := make([]string, len(c.Cures))
	for i, cure := range c.Cures {
		cures[i] = plain(cure)
	}
	c.Cures = cures
	e.checks = append(e.checks, c)
}

// print prints the check as a line, with its cures under it.
func (c *check) print(p *page) {
	mark := map[result]cell{good: {"✓", green}, note: {"!", yellow}, finding: {"✗", red}}[c.Result]
	const name = 30 // DescribeInstanceHistoryEvents
	label := c.Check
	if c.InstanceID != "" {
		label = c.InstanceID
	}
	head := p.paint(mark) + " " + label + pad(label, name) + " "
	lines := wrap(c.Saw, columns-name-3)
	for _, cure := range c.Cures {
		lines = append(lines, wrap("cure: "+cure, columns-name-3)...)
	}
	for _, line := range lines {
		p.print(head + line)
		head = pad("", name+3)
	}
}

// examine makes every check that makes sense after the ones before it.
func (e *examination) examine(ctx context.Context) {
	if !e.configuration() {
		return
	}
	store := e.ledger(ctx)
	if store != nil {
		defer store.Close() // every write was answered before
	}
	if !e.credentials() {
		return
	}
	defer e.cloud.Close()
	ids, ok := e.list(ctx)
	if !ok {
		return
	}
	e.fleet(ctx, ids)
}

// configuration reports every problem of the environment, and whether it can be worked with.
func (e *examination) configuration() bool {
	const name = "configuration"
	settings, err := config.Load(e.console.environ)
	if err != nil {
		for _, problem := range problems(err) {
			e.add(name, finding, strings.TrimSuffix(problem.Error(), "; cure: "+problem.Cure), problem.Cure)
		}
		e.add(name, note, "the rest is not checked: it depends on the configuration")
		return false
	}
	e.settings = settings
	p := &settings.Policy
	force := "allowed"
	if !p.Force {
		force = "never"
	}
	e.add(name, good, fmt.Sprintf("mode %s, force %s, tag %s, ledger %s", p.Mode, force, p.OptInTag, settings.Ledger.Name))
	if p.Mode != remedy.ModeEnforce {
		e.add(name, note, fmt.Sprintf("in mode %s nothing is rebooted: REMEDY_MODE=enforce arms it", p.Mode))
	}
	if p.Untagged != remedy.GrantNone {
		e.add(name, note, fmt.Sprintf("instances without the tag get %s (REMEDY_UNTAGGED); only those with it are looked at here",
			p.Untagged))
	}
	if !p.SecondCheck {
		e.add(name, note, "REMEDY_SECOND_CHECK=none: instances are rebooted even if their guest is known to be alive")
	}
	if now := time.Now(); len(p.Windows) > 0 && !anyOpen(p.Windows, now) {
		e.add(name, note, "no window of REMEDY_WINDOWS is open now, so an alarm would be refused as outside-window")
	}
	if settings.HTTPToken != "" && settings.Ledger.Kind == config.LedgerMemory {
		e.add(name, finding, "REMEDY_HTTP_TOKEN with the ledger mem: an incident that the HTTP trigger begins is left to the "+
			"timer's sweep, which runs in another process and cannot see it",
			"a ledger that every process reaches: redis://…, rediss://… or ots://…")
	}
	for _, warning := range settings.Warnings {
		if variable, _, _ := strings.Cut(warning, ":"); variable != "REMEDY_LEDGER" { // the ledger's own check says more
			e.add(name, finding, warning, "a longer "+variable+", or none for the default")
		}
	}
	return true
}

// problems takes the error of config.Load apart.
func problems(err error) []config.Problem {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []config.Problem{{Wrong: err.Error()}}
	}
	var all []config.Problem
	for _, err := range joined.Unwrap() {
		var problem config.Problem
		if !errors.As(err, &problem) {
			problem.Wrong = err.Error()
		}
		all = append(all, problem)
	}
	return all
}

func anyOpen(windows []remedy.Window, now time.Time) bool {
	return slices.ContainsFunc(windows, func(w remedy.Window) bool { return w.Open(now) })
}

// ledger checks the ledger. It returns the store where there is one to close.
func (e *examination) ledger(ctx context.Context) ledger.Store {
	const name = "ledger"
	where := &e.settings.Ledger
	if where.Kind == config.LedgerMemory || where.Kind == config.LedgerBolt {
		r := note
		if e.settings.Policy.Mode == remedy.ModeEnforce {
			r = finding
		}
		e.add(name, r, fmt.Sprintf("with %s only one process may run, and Function Compute runs as many as there are events: "+
			"they could reboot an instance twice", where.Name), "redis://…, rediss://… or ots://INSTANCE.REGION/TABLE")
	}
	if where.Kind == config.LedgerMemory {
		return nil
	}
	settings := e.settings
	scratch := ""
	if where.Kind == config.LedgerBolt {
		if _, err := os.Stat(where.Path); errors.Is(err, fs.ErrNotExist) {
			// It is the function that makes the file: one of another owner could lock it out.
			if scratch, err = os.MkdirTemp(filepath.Dir(where.Path), ".ecs-remedy-doctor-"); err != nil {
				e.add(name, finding, fmt.Sprintf("%s does not exist, and its folder cannot be written", where.Name),
					"make the folder "+filepath.Dir(where.Path)+", and let the function write to it")
				return nil
			}
			defer os.RemoveAll(scratch) // a leftover would be empty
			settings.Ledger.Path = filepath.Join(scratch, "ledger.db")
		}
	}
	books, err := app.OpenLedger(settings, e.console.credentials())
	if err != nil {
		e.add(name, finding, err.Error(), "a REMEDY_LEDGER that can be opened, with the credentials that it needs")
		return nil
	}
	took, err := ledger.Probe(ctx, books.Store)
	if err != nil {
		e.add(name, finding, err.Error(), "what the message says, and a REMEDY_LEDGER that is right")
		return books.Store
	}
	if scratch != "" {
		e.add(name, good, fmt.Sprintf("%s does not exist yet; its folder can be written", where.Name))
		return books.Store
	}
	e.add(name, good, fmt.Sprintf("%s: a read and a write took %s", where.Name, took.Round(time.Microsecond)))
	if redis, ok := books.Store.(*ledger.Redis); ok {
		e.redis(ctx, redis)
	}
	e.book = books.Enforce
	if e.settings.Policy.Mode == remedy.ModeObserve {
		e.book = books.Observe
	}
	e.records(ctx)
	return books.Store
}

// redis checks what a Redis server may do with records.
func (e *examination) redis(ctx context.Context, r *ledger.Redis) {
	const name = "ledger"
	const cure = "maxmemory-policy noeviction"
	switch policy, err := r.MaxMemoryPolicy(ctx); {
	case err != nil:
		e.add(name, note, "whether it drops records when its memory runs short is not known: "+err.Error(), cure)
	case policy != "noeviction":
		e.add(name, finding, "its maxmemory-policy is "+policy+": when its memory runs short it drops open incidents, or "+
			"the ended ones that cool-downs are counted from", cure)
	default:
		e.add(name, good, "its maxmemory-policy is "+policy)
	}
	before := time.Now()
	at, err := r.Clock(ctx)
	if err != nil {
		e.add(name, note, "its clock cannot be read: "+err.Error())
		return
	}
	e.clock("the ledger's", at, before)
}

// records says what in the ledger concerns all instances at once.
func (e *examination) records(ctx context.Context) {
	const name = "ledger"
	seen, err := e.book.Look(ctx)
	if err != nil {
		e.add(name, finding, err.Error(), "what the message says")
		e.book = nil
		return
	}
	if pause := seen.Fleet.Paused; pause.On(seen.At) {
		e.add(name, note, paused(pause), "remedy resume")
	}
	for _, id := range slices.Sorted(maps.Keys(seen.Records)) {
		if record := seen.Records[id]; !record.OK() {
			e.addOf(check{Check: name, InstanceID: id, Result: finding, Saw: record.Note,
				Cures: []string{"a version of this program that knows the record, or remove its key"}})
		}
	}
}

// clock compares another clock with ours.
func (e *examination) clock(whose string, theirs, ours time.Time) {
	const name = "clock"
	apart := theirs.Sub(ours).Abs().Round(time.Second)
	switch {
	case apart > remedy.MaxSkew:
		e.add(name, finding, fmt.Sprintf("%s clock is %s away from ours, and beyond %s its times mean nothing to us", whose, apart,
			remedy.MaxSkew), "set the clock of this machine by NTP, and that of the other one; Function Compute sets its own")
	case apart > time.Second: // a Date has no fractions
		e.add(name, good, fmt.Sprintf("%s clock is %s away from ours", whose, apart))
	default:
		e.add(name, good, whose+" clock agrees with ours")
	}
}

// credentials checks that there is what a call needs, and makes what calls.
func (e *examination) credentials() bool {
	keys := e.console.credentials()
	e.seams.Clock = app.RealClock{}
	if e.scene != nil {
		keys, e.seams.Clock, e.seams.Transport = e.scene.play(e.settings.Policy.OptInTag)
	}
	if keys.AccessKeyID == "" || keys.AccessKeySecret == "" {
		e.add("credentials", finding, "there are none in the environment", credentialsHint)
	}
	if e.region == "" {
		e.add("region", finding, "none is given", "--region ID, such as --region cn-hangzhou, or ALIBABA_CLOUD_REGION_ID")
	}
	if e.region == "" || keys.AccessKeyID == "" || keys.AccessKeySecret == "" {
		return false
	}
	var err error
	if e.cloud, err = app.OpenCloud(e.settings, keys, e.region, e.seams); err != nil {
		e.add("credentials", finding, err.Error(), credentialsHint)
		return false
	}
	return true
}

// list finds the instances that opted in, and explains where there are none.
func (e *examination) list(ctx context.Context) ([]string, bool) {
	const name = "DescribeInstances"
	tag := e.settings.Policy.OptInTag
	var tagged remedy.Reading[[]string]
	e.patiently(ctx, func() (remedy.Failure, string) {
		tagged = e.cloud.Tagged(ctx, e.region, tag)
		return tagged.Failure, tagged.Note
	})
	// The note of an error answer names its code.
	permission := strings.Contains(tagged.Note, "Forbidden") || strings.Contains(tagged.Note, "NoPermission")
	switch {
	case tagged.Failure == remedy.FailureForbidden && permission:
		e.add(name, finding, "no permission: "+tagged.Note, "allow ecs:DescribeInstances, as the role in template.yml does")
		return nil, false
	case tagged.Failure == remedy.FailureForbidden:
		e.add("credentials", finding, "refused: "+tagged.Note, "take new ones: "+credentialsHint)
		return nil, false
	case !tagged.OK():
		e.add(name, finding, tagged.Note,
			"check that "+e.region+" is a region, and the network to it (REMEDY_ECS_ENDPOINT, REMEDY_NETWORK)")
		return nil, false
	}
	e.add("credentials", good, "ECS takes them in "+e.region)
	if !tagged.Date.IsZero() {
		e.clock("ECS's", tagged.Date, tagged.At)
	}
	if len(tagged.Value) > 0 {
		e.add(name, good, fmt.Sprintf("%s in %s with the tag %s", plural(len(tagged.Value), "instance"), e.region, tag))
		return tagged.Value, true
	}
	some := e.cloud.Some(ctx, e.region)
	switch {
	case !some.OK():
		e.add(name, finding, some.Note, "try again")
	case len(some.Value) == 0:
		e.add(name, finding, "may be called, but there is no instance at all in "+e.region+
			": the wrong region or account, or nothing there", "--region with the region of the instances, and credentials of their account")
	case e.settings.Policy.Untagged != remedy.GrantNone:
		e.add(name, note, "no instance in "+e.region+" has the tag "+tag+", and REMEDY_UNTAGGED lets all of them be rebooted")
	default:
		e.add(name, finding, "there are instances in "+e.region+", but none has the tag "+tag, fmt.Sprintf("aliyun ecs TagResources "+
			"--RegionId %s --ResourceType instance --ResourceId.1 INSTANCE --Tag.1.Key %s --Tag.1.Value graceful", e.region, tag))
	}
	return nil, false
}

// tries is how often the doctor asks ECS for one thing.
const tries = 4

// patiently asks, and asks again while ECS cannot answer: after a second, or where calls are throttled in the next minute,
// which is when ECS counts anew (ECS API document "API throttling").
func (e *examination) patiently(ctx context.Context, ask func() (remedy.Failure, string)) {
	for try := 1; ; try++ {
		failure, note := ask()
		if failure != remedy.FailureUnavailable || try == tries {
			return
		}
		wait := time.Second
		if strings.Contains(note, "Throttling") { // the note of an error answer names its code
			now := e.seams.Clock.Now()
			wait = now.Truncate(time.Minute).Add(time.Minute + time.Second).Sub(now)
		}
		if e.seams.Clock.Sleep(ctx, wait) != nil {
			return
		}
	}
}
