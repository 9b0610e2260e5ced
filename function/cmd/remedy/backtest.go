package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"ecs-remedy/function/internal/backtest"
	"ecs-remedy/function/internal/remedy"
)

type backtestCommand struct {
	Files     []string      `arg:"" optional:"" name:"file" help:"Past alarms (below)."`
	Against   string        `placeholder:"FILE" help:"A second policy; shows what differs."`
	Mode      string        `enum:"enforce,observe,off" default:"enforce" placeholder:"MODE"`
	Instances string        `placeholder:"FILE" help:"What is known of instances (below)."`
	Restart   time.Duration `default:"60s" placeholder:"TIME" help:"What a reboot takes."`
	Account   string        `placeholder:"ID" help:"The function's (the oldest alarm's)."`
	Home      string        `placeholder:"REGION" help:"The function's (the oldest alarm's)."`
	Top       int           `default:"10" placeholder:"N" help:"So many lines of a long list."`
	KeepGoing bool          `help:"Go on past a line that is no alarm, and count them."`
	JSON      bool          `name:"json" help:"Print one JSON document, and nothing else."`
	HTML      string        `name:"html" placeholder:"FILE" help:"Write a page with plots, too."`

	Generate *int   `placeholder:"N" help:"Write a history of N alarms to standard output instead."`
	Seed     uint64 `default:"1" placeholder:"S" help:"Another seed, another history or region."`

	Region bool `help:"Simulate a region in its worst hours instead, under this policy."`
	Size   int  `default:"100000" placeholder:"N" help:"The region's instances; 1 % hang at once."`
	Outage int  `default:"10000" placeholder:"N" help:"The instances in the zone that goes down."`
	Quota  int  `default:"100" placeholder:"N" help:"The function's instances, all together."`
}

// Help says what the flags' own lines have no room for.
func (backtestCommand) Help() string {
	return `Past alarms go through the code that runs in Function Compute, in the order of their times
and in virtual time: cool-downs, budgets, windows, the fleet's limits and the queue all count.
Nothing is asked of ECS, and nothing is rebooted.

A FILE holds one payload a line, or is one payload; a folder holds such files; - is standard input.
Audit lines count as well, as they are or within a field of a log export. They do not say which
metric an alarm was about: one of REMEDY_METRICS is supposed.

The REMEDY_* variables are the policy, but for the mode: --mode takes its place. The FILE of
--against holds lines NAME=VALUE, with the same names; what it leaves out has its default.

An alarm does not say what became of its instance, so that is supposed, and printed: it is Running
and opted in, its guest is silent, and the first graceful reboot works. The FILE of --instances
knows better, a JSON object a line, of which only the id must be there:

{"id": "i-bp1…", "tag": "true|graceful|", "locks": ["security"],
"outcome": "graceful|retry|force|never", "heartbeat": "silent|alive|none"}

--region simulates a region of --size instances in two bad hours, with its latencies, limits and
conflicts, and says what this policy makes of it.

Examples:

    remedy backtest alarms.jsonl --keep-going
    remedy backtest alarms.jsonl --against stricter.env --html plots.html
    remedy backtest --generate 1000 --seed 7 > alarms.jsonl

Exit status: 0 done; 2 for wrong usage, a policy with a mistake, or a line that is no alarm, unless
--keep-going leaves it out.`
}

