package main

import (
	"encoding/json"
	"strings"
	"testing"

	"ecs-remedy/function/internal/remedy"
)

// TestEventsIsTheTable: both forms of the command hold every row of the table that the rules go by,
// and say of each what the rules make of it.
func TestEventsIsTheTable(t *testing.T) {
	text, _, status := command(nil, "events")
	document, _, _ := command(nil, "events", "--json")
	var table eventTable
	if err := json.Unmarshal([]byte(document), &table); err != nil || status != 0 {
		t.Fatalf("exit %d, %v in %s", status, err, document)
	}
	if len(table.Events) != len(remedy.CurableEvents) || len(table.Events) == 0 {
		t.Fatalf("%d events, want %d", len(table.Events), len(remedy.CurableEvents))
	}
	never := strings.Index(text, "Events that never do")
	words := strings.Join(strings.Fields(text), " ")
	for n, row := range remedy.CurableEvents {
		want := eventRow{row.Product, row.Event, row.Status, row.Status != "", row.Weak, row.Why}
		if table.Events[n] != want {
			t.Errorf("%s is %+v, want %+v", row.Event, table.Events[n], want)
		}
		if at := strings.Index(text, row.Event); at < 0 || (at < never) != want.Acts {
			t.Errorf("%s stands at %d of the text, where the events that never restart begin at %d",
				row.Event, at, never)
		}
		if !strings.Contains(words, row.Why) {
			t.Errorf("why %s is as it is is not in the text: %s", row.Event, row.Why)
		}
	}
}
