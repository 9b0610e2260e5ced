package report

import (
	"sync"
	"time"

	"ecs-remedy/function/internal/remedy"
)

// english are the words of REMEDY_LANG=en. Those of each language are made when they are first
// needed, so that start-up pays for neither.
var english = sync.OnceValue(func() *Words {
	w := &Words{
		Lang: "en", zone: time.UTC, stop: ".", aside: " ({text})", and: " and ",
		tried: " after {what}", subject: "this event", called: "{id}", yes: "yes", no: "no",
		space: " ", semicolon: "; ", units: [4]string{"d", "h", "min", "s"},
	}

	w.details = map[remedy.Verdict]string{
		remedy.VerdictRestarted: "{subject} was restarted and recovered{tried}",
		remedy.VerdictObserved: "{subject} would have been restarted (observe mode: nothing was " +
			"sent)",
		remedy.VerdictWaiting: "{subject} waits for its turn, and gets a second result then: " +
			"{because}",
		remedy.VerdictRefused: "{subject} was not restarted{tried}: {because}",
		remedy.VerdictIgnored: "{subject} needs no restart: {because}",
		remedy.VerdictFailed:  "{subject} needs a human{tried}: {because}",
		remedy.VerdictPending: "{subject} is not finished, and the next delivery or the timer's " +
			"sweep goes on: {because}",
		remedy.VerdictMalformed: "this payload cannot be understood",
		VerdictOpen:             "{subject} is being handled{tried}",
	}
	w.headlines = map[remedy.Verdict]string{
		remedy.VerdictRestarted: "{subject} was restarted",
		remedy.VerdictObserved:  "{subject} would have been restarted",
		remedy.VerdictWaiting:   "{subject} waits for its turn",
		remedy.VerdictRefused:   "{subject} was not restarted",
		remedy.VerdictIgnored:   "{subject} needs no restart",
		remedy.VerdictFailed:    "{subject} needs a human",
		remedy.VerdictPending:   "{subject} is not finished",
		remedy.VerdictMalformed: "An event that cannot be understood",
		VerdictOpen:             "{subject} is being looked after",
	}
	w.verdicts = map[remedy.Verdict]string{
		remedy.VerdictRestarted: "restarted",
		remedy.VerdictObserved:  "observed",
		remedy.VerdictWaiting:   "waiting",
		remedy.VerdictRefused:   "refused",
		remedy.VerdictIgnored:   "ignored",
		remedy.VerdictFailed:    "failed",
		remedy.VerdictPending:   "pending",
		remedy.VerdictMalformed: "malformed",
		VerdictOpen:             "open",
	}
	w.nobody = nobody{"nothing was restarted: {because}", "Nothing was restarted",
		"Nothing was restarted"}
	w.counts = [6]count{
		{"{n} graceful reboot", "{n} graceful reboots"},
		{"{n} forced reboot", "{n} forced reboots"},
		{"{n} unconfirmed call for a graceful reboot",
			"{n} unconfirmed calls for a graceful reboot"},
		{"{n} unconfirmed call for a forced reboot", "{n} unconfirmed calls for a forced reboot"},
		{"{n} call that ECS did not execute", "{n} calls that ECS did not execute"},
		{"{n} call that ECS rejected", "{n} calls that ECS rejected"},
	}

	w.reasons = map[remedy.Verdict]map[remedy.Reason]reason{
		VerdictOpen: {ReasonOpen: {"its incident is still open",
			"Nothing yet: the function goes on by itself. To stop it, run remedy pause; to end " +
				"this incident by hand, remedy close."}},
		remedy.VerdictRestarted: {remedy.ReasonRecovered: {"it restarted, and it is back",
			"Check its services, and find out why it hung before it hangs again: the console log " +
				"from before the reboot is the first place to look."}},
		remedy.VerdictObserved: {remedy.ReasonWouldRestart: {
			"every rule lets a restart pass, and ECS would accept it",
			"If that would have been right, set REMEDY_MODE=enforce. Until then this instance " +
				"still hangs, and restarting it is up to you."}},
		remedy.VerdictWaiting: {remedy.ReasonFleetConcurrent: {
			"the limit of instances restarted at once leaves it no slot yet",
			"Nothing yet: its turn comes when another incident ends. If many instances hang at " +
				"once, look for a common cause before you raise REMEDY_FLEET_CONCURRENT."}},
		remedy.VerdictIgnored: {
			remedy.ReasonResolved: {"its alarm is resolved",
				"Nothing: the condition is over."},
			remedy.ReasonNotECS: {"it is not about an ECS instance",
				"Nothing. To save invocations, let the alarm rule send only ECS alarms here."},
			remedy.ReasonNoInstance: {"it names no instance that hangs",
				"If you expected a restart, alarm on the instance itself: a site or ping monitor " +
					"names only the machine that did the probing."},
			remedy.ReasonNotRestartable: {"a restart does not cure this",
				"See to the cause by hand. remedy events lists what a restart can cure; for " +
					"metrics that is REMEDY_METRICS."},
			remedy.ReasonPlaceholder: {"it names a placeholder, as samples and test events do",
				"Nothing: this was a test."},
			remedy.ReasonNotAnAlarm: {"it is not an alarm of CloudMonitor",
				"Find out who sends this to the function, and stop it there."},
		},
		remedy.VerdictRefused: {
			remedy.ReasonPaused: {"restarting is switched off or paused",
				"Look at the instance yourself. When restarts may go on, run remedy resume, or " +
					"set REMEDY_MODE."},
			remedy.ReasonRuleNotAllowed: {"this alarm rule or level may not restart anything",
				"If it should, add the rule to REMEDY_RULES or its level to REMEDY_LEVELS."},
			remedy.ReasonStaleAlarm: {"the alarm is old news",
				"See whether the instance still hangs. If alarms often come late, find out what " +
					"delays them before you raise REMEDY_ALARM_MAX_AGE."},
			remedy.ReasonWrongAccount: {"nothing says that it is this account's",
				"Route this alarm to a function in the account that owns the instance."},
			remedy.ReasonWrongRegion: {"it is in another region than this function",
				"Deploy the function in that region, too, and route the region's alarms to it."},
			remedy.ReasonOutsideWindow: {"no incident may open at this time of the week",
				"Look at the instance yourself, or widen REMEDY_WINDOWS."},
			remedy.ReasonDuplicateAlarm: {"this alarm was dealt with before",
				"Nothing: see the result of the first delivery."},
			remedy.ReasonInProgress: {"it is being handled already",
				"Nothing: the result of the incident that is open follows."},
			remedy.ReasonCoolingDown: {"it had an incident a short while ago",
				"See why it hangs again so soon. If another restart is right, restart it " +
					"yourself, or run remedy reset to let the next alarm do it."},
			remedy.ReasonIncidentsSpent: {"it had too many incidents lately, and restarting it " +
				"again would only hide why",
				"Find the cause: restarts no longer help. When it is mended, run remedy reset."},
			remedy.ReasonFleetConcurrent: {
				"the limit of instances restarted at once leaves it no slot",
				"Look for a common cause: a zone, a release, a dependency. Then restart what is " +
					"left by hand, or let its next alarm do it."},
			remedy.ReasonFleetHourly: {
				"as many incidents as allowed have begun within the hour",
				"So many hangs have a common cause: look for it in the zone, the last release, " +
					"or a shared dependency. Restarts go on when the hour is over."},
			remedy.ReasonNotFound: {"ECS does not show it here, or we may not see it",
				"Check that the instance exists in this region, and that the function's role may " +
					"call ecs:DescribeInstances on it. remedy doctor tells which."},
			remedy.ReasonNotRunning: {"it is not Running",
				"See who stopped or started it. This function never starts an instance that is " +
					"Stopped."},
			remedy.ReasonSecurityLocked: {"it is locked for security reasons",
				"Open Security Center and the ECS console, deal with what is reported there, and " +
					"ask for the lock to be lifted. Do not restart it before."},
			remedy.ReasonLocked: {"it is locked",
				"See in the ECS console why it is locked, and clear that. For arrears, settle " +
					"the bill."},
			remedy.ReasonExpired: {
				"its subscription has expired or its account is in arrears",
				"Renew the subscription or top up the account; then the instance can be " +
					"restarted."},
			remedy.ReasonNotOptedIn: {"its owner has not opted it in",
				"If it may be restarted, give it the opt-in tag: true for the whole ladder, " +
					"graceful for one without force."},
			remedy.ReasonPlatformActing: {"Alibaba Cloud itself is acting on it, or about to",
				"Wait for the system event to end, and watch it in the ECS console. Answer it " +
					"there if it asks."},
			remedy.ReasonGuestAlive: {"its guest is alive",
				"Log in and see what is slow: the guest still reports to Cloud Assistant, so it " +
					"does not hang. If the alarm is wrong, mend its rule."},
			remedy.ReasonUnconfirmedHang: {"nothing confirms that it hangs",
				"Look at the instance yourself. Install the Cloud Assistant agent on it, so that " +
					"a heartbeat can tell next time."},
			remedy.ReasonUnreadable: {
				"something that decides cannot be read, and unreadable means no",
				"See in the findings what could not be read. remedy doctor checks permissions, " +
					"ledger and configuration."},
			remedy.ReasonForbidden: {"the function's role does not allow it",
				"Give the role the missing permission; remedy doctor names it."},
			remedy.ReasonDiskError: {"one of its disks is in a state that forbids it",
				"See its disks in the ECS console, and attach or mend the one that is in the way."},
			remedy.ReasonRejected: {"ECS rejected the reboot for good",
				"Look up the error code in the ECS documentation, and clear what it names."},
		},
		remedy.VerdictFailed: {
			remedy.ReasonNotRecovered: {"it did not recover",
				"Open its console over VNC in the ECS console: see whether it boots, and mend it " +
					"there. If it does not, roll back to a snapshot or replace it."},
			remedy.ReasonStuck: {"it is stuck between two states",
				"Wait some minutes and look at its status in the ECS console. If it stays where " +
					"it is, open a ticket with the request ids."},
			remedy.ReasonUnconfirmed: {"nobody knows whether a reboot took place",
				"See in the ECS console whether it restarted, by its start time and events. If " +
					"it still hangs, restart it by hand."},
			remedy.ReasonForceNotAllowed: {
				"it ignores graceful reboots, and forcing it is not allowed",
				"Decide whether unsaved data may be lost; if so, force the restart by hand. To " +
					"let the function do so, set the opt-in tag to true and REMEDY_FORCE to " +
					"allow."},
			remedy.ReasonNotRunning: {"it is not Running any more",
				"If nobody stopped it on purpose, start it in the ECS console: this function " +
					"never starts an instance."},
			remedy.ReasonResolved: {"its alarm was resolved before it was seen to restart, so " +
				"nothing more was sent",
				"See whether it works. If it does not, restart it by hand."},
			remedy.ReasonPaused: {"restarting was paused or switched off before it recovered",
				"See to the instance by hand, for it may still hang; then run remedy resume."},
			remedy.ReasonAbandoned: {"its incident was ended by hand",
				"Whoever closed it looks after the instance now; what was sent before may still " +
					"take effect."},
			remedy.ReasonLedgerLost: {"nobody knows what was sent for it, so nothing more is",
				"See whether the instance restarted, and find out what happened to the ledger. " +
					"Then run remedy doctor."},
		},
		remedy.VerdictPending: {
			remedy.ReasonOutOfTime: {"this invocation has no time left",
				"Nothing: the next delivery or the timer's sweep goes on. If this happens often, " +
					"give the function a longer timeout."},
			remedy.ReasonLeaseHeld: {"another invocation still holds it",
				"Nothing: it is judged again when the lease is over."},
			remedy.ReasonDependencyUnavailable: {"ECS or the ledger cannot be reached",
				"See whether the function reaches ECS and the ledger; remedy doctor tests both. " +
					"The event is delivered again meanwhile."},
		},
		remedy.VerdictMalformed: {remedy.ReasonMalformed: {"the payload cannot be understood",
			"Find out who sent it. The function's dead letter, where one is set, keeps the " +
				"payload."}},
	}

	w.rules = map[remedy.Rule]string{
		remedy.RuleAlarmRule:    "Alarm rule",
		remedy.RuleAlarmLevel:   "Alarm level",
		remedy.RuleAccount:      "Account",
		remedy.RuleAlarmAge:     "Age of the alarm",
		remedy.RuleMode:         "Mode",
		remedy.RuleWindow:       "Time window",
		remedy.RuleDuplicate:    "Known alarm",
		remedy.RuleLastRecovery: "Last recovery",
		remedy.RuleCoolDown:     "Cool-down",
		remedy.RuleIncidents:    "Incidents so far",
		remedy.RulePause:        "Pause",
		remedy.RuleFleet:        "Fleet limits",
		remedy.RuleFound:        "Instance found",
		remedy.RuleRunning:      "Status",
		remedy.RuleSecurityLock: "Security lock",
		remedy.RuleOtherLock:    "Other locks",
		remedy.RuleExpiry:       "Expiry",
		remedy.RuleOptIn:        "Opt-in tag",
		remedy.RulePlatform:     "System events",
		remedy.RuleHeartbeat:    "Heartbeat",
		remedy.RuleHang:         "Second signal",
		remedy.RuleForce:        "Force",
		RuleEvidence:            "Evidence",
	}
	w.outcomes = map[remedy.Outcome]string{
		remedy.OutcomeClaimed:     "claimed, no answer yet",
		remedy.OutcomeAccepted:    "accepted, being watched",
		remedy.OutcomeUnknown:     "answer not known, being watched",
		remedy.OutcomeWorked:      "worked",
		remedy.OutcomeFailed:      "failed",
		remedy.OutcomeUnconfirmed: "unconfirmed",
		remedy.OutcomeRejected:    "rejected by ECS",
		remedy.OutcomeNotExecuted: "not executed",
	}
	w.statuses = map[string]string{"Pending": "Pending", "Running": "Running",
		"Starting": "Starting", "Stopping": "Stopping", "Stopped": "Stopped"}
	w.states = map[string]string{"firing": "firing", "resolved": "resolved",
		"insufficient-data": "insufficient-data", "unknown": "unknown"}
	w.failures = map[remedy.Failure]string{
		remedy.FailureUnavailable: "unavailable",
		remedy.FailureForbidden:   "forbidden",
		remedy.FailureMissing:     "missing",
		remedy.FailureUnreadable:  "unreadable",
	}
	w.marks = map[MarkKind]string{
		MarkPanic:       "kernel panic",
		MarkLockup:      "CPU lockup",
		MarkHungTask:    "hung task",
		MarkOutOfMemory: "out of memory",
		MarkIOError:     "I/O error",
		MarkReadOnly:    "file system read-only",
	}

	w.told = chat{
		titles: map[string]string{
			"failed":    "A human is needed: {subject}",
			"restarted": "Restarted: {subject}",
			"waiting":   "Waiting for its turn: {subject}",
			"refused":   "Not restarted: {subject}",
		},
		more:   "{n} further refusals for this reason since {time}",
		ever:   "{n} further refusals for this reason",
		queued: "{n} further alarms began to wait",
		last: "There were {n} further refusals since the last message, of which {subject} was " +
			"the last: {meaning}",
	}

	w.events = story{
		alarm: "alarm", rules: "rules", rehearsal: "rehearsal", queue: "waits",
		attempt: "attempt {n}", look: "saw", wait: "wait", sweep: "pending", takeover: "taken up",
		resolved: "resolved", idle: "done",

		unnamed: "an alarm without a name", format: "format {value}", region: "region {value}",
		account: "account {value}", ago: "{time} ({ago} ago)", ahead: "{time} ({ago} ahead)",

		rehearse:   "RebootInstance with DryRun: would ECS accept a reboot?",
		sweeps:     "this invocation has ended; the timer's sweep takes up what is under way",
		takesOver:  "another invocation took the incident up, after its owner had fallen silent",
		isResolved: "the alarm was reported resolved",
		nothing:    "no incident is under way: nothing to do",
		graceful:   "graceful reboot: claimed in the ledger, then sent",
		forced:     "FORCED reboot: claimed in the ledger, then sent",

		accepted:    "accepted by ECS",
		rejected:    "refused by ECS{code}",
		notExecuted: "not executed{code}: it counts for nothing, and is sent anew later",
		uncertain: "no answer that can be trusted{code}: perhaps executed, so it is watched and " +
			"never sent again",
		code: " ({code})", requestID: ", RequestId {id}",

		worked:      "worked: the guest reports again",
		workedStart: "worked: the instance restarted, for it has a new StartTime",
		workedBack:  "worked: the instance left Running by {left} and was back by {back}",
		failed:      "failed: accepted, watched all the time, and the instance did not restart",
		stuck:       "failed: it left the instance stuck on its way",
		failedForce: "refused by ECS, watched to the incident's limit, and the instance did not " +
			"restart",
		failedRetry: "refused by ECS, watched as long as an attempt, and the instance did not " +
			"restart",
		unwatched:   "unconfirmed: accepted, but not watched all the time, so it proves nothing",
		unconfirmed: "unconfirmed: perhaps it was never executed, so it proves nothing",
		neverSent:   "not executed: it counts for nothing",

		until: "{saw}, until {time} ({n} looks)", left: "no longer Running",
		heartFailed: "{saw}; heartbeat {why}", heartNever: "{saw}; Cloud Assistant never reported",
		heartSilent: "{saw}; no heartbeat yet", heartBeats: "{saw}; last heartbeat at {time}",
		looksAgain: "looks again at {time}",

		all: "all {n}", more: "{n} more", asBefore: "asked again: as before",
	}

	w.labels = labels{
		Colon: ": ", Comma: ", ",

		Todo: "What to do", Instance: "Instance", Region: "Region", Reason: "Reason", More: "More",
		Took: "Took", Forced: "Forced", Incident: "Incident", Page: "Page",

		Summary: "In short", Opened: "Alarm", Ended: "Ended", Attempts: "Attempts",
		NoAttempts: "none: nothing was sent",
		Simulated:  "Simulated: no real instance was touched.",
		Contents:   "Alarms of this event", NotShown: "{n} further alarms are not shown.",

		Timeline: "Timeline",
		Scale:    "To scale, {took} in all. Times are {zone}.",
		Drawing: "Timeline from {from} to {to}, to scale. The list that follows says the same in " +
			"words.",
		Start:     "start",
		Events:    "Alarm and verdict",
		Statuses:  "Status of the instance",
		Heart:     "Heartbeats of its guest",
		Waits:     "Waiting",
		NoReading: "not read",
		Failed:    "reading failed",
		Graceful:  "graceful",
		ByForce:   "forced",
		NotSent:   "not executed or rejected",
		HeartAgo:  "{time} before the alarm",
		NoHeart:   "none is known",
		Silent:    "no heartbeat",
		NoStatus:  "none was read",
		Steps:     "Step by step",
		Passed:    "{n} rules let it pass",
		Rows:      "{n} of {all} steps are left out here.",

		Findings: "What the rules saw",
		Rule:     "Rule",
		Answer:   "Answer",
		Saw:      "Saw",
		OK:       "passes",
		NotOK:    "refuses",
		NoFindings: "No rule's answer is at hand: the ledger does not keep them. The audit line " +
			"of this incident has them.",
		NoneAsked: "No rule had to be asked: what the event says decides.",

		Evidence: "Evidence",
		Stages: [4]string{"", "before the first attempt", "before the forced attempt",
			"after the end"},
		Place:      "Kept in",
		Screenshot: "Screenshot",
		Picture:    "What the console of {subject} showed {stage}",
		Console:    "Console log",
		Log:        "Console log of {subject} {stage}",
		Tail:       "The last {n} of {all} lines.",
		Whole:      "{n} lines.",
		Marked:     "Marked lines",
		NoMarks: "Nothing in it looks like a kernel panic, a lockup, a hung task, a lack of " +
			"memory or a failing disk.",
		Missing: "What is missing",
		NoEvidence: "None is at hand. Where REMEDY_EVIDENCE names a place, the function keeps a " +
			"screenshot and the console log there before it reboots.",
		NoPicture: "The picture is no JPEG or PNG, or too large, and is not shown.",
		Noted:     "What the function noted",
		Earlier: "An earlier invocation kept evidence of this incident. This function may write " +
			"there, and not read: remedy report shows it, with your own permissions.",
		NotKept:   "{what}: none was kept {stage}",
		NotRead:   "{name} could not be read: {why}",
		NotListed: "What there is could not be listed: {why}",
		Alien:     "{name} is about something else, and is not used",

		Received: "The alarm as received",
		Format:   "Format", Name: "Name", AlarmRule: "Rule", State: "State", RawState: "State as " +
			"sent",
		Level: "Level", Time: "Time", Key: "Key", Account: "Account", Product: "Product",
		Event: "Event", Metric: "Metric", Problem: "Problem", Note: "Note",

		Search: "To search the logs with",
		SearchText: "The function's log has the incident's and the invocation's id; ECS's " +
			"request ids are for ActionTrail, and for a ticket.",
		Invocation: "Request id of the invocation", AlarmID: "Id of the alarm",
		RequestID: "ECS request id, attempt {n}", Version: "Version of the code",
		Number: "No.", How: "How", Sent: "At", Outcome: "Outcome", Code: "Code",
		Footer: "Written by ecs-remedy at {time}.",
	}
	return w
})
