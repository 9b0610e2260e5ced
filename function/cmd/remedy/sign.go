package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/doctor"
	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

// freshSign is how old the function's sign of life may be: its sweep, which writes it, comes once a
// minute, and may be late, or in the middle of something.
const freshSign = doctor.Silent

// signOfLife is what the function last said of itself in a ledger, in the form of --json. Its text
// is plain.
type signOfLife struct {
	Mode    remedy.Mode `json:"mode"`
	Version string      `json:"version"` // the code's short hash
	At      time.Time   `json:"at"`
	Open    int         `json:"open"`    // incidents under way
	Waiting int         `json:"waiting"` // alarms that wait for a slot
	// Old: the sweep should have come since. AheadOfTime: no sweep can have come yet.
	Old         bool `json:"old"`
	AheadOfTime bool `json:"aheadOfTime"`
	// Also is the sign of a function in the other mode, if it is not old either.
	Also *signOfLife `json:"also,omitempty"`
	// Problem says why the sign cannot be read; then nothing else is known.
	Problem string `json:"problem,omitempty"`
}

// lifeIn reads the function's sign of life in a ledger: the newer one of both modes. Nil: no
// function ever wrote there.
func lifeIn(ctx context.Context, books app.Books, now time.Time) (*signOfLife, error) {
	var last *signOfLife
	for _, book := range []*ledger.Records{books.Enforce, books.Observe} {
		reading := book.Sign(ctx)
		var sign *signOfLife
		switch {
		case reading.Failure == remedy.FailureUnreadable:
			sign = &signOfLife{Problem: plain(reading.Note)}
		case !reading.OK():
			return nil, errors.New(reading.Note)
		case reading.Value.Revision == 0:
			continue
		default:
			sign = newSign(&reading.Value, now)
		}
		switch {
		case last == nil:
			last = sign
		case sign.At.After(last.At):
			last, sign = sign, last
			fallthrough
		default:
			if !sign.Old && !sign.AheadOfTime && sign.Problem == "" {
				last.Also = sign
			}
		}
	}
	return last, nil
}

func newSign(s *remedy.Sign, now time.Time) *signOfLife {
	return &signOfLife{Mode: remedy.Mode(plain(string(s.Mode))), Version: plain(s.Version),
		At:   s.At,
		Open: s.Open, Waiting: s.Waiting, Old: now.Sub(s.At) > freshSign,
		AheadOfTime: s.At.Sub(now) > remedy.MaxSkew}
}

// tell says in a sentence whether the function lives, as far as its ledger tells. False: somebody
// should see to it.
func (s *signOfLife) tell(ledger string, now time.Time) (text string, well bool) {
	switch {
	case s == nil:
		return "NO FUNCTION EVER WROTE TO " + ledger + ": a function's sweep leaves a sign of " +
			"life in its ledger once a minute, and there is none. Is this the function's " +
			"REMEDY_LEDGER, and does its timer trigger run?", false
	case s.Problem != "":
		return "THE FUNCTION'S SIGN OF LIFE CANNOT BE READ: " + s.Problem, false
	case s.AheadOfTime:
		return fmt.Sprintf("THE FUNCTION'S SIGN OF LIFE IS %s AHEAD OF OUR TIME: %s. A drill in "+
			"this "+
			"ledger wrote it, or a clock is wrong; whether a function lives is not known.",
			span(s.At.Sub(now)), s.says()), false
	case s.Old:
		return fmt.Sprintf("FUNCTION LAST SEEN %s AGO: %s. Its sweep should come once a minute: "+
			"nothing "+
			"that is under way goes on without it. See its timer trigger, its log, and remedy "+
			"doctor.",
			span(now.Sub(s.At)), s.says()), false
	}
	text = fmt.Sprintf("function last seen %s ago: %s", span(now.Sub(s.At)), s.says())
	if s.Also != nil {
		text += fmt.Sprintf("; and %s ago: %s", span(now.Sub(s.Also.At)), s.Also.says())
	}
	return text, true
}

// says is what the function said of itself.
func (s *signOfLife) says() string {
	text := fmt.Sprintf("%s, version %s", s.Mode, s.Version)
	if s.Open > 0 {
		text += ", " + plural(s.Open, "incident") + " open"
	}
	if s.Waiting > 0 {
		text += ", " + plural(s.Waiting, "alarm") + " waiting"
	}
	return text
}

// print begins a page with the sentence, loudly where somebody should see to it.
func (s *signOfLife) print(p *page, ledger string, now time.Time) {
	text, well := s.tell(ledger, now)
	if well {
		p.text(normal, text)
	} else {
		p.text(red, text)
	}
}

// span is a length of time as one says it: to the second below two minutes, to the minute below two
// hours, and so on.
func span(d time.Duration) string {
	switch d = max(d, 0).Round(time.Second); {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}
