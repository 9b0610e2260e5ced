package ecssim

import "time"

// NamedGuest is a guest that a drill can choose by its name.
type NamedGuest struct {
	Name  string
	Title string // one sentence
	Guest Guest
}

// Guests is the catalogue of guests. The first one is for a drill that names none.
func Guests() []NamedGuest {
	return []NamedGuest{
		{"ignores-graceful",
			"It hangs so hard that it ignores two graceful reboots; a forced one cures it.",
			Guest{IgnoreGraceful: 2}},
		{"obeys", "It hangs, and the first graceful reboot cures it.",
			Guest{}},
		{"ignores-one", "It ignores one graceful reboot and obeys the retry.",
			Guest{IgnoreGraceful: 1}},
		{"deaf", "No graceful reboot ever reaches it; a forced one cures it.",
			Guest{IgnoreGraceful: -1}},
		{"ignores-force", "It ignores every graceful reboot and the first forced one.",
			Guest{IgnoreGraceful: -1, IgnoreForced: 1}},
		{"dead", "Nothing wakes it: it stays Running and silent whatever is sent.",
			Guest{IgnoreGraceful: -1, IgnoreForced: -1}},
		{"sticks-in-stopping",
			"A graceful reboot leaves it in Stopping for 10 minutes; then it is Running, and " +
				"still hung.",
			Guest{IgnoreGraceful: 2, Ignored: ReactionSticksStopping}},
		{"sticks-until-forced",
			"A graceful reboot leaves it in Stopping until a forced one, accepted in that state, " +
				"cures it.",
			Guest{IgnoreGraceful: -1, Ignored: ReactionSticksStopping, IgnoredFor: -1,
				AcceptForceInTransition: true}},
		{"stuck-forever",
			"A reboot leaves it in Stopping for ever, and the platform accepts no other one.",
			Guest{IgnoreGraceful: -1, IgnoreForced: -1, Ignored: ReactionSticksStopping,
				IgnoredFor: -1}},
		{"stuck-starting", "A reboot leaves it in Starting for ever.",
			Guest{IgnoreGraceful: -1, IgnoreForced: -1, Ignored: ReactionSticksStarting,
				IgnoredFor: -1}},
		{"never-boots", "It restarts and shows Running, but its system does not come up.",
			Guest{NeverBoots: true}},
		{"stays-stopped", "It shuts down and stays Stopped.",
			Guest{NeverComesBack: true}},
		{"slow-boot", "It restarts, checks its disks, and reports only after 10 minutes.",
			Guest{BootTime: 10 * time.Minute}},
		{"slow-stop", "Its shutdown takes 4 minutes.",
			Guest{ShutdownTakes: 4 * time.Minute}},
		{"slow-stop-8m", "Its shutdown takes 8 minutes, and ECS takes no other reboot meanwhile.",
			Guest{ShutdownTakes: 8 * time.Minute}},
		{"slow-stop-8m-force",
			"Its shutdown takes 8 minutes, and a forced reboot would cut it short.",
			Guest{ShutdownTakes: 8 * time.Minute, AcceptForceInTransition: true}},
		{"slow-stop-20m", "Its shutdown takes 20 minutes, and ECS takes no other reboot meanwhile.",
			Guest{ShutdownTakes: 20 * time.Minute}},
		{"slow-stop-20m-force",
			"Its shutdown takes 20 minutes, and a forced reboot cuts it short.",
			Guest{ShutdownTakes: 20 * time.Minute, AcceptForceInTransition: true}},
		{"last-gasp", "Its agent reports while it shuts down, and then never again.",
			Guest{LastGasp: true, NeverBoots: true}},
		{"via-stopped", "Its reboot passes through Stopped, as some do.",
			Guest{ViaStopped: true}},
		{"unseen",
			"Its reboot is over in a second and leaves StartTime as it was: only the heartbeat " +
				"tells.",
			Guest{Stop: time.Second, SkipsStarting: true, StartTimeUnchanged: true}},
		{"read-lag", "Reads still show Running for 15 s after its reboot began.",
			Guest{ReadLag: 15 * time.Second}},
		{"flapping", "Every reboot cures it, and 5 minutes later it hangs again.",
			Guest{HangsAgainAfter: 5 * time.Minute}},
		{"no-agent", "Cloud Assistant never reported from it; it obeys the first reboot.",
			Guest{Agent: AgentNone}},
		{"no-agent-dead", "Cloud Assistant never reported from it, and it ignores everything.",
			Guest{Agent: AgentNone, IgnoreGraceful: -1, IgnoreForced: -1}},
		{"alive", "It does not hang at all: the alarm is wrong.",
			Guest{Agent: AgentAlive}},
	}
}