// Run replays the files, or writes a history.
func (b *backtestCommand) Run(c *console) error {
	switch {
	case b.Generate != nil && *b.Generate < 1:
		return hinted{fmt.Errorf("--generate %d: a history has 1 alarm at least", *b.Generate),
			"such as --generate 1000"}
	case b.Generate != nil && len(b.Files) > 0:
		return hinted{errors.New("--generate takes no files"),
			"it writes a history; replay that with remedy backtest FILE"}
	case b.Generate != nil && (b.JSON || b.HTML != ""):
		return hinted{errors.New("--generate writes a history, a line of JSON for each event: " +
			"neither --json nor --html"), "replay the history with them: remedy backtest FILE"}
	case b.Generate != nil:
		return backtest.Generate(c.out, *b.Generate, b.Seed)
	case b.Region && len(b.Files) > 0:
		return hinted{errors.New("--region takes no files"), "its alarms are its own"}
	case b.Region && b.HTML != "":
		return hinted{errors.New("--region has no page"),
			"leave --html out; --json has its figures"}
	case b.Region:
		return b.simulate(c)
	case len(b.Files) == 0:
		return hinted{errors.New("no file with past alarms"),
			"remedy backtest FILE…, or --generate N to make a history"}
	case b.Restart <= 0:
		return hinted{errors.New("--restart: not a time above zero"), "such as --restart 90s"}
	case b.Top < 0:
		return hinted{errors.New("--top: a negative number"), "such as --top 20"}
	}
	settings, err := c.load(b.Mode, "mem:")
	if err != nil {
		return err
	}
	policies, names := []remedy.Policy{settings.Policy}, []string{"this policy"}
	if b.Against != "" {
		second, err := b.second()
		if err != nil {
			return err
		}
		policies, names = append(policies, second), append(names, b.Against)
	}
	assumed, err := b.assumptions()
	if err != nil {
		return err
	}
	defer backtest.UseMemory()()
	bar := newShare(c)
	defer bar.end()
	history, skipped, err := b.read(c, bar, assumed, settings.Policy.Metrics)
	if err != nil {
		return err
	}
	defer history.Close()
	reports, err := replays(history, policies, assumed, bar)
	if err != nil {
		return err
	}
	bar.end()
	defer skipped.say(c)
	return b.show(c, history, reports, names, assumed)
}

// simulate lets a region have its bad hours.
func (b *backtestCommand) simulate(c *console) error {
	if b.Size < 1 || b.Outage < 0 || b.Quota < 1 || b.Size/100+b.Outage > b.Size {
		return hinted{errors.New("--size, --outage, --quota: there is no such region"),
			"one instance at least, and not more in the zone than there are"}
	}
	settings, err := c.load("enforce", "mem:")
	if err != nil {
		return err
	}
	region := backtest.Region{Instances: b.Size, Hung: b.Size / 100, Outage: b.Outage,
		Functions: b.Quota, Seed: b.Seed}
	r := backtest.Simulate(settings.Policy, region)
	figures := regionFigures(r)
	if b.JSON {
		return printJSON(c, figures)
	}
	p := newPage(c)
	p.text(bold, fmt.Sprintf("A region of %s, under REMEDY_FLEET_CONCURRENT=%d, "+
		"REMEDY_FLEET_HOURLY=%d, REMEDY_FLEET_WAITING=%d", counted(region.Instances, "instance",
		"instances"), settings.Policy.FleetConcurrent, settings.Policy.FleetHourly,
		settings.Policy.FleetWaiting))
	for _, line := range region.Suppositions() {
		p.text(faint, line)
	}
	p.gap()
	quantiles := func(sorted []time.Duration) string {
		at := func(part float64) time.Duration {
			return backtest.Quantile(sorted, part).Round(100 * time.Millisecond)
		}
		return fmt.Sprintf("median %v, p99 %v, most %v", at(0.5), at(0.99), at(1))
	}
	p.pairs(2, 26, [][2]string{
		{"alarms delivered", backtest.Grouped(r.Deliveries)},
		{"incidents", backtest.Grouped(r.Incidents)},
		{"reboots", fmt.Sprintf("%s, %s forced", backtest.Grouped(r.Reboots),
			backtest.Grouped(r.Forced))},
		{"alarm to first reboot", quantiles(r.Delays)},
		{"waited for a slot", backtest.Grouped(r.Total(remedy.VerdictWaiting)) + ": " +
			quantiles(r.Waited)},
		{"refused", backtest.Grouped(r.Total(remedy.VerdictRefused))},
		{"asked for again", backtest.Grouped(r.Total(remedy.VerdictPending))},
		{"ledger calls", fmt.Sprintf("%.1f an alarm; an incident to its end: median %d, p99 %d",
			figures.LedgerPerAlarm, figures.LedgerPerIncident,
			backtest.Quantile(r.PerIncident, 0.99))},
		{"ECS calls an incident", fmt.Sprintf("median %d, p99 %d", figures.ECSPerIncident,
			backtest.Quantile(r.AskedPerIncident, 0.99))},
		{"conflicts", backtest.Grouped(r.Conflicts)},
		{"ECS calls", fmt.Sprintf("%s, %s throttled", backtest.Grouped(r.CloudCalls),
			backtest.Grouped(r.Throttled))},
		{"queued for the function", fmt.Sprintf("%v at most", r.Queued.Round(time.Second))},
		{"cost", fmt.Sprintf("USD %.4f for the storm, USD %.2f for a month that has it once",
			figures.CostUSD, figures.MonthUSD)},
	})
	p.gap()
	var verdicts [][]string
	for _, v := range r.Verdicts {
		verdicts = append(verdicts, []string{string(v.Verdict) + "/" + string(v.Reason),
			backtest.Grouped(v.N)})
	}
	p.grid([]string{"verdict/reason", "results"}, []bool{false, true}, verdicts)
	return p.err
}

