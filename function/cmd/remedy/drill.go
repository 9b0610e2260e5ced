package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/drill"
	"ecs-remedy/function/internal/handle"
	"ecs-remedy/function/internal/remedy"
	"ecs-remedy/function/internal/report"
	"ecs-remedy/function/internal/timeline"
)

type drillCommand struct {
	Files []string `arg:"" predictor:"alarm" optional:"" name:"file" help:"${help_alarms}"`

	Guest string `default:"${a_hang}" predictor:"guest" placeholder:"NAME" help:"${help_guest}"`

	Fault []string `predictor:"fault" placeholder:"NAME" sep:"none" help:"${help_fault}"`

	Mode string `enum:"${modes}" default:"enforce" placeholder:"MODE" help:"${help_mode}"`

	Ledger  string `default:"mem:" placeholder:"URL" help:"${help_store}"`
	Account string `placeholder:"ID" help:"${help_own}"`
	JSON    bool   `name:"json" help:"${help_json}"`
	HTML    string `name:"html" placeholder:"FILE" help:"${help_html}"`
	langFlag
	List bool `help:"List the guests, the faults and the embedded samples."`
}

// Help says what the flags' own lines have no room for.
func (drillCommand) Help() string {
	return `The alarm goes through the code that runs in Function Compute, and its calls, signed
by the SDK, to an ECS that is simulated. Time is virtual: an incident of half an hour takes less
than a second. Without a file, the alarm says that an instance hangs, and is always the same but for
its time.

The simulated account holds the instances that the alarm names, opted in by their tag, and the drill
begins 30 s after the alarm's time. Every file has a world of its own. The REMEDY_* variables are in
force, but for the mode and the ledger. A ledger that outlives the drill remembers its incidents:
never name that of a real function.

An event of an HTTP trigger needs no token unless REMEDY_HTTP_TOKEN is set; what it leaves open is
taken up by a timer's sweep every minute, as in a deployment.

Examples:

    remedy drill
    remedy drill --guest dead --fault describe-flaky system-event-agent-stopped
    remedy drill --json alarms/*.json
    remedy drill --list

Exit status: 0 where every alarm was answered as it should be: restarted, observed, refused or
ignored. 1 where a human would be needed: failed, pending, or malformed as a part of a batch. 2 for
wrong usage, a wrong environment or a file that cannot be read or understood. The worst of all files
counts.`
}

// Run drills every file, and says how that went with its error.
func (d *drillCommand) Run(c *console) error {
	if d.List {
		return list(c, d.JSON)
	}
	if d.JSON && d.HTML == "-" {
		return hinted{errors.New("--html -: standard output is the JSON document's"),
			"name a file: --html page.html"}
	}
	scenario, err := newScenario(d.Guest, d.Fault)
	if err != nil {
		return err
	}
	settings, err := c.load(d.Mode, d.Ledger)
	if err != nil {
		return err
	}
	if settings.Ledger.Kind != config.LedgerMemory {
		c.warn("the time of this drill is virtual, but its incidents are real in " +
			settings.Ledger.Name + ": a function that uses that ledger counts them")
	}
	if slices.Contains(d.Files, "") {
		return hinted{errors.New("a file without a name"), "an empty variable, perhaps; without " +
			"any file drill takes its own alarm"}
	}
	files := d.Files
	if len(files) == 0 {
		files = []string{""}
	}
	response := handle.Response{Results: []remedy.Result{}}
	worst := 0
	var told []report.Story
	for n, file := range files {
		results, page, err := d.drill(c, settings, scenario, file, n)
		if err != nil {
			worst = max(worst, c.fail(err))
			continue
		}
		response.Results = append(response.Results, results...)
		told = append(told, page...)
		for _, r := range results {
			switch r.Verdict {
			case remedy.VerdictFailed, remedy.VerdictPending, remedy.VerdictMalformed:
				worst = max(worst, 1)
			}
		}
	}
	if d.JSON {
		if err := printJSON(c, response); err != nil {
			return err
		}
	}
	if d.HTML != "" && len(told) > 0 {
		said := c.out
		if d.JSON {
			said = c.err // nothing else stands beside the JSON
		}
		if err := writePage(c, said, d.words(c), d.HTML, told...); err != nil {
			return err
		}
	}
	return []error{nil, errNotWell, errSaid}[worst]
}

// drill plays one file, the nth, and returns its results, and what a page tells of them.
func (d *drillCommand) drill(c *console, settings config.Config, scenario drill.Scenario,
	file string, n int) ([]remedy.Result, []report.Story, error) {
	real := time.Now()
	now := real.UTC().Round(time.Second)
	event, err := drill.Default(now)
	if file != "" {
		event, err = c.read(file)
	}
	if err != nil {
		return nil, nil, err
	}
	settings, event, err = drill.Admit(settings, event)
	if err != nil {
		return nil, nil, err
	}
	page := newPage(c)
	if d.JSON {
		page.out = io.Discard
	}
	if n > 0 {
		page.gap()
	}
	line := &printer{page: page, event: event, start: event.Starts(now)}
	var entries []timeline.Entry
	recorder := timeline.NewRecorder(event.Alarms, line.start, func(e timeline.Entry) {
		entries = append(entries, e)
		line.entry(e)
	})
	store, err := app.OpenStore(settings, c.credentials())
	if err != nil {
		return nil, nil, hinted{unopened(app.Unopened(err), d.Ledger),
			"--ledger mem: needs nothing"}
	}
	options := drill.Options{Settings: settings, Event: event, Scenario: scenario,
		Start: line.start, Account: d.Account, Store: store, Watcher: recorder}
	if d.HTML != "" {
		if options.Evidence, err = os.MkdirTemp("", "ecs-remedy-drill-"); err != nil {
			store.Close() // nothing was written
			return nil, nil, hinted{err, "a TMPDIR that can be written"}
		}
		defer os.RemoveAll(options.Evidence) // the page holds what it held
	}
	sim, err := drill.Simulate(options)
	if err != nil {
		store.Close() // nothing was written
		return nil, nil, err
	}
	defer sim.Function.Close() // every write was answered before
	line.begin(scenario)
	recorder.Begin()
	results, err := sim.Play(context.Background(), event.Payload, recorder)
	if err != nil {
		return nil, nil, hinted{fmt.Errorf("%s: %w", event.Name, err),
			"unset REMEDY_HTTP_TOKEN to drill the alarm behind the token"}
	}
	line.end(sim.Clock.Now(), time.Since(real))
	return results, drill.Stories(d.words(c), event, entries, results, sim.Shelf), page.err
}

// printJSON prints a value as the command's only output.
func printJSON(c *console, value any) error {
	encoder := json.NewEncoder(c.out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
