package main

import (
	"context"
	"errors"
	"time"

	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/doctor"
	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

// lifeIn reads the function's sign of life in a ledger, as of a time. Nil: no function ever wrote
// there. Its text is plain.
func lifeIn(ctx context.Context, books app.Books, now time.Time) (*doctor.Function, error) {
	var signs []remedy.Reading[remedy.Sign]
	for _, book := range []*ledger.Records{books.Enforce, books.Observe} {
		sign := book.Sign(ctx)
		if !sign.OK() && sign.Failure != remedy.FailureUnreadable {
			return nil, errors.New(sign.Note)
		}
		signs = append(signs, sign)
	}
	f := doctor.LastSeen(now, signs...)
	if !f.Seen {
		return nil, nil
	}
	f.Rewrite(plain)
	return &f, nil
}

// alive says in a sentence whether the function lives, as far as its ledger tells. False: somebody
// should see to it.
func alive(f *doctor.Function, ledger string, now time.Time) (text string, well bool) {
	switch {
	case f == nil:
		return "NO FUNCTION EVER WROTE TO " + ledger + ": a function's sweep leaves a sign of " +
			"life in its ledger once a minute, and there is none. Is this the function's " +
			"REMEDY_LEDGER, and does its timer trigger run?", false
	case f.Problem != "":
		return f.String(), false
	case f.AheadOfTime:
		return "THE FUNCTION'S SIGN OF LIFE IS " + doctor.Span(f.At.Sub(now)) +
			" AHEAD OF OUR TIME: " + f.Said() + ". A drill in this ledger wrote it, or a clock " +
			"is wrong; whether a function lives is not known.", false
	case f.Old:
		return "FUNCTION LAST SEEN " + doctor.Span(now.Sub(f.At)) + " AGO: " + f.Said() +
			". Its sweep should come once a minute: nothing that is under way goes on without " +
			"it. See its timer trigger, its log, and remedy doctor.", false
	}
	return f.String(), true
}

// begin begins the page with the sentence, loudly where somebody should see to it.
func (p *page) begin(f *doctor.Function, ledger string, now time.Time) {
	text, well := alive(f, ledger, now)
	if well {
		p.text(normal, text)
	} else {
		p.text(red, text)
	}
}
