package backtest

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"

	"ecs-remedy/function/internal/remedy"
)

// ReadInstances reads what is known of instances, JSON lines in the form
//
//	{"id": "i-bp1…", "tag": "graceful", "locks": ["security"], "outcome": "force",
//	 "heartbeat": "none"}
//
// where everything but the id may be left out and is then as supposed of any instance; an empty tag
// means that the instance has none. The error is a *BadLine, or of the reader.
func ReadInstances(name string, r io.Reader, usual Instance) (map[string]Instance, error) {
	all := map[string]Instance{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	n := 0
	for lines.Scan() {
		n++
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		one, why := readInstance(line, usual)
		if _, twice := all[one.ID]; twice && why == "" {
			why = "the instance " + one.ID + " is given twice"
		}
		if why != "" {
			return nil, &BadLine{name, n, why}
		}
		all[one.ID] = one
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return nil, &BadLine{name, n + 1, "the line is longer than 1 MiB"}
	}
	return all, lines.Err()
}

func readInstance(line string, usual Instance) (one Instance, why string) {
	given := struct {
		ID        string     `json:"id"`
		Tag       *string    `json:"tag"`
		Locks     []string   `json:"locks"`
		Outcome   *Outcome   `json:"outcome"`
		Heartbeat *Heartbeat `json:"heartbeat"`
	}{}
	decoder := json.NewDecoder(strings.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&given); err != nil {
		return one, strings.TrimPrefix(err.Error(), "json: ")
	}
	if decoder.More() {
		return one, "more than one JSON value on the line"
	}
	one = usual
	one.ID, one.Locks = given.ID, given.Locks
	if given.Tag != nil {
		one.Tag = *given.Tag
	}
	if given.Outcome != nil {
		one.Outcome = *given.Outcome
	}
	if given.Heartbeat != nil {
		one.Heartbeat = *given.Heartbeat
	}
	outcomes := []Outcome{OutcomeGraceful, OutcomeRetry, OutcomeForce, OutcomeNever}
	heartbeats := []Heartbeat{HeartbeatSilent, HeartbeatAlive, HeartbeatNone}
	tags := []string{"", string(remedy.GrantFull), string(remedy.GrantGraceful)}
	switch {
	case one.ID == "":
		return one, "there is no id"
	case !slices.Contains(outcomes, one.Outcome):
		return one, "the outcome must be graceful, retry, force or never"
	case !slices.Contains(heartbeats, one.Heartbeat):
		return one, "the heartbeat must be silent, alive or none"
	case given.Tag != nil && !slices.Contains(tags, one.Tag):
		return one, "the tag must be true, graceful, or empty where there is none"
	}
	return one, ""
}
