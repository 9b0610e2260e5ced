package ledgertest

import (
	"errors"
	"testing"
	"time"

	"ecs-remedy/function/internal/ledger"
)

// The checker must be able to say no: each history has a twin that differs in one answer.
func TestExplain(t *testing.T) {
	lost := errors.New("no answer")
	put := func(called, returned int, value string, expected, revision uint64,
		err error) operation {
		return operation{called: time.Duration(called), returned: time.Duration(returned),
			put: true, value: value,
			expected: expected, revision: revision, err: err}
	}
	get := func(called, returned int, value string, revision uint64) operation {
		return operation{called: time.Duration(called), returned: time.Duration(returned),
			value: value, revision: revision}
	}
	created := put(0, 1, "a", 0, 5, nil)
	for _, row := range []struct {
		why     string
		history []operation
		ok      bool
	}{
		{"one after the other", []operation{created, put(2, 3, "b", 5, 6, nil),
			get(4, 5, "b", 6)}, true},
		{"a read of what was overwritten before", []operation{created, put(2, 3, "b", 5, 6, nil),
			get(4, 5, "a", 5)}, false},
		{"a read while it is overwritten", []operation{created, put(2, 5, "b", 5, 6, nil),
			get(3, 4, "a", 5)}, true},
		{"two winners of one revision", []operation{created, put(2, 5, "b", 5, 6, nil),
			put(3, 4, "c", 5, 7, nil)}, false},
		{"one winner, one conflict", []operation{created, put(2, 5, "b", 5, 6, nil),
			put(3, 4, "c", 5, 0, ledger.ErrConflict)}, true},
		{"a conflict that wrote", []operation{created, put(2, 3, "b", 5, 0, ledger.ErrConflict),
			get(4, 5, "b", 6)}, false},
		{"a revision that goes back", []operation{created, put(2, 3, "b", 5, 4, nil)}, false},
		{"a lost answer, written", []operation{created, put(2, 3, "b", 5, 0, lost),
			get(4, 5, "b", 6)}, true},
		{"a lost answer, not written", []operation{created, put(2, 3, "b", 5, 0, lost),
			get(4, 5, "a", 5)}, true},
		{"a lost answer, written late", []operation{created, put(2, 3, "b", 5, 0,
			lost), get(4, 5, "a", 5),
			get(6, 7, "b", 6)}, true},
		{"a lost answer, written and unwritten", []operation{created, put(2, 3, "b", 5, 0, lost),
			get(4, 5, "b", 6), get(6, 7, "a", 5)}, false},
		{"a lost answer that expected something else", []operation{created,
			put(2, 3, "b", 4, 0, lost),
			get(4, 5, "b", 6)}, false},
		{"a value that nobody wrote", []operation{created, get(2, 3, "z", 5)}, false},
	} {
		if err := explain(row.history); (err == nil) != row.ok {
			t.Errorf("%s: explained %v, want %v: %v", row.why, err == nil, row.ok, err)
		}
	}
}
