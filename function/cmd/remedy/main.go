// Command remedy is the operator's side of ecs-remedy: it shows what the function would do, and
// looks after what it did.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	kongcompletion "github.com/jotaen/kong-completion"
	"golang.org/x/term"

	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/handle"
)

// commands are the subcommands; each is a file of its own.
type commands struct {
	Drill   drillCommand   `cmd:"" help:"${help_drill}"`
	Explain explainCommand `cmd:"" help:"${help_explain}"`
	Package packageCommand `cmd:"" help:"${help_package}"`

	Incidents incidentsCommand `cmd:"" help:"Show what the ledger holds, or one incident whole."`
	Close     closeCommand     `cmd:"" help:"End an open incident by hand."`
	Reset     resetCommand     `cmd:"" help:"${help_reset}"`
	Pause     pauseCommand     `cmd:"" help:"Stop every function from claiming attempts, at once."`
	Resume    resumeCommand    `cmd:"" help:"End a pause."`

	Backtest backtestCommand `cmd:"" help:"${help_backtest}"`

	Serve  serveCommand  `cmd:"" help:"${help_serve}"`
	Report reportCommand `cmd:"" help:"${help_report}"`

	Doctor doctorCommand `cmd:"" help:"${help_doctor}"`

	Events     eventsCommand     `cmd:"" help:"${help_events}"`
	Version    versionCommand    `cmd:"" help:"Print this program's version."`
	Completion completionCommand `cmd:"" help:"${help_completion}"`

	Print kong.VersionFlag `name:"version" help:"Print the version, and do nothing else."`
}

// words are what is too long for the tags of the commands and of their flags.
var words = kong.Vars{
	"help_drill": "Run alarms through the real handler against a simulated ECS, in virtual time.",
	"help_explain": "Say what an alarm means and what every rule makes of it. Nothing is " +
		"rebooted.",
	"help_package": "Build the zip for Function Compute and print the commands that deploy it.",
	"help_doctor": "Check configuration, permissions, instances and ledger before the first " +
		"incident.",
	"help_events": "List the events and metrics that it acts on, and those that it leaves " +
		"alone.",
	"help_backtest":   "Replay past alarms, in virtual time, under a policy or two.",
	"help_serve":      "Open a local page on which alarms are tried against simulated guests.",
	"help_report":     "Write the page of an incident: what happened, and what to do next.",
	"help_reset":      "Forget an instance's spent incidents and its cool-down.",
	"help_completion": "Print what completes these commands in bash, zsh or fish.",

	"a_hang": "ignores-graceful",
	"modes":  "enforce,observe,off",

	"help_alarms": "Alarms: files, - for standard input, or names of samples.",
	"help_store":  "In place of REMEDY_LEDGER (mem:, gone after each file).",
	"help_json": "Print one JSON document with the results of all files, or with what --list " +
		"names, and nothing else.",
	"help_html":   "Write a page that shows what happened, too.",
	"help_listed": "The incident's name, INSTANCE/TIME, as \"remedy incidents\" lists it.",
	"help_out": "Where to write the page; - is standard output (default: INSTANCE-TIME.html in " +
		"this folder).",
	"help_lang":   "The page's language, en or zh (default: REMEDY_LANG, otherwise en).",
	"help_listen": "Where the page is, on loopback (127.0.0.1:0: any free port).",

	"help_alarm": "An alarm: a file, - for standard input, or the name of a sample.",
	"help_fault": "Something that goes wrong on the way; may be repeated.",
	"help_ledger": "The function's ledger (default: REMEDY_LEDGER): bolt:///PATH, redis://…, " +
		"rediss://… or ots://INSTANCE.REGION/TABLE.",
	"help_records": "Whose records: enforce's or observe's (default: observe's where REMEDY_MODE " +
		"says so, otherwise enforce's).",
	"help_one": "An instance's id, or an incident's name INSTANCE/TIME: everything about that " +
		"one.",
	"help_until": "When the pause ends by itself: 2h, 15:04 (the next time that it is that late " +
		"here) or 2026-11-23T15:04:05+08:00. Default: at \"remedy resume\".",
	"help_guest":  "How the simulated guests behave (ignores-graceful).",
	"help_mode":   "In place of REMEDY_MODE (enforce).",
	"help_dryrun": "With --live: ask ECS with DryRun, too, whether it would accept the reboot.",
	"help_fresh":  "Ask every further rule of an alarm that is too old, too.",
	"help_own":    "The account that the function works for (the alarm's own).",
	"help_read":   "In place of REMEDY_LEDGER (mem:). It is read as it is now, never written.",
}

