// Package remedy decides. Next is the only place where anything is decided about an alarm, an
// incident or an instance: whether and how to reboot, and the whole protocol around it. It takes a
// policy and the facts, and returns the next thing to do as data. It does no I/O, reads no clock,
// and is total: every input has an answer, and the zero Step reboots nothing.
//
// # How it is used
//
// The loop of package handle asks Next, does what the Step says, notes in the Facts what came of
// it, and asks again, until there is an answer. The search of the tests is the same loop, cut into
// moves.
//
//	Read    a set of sources, in parallel: the instance's record, the fleet's record, live ones
//	        of ECS
//	Write   one record, at the revision that it was decided on: done, conflict, or not known
//	Send    the RebootInstance whose claim the ledger holds
//	Wait    until a time; what was read before is dropped
//	Answer  the result; the end
//
// Because Next asks for facts only when it needs them, cheap answers are cheap: an alarm about
// nothing costs no call, a duplicate one read of the ledger, and only a live candidate costs calls
// to ECS. Because the incident in the ledger and the live instance are all that Next needs, any
// invocation can take up any incident after any crash.
//
// # Where things are
//
//	next.go      an alarm's way in: from the alarm alone, by the records, by the guards
//	guards.go    the guards, one function each
//	protocol.go  who owns an incident, what is written before what, leases, conflicts, lost
//	             answers
//	waiting.go   which alarms wait for a slot, whose turn it is, and what is told before what
//	ladder.go    which attempt comes next
//	watch.go     what became of an attempt
//	evidence.go  what the console showed before a reboot, and when it is kept
//	record.go    every change of an instance's record
//	fleet.go     every change of the fleet's record
//	facts.go     what Next decides on, and what the loop notes
//	incident.go  what is stored of an incident
//	policy.go    what the operator allows
//	curable.go   which events a restart may cure
//	step.go      the verbs, verdicts and reasons
//
// # The laws
//
// They hold in every history, whatever fails, dies or stands still, and package lawtest checks
// them.
//
//   - S1: There is no RebootInstance without an earlier claim of that attempt by the owner of the
//     lease, and none after the claim's SendBefore.
//   - S2: An instance has at most one unsettled attempt.
//   - S3: There is no ForceStop=true unless two graceful attempts of the same incident were
//     accepted and seen to fail (or the second was refused in the first one's transition and then
//     watched for its whole time), and nothing of that incident worked.
//   - S4: There is no reboot on a reading that is older than CallLimit at its claim, or from before
//     its owner held the incident, or of an instance whose last reading was locked, expired, not
//     opted in, alive or unreadable, or not Running (but for the transition of our own accepted
//     attempt).
//   - S5: No incident opens for an alarm that is older than its limit, or than the instance's last
//     recovery; and nothing is claimed for one of which the ledger says that it is over.
//   - S6: Cool-down, budget, incident limit and fleet limits hold across processes.
//   - S7: An attempt whose outcome is unknown is never sent again.
//   - S8: In observe mode, off, or paused nothing is rebooted.
//   - S9: The same policy and facts give the same step.
//   - S10: After an attempt worked, its incident sends nothing more.
//   - S11: An owner whose incident is gone from the ledger sends nothing more.
//   - S12: Nothing that is signed goes to a host that is not ECS's of our region.
//   - LIVENESS: While deliveries or the timer go on, every claimed attempt is settled, every
//     incident ends, every waiting alarm is judged, and every verdict is reported: one that was
//     lost with its process, to the next delivery of its event. An end is reported only after it is
//     written.
package remedy
