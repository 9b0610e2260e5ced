// Package doctor examines, before the first incident and after every change, what would happen to
// each instance if its guest fell silent now, and what is missing: permissions, tags, heartbeats,
// clocks, the ledger, and the function itself.
//
// It changes nothing. RebootInstance is only ever called with DryRun, and of the ledger's keys one
// of its own is written. What it says is data; the command line prints it.
package doctor

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strings"

	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

// Result is how a check came out.
type Result string

// The results. Only ResultFinding asks somebody to act.
const (
	ResultOK      Result = "ok"
	ResultWarning Result = "warning" // worth knowing
	ResultFinding Result = "finding" // to be cured
)

// Options are what an examination needs. The zero value of a field that can be left out is said to
// be one.
type Options struct {
	Settings config.Config
	// Wrong is the error of config.Load; where it is not nil, nothing else is examined.
	Wrong       error
	Credentials app.Credentials // they sign every call
	Region      string
	Instance    string // the only one to look at; empty: all that carry the tag
	Version     string // of this program
	Scene       *Scene // a simulated account in place of the real one; nil: the real one

	// Evidence writes and checks one object of its own where evidence is kept, and removes nothing
	// of others. EvidencePlace is where, for a human, without a secret. nil: evidence is off.
	Evidence      EvidenceCheck
	EvidencePlace string
	// Notify sends one message to every address of the settings. nil: nothing is sent.
	Notify NotifyTest

	// Progress is told how many instances are going to be looked at. It returns what is called for
	// each, from several goroutines, and what is called at the end. nil: nobody is told.
	Progress func(all int) (step, end func())
}

// EvidenceCheck shows that evidence can be kept. Its error is for a human, and holds no secret.
type EvidenceCheck func(ctx context.Context) error

// NotifyTest sends one message to every address, and says what became of each, in their order.
type NotifyTest func(ctx context.Context) []Delivery

// Delivery is what became of a message to one address.
type Delivery struct {
	Host string // of the address, which is a secret otherwise
	Why  string // it did not arrive, for a human, without a secret; empty: it did
}

// Report is all that was found. Its lists are never null, and hold text from outside: see Rewrite.
type Report struct {
	Simulated string `json:"simulated"` // the scene's name; empty: this is the real account
	Region    string `json:"region"`
	// Ledger is as it can be shown; "simulated": the scene's own; empty: none was looked at, for
	// the configuration is wrong.
	Ledger string `json:"ledger"`
	// Function is the function's sign of life; nil: the ledger could not be asked.
	Function  *Function  `json:"function"`
	Totals    *Totals    `json:"totals"` // nil: it is not known which instances there are
	Findings  []Finding  `json:"findings"`
	Checks    []Check    `json:"checks"`    // those that came out well
	Instances []Instance `json:"instances"` // sorted by their ids
}

// Totals counts what the instances would get.
type Totals struct {
	Instances int `json:"instances"`
	Whole     int `json:"whole"` // graceful reboots, then a forced one
	Graceful  int `json:"graceful"`
	Nothing   int `json:"nothing"`
}

// Check is a check that came out well.
type Check struct {
	Check string `json:"check"`
	Saw   string `json:"saw"`
}

// Finding is something to be cured or worth knowing, about everything or about some instances
// alike.
type Finding struct {
	Check     string   `json:"check"`
	Result    Result   `json:"result"`
	Saw       string   `json:"saw"`
	Cures     []string `json:"cures"`
	Instances []Case   `json:"instances"` // none: it is about everything
}

// Case is an instance that a finding is about.
type Case struct {
	InstanceID string `json:"instanceId"`
	Saw        string `json:"saw"` // what is particular to it; empty: nothing
}

// Instance is what one instance would get if its guest fell silent now.
type Instance struct {
	InstanceID string `json:"instanceId"`
	Name       string `json:"name"`
	Result     Result `json:"result"` // the worst of the findings about it
	Gets       string `json:"gets"`   // true or graceful, as the tag spells it; empty: nothing
	Saw        string `json:"saw"`
	// Rules are the answers of the rules about the instance.
	Rules []remedy.Finding `json:"rules"`
}

// ToCure counts the findings that ask somebody to act.
func (r *Report) ToCure() int { return r.count(ResultFinding) }

// Warnings counts what is worth knowing.
func (r *Report) Warnings() int { return r.count(ResultWarning) }

func (r *Report) count(result Result) int {
	n := 0
	for _, f := range r.Findings {
		if f.Result == result {
			n++
		}
	}
	return n
}

// Rewrite puts every text through change, which makes it fit to be shown: names of instances, tags
// and answers of servers are anybody's.
func (r *Report) Rewrite(change func(string) string) {
	each := func(texts ...*string) {
		for _, text := range texts {
			*text = change(*text)
		}
	}
	each(&r.Simulated, &r.Region, &r.Ledger)
	r.Function.Rewrite(change)
	for i := range r.Checks {
		each(&r.Checks[i].Check, &r.Checks[i].Saw)
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		each(&f.Check, &f.Saw)
		for n := range f.Cures {
			each(&f.Cures[n])
		}
		for n := range f.Instances {
			each(&f.Instances[n].InstanceID, &f.Instances[n].Saw)
		}
	}
	for i := range r.Instances {
		x := &r.Instances[i]
		each(&x.InstanceID, &x.Name, &x.Gets, &x.Saw)
		for n := range x.Rules {
			each(&x.Rules[n].Saw)
		}
	}
}

