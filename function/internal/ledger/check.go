package ledger

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"ecs-remedy/function/internal/remedy"
)

// What is read back is checked against what was asked for: a ledger is a place where others can
// write, and a record of another instance under this one's key would reboot the wrong machine, or
// for ever.

// wrongRecord says what a record of the instance cannot be; empty: nothing.
func wrongRecord(s *storedRecord, instance string) string {
	if s.Open != nil {
		if wrong := wrongIncident(s.Open, instance); wrong != "" {
			return "its open incident " + wrong
		}
		if !s.Open.EndedAt.IsZero() || s.Open.Verdict != "" {
			return "its open incident has an end"
		}
	}
	seen := map[string]bool{}
	for i := range s.Recent {
		if wrong := wrongIncident(&s.Recent[i], instance); wrong != "" {
			return fmt.Sprintf("its past incident %d %s", i+1, wrong)
		}
		if s.Recent[i].EndedAt.IsZero() || s.Recent[i].Verdict == "" {
			return fmt.Sprintf("its past incident %d has no end", i+1)
		}
		if seen[s.Recent[i].ID] || s.Open != nil && s.Open.ID == s.Recent[i].ID {
			return fmt.Sprintf("its past incident %d stands there twice", i+1)
		}
		seen[s.Recent[i].ID] = true
	}
	return ""
}

func wrongIncident(i *remedy.Incident, instance string) string {
	switch {
	case i.Instance != instance:
		return "is of another instance"
	case !isOf(i.ID, instance):
		return "has the id of another instance's"
	case i.OpenedAt.IsZero():
		return "has no time of opening"
	case !i.EndedAt.IsZero() && i.EndedAt.Before(i.OpenedAt):
		return "ended before it opened"
	case !plausiblePlace(i.Evidence):
		return "says of its evidence what is no place"
	}
	for n := range i.Attempts {
		a := &i.Attempts[n]
		switch {
		case a.N != n+1:
			return "has attempts out of order"
		case a.ClaimedAt.IsZero() || a.SendBefore.Before(a.ClaimedAt):
			return "has an attempt without a time"
		case n > 0 && a.ClaimedAt.Before(i.Attempts[n-1].ClaimedAt):
			return "has attempts out of order"
		}
	}
	return ""
}

// plausiblePlace reports whether evidence can be kept there: the place is shown to people.
func plausiblePlace(place string) bool {
	known := strings.HasPrefix(place, "dir:///") || strings.HasPrefix(place, "oss://")
	odd := func(r rune) bool { return r <= ' ' || r == 0x7f || r == utf8.RuneError }
	return place == "" || known && len(place) <= 2048 && !strings.ContainsFunc(place, odd)
}

// wrongFleet says what the fleet's record cannot be; empty: nothing. A slot that contradicts itself
// would have the incident of one instance ended in the record of another.
func wrongFleet(s *storedFleet) string {
	seen := map[string]bool{}
	for i := range s.Open {
		slot := &s.Open[i]
		switch {
		case !isOf(slot.Incident, slot.Instance):
			return fmt.Sprintf("its slot %d has the id of another instance's", i+1)
		case slot.OpenedAt.IsZero():
			return fmt.Sprintf("its slot %d has no time of opening", i+1)
		case seen[slot.Incident]:
			return fmt.Sprintf("its slot %d stands there twice", i+1)
		}
		seen[slot.Incident] = true
		if w := slot.Waiter; w != nil {
			if wrong := wrongWaiter(w); wrong != "" {
				return fmt.Sprintf("the alarm in its slot %d %s", i+1, wrong)
			}
			if w.Instance != slot.Instance {
				return fmt.Sprintf("the alarm in its slot %d is about another instance", i+1)
			}
		}
	}
	waits := map[string]bool{}
	for i := range s.Waiting {
		w := &s.Waiting[i]
		wrong := wrongWaiter(w)
		switch {
		case wrong != "":
		case waits[w.Instance]:
			wrong = "is the second one about its instance"
		case i > 0 && s.Waiting[i-1].Compare(*w) > 0:
			wrong = "is out of order"
		}
		if wrong != "" {
			return fmt.Sprintf("its waiting alarm %d %s", i+1, wrong)
		}
		waits[w.Instance] = true
	}
	for i := range s.Begun {
		if !isOf(s.Begun[i].Incident, s.Begun[i].Instance) {
			return fmt.Sprintf("its beginning %d has the id of another instance's", i+1)
		}
	}
	return ""
}

// wrongWaiter says what an alarm that waits cannot be. It becomes an incident, and the id in it a
// key.
func wrongWaiter(w *remedy.Waiter) string {
	odd := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') &&
			r != '-' && r != '_' && r != '.'
	}
	switch {
	case w.Instance == "" || strings.ContainsFunc(w.Instance, odd):
		return "is about no instance"
	case w.Since.IsZero() || w.Alarm.Time.IsZero():
		return "has no time"
	case w.Alarm.Key == "":
		return "has no key"
	}
	return ""
}

// isOf reports whether the incident's id is one of the instance's.
func isOf(incident, instance string) bool {
	return instance != "" && incident != instance && remedy.InstanceOf(incident) == instance
}