// regionJSON is a simulated region as JSON shows it. Durations are in seconds.
type regionJSON struct {
	Instances         int            `json:"instances"`
	Deliveries        int            `json:"deliveries"`
	Incidents         int            `json:"incidents"`
	Reboots           int            `json:"reboots"`
	Forced            int            `json:"forced"`
	FirstRebootMedian float64        `json:"firstRebootMedian"`
	FirstRebootP99    float64        `json:"firstRebootP99"`
	WaitMedian        float64        `json:"waitMedian"`
	WaitP99           float64        `json:"waitP99"`
	LedgerPerIncident int            `json:"ledgerCallsPerIncident"`
	ECSPerIncident    int            `json:"ecsCallsPerIncident"`
	LedgerCalls       int            `json:"ledgerCalls"`
	Conflicts         int            `json:"conflicts"`
	ECSCalls          int            `json:"ecsCalls"`
	Throttled         int            `json:"throttled"`
	LongestQueue      float64        `json:"longestQueue"`
	FunctionSeconds   float64        `json:"functionSeconds"`
	CostUSD           float64        `json:"costUSD"`
	MonthUSD          float64        `json:"monthUSD"`
	Verdicts          map[string]int `json:"verdicts"`
	LedgerPerAlarm    float64        `json:"ledgerCallsPerAlarm"`
}

func regionFigures(r *backtest.RegionReport) regionJSON {
	cost, month := r.CostUSD()
	byAlarms := float64(r.LedgerCalls - r.LedgerOfSweep)
	return regionJSON{Instances: r.Region.Instances, Deliveries: r.Deliveries,
		Incidents: r.Incidents, Reboots: r.Reboots, Forced: r.Forced,
		FirstRebootMedian: backtest.Quantile(r.Delays, 0.5).Seconds(),
		FirstRebootP99:    backtest.Quantile(r.Delays, 0.99).Seconds(),
		WaitMedian:        backtest.Quantile(r.Waited, 0.5).Seconds(),
		WaitP99:           backtest.Quantile(r.Waited, 0.99).Seconds(),
		LedgerPerIncident: backtest.Quantile(r.PerIncident, 0.5), LedgerCalls: r.LedgerCalls,
		ECSPerIncident: backtest.Quantile(r.AskedPerIncident, 0.5),
		LedgerPerAlarm: byAlarms / float64(max(1, r.Deliveries)), Conflicts: r.Conflicts,
		ECSCalls: r.CloudCalls, Throttled: r.Throttled, LongestQueue: r.Queued.Seconds(),
		FunctionSeconds: r.Busy.Seconds(), CostUSD: cost,
		MonthUSD: month, Verdicts: r.Counts()}
}

// second is the policy to compare with.
func (b *backtestCommand) second() (remedy.Policy, error) {
	file, err := os.Open(b.Against)
	if err != nil {
		return remedy.Policy{}, cannotRead(b.Against, err)
	}
	defer file.Close()
	config, err := backtest.ReadPolicy(b.Against, file, "REMEDY_MODE="+b.Mode, "REMEDY_LEDGER=mem:")
	if err != nil {
		return remedy.Policy{}, hinted{err,
			"the lines are NAME=VALUE, with the names of the function's environment"}
	}
	return config.Policy, nil
}