// IsInstanceID reports whether id has the form of an instance's: "i-", then up to 40 lower-case
// letters and digits. Nothing else is asked about: the id goes into a signed request.
func IsInstanceID(id string) bool { return instanceID.MatchString(id) }

var (
	instanceID = regexp.MustCompile(`^i-[a-z0-9]{1,40}$`)
	eventID    = regexp.MustCompile(`^e-[A-Za-z0-9]{1,60}$`)
)

// Examine makes every check that makes sense after the ones before it. It returns what it found so
// far when ctx ends.
func Examine(ctx context.Context, o Options) Report {
	e := examination{Options: o, found: map[string]*Finding{}, report: Report{Region: o.Region,
		Findings: []Finding{}, Checks: []Check{}, Instances: []Instance{}}}
	if o.Scene != nil {
		e.report.Simulated = o.Scene.Name
		if o.Region == "" {
			e.Region, e.report.Region = SceneRegion, SceneRegion
		}
	}
	e.examine(ctx)
	return e.sorted()
}

// examination is one run of the doctor.
type examination struct {
	Options
	seams   app.Seams
	account account
	book    *ledger.Records // of the configured mode; nil: it cannot be read

	report Report
	order  []string            // the keys of found, as they were met
	found  map[string]*Finding // by what makes two findings the same
}

func (e *examination) examine(ctx context.Context) {
	e.seams.Clock = app.RealClock{}
	var simulated app.Seams
	if e.Scene != nil {
		e.Credentials, simulated = e.Scene.play(e.Settings.Policy.OptInTag)
		e.seams = simulated
	}
	if !e.configuration() {
		return
	}
	if store := e.ledger(ctx); store != nil {
		defer store.Close() // every write was answered before
	}
	e.outlets(ctx)
	done, ok := e.credentials()
	if !ok {
		return
	}
	defer done()
	if ids, ok := e.list(ctx); ok {
		e.fleet(ctx, ids)
	}
}

// well keeps a check that came out well.
func (e *examination) well(name, saw string) {
	e.report.Checks = append(e.report.Checks, Check{name, saw})
}

// add keeps a finding about everything.
func (e *examination) add(name string, r Result, saw string, cures ...string) {
	e.same(name+"\x00"+saw, Finding{Check: name, Result: r, Saw: saw, Cures: cures})
}

// same finds what is kept under a key, or keeps the given finding under it.
func (e *examination) same(key string, f Finding) *Finding {
	if kept := e.found[key]; kept != nil {
		return kept
	}
	if f.Cures == nil {
		f.Cures = []string{}
	}
	f.Instances = []Case{}
	e.order, e.found[key] = append(e.order, key), &f
	return &f
}

// sorted is the report, with what is to be cured first, then what concerns most.
func (e *examination) sorted() Report {
	for _, key := range e.order {
		f := *e.found[key]
		if len(f.Instances) == 1 {
			f.Cures = named(f.Cures, f.Instances[0])
		}
		e.report.Findings = append(e.report.Findings, f)
	}
	rank := map[Result]int{ResultFinding: 0, ResultWarning: 1}
	slices.SortStableFunc(e.report.Findings, func(a, b Finding) int {
		everything := func(f *Finding) int { return min(len(f.Instances), 1) }
		return cmp.Or(rank[a.Result]-rank[b.Result], everything(&a)-everything(&b),
			len(b.Instances)-len(a.Instances))
	})
	return e.report
}

// named puts the only instance of a finding, and the id of what it saw of it, in the place of the
// words that stand for them. An id that a shell could take for something else stays out.
func named(cures []string, only Case) []string {
	all := make([]string, len(cures))
	for i, cure := range cures {
		if IsInstanceID(only.InstanceID) {
			cure = strings.ReplaceAll(cure, "INSTANCE", only.InstanceID)
		}
		if eventID.MatchString(only.Saw) {
			cure = strings.ReplaceAll(cure, "EVENT", only.Saw)
		}
		all[i] = cure
	}
	return all
}

// outlets checks where evidence is kept and who is told.
func (e *examination) outlets(ctx context.Context) {
	const evidence, notifications = "evidence", "notifications"
	switch {
	case e.Evidence == nil:
		e.well(evidence, "off")
	default:
		if err := e.Evidence(ctx); err != nil {
			e.add(evidence, ResultFinding, e.EvidencePlace+": "+err.Error(),
				"what the message says, or REMEDY_EVIDENCE=off")
		} else {
			e.well(evidence, e.EvidencePlace+": an object was written and read; no screenshot was "+
				"tried, for ECS has no DryRun of one")
		}
	}
	if len(e.Settings.Notify) == 0 {
		e.well(notifications, "none")
		return
	}
	if e.Notify == nil {
		var hosts []string
		for _, a := range e.Settings.Notify {
			hosts = append(hosts, a.Host)
		}
		e.well(notifications, strings.Join(hosts, ", ")+"; --notify-test sends a message to each")
		return
	}
	for _, d := range e.Notify(ctx) {
		if d.Why != "" {
			e.add(notifications, ResultFinding, d.Host+": "+d.Why,
				"the address of that robot or hook in REMEDY_NOTIFY, and the network to it")
		} else {
			e.well(notifications, d.Host+": it took the message")
		}
	}
}
