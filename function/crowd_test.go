package main_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/fcsim"
	"ecs-remedy/function/internal/remedy"
)

var crowds = flag.Bool("crowds", false, "measure large crowds of real processes over a Redis "+
	"5 ms away")

// TestCrowds: real processes, a real Redis that is 5 ms away, and as many hangs at one moment as
// the row says; nothing limits how many may be restarted. It prints what they took, and checks only
// what depends on no time: no event is asked for again, every incident ends well, and the laws. In
// virtual time, with a limit on the commands, package app has it.
//
// Without -crowds the crowds are small. With it the test should run by itself: it has use for the
// whole machine.
func TestCrowds(t *testing.T) {
	server := redisServer(t, "")
	for n, row := range []struct {
		why              string
		processes, every int
		batch            bool
		small            [2]int
	}{
		{"a process each", 100, 1, false, [2]int{8, 1}},
		{"in eight processes", 8, 75, false, [2]int{3, 10}},
		{"in one event", 1, 600, true, [2]int{1, 50}},
	} {
		if !*crowds {
			row.processes, row.every = row.small[0], row.small[1]
		}
		t.Run(row.why, func(t *testing.T) {
			realCrowd(t, server, n, row.processes, row.every, row.batch)
		})
	}
}

func realCrowd(t *testing.T, server string, db, processes, every int, inOne bool) {
	all, poll := processes*every, "1s"
	if *crowds {
		poll = "5s" // as it is by default: so many poll at once
	}
	s := newSetting(t)
	s.platform.Concurrency = every
	var commands atomic.Int64
	ledger := startSlowProxy(t, server, 5*time.Millisecond, func(_ *link, request []byte) {
		commands.Add(int64(bytes.Count(request, []byte("ecs-remedy/"))))
	})
	s.env = append(s.env, fmt.Sprintf("REMEDY_LEDGER=redis://%s/%d", ledger.address, db),
		"REMEDY_LEASE=60s", "REMEDY_POLL="+poll, "REMEDY_ATTEMPT_TIMEOUT=5m",
		fmt.Sprintf("REMEDY_FLEET_CONCURRENT=%d", all), fmt.Sprintf("REMEDY_FLEET_HOURLY=%d", all),
		"REMEDY_FLEET_WAITING=0")
	settings, book := s.ledgerOf(time.Now)
	ids := make([]string, all)
	for n := range ids {
		ids[n] = fmt.Sprintf("i-bp1crowd%010d", n)
		s.world.Add(optedIn(ids[n], ecssim.Guest{}))
	}
	started := make([]*fcsim.Process, processes)
	for n := range started {
		started[n] = s.start()
	}
	for _, process := range started {
		s.until("the start of every process", process.Polled)
	}
	s.invoke(timer) // it creates the fleet's record
	commands.Store(0)
	begin := time.Now()
	var payloads [][]byte
	for _, id := range ids {
		payloads = append(payloads, []byte(kernelHang(id, begin)))
	}
	if inOne {
		elements := make([]json.RawMessage, all)
		for n, payload := range payloads {
			elements[n] = payload
		}
		payload, err := json.Marshal(elements)
		if err != nil {
			t.Fatal(err)
		}
		payloads = [][]byte{payload}
	}
	sent := make([]*fcsim.Invocation, len(payloads))
	for n, payload := range payloads {
		sent[n] = s.send(fcsim.Event{Payload: payload})
	}
	count := map[string]int{}
	for _, i := range sent {
		answer := s.wait(i)
		if answer.Error != nil {
			t.Errorf("an event ended in an error: %+v", *answer.Error)
			continue
		}
		for _, result := range s.decode(answer.Body) {
			count[result.Verdict+"/"+result.Reason]++
		}
	}
	took, asked := time.Since(begin), commands.Load()
	var opened, rebooted time.Duration
	for _, id := range ids {
		record := book.Record(t.Context(), id)
		if !record.OK() || len(record.Value.Recent) == 0 {
			t.Errorf("no incident of %s: %s", id, record.Note)
			continue
		}
		opened = max(opened, record.Value.Recent[0].OpenedAt.Sub(begin))
		if calls := s.world.Reboots(id); len(calls) > 0 {
			rebooted = max(rebooted, calls[0].At.Sub(begin))
		}
	}
	t.Logf("%d alarms, %d processes: the last incident opened after %v, the last first reboot "+
		"after %v; %.1f commands of the ledger an incident; %v in all; they ended %v", all,
		processes, opened.Round(time.Millisecond), rebooted.Round(time.Millisecond),
		float64(asked)/float64(all), took.Round(time.Millisecond), count)
	well := string(remedy.VerdictRestarted) + "/" + string(remedy.ReasonRecovered)
	if ended := count[well]; ended != all {
		t.Errorf("%d of %d were restarted", ended, all)
	}
	h := s.historyOf(settings.Policy, book, ids)
	h.lawful()
}
