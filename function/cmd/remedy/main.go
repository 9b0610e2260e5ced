// Command remedy is the operator's side of ecs-remedy: it shows what the function would do, and looks
// after what it did.
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
	Drill   drillCommand   `cmd:"" help:"Run alarms through the real handler against a simulated ECS, in virtual time."`
	Explain explainCommand `cmd:"" help:"Say what an alarm means and what every rule makes of it. Nothing is rebooted."`
	Package packageCommand `cmd:"" help:"Build the zip for Function Compute and print the commands that deploy it."`

	Incidents incidentsCommand `cmd:"" help:"Show what the ledger holds, or one incident whole."`
	Close     closeCommand     `cmd:"" help:"End an open incident by hand."`
	Reset     resetCommand     `cmd:"" help:"Forget an instance's spent incidents and its cool-down."`
	Pause     pauseCommand     `cmd:"" help:"Stop every function from claiming attempts, at once."`
	Resume    resumeCommand    `cmd:"" help:"End a pause."`

	Doctor doctorCommand `cmd:"" help:"Check configuration, permissions, instances and ledger before the first incident."`

	Events     eventsCommand     `cmd:"" help:"List the events and metrics that it acts on, and those that it leaves alone."`
	Version    versionCommand    `cmd:"" help:"Print this program's version."`
	Completion completionCommand `cmd:"" help:"Print what completes these commands in bash, zsh or fish."`

	Print kong.VersionFlag `name:"version" help:"Print the version, and do nothing else."`
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
		width:   terminalWidth(int(os.Stdout.Fd()), os.Getenv("COLUMNS")),
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

// run returns the exit status: 0 done, 1 the thing asked about is not well, 2 wrong usage or bad input.
func run(args []string, c *console) int {
	var all commands
	exited := -1
	parser, err := kong.New(&all, kong.Name("remedy"), kong.Writers(c.out, c.err),
		kong.Description("Restarts hung Alibaba Cloud ECS instances, carefully. See README.md.\n\n"+
			"Exit status: 0 done, 1 the thing asked about is not well, 2 wrong usage or bad input."),
		kong.Vars{"version": thisVersion().line()},
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

// errNotWell is a command's answer that the thing asked about is not well; errSaid, that something was
// wrong with its input. Both have been said already.
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

// unwell is an error that is not the input's: the thing asked about is not well. It is still to be said.
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
