package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/doctor"
	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
	"ecs-remedy/function/internal/report"
)

// ledgerFlag says which ledger an operator means.
type ledgerFlag struct {
	Ledger string `placeholder:"URL" help:"${help_ledger}"`
}

// open opens the ledger of a function that runs elsewhere. The returned configuration is the
// environment's, so the limits by which records are judged are the function's only where the
// environment is.
func (l *ledgerFlag) open(c *console) (config.Config, app.Books, error) {
	none := func(settings config.Config, err error, hint string) (config.Config, app.Books, error) {
		return settings, app.Books{}, hinted{err, hint}
	}
	given, name := strings.TrimSpace(l.Ledger), "--ledger"
	if given == "" {
		name = "REMEDY_LEDGER"
	}
	if given == "" && strings.TrimSpace(c.getenv("REMEDY_LEDGER")) == "" {
		return none(config.Config{},
			errors.New("which ledger? There is no --ledger, and REMEDY_LEDGER is not set"),
			"give it the function's own, such as --ledger redis://HOST:6379")
	}
	settings, err := c.load("observe", given) // the mode decides nothing here
	if err != nil {
		return settings, app.Books{}, err
	}
	switch settings.Ledger.Kind {
	case config.LedgerMemory:
		return none(settings, fmt.Errorf("%s mem: is the memory of one process, and no other can "+
			"see it",
			name), "run the function with a ledger that both can reach: redis://…, rediss://… or "+
			"ots://…, or bolt:///PATH on one machine")
	case config.LedgerBolt:
		// Opening would make an empty one, and a typo would look like a ledger that holds nothing.
		if _, err := os.Stat(settings.Ledger.Path); errors.Is(err, fs.ErrNotExist) {
			return none(settings, fmt.Errorf("%s: ledger file %s does not exist", name,
				settings.Ledger.Path), "check the path; the function makes the file when it starts")
		}
	case config.LedgerTablestore:
		if keys := c.credentials(); keys.AccessKeyID == "" || keys.AccessKeySecret == "" {
			return none(settings,
				fmt.Errorf("%s: ledger %s needs credentials, and there are none in "+
					"the environment", name, settings.Ledger.Name), credentialsHint)
		}
	}
	books, err := app.OpenLedger(settings, c.credentials())
	return settings, books, unopened(err, given)
}

const credentialsHint = "set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, " +
	"and for a role ALIBABA_CLOUD_SECURITY_TOKEN"

// ledgerHelp is what the help of every command says that opens the function's ledger.
const ledgerHelp = `
A ledger ots://… is opened with ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET and,
for a role, ALIBABA_CLOUD_SECURITY_TOKEN. The first line says when the function was last seen in the
ledger.
`

// begin prints the function's sign of life as the first line of a page.
func (l *ledgerFlag) begin(c *console, books app.Books, settings config.Config) (
	*page, *doctor.Function, error) {
	sign, err := lifeIn(context.Background(), books, c.now())
	if err != nil {
		return nil, nil, err
	}
	p := newPage(c)
	p.begin(sign, settings.Ledger.Name, c.now())
	return p, sign, nil
}

// recordsFlags say which records of which ledger.
type recordsFlags struct {
	ledgerFlag
	Mode *string `enum:"enforce,observe" placeholder:"MODE" help:"${help_records}"`
}

// book picks the records.
func (r *recordsFlags) book(c *console, books app.Books) (*ledger.Records, remedy.Mode) {
	mode := c.getenv("REMEDY_MODE")
	if r.Mode != nil {
		mode = *r.Mode
	}
	if mode == string(remedy.ModeObserve) {
		return books.Observe, remedy.ModeObserve
	}
	return books.Enforce, remedy.ModeEnforce
}

type closeCommand struct {
	recordsFlags
	Incident string `arg:"" help:"${help_listed}"`
}

// Help says what the flags' own lines have no room for.
func (closeCommand) Help() string {
	return `The incident ends as failed/abandoned, and nothing more is sent for it, even if a
function is at work on it. An attempt that was sent already cannot be taken back. The instance cools
down as after any other incident.
` + ledgerHelp + `
Examples:

    remedy close i-bp1abcdefghijklmnopq/20261123T074201Z
    remedy close --ledger redis://HOST:6379 i-bp1abcdefghijklmnopq/20261123T074201Z

Exit status: 0 closed; 2 no such incident is open, wrong usage, or a ledger that cannot be reached.`
}

// Run ends the incident.
func (cl *closeCommand) Run(c *console) error {
	settings, books, err := cl.open(c)
	if err != nil {
		return err
	}
	defer books.Store.Close() // every write was answered before
	book, mode := cl.book(c, books)
	p, _, err := cl.begin(c, books, settings)
	if err != nil {
		return err
	}
	ended, err := book.Close(context.Background(), cl.Incident)
	if errors.Is(err, ledger.ErrNotOpen) {
		return hinted{fmt.Errorf("%w, among the records of mode %s", err, mode),
			"remedy incidents lists those that are open, under their whole names INSTANCE/TIME"}
	}
	if err != nil {
		return err
	}
	tried := "before anything was sent for it"
	if all := report.In(report.LangEnglish).Tried(ended.Views()); all != "" {
		tried = "after " + all
	}
	p.text(normal, fmt.Sprintf("Closed %s by hand, %s. It counts as %s/%s.", ended.ID, tried,
		ended.Verdict, ended.Reason))
	p.text(normal, fmt.Sprintf("The instance is left alone until %s, or until remedy reset %s.",
		local(ended.EndedAt.Add(settings.Policy.Cooldown)), ended.Instance))
	return p.err
}

