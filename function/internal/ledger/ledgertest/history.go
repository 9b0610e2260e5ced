package ledgertest

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"ecs-remedy/function/internal/ledger"
)

// operation is one call of Get or Put on one key, and what came back.
type operation struct {
	caller           int
	called, returned time.Duration

	put      bool
	value    string // what Put wrote, or what Get saw
	expected uint64 // of Put
	revision uint64
	err      error
}

// unknown reports whether the call may have had an effect that its caller does not know of.
func (o operation) unknown() bool {
	return o.err != nil && !errors.Is(o.err, ledger.ErrConflict)
}

// content is what the key holds; the zero one is nothing. A value with revision 0 was written by a
// call that failed, so that nobody was told its revision.
type content struct {
	value    string
	revision uint64
}

// at returns the content as it is if its revision is the given one, and whether it can be.
func (c content) at(revision uint64) (content, bool) {
	if c.value != "" && c.revision == 0 && revision != 0 {
		c.revision = revision
	}
	return c, c.revision == revision && (c.value == "") == (revision == 0)
}

// model is a register with compare-and-swap. A conflict is allowed at any time: a store may refuse
// a write because another is under way, which in the end writes nothing. What counts is that a
// refused write changes nothing.
var model = porcupine.NondeterministicModel{
	Init: func() []any { return []any{content{}} },
	Step: func(state, input, _ any) []any {
		before, did := state.(content), input.(operation)
		after := content{did.value, did.revision}
		found, matches := before.at(did.expected)
		switch {
		case !did.put && did.unknown(), errors.Is(did.err, ledger.ErrConflict):
			return []any{before}
		case !did.put:
			if found, matches = before.at(did.revision); matches && found.value == did.value {
				return []any{found}
			}
			return nil
		case did.unknown() && matches:
			return []any{before, content{value: did.value}}
		case did.unknown():
			return []any{before}
		case matches && did.revision > found.revision:
			return []any{after}
		}
		return nil
	},
	DescribeOperation: func(input, _ any) string { return describe(input.(operation)) },
}

// explain looks for an order of the calls, each at some moment between its call and its return, in
// which a register would have given the same answers. It returns an error with the history if there
// is none.
func explain(history []operation) error {
	var operations []porcupine.Operation
	for _, did := range history {
		returned := int64(did.returned)
		if did.unknown() {
			returned = math.MaxInt64 // it may take effect long after its caller gave up
		}
		operations = append(operations, porcupine.Operation{
			ClientId: did.caller, Input: did, Call: int64(did.called), Return: returned,
		})
	}
	result := porcupine.CheckOperationsTimeout(model.ToModel(), operations, 20*time.Second)
	if result == porcupine.Ok {
		return nil
	}
	var text strings.Builder
	for _, did := range history {
		fmt.Fprintf(&text, "\n%d %s–%s %s", did.caller, did.called, did.returned, describe(did))
	}
	return fmt.Errorf("no order explains this history (%s):%s", result, &text)
}

func describe(did operation) string {
	if did.put {
		return fmt.Sprintf("put %s expecting %d: %d %v", did.value, did.expected,
			did.revision, did.err)
	}
	return fmt.Sprintf("get: %s %d %v", did.value, did.revision, did.err)
}
