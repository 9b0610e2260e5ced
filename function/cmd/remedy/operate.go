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
	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

// ledgerFlag says which ledger an operator means.
type ledgerFlag struct {
	Ledger string `placeholder:"URL" help:"The function's ledger (default: REMEDY_LEDGER): bolt:///PATH, redis://…, rediss://… or ots://INSTANCE.REGION/TABLE."`
}

// open opens the ledger of a function that runs elsewhere. The returned configuration is the environment's, so the limits by
// which records are judged are the function's only where the environment is.
func (l *ledgerFlag) open(c *console) (config.Config, app.Books, error) {
	url := strings.TrimSpace(l.Ledger)
	if url == "" {
		url = strings.TrimSpace(c.getenv("REMEDY_LEDGER"))
	}
	if url == "" {
		return config.Config{}, app.Books{}, hinted{errors.New("which ledger? There is no --ledger, and REMEDY_LEDGER is not set"),
			"give it the function's own, such as --ledger redis://HOST:6379"}
	}
	settings, err := c.load("observe", url) // the mode decides nothing here
	if err != nil {
		return settings, app.Books{}, err
	}
	switch settings.Ledger.Kind {
	case config.LedgerMemory:
		return settings, app.Books{}, hinted{errors.New("--ledger mem: is the memory of one process, and no other can see it"),
			"run the function with a ledger that both can reach: redis://…, rediss://… or ots://…, or bolt:///PATH on one machine"}
	case config.LedgerBolt:
		// Opening would make an empty one, and a typo would look like a ledger that holds nothing.
		if _, err := os.Stat(settings.Ledger.Path); errors.Is(err, fs.ErrNotExist) {
			return settings, app.Books{}, hinted{fmt.Errorf("ledger file %s does not exist", settings.Ledger.Path),
				"check the path; the function makes the file when it starts"}
		}
	case config.LedgerTablestore:
		if keys := c.credentials(); keys.AccessKeyID == "" || keys.AccessKeySecret == "" {
			return settings, app.Books{}, hinted{fmt.Errorf("ledger %s needs credentials, and there are none in the environment",
				settings.Ledger.Name), credentialsHint}
		}
	}
	books, err := app.OpenLedger(settings, c.credentials())
	return settings, books, err
}

const credentialsHint = "set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, and for a role " +
	"ALIBABA_CLOUD_SECURITY_TOKEN"

// recordsFlags say which records of which ledger.
type recordsFlags struct {
	ledgerFlag
	Mode *string `enum:"enforce,observe" placeholder:"MODE" help:"Whose records: enforce's or observe's (default: observe's where REMEDY_MODE says so, otherwise enforce's)."`
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
	Incident string `arg:"" help:"The incident's name, INSTANCE/TIME, as \"remedy incidents\" lists it."`
}

// Help says what the flags' own lines have no room for.
func (closeCommand) Help() string {
	return `The incident ends as failed/abandoned, and nothing more is sent for it, even if a function is at work on it. An attempt
that was sent already cannot be taken back. The instance cools down as after any other incident.`
}

// Run ends the incident.
func (cl *closeCommand) Run(c *console) error {
	settings, books, err := cl.open(c)
	if err != nil {
		return err
	}
	defer books.Store.Close() // every write was answered before
	book, _ := cl.book(c, books)
	ended, err := book.Close(context.Background(), cl.Incident)
	if errors.Is(err, ledger.ErrNotOpen) {
		return hinted{err, "remedy incidents lists those that are open, under their whole names INSTANCE/TIME"}
	}
	if err != nil {
		return err
	}
	p := newPage(c)
	p.text(normal, fmt.Sprintf("Closed %s as %s/%s after %s.", ended.ID, ended.Verdict, ended.Reason, attempts(ended.Attempts)))
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
	return `The incidents that the instance has had count no longer, neither for its cool-down nor for its budget. While an incident
is open, nothing is forgotten; and alarms from before the last recovery stay too old to open another.`
}

