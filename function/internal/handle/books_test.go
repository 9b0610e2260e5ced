package handle_test

import (
	"slices"
	"testing"
	"time"

	"ecs-remedy/function/internal/remedy"
)

// TestBooksApart: in mode observe the sweep looks after what mode enforce has left, too. What it
// knows of one book is nothing that it knows of the other, though both are about one instance.
func TestBooksApart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const id, elsewhere = "i-bp1books0000000000a", "cn-beijing"
		s := newScene(t, []string{id})
		s.config.Policy.Mode = remedy.ModeObserve
		opened := time.Now().Add(-2 * time.Hour).UTC()
		slot := func(instance, region string) remedy.Slot {
			return remedy.Slot{Incident: remedy.IncidentID(instance, opened), Instance: instance,
				Region: region, OpenedAt: opened}
		}
		others := map[remedy.Book]string{remedy.BookEnforce: "i-bp1books0000000000b",
			remedy.BookObserve: "i-bp1books0000000000c"}
		for book, other := range others {
			fleet := remedy.Fleet{Open: []remedy.Slot{slot(id, region), slot(other, elsewhere)}}
			if w := s.book.Write(t.Context(), book, "", remedy.Write{Fleet: &fleet}); w.Wrote !=
				remedy.WroteDone {
				t.Fatal(w)
			}
		}
		f := &fragile{}
		response, err := s.handler(f).Handle(t.Context(), about(), []byte(timer))
		if err != nil || len(response.Results) != 2 {
			t.Fatalf("%v: %+v", err, response.Results)
		}
		for _, r := range response.Results {
			if r.Verdict != remedy.VerdictFailed || r.Reason != remedy.ReasonLedgerLost {
				t.Errorf("%s ends %s/%s", r.Incident, r.Verdict, r.Reason)
			}
		}
		for book, other := range others {
			fleet := s.book.Fleet(t.Context(), book)
			if !slices.Equal(fleet.Value.Open, []remedy.Slot{slot(other, elsewhere)}) {
				t.Errorf("book %q: its slots are %+v", book, fleet.Value.Open)
			}
			record := s.book.Record(t.Context(), book, id)
			if record.Value.Ended(slot(id, region).Incident) == nil {
				t.Errorf("book %q: the incident has not ended: %+v", book, record.Value)
			}
		}
	})
}