type resetCommand struct {
	recordsFlags
	Instance string `arg:"" help:"The instance's id."`
}

// Help says what the flags' own lines have no room for.
func (resetCommand) Help() string {
	return `The incidents that the instance has had count no longer, neither for its cool-down nor
for its budget. While an incident is open, nothing is forgotten; and alarms from before the last
recovery stay too old to open another. An alarm that was refused is not judged again: it is the next
one that counts.
` + ledgerHelp + `
Examples:

    remedy reset i-bp1abcdefghijklmnopq
    remedy reset --mode observe i-bp1abcdefghijklmnopq

Exit status: 0 forgotten, or there was nothing to forget; 2 an incident is open, the ledger does not
know the instance, wrong usage, or a ledger that cannot be reached.`
}

// Run forgets what the instance's incidents cost it.
func (r *resetCommand) Run(c *console) error {
	settings, books, err := r.open(c)
	if err != nil {
		return err
	}
	defer books.Store.Close() // every write was answered before
	book, mode := r.book(c, books)
	p, _, err := r.begin(c, books, settings)
	if err != nil {
		return err
	}
	forgiven, err := book.Reset(context.Background(), r.Instance)
	if errors.Is(err, ledger.ErrNoRecord) {
		return hinted{fmt.Errorf("%w, among the records of mode %s", err, mode),
			"remedy incidents lists those that it knows"}
	}
	if errors.Is(err, ledger.ErrOpen) {
		return hinted{err, "wait for its end, or close it: remedy close " + r.Instance + "/TIME"}
	}
	if err != nil {
		return err
	}
	if forgiven == 0 {
		p.text(normal, "Nothing to forget: no incident of "+r.Instance+" counts.")
		return p.err
	}
	p.text(normal, fmt.Sprintf("Forgot what %s of %s cost: it cools down no longer, and its "+
		"budget is "+
		"whole again.", plural(forgiven, "incident"), r.Instance))
	p.text(normal, "The next alarm about it counts. Those that were refused before are not "+
		"judged again.")
	return p.err
}

type pauseCommand struct {
	ledgerFlag
	Until  string   `placeholder:"T" help:"${help_until}"`
	Anyway bool     `help:"Pause even where no function ever wrote to the ledger."`
	Reason []string `arg:"" optional:"" help:"Why, for whoever reads a refusal."`
}

// Help says what the flags' own lines have no room for.
func (pauseCommand) Help() string {
	return `Nothing is claimed from then on, by any function that uses the ledger and in any mode;
what was sent before is still watched. Alarms are refused as paused while it lasts, and are not
replayed later; those that wait for a slot go on waiting. A pause replaces the one before. A time of
day is in the time zone of this machine, or of the variable TZ; where the clocks are put forward
over it, it is the time that they then show.

Where no function ever wrote to the ledger, nothing is written: that pause would stop nobody.
` + ledgerHelp + `
Examples:

    remedy pause storage maintenance
    remedy pause --until 2h storage maintenance
    remedy pause --until 06:30 --ledger redis://HOST:6379 storage maintenance

Exit status: 0 paused; 1 no function ever wrote to the ledger, and nothing is paused; 2 wrong usage,
or a ledger that cannot be reached.`
}

// pauseForm is what a pause looks like.
const pauseForm = "remedy pause --until 2h REASON"

// check reads the arguments: why, and until when (zero: until resumed).
func (pa *pauseCommand) check(now time.Time) (reason string, until time.Time, err error) {
	reason = strings.TrimSpace(plain(strings.Join(pa.Reason, " ")))
	first, rest, _ := strings.Cut(reason, " ")
	switch {
	case reason == "":
		return "", until, hinted{errors.New("a pause needs a reason"),
			"say why in a few words: " + pauseForm}
	case pa.Until == "" && isTime(first) && rest == "":
		return "", until, hinted{fmt.Errorf("%s is when the pause would end, and it needs a "+
			"reason, too",
			strconv.Quote(first)), "write " + strings.Replace(pauseForm, "2h", first, 1)}
	case pa.Until == "" && isTime(first):
		return "", until, hinted{fmt.Errorf("%s looks like the end of the pause, not like the "+
			"beginning "+
			"of its reason", strconv.Quote(first)), "write remedy pause --until " + reason}
	case pa.Until == "":
		return reason, until, nil
	}
	until, err = later(pa.Until, now)
	return reason, until.UTC(), err
}

