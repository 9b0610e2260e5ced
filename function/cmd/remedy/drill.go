package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/handle"
	"ecs-remedy/function/internal/remedy"
)

type drillCommand struct {
	Files   []string `arg:"" predictor:"alarm" optional:"" name:"file" help:"Alarms: files, - for standard input, or names of samples."`
	Guest   string   `default:"ignores-graceful" predictor:"guest" placeholder:"NAME" help:"How the simulated guests behave (${default})."`
	Fault   []string `predictor:"fault" placeholder:"NAME" sep:"none" help:"Something that goes wrong on the way; may be repeated."`
	Mode    string   `enum:"enforce,observe,off" default:"enforce" placeholder:"MODE" help:"In place of REMEDY_MODE (${default})."`
	Ledger  string   `default:"mem:" placeholder:"URL" help:"In place of REMEDY_LEDGER (${default}, gone after each file)."`
	Account string   `placeholder:"ID" help:"The account that the function works for (the alarm's own)."`
	JSON    bool     `name:"json" help:"Print one JSON document with the results of all files, and nothing else."`
	HTML    string   `name:"html" placeholder:"FILE" help:"Not part of this version."`
	List    bool     `help:"List the guests, the faults and the embedded samples."`
}

// Help says what the flags' own lines have no room for.
func (drillCommand) Help() string {
	return `The alarm goes through the code that runs in Function Compute, and its calls, signed by the SDK, to an ECS that is
simulated. Time is virtual: an incident of half an hour takes less than a second. Without a file, the alarm says that an
instance hangs, and is always the same but for its time.

The simulated account holds the instances that the alarm names, opted in by their tag, and the drill begins 30 s after the
alarm's time. Every file has a world of its own. The REMEDY_* variables are in force, but for the mode and the ledger. A ledger
that outlives the drill remembers its incidents: never name that of a real function.

An event of an HTTP trigger needs no token unless REMEDY_HTTP_TOKEN is set; what it leaves open is taken up by a timer's
sweep every minute, as in a deployment.

Examples:

    remedy drill
    remedy drill --guest dead --fault describe-flaky system-event-agent-stopped
    remedy drill --json alarms/*.json
    remedy drill --list

Exit status: 0 where every alarm was answered as it should be: restarted, observed, refused or ignored. 1 where a human would
be needed: failed, pending, or malformed as a part of a batch. 2 for wrong usage, a wrong environment or a file that cannot be
read or understood. The worst of all files counts.`
}

// Run drills every file, and says how that went with its error.
func (d *drillCommand) Run(c *console) error {
	if d.HTML != "" {
		return hinted{errors.New("--html is not part of this version"), "--json prints the results for another program"}
	}
	if d.List {
		return list(c)
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
		c.warn("the time of this drill is virtual, but its incidents are real in " + settings.Ledger.Name +
			": a function that uses that ledger counts them")
	}
	if slices.Contains(d.Files, "") {
		return hinted{errors.New("a file without a name"), "an empty variable, perhaps; without any file drill takes its own alarm"}
	}
	files := d.Files
	if len(files) == 0 {
		files = []string{""}
	}
	response := handle.Response{Results: []remedy.Result{}}
	worst := 0
	for n, file := range files {
		results, err := d.drill(c, settings, scenario, file, n)
		if err != nil {
			worst = max(worst, c.fail(err))
			continue
		}
		response.Results = append(response.Results, results...)
		for _, r := range results {
			if r.Verdict == remedy.VerdictFailed || r.Verdict == remedy.VerdictPending || r.Verdict == remedy.VerdictMalformed {
				worst = max(worst, 1)
			}
		}
	}
	if d.JSON {
		if err := printJSON(c, response); err != nil {
			return err
		}
	}
	return []error{nil, errNotWell, errSaid}[worst]
}

// drill plays one file, the nth, and returns its results.
func (d *drillCommand) drill(c *console, settings config.Config, s scenario, file string, n int) ([]remedy.Result, error) {
	real := time.Now()
	now := real.UTC().Round(time.Second)
	in, err := defaultAlarm(now)
	if file != "" {
		in, err = c.read(file)
	}
	if err != nil {
		return nil, err
	}
	payload, token, err := withToken(in.payload)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in.name, err)
	}
	if settings.HTTPToken == "" {
		settings.HTTPToken = token
	} else {
		payload = in.payload
	}
	page := newPage(c)
	if d.JSON {
		page.out = io.Discard
	}
	if n > 0 {
		page.gap()
	}
	line := newTimeline(page, in, in.starts(now))
	store, err := app.OpenStore(settings, c.credentials())
	if err != nil {
		return nil, hinted{err, "--ledger mem: needs nothing"}
	}
	sim, err := simulate(settings, in, s, line.start, d.Account, store, line)
	if err != nil {
		store.Close() // nothing was written
		return nil, err
	}
	defer sim.function.Close() // every write was answered before
	line.begin(in, s)
	results, err := play(sim, payload, line)
	if err != nil {
		return nil, hinted{fmt.Errorf("%s: %w", in.name, err), "unset REMEDY_HTTP_TOKEN to drill the alarm behind the token"}
	}
	line.end(results, sim.clock.Now(), time.Since(real))
	return results, page.err
}

// sweepEvery is the period of the timer in a deployment.
const sweepEvery = time.Minute

// sweeps is how many of the timer's sweeps a drill waits for: more than an incident's limit and a guest's boot take.
const sweeps = 180

// play delivers the event, and after it the timer's, as long as an incident is under way or an alarm waits.
func play(sim *simulation, payload []byte, line *timeline) ([]remedy.Result, error) {
	results, err := invoke(sim, payload)
	if err != nil {
		return nil, err
	}
	for range sweeps {
		if !underWay(results) {
			break
		}
		line.sweep(sim.clock.Now())
		if err := sim.clock.Sleep(context.Background(), sweepEvery); err != nil {
			return nil, err
		}
		_, err := invoke(sim, fmt.Appendf(nil, `{"triggerTime": %q, "triggerName": "sweep", "payload": ""}`,
			sim.clock.Now().UTC().Format(time.RFC3339)))
		if err != nil {
			return nil, err
		}
		for i := range results {
			if underWay(results[i : i+1]) {
				results[i] = sim.audit.last(results[i])
			}
		}
	}
	return results, nil
}

// underWay reports whether a sweep has something to take up.
func underWay(results []remedy.Result) bool {
	for _, r := range results {
		if r.Verdict == remedy.VerdictPending && r.Incident != "" || r.Verdict == remedy.VerdictWaiting {
			return true
		}
	}
	return false
}

// invoke delivers one event to the function. The errors by which the function asks for an event again, or to keep it, are
// verdicts here.
func invoke(sim *simulation, payload []byte) ([]remedy.Result, error) {
	answer, err := sim.function.Invoke(context.Background(), sim.invocation, payload)
	var pending *handle.Pending
	var malformed *handle.Malformed
	if err != nil && !errors.As(err, &pending) && !errors.As(err, &malformed) {
		return nil, err
	}
	switch answer := answer.(type) {
	case handle.Response:
		return answer.Results, nil
	case handle.HTTPResponse:
		var response handle.Response
		if err := json.Unmarshal([]byte(answer.Body), &response); err != nil {
			return nil, err
		}
		if answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusBadRequest {
			return nil, fmt.Errorf("the HTTP trigger answers %d: %s", answer.StatusCode, answer.Body)
		}
		return response.Results, nil
	}
	return nil, fmt.Errorf("the function answered with a %T", answer)
}

// printJSON prints a value as the command's only output.
func printJSON(c *console, value any) error {
	encoder := json.NewEncoder(c.out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