func (b *backtestCommand) assumptions() (backtest.Assumptions, error) {
	assumed := backtest.Assumed()
	assumed.Restart, assumed.Account, assumed.Region = b.Restart, b.Account, b.Home
	if b.Instances == "" {
		return assumed, nil
	}
	file, err := os.Open(b.Instances)
	if err != nil {
		return assumed, cannotRead(b.Instances, err)
	}
	defer file.Close()
	assumed.Instances, err = backtest.ReadInstances(b.Instances, file, assumed.Instance)
	if err != nil {
		err = hinted{err, "remedy backtest --help shows what a line may hold"}
	}
	return assumed, err
}

// skips are the lines that were no alarms, of which a few are shown.
type skips struct {
	n     int
	shown []string
}

const shownSkips = 5

func (s *skips) say(c *console) {
	if s.n == 0 {
		return
	}
	for _, line := range s.shown {
		fmt.Fprintln(c.err, "skipped: "+plain(line))
	}
	fmt.Fprintf(c.err, "%s no alarm, and left out\n", counted(s.n, "line was", "lines were"))
}

// read reads the history. A line that is no alarm ends that, unless told otherwise.
func (b *backtestCommand) read(c *console, bar *share, assumed backtest.Assumptions,
	metrics []string) (*backtest.History, *skips, error) {
	skipped := &skips{}
	in := backtest.Input{Files: b.Files, Stdin: c.in, Assumed: assumed, Metrics: metrics,
		Read: func(bytes, all int64) { bar.draw("reading", bytes, all) }}
	if b.KeepGoing {
		in.Bad = func(bad *backtest.BadLine) error {
			if skipped.n++; len(skipped.shown) < shownSkips {
				skipped.shown = append(skipped.shown, bad.Error())
			}
			return nil
		}
	}
	history, err := backtest.Read(in)
	var bad *backtest.BadLine
	switch {
	case errors.As(err, &bad):
		return nil, nil, hinted{err,
			"an alarm is a payload as CloudMonitor sends it, one a line; " +
				"--keep-going leaves out what is none"}
	case err != nil:
		return nil, nil, hinted{err, "check the file's name and permissions"}
	case history.Alarms == 0:
		history.Close()
		skipped.say(c)
		return nil, nil, hinted{errors.New("there is no alarm in it"),
			"one payload a line, as CloudMonitor sends it"}
	}
	return history, skipped, nil
}

// replays takes the history through every policy, side by side.
func replays(history *backtest.History, policies []remedy.Policy, assumed backtest.Assumptions,
	bar *share) ([]*backtest.Report, error) {
	reports := make([]*backtest.Report, len(policies))
	failed := make([]error, len(policies))
	var all sync.WaitGroup
	for i, policy := range policies {
		var progress func(int)
		if i == 0 {
			progress = func(n int) { bar.draw("replaying", int64(n), int64(history.Alarms)) }
		}
		all.Go(func() { reports[i], failed[i] = history.Replay(policy, assumed, progress) })
	}
	all.Wait()
	return reports, errors.Join(failed...)
}

// show prints the reports, and writes the page.
func (b *backtestCommand) show(c *console, history *backtest.History, reports []*backtest.Report,
	names []string, assumed backtest.Assumptions) error {
	if b.JSON {
		if err := printBacktest(c.out, history, reports, names, b.Top); err != nil {
			return err
		}
	}
	const onPage = 200
	page := backtest.Page{Names: names, Reports: reports, Assumed: suppositions(history, assumed),
		Top: max(b.Top, 1)}
	if len(reports) == 2 {
		if err := page.Compare(history, max(onPage, b.Top)); err != nil {
			return err
		}
	}
	if !b.JSON {
		if err := b.print(c, &page); err != nil {
			return err
		}
	}
	if b.HTML == "" {
		return nil
	}
	if err := writeBacktest(b.HTML, &page); err != nil {
		return cannotRead(b.HTML, err)
	}
	return nil
}

func writeBacktest(name string, page *backtest.Page) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(file)
	err = page.Write(out)
	return errors.Join(err, out.Flush(), file.Close())
}

