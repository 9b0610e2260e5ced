// Command remedy is the operator's side of ecs-remedy: it shows what the function would do, and looks after what it did.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"
	"golang.org/x/term"
)

// commands are the subcommands; each is a file of its own.
type commands struct {
	Drill   drillCommand   `cmd:"" help:"Run alarms through the real handler against a simulated ECS, in virtual time."`
	Explain explainCommand `cmd:"" help:"Say what an alarm means and what every rule makes of it. Nothing is rebooted."`
	Package packageCommand `cmd:"" help:"Build the zip for Function Compute and print the commands that deploy it."`

	Incidents incidentsCommand `cmd:"" help:"Show what the ledger holds: a pause, open incidents, cool-downs, spent budgets, ends."`
	Close     closeCommand     `cmd:"" help:"End an open incident by hand."`
	Reset     resetCommand     `cmd:"" help:"Forget an instance's spent incidents and its cool-down."`
	Pause     pauseCommand     `cmd:"" help:"Stop every function from claiming attempts, at once."`
	Resume    resumeCommand    `cmd:"" help:"End a pause."`

	Serve  serveCommand  `cmd:"" help:"Open a local page on which alarms are tried against simulated guests."`
	Report reportCommand `cmd:"" help:"Write the page of an incident: what happened, and what to do next."`

	Doctor doctorCommand `cmd:"" help:"Check configuration, permissions, instances and ledger before the first incident."`
}

// console is where a command reads and writes. Results go to out, everything else to err.
type console struct {
	in       io.Reader
	out, err io.Writer
	environ  []string
	color    bool // out is a terminal, and NO_COLOR is not set
	live     bool // err is a terminal that a line can be drawn on again and again

}

func main() {
	movable := os.Getenv("TERM") != "dumb"
	os.Exit(run(os.Args[1:], &console{in: os.Stdin, out: os.Stdout, err: os.Stderr, environ: os.Environ(),
		color: movable && term.IsTerminal(int(os.Stdout.Fd())) && os.Getenv("NO_COLOR") == "",
		live:  movable && term.IsTerminal(int(os.Stderr.Fd()))}))
}

// run returns the exit status: 0 done, 1 the thing asked about is not well, 2 wrong usage or bad input.
func run(args []string, c *console) int {
	var all commands
	exited := -1
	parser, err := kong.New(&all, kong.Name("remedy"), kong.Writers(c.out, c.err),
		kong.Description("Restarts hung Alibaba Cloud ECS instances, carefully. See README.md."),
		kong.ConfigureHelp(kong.HelpOptions{WrapUpperBound: columns}),
		kong.Exit(func(status int) { exited = status }))
	if err != nil {
		return c.fail(err)
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	chosen, err := parser.Parse(args)
	switch {
	case exited >= 0: // --help
		return exited
	case err != nil:
		return c.fail(hinted{err, "remedy --help lists the commands, and remedy COMMAND --help its flags"})
	}
	return c.fail(chosen.Run(c))
}

// errNotWell is a command's answer that the thing asked about is not well; errSaid, that something was wrong with its input.
// Both have been said already.
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

// fail prints an error, one line for each thing that is wrong, with its hint where it has one, and returns the exit status.
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
	return 2
}