// console is where a command reads and writes. Results go to out, everything else to err.
type console struct {
	in       io.Reader
	out, err io.Writer
	environ  []string
	color    bool         // out is a terminal, and NO_COLOR is not set
	live     bool         // err is a terminal that a line can be drawn on again and again
	redraws  bool         // out is a terminal that a page can be drawn on again and again
	width    int          // of out in columns; zero: it is not known
	barWidth int          // of err, the same
	clock    handle.Clock // nil: the real time
}

func main() {
	movable := os.Getenv("TERM") != "dumb"
	terminal := term.IsTerminal(int(os.Stdout.Fd()))
	os.Exit(run(os.Args[1:], &console{in: os.Stdin, out: os.Stdout, err: os.Stderr,
		environ: os.Environ(),
		color:   movable && terminal && os.Getenv("NO_COLOR") == "",
		live:    movable && term.IsTerminal(int(os.Stderr.Fd())),
		redraws: movable && terminal,

		width:    terminalWidth(int(os.Stdout.Fd()), os.Getenv("COLUMNS")),
		barWidth: terminalWidth(int(os.Stderr.Fd()), os.Getenv("COLUMNS")),
	}))
}

// terminalWidth is how many columns a terminal has; where the file is none, what COLUMNS says; zero
// where nobody says.
func terminalWidth(file int, columns string) int {
	if width, _, err := term.GetSize(file); err == nil && width > 0 {
		return width
	}
	width, err := strconv.Atoi(columns)
	if err != nil {
		return 0
	}
	return width
}

// run returns the exit status: 0 done, 1 the thing asked about is not well, 2 wrong usage or bad
// input.
func run(args []string, c *console) int {
	var all commands
	exited := -1
	parser, err := kong.New(&all, kong.Name("remedy"), kong.Writers(c.out, c.err),
		kong.Description("Restarts hung Alibaba Cloud ECS instances, carefully. See README.md.\n\n"+
			"Exit status: 0 done, 1 the thing asked about is not well, 2 wrong usage or bad "+
			"input."),
		words, kong.Vars{"version": thisVersion().line()},
		kong.ConfigureHelp(kong.HelpOptions{WrapUpperBound: fitting(c.width)}),
		kong.Exit(func(status int) { exited = status }))
	if err != nil {
		return c.fail(err)
	}
	kongcompletion.Register(parser, predictors())
	if exited >= 0 { // a shell asked how a line can go on
		return exited
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	chosen, err := parser.Parse(args)
	switch {
	case exited >= 0: // --help
		return exited
	case err != nil:
		return c.fail(hinted{err, helpOf(err)})
	}
	return c.fail(chosen.Run(c))
}

// helpOf says where the usage stands of the command that a wrong line got as far as.
func helpOf(err error) string {
	var wrong *kong.ParseError
	if errors.As(err, &wrong) && wrong.Context != nil {
		if chosen := wrong.Context.Selected(); chosen != nil {
			return "remedy " + chosen.Name + " --help says how it is used"
		}
	}
	return "remedy --help lists the commands"
}

// errNotWell is a command's answer that the thing asked about is not well; errSaid, that something
// was wrong with its input. Both have been said already.
var (
	errNotWell = errors.New("not well")
	errSaid    = errors.New("bad input")
)

// hinted is an error with a cure.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

// unwell is an error that is not the input's: the thing asked about is not well. It is still to be
// said.
type unwell struct{ error }

func (u unwell) Unwrap() error { return u.error }

// fail prints an error, one line for each thing that is wrong, with its hint where it has one, and
// returns the exit status.
func (c *console) fail(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errNotWell):
		return 1
	case errors.Is(err, errSaid):
		return 2
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintln(c.err, "error: "+plain(line))
	}
	var h hinted
	if errors.As(err, &h) {
		fmt.Fprintln(c.err, "hint: "+plain(h.hint))
	}
	var not unwell
	if errors.As(err, &not) {
		return 1
	}
	return 2
}

// watch is the console's clock.
func (c *console) watch() handle.Clock {
	if c.clock == nil {
		return app.RealClock{}
	}
	return c.clock
}

// now is the time, in UTC.
func (c *console) now() time.Time { return c.watch().Now() }

// warn says on standard error what does not keep the command from its answer.
func (c *console) warn(text string) { fmt.Fprintln(c.err, "warning: "+plain(text)) }