// suppositions says what the replay rests on.
func suppositions(history *backtest.History, a backtest.Assumptions) []string {
	said := []string{
		fmt.Sprintf("The function runs in %s, for account %s; each alarm arrives %v after its "+
			"time, or after a topic took it in.", history.Region,
			or(history.Account, "(none named)"), a.Delay),
		fmt.Sprintf("Supposed of an instance: Running, unlocked, opted in (%s); its guest fell "+
			"silent %v before its alarm, or when it last worked; the first graceful reboot "+
			"works, takes %v, and the guest reports %v later.", a.Instance.Tag, a.Silent,
			a.Restart, a.Report),
		"Supposed of the rest: nobody else acts, the ledger never fails, an invocation lives as " +
			"long as its incident.",
	}
	if n := len(a.Instances); n > 0 {
		said = append(said, counted(n, "instance is", "instances are")+" as the file says.")
	}
	return said
}

func or(text, none string) string {
	if text == "" {
		return none
	}
	return text
}

// print prints the reports as tables.
func (b *backtestCommand) print(c *console, all *backtest.Page) error {
	p := newPage(c)
	first := all.Reports[0]
	p.text(bold, "Backtest of "+counted(first.Alarms, "alarm", "alarms")+", from "+
		shortTime(first.First)+" to "+shortTime(first.Last))
	for _, line := range all.Assumed {
		p.text(faint, line)
	}
	for i, r := range all.Reports {
		p.gap()
		name := all.Names[i]
		if i == 0 {
			name = "This policy"
		}
		b.printReport(p, name, r)
	}
	if len(all.Reports) == 2 {
		p.gap()
		b.printDifferences(p, all)
	}
	return p.err
}

func (b *backtestCommand) printReport(p *page, name string, r *backtest.Report) {
	p.text(bold, name+" (mode "+string(r.Policy.Mode)+")")
	would := func(verdict remedy.Verdict, words string, more string) {
		if n := r.Total(verdict); n > 0 {
			p.beside(fmt.Sprintf("  %12s  ", backtest.Grouped(n)), 16, words+more)
		}
	}
	reboots := "; " + counted(r.Reboots, "reboot", "reboots") + ", " +
		backtest.Grouped(r.Forced) + " of them forced"
	would(remedy.VerdictRestarted, "would restart", reboots)
	would(remedy.VerdictObserved, "would restart (observe mode sends nothing)", "")
	would(remedy.VerdictFailed, "would need a human", "")
	would(remedy.VerdictWaiting, "would wait for a slot", waits(r.Waited))
	would(remedy.VerdictRefused, "would be refused", "")
	would(remedy.VerdictIgnored, "would be ignored", "")
	would(remedy.VerdictMalformed, "could not be understood", "")
	p.gap()
	var verdicts, limits, instances [][]string
	for _, v := range r.Verdicts {
		verdicts = append(verdicts, []string{string(v.Verdict) + "/" + string(v.Reason),
			backtest.Grouped(v.N), toTheMinute(v.First), toTheMinute(v.Last)})
	}
	p.grid([]string{"verdict/reason", "results", "first", "last"},
		[]bool{false, true, false, false}, verdicts)
	for _, l := range r.Limits() {
		worst := toTheMinute(l.WorstAt)
		if l.WorstAt.UTC().Year() == l.First.UTC().Year() { // which says the year
			_, worst, _ = strings.Cut(worst, "-")
		}
		limits = append(limits, []string{l.Variable, backtest.Grouped(l.N) + " " +
			string(l.Verdict.Verdict), toTheMinute(l.First), backtest.Grouped(l.Worst) + " from " +
			worst})
	}
	if len(limits) > 0 {
		p.gap()
		p.grid([]string{"limit", "alarms", "first", "most in an hour"}, make([]bool, 4), limits)
	}
	if h := r.Busiest; h != nil {
		p.gap()
		p.beside("  ", 2, "Busiest hour: "+toTheMinute(h.At)+", with "+
			counted(h.Alarms, "alarm", "alarms")+", "+counted(h.Reboots, "reboot", "reboots")+
			", "+backtest.Grouped(h.Refused)+" refused")
	}
	if len(r.Instances) == 0 || b.Top == 0 {
		return
	}
	p.gap()
	shown := r.Instances[:min(b.Top, len(r.Instances))]
	for _, l := range shown {
		row := []string{plain(l.Name)}
		for _, n := range []int{l.Alarms, l.Restarted, l.Reboots, l.Forced, l.Failed, l.Refused} {
			row = append(row, backtest.Grouped(n))
		}
		instances = append(instances, row)
	}
	p.grid([]string{"instance", "alarms", "restarted", "reboots", "forced", "failed", "refused"},
		[]bool{false, true, true, true, true, true, true}, instances)
	if rest := len(r.Instances) - len(shown); rest > 0 {
		p.print("  and " + backtest.Grouped(rest) + " more")
	}
	if r.Many {
		p.beside("  ", 2, "("+counted(r.Others.Alarms, "alarm", "alarms")+
			" of further instances: they are not counted one by one)")
	}
}