// Run pauses both sets of records.
func (pa *pauseCommand) Run(c *console) error {
	now := c.now()
	reason, until, err := pa.check(now.Local())
	if err != nil {
		return err
	}
	settings, books, err := pa.open(c)
	if err != nil {
		return err
	}
	defer books.Store.Close() // every write was answered before
	p, sign, err := pa.begin(c, books, settings)
	if err != nil {
		return err
	}
	if sign == nil && !pa.Anyway {
		return unwell{hinted{fmt.Errorf("nothing is paused: no function ever wrote to %s, so a "+
			"pause "+
			"there would stop nobody", settings.Ledger.Name),
			"give the function's own REMEDY_LEDGER; --anyway pauses nevertheless"}}
	}
	replaced, err := books.Enforce.Pause(context.Background(), until, reason)
	if err != nil {
		return hinted{fmt.Errorf("not known whether it is paused: %w", err),
			"try again, and see remedy incidents"}
	}
	if _, err := books.Observe.Pause(context.Background(), until, reason); err != nil {
		return hinted{fmt.Errorf("mode enforce is paused, but of mode observe that is not known: "+
			"%w",
			err), "try again"}
	}
	p.text(normal, paused(remedy.Pause{Since: now, Until: until, Reason: reason}))
	if replaced.On(now) {
		p.text(yellow, "It replaces another pause. That one said: "+paused(replaced))
	}
	p.text(normal, "Attempts that were claimed before are still watched. remedy resume ends the "+
		"pause.")
	return p.err
}

// isTime reports whether a word is a time as --until takes one, to come or not.
func isTime(word string) bool {
	_, err := time.ParseDuration(word)
	if err != nil {
		_, err = time.Parse("15:04", word)
	}
	if err != nil {
		_, err = time.Parse(time.RFC3339, word)
	}
	return err == nil
}

// later reads a time that is still to come: RFC 3339, a time of day in now's zone, or a duration
// from now.
func later(text string, now time.Time) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, text)
	if clock, wrong := time.Parse("15:04", text); wrong == nil {
		day := func(days int) time.Time {
			return time.Date(now.Year(), now.Month(), now.Day()+days, clock.Hour(), clock.Minute(),
				0, 0,
				now.Location())
		}
		if at, err = day(0), nil; !at.After(now) {
			at = day(1)
		}
	} else if d, wrong := time.ParseDuration(text); wrong == nil {
		at, err = now.Add(d), nil
	}
	switch {
	case err != nil:
		return at, hinted{fmt.Errorf("--until %s is not a time", strconv.Quote(text)),
			"write 2h, 15:04 or 2026-11-23T15:04:05+08:00"}
	case !at.After(now):
		return at, hinted{fmt.Errorf("--until %s is %s, which is over", strconv.Quote(text),
			local(at)),
			"name a time that is still to come"}
	}
	return at, nil
}

type resumeCommand struct{ ledgerFlag }

// Help says what the flags' own lines have no room for.
func (resumeCommand) Help() string {
	return `Functions claim attempts again at once. What was refused during the pause is not
replayed. Where the record that a pause stands in was lost, nothing opens until remedy resume says
that nothing is paused.
` + ledgerHelp + `
Examples:

    remedy resume
    remedy resume --ledger redis://HOST:6379

Exit status: 0 nothing is paused now; 2 wrong usage, or a ledger that cannot be reached.`
}

// Run ends the pause of both sets of records.
func (r *resumeCommand) Run(c *console) error {
	settings, books, err := r.open(c)
	if err != nil {
		return err
	}
	defer books.Store.Close() // every write was answered before
	p, _, err := r.begin(c, books, settings)
	if err != nil {
		return err
	}
	observing, err := books.Observe.Resume(context.Background())
	if err != nil {
		return hinted{fmt.Errorf("not resumed: %w", err), "try again"}
	}
	enforcing, err := books.Enforce.Resume(context.Background())
	if err != nil {
		return hinted{fmt.Errorf("mode observe has resumed, but of mode enforce that is not "+
			"known: %w",
			err), "try again"}
	}
	if enforcing || observing {
		p.text(normal, "Resumed: alarms open incidents again.")
	} else {
		p.text(normal, "Nothing was paused.")
	}
	return p.err
}

// paused says in a sentence that everything is paused.
func paused(p remedy.Pause) string {
	until := "resumed"
	if !p.Until.IsZero() {
		until = local(p.Until)
	}
	return fmt.Sprintf("Paused since %s until %s: %s", local(p.Since), until, p.Reason)
}

// attempts is an incident's attempts in words.
func attempts(all []remedy.Attempt) string {
	if len(all) == 0 {
		return "no attempt"
	}
	words := make([]string, len(all))
	for i, a := range all {
		how := "graceful"
		if a.Force {
			how = "forced"
		}
		words[i] = how + " " + string(a.Outcome())
		if a.Code != "" {
			words[i] += " (" + a.Code + ")"
		}
	}
	return strings.Join(words, ", ")
}

// local is a time in this machine's zone, to the second, with the zone.
func local(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05Z07:00") }

// plural is a number of things.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}
