// Package backtest replays past alarms through the code that ships, in virtual time: package
// handle's own loop, events.Decode, remedy.Next and the real records. It knows no rule. What it
// adds is a world around the loop: time that jumps, records in memory, and a stated model of the
// instances, of whose past an alarm says nothing.
//
//	input.go     where past alarms come from: lines, payload files, folders, standard input
//	audit.go     an audit line becomes the alarm again that it told of
//	spool.go     deliveries in the order of time, however many there are
//	schedule.go  virtual time: invocations that sleep, one running at a time
//	records.go   the ledger's records, in memory
//	guests.go    what is supposed of the instances
//	replay.go    a history under one policy
//	tally.go     what came of it, counted
//	generate.go  realistic histories, by a seed
//	memory.go    how much of it the process takes
//	page.go      a history under one policy or two, as a page
//	region.go    a whole region with its latencies, limits and storms, simulated
//
// Nothing here is safe for concurrent use unless it says so; a replay belongs to one goroutine.
package backtest