func (b *backtestCommand) printDifferences(p *page, all *backtest.Page) {
	if all.Different == 0 {
		p.text(bold, "Every alarm ends the same under both policies.")
		return
	}
	p.text(bold, counted(all.Different, "alarm ends", "alarms end")+" in another way")
	p.gap()
	for _, change := range all.Changes[:min(b.Top, len(all.Changes))] {
		p.beside(fmt.Sprintf("  %12s  ", backtest.Grouped(change.N)), 16,
			fmt.Sprintf("%s -> %s", change.First, change.Second))
	}
	if rest := len(all.Changes) - b.Top; rest > 0 {
		p.print(fmt.Sprintf("  %12s  and %s more", "", counted(rest, "way", "ways")))
	}
	p.gap()
	shown := all.Differences[:min(b.Top, len(all.Differences))]
	for _, d := range shown {
		at := "no time"
		if !d.Time.IsZero() {
			at = shortTime(d.Time)
		}
		name := plain(d.Instance)
		p.beside(fmt.Sprintf("  %-19s  %s%s  ", at, name, pad(name, 22)), 25+max(22, wide(name)),
			fmt.Sprintf("%s -> %s", d.First, d.Second))
	}
	if rest := all.Different - len(shown); rest > 0 {
		p.beside("  ", 2, "and "+backtest.Grouped(rest)+
			" more: --top N, or --json for all of them")
	}
}

// waits says how long alarms waited.
func waits(all []time.Duration) string {
	if len(all) == 0 {
		return ""
	}
	mean, most := waited(all)
	return fmt.Sprintf(", %v on average and %v at most", mean, most)
}

// waited is how long alarms waited on average and at most, in whole seconds.
func waited(all []time.Duration) (mean, most time.Duration) {
	var sum time.Duration
	for _, d := range all {
		sum += d
		most = max(most, d)
	}
	mean = sum / time.Duration(max(1, len(all)))
	return mean.Round(time.Second), most.Round(time.Second)
}

func toTheMinute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

func shortTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

// counted is a number with its noun.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return backtest.Grouped(n) + " " + many
}

// busiestHour is the hour with the most alarms, as JSON shows it.
type busiestHour struct {
	At      time.Time `json:"at"`
	Alarms  int       `json:"alarms"`
	Reboots int       `json:"reboots"`
	Forced  int       `json:"forced"`
	Refused int       `json:"refused"`
}

// policyJSON is what came of the history under one policy, as JSON shows it. Durations are in
// seconds.
type policyJSON struct {
	Name      string         `json:"name"`
	Mode      string         `json:"mode"`
	Reboots   int            `json:"reboots"`
	Forced    int            `json:"forced"`
	MeanWait  float64        `json:"meanWait"`
	MostWait  float64        `json:"mostWait"`
	Verdicts  map[string]int `json:"verdicts"`
	Busiest   *busiestHour   `json:"busiestHour"`
	Limits    []limitJSON    `json:"limits"`
	Instances []loadJSON     `json:"instances"` // those with the most alarms
}

// limitJSON is a limit that held alarms back.
type limitJSON struct {
	Variable string         `json:"variable"`
	Verdict  remedy.Verdict `json:"verdict"`
	Reason   remedy.Reason  `json:"reason"`
	Times    int            `json:"times"`
	First    time.Time      `json:"first"`
	Last     time.Time      `json:"last"`
	Most     int            `json:"mostInAnHour"`
	MostAt   time.Time      `json:"mostAt"`
}

