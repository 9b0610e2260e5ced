package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"ecs-remedy/function/internal/remedy"
)

// view is what a command saw at a moment, and can show again.
type view interface {
	print(p *page)
	// over reports whether nothing of it will change any more.
	over() bool
	// steady is what a change of is worth another page, where pages follow one another.
	steady() any
}

const (
	// watchEvery is how long a watch waits between two looks: a function looks at an instance less
	// often.
	watchEvery = 2 * time.Second
	// watchPatience is how many looks in a row may fail before the watch gives up.
	watchPatience = 10
)

// show prints what look sees: once, or again and again until it is over.
func (i *incidentsCommand) show(c *console, look func() (view, error)) error {
	if !i.Watch {
		seen, err := look()
		if err != nil {
			return err
		}
		return i.page(c, seen)
	}
	began := c.now()
	var shown []byte
	waited, failed := false, 0
	for first := true; ; first = false {
		seen, err := look()
		switch {
		case err == nil:
			failed = 0
		case !first && errors.Is(err, errNoIncident):
			return unwell{hinted{fmt.Errorf("%s: the ledger holds it no longer, so nothing was "+
				"sent for it",
				i.Incident), "the function's log says how its alarm was answered"}}
		case first, failed+1 == watchPatience:
			return err
		default:
			failed++
			c.warn(err.Error())
		}
		if err == nil {
			one, single := seen.(*oneIncident)
			waited = waited || single && one.Waiting != nil
			over := seen.over()
			state, err := json.Marshal(seen.steady())
			if err != nil {
				return err
			}
			if c.redraws || over || !bytes.Equal(state, shown) {
				if err := i.refresh(c, seen, first, over); err != nil {
					return err
				}
			}
			shown = state
			if over && single {
				return one.outcome(c, waited && (one.Incident == nil ||
					one.Incident.EndedAt.Before(began)))
			}
			if over {
				return nil
			}
		}
		if err := c.watch().Sleep(context.Background(), watchEvery); err != nil {
			return err
		}
	}
}

// refresh shows another look: in the place of the one before it, or below it where nothing can be
// taken back. As JSON only the last one is shown.
func (i *incidentsCommand) refresh(c *console, seen view, first, last bool) error {
	switch {
	case i.JSON && !last:
		return nil
	case i.JSON:
	case c.redraws && first:
		fmt.Fprint(c.out, "\x1b[2J\x1b[H") // an error of the writer shows in the page that follows
	case c.redraws:
		fmt.Fprint(c.out, "\x1b[H\x1b[J")
	case !first:
		fmt.Fprintln(c.out, strings.Repeat("-", 20))
	}
	return i.page(c, seen)
}

// page shows one look.
func (i *incidentsCommand) page(c *console, seen view) error {
	if i.JSON {
		return printJSON(c, seen)
	}
	p := newPage(c)
	seen.print(p)
	return p.err
}

// outcome says by its error how what was watched came out; refused: an alarm waited, and opened no
// incident.
func (o *oneIncident) outcome(c *console, refused bool) error {
	switch {
	case refused:
		return unwell{hinted{fmt.Errorf("%s: its alarm waits no longer, and opened no incident",
			o.InstanceID), "the function's log says how it was answered: search for " +
			o.InstanceID}}
	case o.Incident.Verdict == remedy.VerdictRestarted,
		o.Incident.Verdict == remedy.VerdictObserved:
		return nil
	}
	return errNotWell
}