// Run forgets what the instance's incidents cost it.
func (r *resetCommand) Run(c *console) error {
	_, books, err := r.open(c)
	if err != nil {
		return err
	}
	defer books.Store.Close() // every write was answered before
	book, mode := r.book(c, books)
	forgiven, err := book.Reset(context.Background(), r.Instance)
	if errors.Is(err, ledger.ErrNoRecord) {
		return hinted{fmt.Errorf("%w, among the records of mode %s", err, mode), "remedy incidents lists those that it knows"}
	}
	if errors.Is(err, ledger.ErrOpen) {
		return hinted{err, "wait for its end, or close it: remedy close " + r.Instance + "/TIME"}
	}
	if err != nil {
		return err
	}
	p := newPage(c)
	if forgiven == 0 {
		p.text(normal, fmt.Sprintf("Nothing to forget: %s neither cools down nor has spent any of its incidents.", r.Instance))
	} else {
		p.text(normal, fmt.Sprintf("Forgot what %s of %s cost: its cool-down is over, and its budget is whole.",
			plural(forgiven, "incident"), r.Instance))
	}
	return p.err
}

type pauseCommand struct {
	ledgerFlag
	Until  string   `placeholder:"TIME" help:"When the pause ends by itself: 2h, 15:04 (the next time that it is that late here) or 2026-11-23T15:04:05+08:00. Default: at \"remedy resume\"."`
	Reason []string `arg:"" help:"Why, for whoever reads a refusal."`
}

// Help says what the flags' own lines have no room for.
func (pauseCommand) Help() string {
	return `From now on no function claims an attempt, in any mode; alarms are refused as paused, and are not replayed later.
Attempts that were claimed before are still watched. A pause replaces the one before. A time of day is in the time zone of this
machine, or of the variable TZ; where the clocks are put forward over it, it is the time that they then show.`
}

// Run pauses both sets of records, the one that can reboot first.
func (pa *pauseCommand) Run(c *console) error {
	reason := strings.TrimSpace(plain(strings.Join(pa.Reason, " ")))
	if reason == "" {
		return hinted{errors.New("a pause needs a reason"), "say why in a few words: remedy pause --until 2h storage maintenance"}
	}
	now := time.Now()
	var until time.Time
	if pa.Until != "" {
		var err error
		if until, err = later(pa.Until, now); err != nil {
			return err
		}
	}
	_, books, err := pa.open(c)
	if err != nil {
		return err
	}
	defer books.Store.Close() // every write was answered before
	if _, err := books.Enforce.Pause(context.Background(), until.UTC(), reason); err != nil {
		return hinted{fmt.Errorf("not known whether it is paused: %w", err), "try again, and see remedy incidents"}
	}
	if _, err := books.Observe.Pause(context.Background(), until.UTC(), reason); err != nil {
		return hinted{fmt.Errorf("mode enforce is paused, but of mode observe that is not known: %w", err), "try again"}
	}
	p := newPage(c)
	p.text(normal, paused(remedy.Pause{Since: now, Until: until, Reason: reason}))
	p.text(normal, "Attempts that were claimed before are still watched. remedy resume ends the pause.")
	return p.err
}

// later reads a time that is still to come: RFC 3339, a time of day in now's zone, or a duration from now.
func later(text string, now time.Time) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, text)
	if clock, wrong := time.Parse("15:04", text); wrong == nil {
		at, err = time.Date(now.Year(), now.Month(), now.Day(), clock.Hour(), clock.Minute(), 0, 0, now.Location()), nil
		if !at.After(now) {
			at = time.Date(now.Year(), now.Month(), now.Day()+1, clock.Hour(), clock.Minute(), 0, 0, now.Location())
		}
	} else if d, wrong := time.ParseDuration(text); wrong == nil {
		at, err = now.Add(d), nil
	}
	switch {
	case err != nil:
		return at, hinted{fmt.Errorf("--until %s is not a time", strconv.Quote(text)),
			"write 2h, 15:04 or 2026-11-23T15:04:05+08:00"}
	case !at.After(now):
		return at, hinted{fmt.Errorf("--until %s is %s, which is over", strconv.Quote(text), local(at)),
			"name a time that is still to come"}
	}
	return at, nil
}

type resumeCommand struct{ ledgerFlag }

// Help says what the flags' own lines have no room for.
func (resumeCommand) Help() string {
	return `Functions claim attempts again at once. What was refused during the pause is not replayed.`
}

// Run ends the pause of both sets of records.
func (r *resumeCommand) Run(c *console) error {
	_, books, err := r.open(c)
	if err != nil {
		return err
	}
	defer books.Store.Close() // every write was answered before
	observing, err := books.Observe.Resume(context.Background())
	if err != nil {
		return hinted{fmt.Errorf("not resumed: %w", err), "try again"}
	}
	enforcing, err := books.Enforce.Resume(context.Background())
	if err != nil {
		return hinted{fmt.Errorf("mode observe has resumed, but of mode enforce that is not known: %w", err), "try again"}
	}
	p := newPage(c)
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