// loadJSON is what became of the alarms of an instance.
type loadJSON struct {
	Name      string `json:"name"`
	Alarms    int    `json:"alarms"`
	Restarted int    `json:"restarted"`
	Reboots   int    `json:"reboots"`
	Forced    int    `json:"forced"`
	Failed    int    `json:"failed"`
	Refused   int    `json:"refused"`
}

func policyFigures(name string, r *backtest.Report, top int) policyJSON {
	p := policyJSON{Name: name, Mode: string(r.Policy.Mode), Reboots: r.Reboots, Forced: r.Forced,
		Verdicts: r.Counts(), Limits: []limitJSON{}, Instances: []loadJSON{}}
	mean, most := waited(r.Waited)
	p.MeanWait, p.MostWait = mean.Seconds(), most.Seconds()
	if h := r.Busiest; h != nil {
		p.Busiest = &busiestHour{h.At, h.Alarms, h.Reboots, h.Forced, h.Refused}
	}
	for _, l := range r.Limits() {
		p.Limits = append(p.Limits, limitJSON{l.Variable, l.Verdict.Verdict, l.Reason, l.N, l.First,
			l.Last, l.Worst, l.WorstAt})
	}
	for _, l := range r.Instances[:min(top, len(r.Instances))] {
		p.Instances = append(p.Instances, loadJSON{l.Name, l.Alarms, l.Restarted, l.Reboots,
			l.Forced, l.Failed, l.Refused})
	}
	return p
}

// printBacktest prints one document. Its differences are written as they are found: there may be as
// many as alarms.
func printBacktest(w io.Writer, history *backtest.History, reports []*backtest.Report,
	names []string, top int) error {
	out := bufio.NewWriter(w)
	r := reports[0]
	policies := make([]policyJSON, len(reports))
	for i := range reports {
		policies[i] = policyFigures(names[i], reports[i], top)
	}
	head, err := json.MarshalIndent(struct {
		Verdicts map[string]int `json:"verdicts"`
		Busiest  *busiestHour   `json:"busiestHour"`
		Policies []policyJSON   `json:"policies"`
	}{policies[0].Verdicts, policies[0].Busiest, policies}, "", "  ")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "{\n  \"alarms\": %d,%s,\n  \"differences\": [", r.Alarms,
		strings.TrimSuffix(string(head[1:]), "\n}"))
	separator := "\n    "
	if len(reports) == 2 {
		err = history.Differences(reports[0], reports[1], func(d backtest.Difference) bool {
			var line []byte
			if line, err = json.Marshal(d); err != nil {
				return false
			}
			out.WriteString(separator)
			out.Write(line)
			separator = ",\n    "
			return true
		})
	}
	if err != nil {
		return err
	}
	if separator != "\n    " {
		out.WriteString("\n  ")
	}
	out.WriteString("]\n}\n")
	return out.Flush()
}

// share is a bar on a terminal's last line that shows how much is done. Elsewhere it shows nothing.
// One goroutine at a time draws it.
type share struct {
	out   io.Writer // nil: not shown
	width int       // of the terminal in columns; zero: it is not known
	drawn time.Time
	what  string // was drawn last
}

// newShare shows the bar on standard error, if that is a terminal.
func newShare(c *console) *share {
	s := &share{width: c.barWidth}
	if c.live {
		s.out = c.err
	}
	return s
}

// draw says how much is done, ten times a second at most, and always how each piece of work begins
// and ends. It fails silently: nothing depends on the bar.
func (s *share) draw(what string, done, all int64) {
	if s.out == nil || what == s.what && done < all && time.Since(s.drawn) < 100*time.Millisecond {
		return
	}
	s.drawn, s.what = time.Now(), what
	if all <= 0 {
		fmt.Fprintf(s.out, "\r\x1b[K%s, %d KB", what, done>>10)
		return
	}
	fmt.Fprint(s.out, "\r\x1b[K"+bar(s.width, done, all,
		fmt.Sprintf("%s, %d %%", what, min(done, all)*100/all)))
}

// end takes the bar away.
func (s *share) end() {
	if s.out != nil {
		fmt.Fprint(s.out, "\r\x1b[K")
		s.out = nil
	}
}