// NamedFault is a fault that a drill can choose by its name.
type NamedFault struct {
	Name  string
	Title string // one sentence
	apply func(w *World, id string)
}

// Apply makes the fault happen to an instance of the World.
func (f NamedFault) Apply(w *World, id string) { f.apply(w, id) }

const rebootAction = "RebootInstance"

// Faults is the catalogue of faults: of RebootInstance, of the reads, and what other people do in
// the middle. "Midway" is just after the first RebootInstance.
func Faults() []NamedFault {
	reboot := func(f Fault) func(*World, string) {
		return func(w *World, id string) {
			f.Action, f.Instance = rebootAction, id
			w.Inject(f)
		}
	}
	read := func(f Fault) func(*World, string) {
		return func(w *World, _ string) {
			f.Action = "DescribeInstances"
			w.Inject(f)
		}
	}
	midway := func(do func(*Instance)) func(*World, string) {
		return func(w *World, id string) { w.Change(id, AfterCall(rebootAction, 1), do) }
	}
	return []NamedFault{
		{"reboot-500-before", "RebootInstance answers 500 and has done nothing.",
			reboot(Fault{Kind: KindFail})},
		{"reboot-500-after", "RebootInstance answers 500, but the instance reboots.",
			reboot(Fault{Kind: KindFail, After: true})},
		{"reboot-503", "RebootInstance answers 503 ServiceUnavailable and has done nothing.",
			reboot(Fault{Kind: KindFail, Status: 503, Code: "ServiceUnavailable"})},
		{"reboot-timeout-before", "RebootInstance never answers and has done nothing.",
			reboot(Fault{Kind: KindHang})},
		{"reboot-timeout-after", "RebootInstance never answers, but the instance reboots.",
			reboot(Fault{Kind: KindHang, After: true})},
		{"reboot-dropped", "The connection closes without an answer, but the instance reboots.",
			reboot(Fault{Kind: KindDrop, After: true})},
		{"reboot-dropped-before", "The connection closes before RebootInstance did anything.",
			reboot(Fault{Kind: KindDrop})},
		{"reboot-reset", "The connection is reset, but the instance reboots.",
			reboot(Fault{Kind: KindReset, After: true})},
		{"reboot-truncated",
			"The instance reboots, and RebootInstance's answer breaks off in the middle.",
			reboot(Fault{Kind: KindTruncate})},
		{"reboot-empty",
			"The instance reboots, and RebootInstance answers 200 with an empty object.",
			reboot(Fault{Kind: KindBody, Body: "{}", After: true})},
		{"reboot-number-code",
			"The instance reboots, and RebootInstance answers 502 with a number for its error " +
				"code.",
			reboot(Fault{Kind: KindBody, Status: 502, Body: `{"Code":502}`, After: true})},
		{"reboot-unsent", "The connection for RebootInstance is refused: it is never sent.",
			reboot(Fault{Kind: KindDial})},
		{"reboot-no-dns", "ECS's name cannot be resolved for RebootInstance: it is never sent.",
			reboot(Fault{Kind: KindDNS})},
		{"throttled", "RebootInstance is throttled until the next minute.",
			reboot(Fault{Kind: KindThrottle})},
		{"conflict", "Another operation is under way on the instance, twice.",
			reboot(Fault{Kind: KindFail, Status: 403, Code: "InvalidOperation.Conflict",
				Times: 2})},
		{"disk-error", "RebootInstance refuses because of a disk.",
			reboot(Fault{Kind: KindFail, Status: 403, Code: "DiskError", Times: -1})},
		{"forbidden", "The role may not reboot the instance.",
			func(w *World, _ string) {
				w.SetKey(Key{RebootTag: [2]string{"nobody", "has this"}})
			}},
		{"token-expires", "The credentials expire a minute from the start.",
			func(w *World, _ string) {
				w.SetKey(Key{Expires: w.clock.Now().Add(time.Minute)})
			}},

		{"describe-down", "DescribeInstances answers 503 for ever.",
			read(Fault{Kind: KindFail, Status: 503, Code: "ServiceUnavailable", Times: -1})},
		{"describe-flaky", "DescribeInstances answers 500 twice, from its third call on.",
			read(Fault{Kind: KindFail, Skip: 2, Times: 2})},
		{"describe-throttled",
			"DescribeInstances is throttled until the next minute, from its third call on.",
			read(Fault{Kind: KindThrottle, Skip: 2})},
		{"describe-hangs", "DescribeInstances does not answer once, its third call.",
			read(Fault{Kind: KindHang, Skip: 2})},
		{"describe-empty", "DescribeInstances lists nothing, as it does without permission.",
			func(w *World, _ string) {
				w.SetKey(Key{Actions: []string{"DescribeInstanceStatus",
					"DescribeCloudAssistantStatus",
					"DescribeInstanceHistoryEvents", rebootAction}})
			}},
		{"describe-truncated", "DescribeInstances's answer breaks off in the middle, twice.",
			read(Fault{Kind: KindTruncate, Times: 2})},
		{"foreign-body", "A proxy answers DescribeInstances with a page of its own, twice.",
			read(Fault{Kind: KindBody, Body: "<html><body>Sign in to this network</body></html>",
				Type: "text/html", Times: 2})},
		{"redirect", "A proxy redirects DescribeInstances elsewhere.",
			read(Fault{Kind: KindRedirect, Body: "https://portal.example/", Times: -1})},
		{"no-date", "No answer of DescribeInstances has a Date.",
			read(Fault{Kind: KindNoDate, Times: -1})},
		{"wrong-date", "Every answer has a Date that is a day late.",
			func(w *World, _ string) { w.Inject(Fault{Kind: KindWrongDate, Times: -1}) }},
		{"locks-unreadable", "DescribeInstances does not say whether the instance is locked.",
			func(w *World, id string) {
				w.Change(id, AtTime(w.clock.Now()), func(i *Instance) { i.LocksNull = true })
			}},

		{"stopped", "Somebody has stopped the instance before its alarm arrives.",
			func(w *World, id string) {
				w.Change(id, AtTime(w.clock.Now()), func(i *Instance) { i.Status = StatusStopped })
			}},
		{"locked-midway", "A security lock falls midway.",
			midway(func(i *Instance) { i.Locks = append(i.Locks, "security") })},
		{"arrears-midway", "The account falls into arrears midway, which locks the instance.",
			midway(func(i *Instance) { i.Locks = append(i.Locks, "financial") })},
		{"tag-removed-midway", "The owner removes every tag midway.",
			midway(func(i *Instance) { i.Tags = nil })},
		{"force-forbidden-midway", `The owner changes the tags from "true" to "graceful" midway.`,
			midway(func(i *Instance) {
				for key, value := range i.Tags {
					if value == "true" {
						i.Tags[key] = "graceful"
					}
				}
			})},
		{"expired-midway", "The subscription ends midway.",
			midway(func(i *Instance) {
				i.ChargeType, i.ExpiredTime = "PrePaid", "2020-01-01T16:00Z"
			})},
		{"stopped-midway", "Somebody stops the instance midway.",
			midway(func(i *Instance) { i.Status = StatusStopped })},
		{"released-midway", "The instance is released midway.",
			midway(func(i *Instance) { i.Released = true })},
		{"recovers-midway", "The guest recovers by itself midway.",
			midway(func(i *Instance) { i.Guest.Agent = AgentAlive })},
		{"platform-midway",
			"The host fails midway, and the platform is about to reboot the instance.",
			midway(func(i *Instance) {
				i.Events = append(i.Events,
					Event{ID: "e-simulated", Type: "SystemFailure.Reboot", Status: "Executing"})
			})},
	}
}
