package app_test

import (
	"strings"
	"testing"
	"time"

	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/remedy"
)

// optedIn is an instance whose owner allows the whole ladder.
func optedIn(guest ecssim.Guest) ecssim.Instance {
	return ecssim.Instance{
		ID:    instance,
		Tags:  map[string]string{"auto-restart": "true"},
		Guest: guest,
	}
}

// ending is how the handling of one alarm ended.
type ending struct {
	verdict remedy.Verdict
	reason  remedy.Reason
	sent    string // the reboots that reached ECS
}

func check(t *testing.T, s *setting, results []remedy.Result, want ending) {
	t.Helper()
	if len(results) != 1 {
		t.Fatalf("%d results", len(results))
	}
	r := results[0]
	if got := (ending{r.Verdict, r.Reason, s.sent(instance)}); got != want {
		t.Errorf(
			"ended %s/%s after %q, want %s/%s after %q\n%s\n%+v",
			got.verdict,
			got.reason,
			got.sent,
			want.verdict,
			want.reason,
			want.sent,
			r.Detail,
			r.Findings,
		)
	}
	s.lawful(results)
	for _, c := range s.world.Calls() {
		if c.Reject != "" && want.reason != remedy.ReasonForbidden {
			t.Errorf("ECS's gateway turned a %s away: %s", c.Action, c.Reject)
		}
	}
}

// hourAgo is for alarms that are too old by far.
const hourAgo = -time.Hour

// TestOpening has a row for every guard on the side where it refuses, and one row beside it where
// it lets through.
func TestOpening(t *testing.T) {
	tagged := optedIn(ecssim.Guest{})
	prepaid := func(expires time.Duration) func(*ecssim.Instance) {
		return func(i *ecssim.Instance) {
			i.ChargeType, i.ExpiredTime = "PrePaid", time.Now().
				Add(expires).
				UTC().
				Format("2006-01-02T15:04Z")
		}
	}
	event := func(kind, status string, notBefore time.Duration) func(*ecssim.Instance) {
		return func(i *ecssim.Instance) {
			i.Events = []ecssim.Event{
				{ID: "e-1", Type: kind, Status: status, NotBefore: time.Now().Add(notBefore)},
			}
		}
	}
	restarted := ending{remedy.VerdictRestarted, remedy.ReasonRecovered, "G"}
	refused := func(reason remedy.Reason) ending {
		return ending{remedy.VerdictRefused, reason, ""}
	}
	ignored := func(reason remedy.Reason) ending {
		return ending{remedy.VerdictIgnored, reason, ""}
	}
	for _, row := range []struct {
		why    string
		env    string
		change func(*ecssim.Instance)
		alarm  func(now time.Time) string
		want   ending
	}{
		{why: "nothing objects", want: restarted},
		{why: "a strong event needs no second signal",
			alarm: func(now time.Time) string { return kernelHang(instance, now) },
			want:  restarted},
		{why: "a metric on the list, at the level allowed",
			alarm: func(now time.Time) string {
				return threshold(instance, "CPUUtilization", "ALERT", now)
			},
			want: restarted},
		{why: "a metric that is not on the list",
			alarm: func(now time.Time) string {
				return threshold(instance, "diskusage_utilization", "ALERT", now)
			},
			want: ignored(remedy.ReasonNotRestartable)},
		{why: "a level that may not restart", alarm: func(now time.Time) string {
			return threshold(instance, "CPUUtilization", "ALERT", now, "triggerLevel", "WARN")
		}, want: refused(remedy.ReasonRuleNotAllowed)},
		{why: "a rule outside REMEDY_RULES", env: "REMEDY_RULES=hang-*",
			alarm: func(now time.Time) string {
				return threshold(instance, "cpu_total", "ALERT", now)
			},
			want: refused(remedy.ReasonRuleNotAllowed)},
		{why: "a rule inside REMEDY_RULES", env: "REMEDY_RULES=hang-*,cpu-*",
			alarm: func(now time.Time) string {
				return threshold(instance, "cpu_total", "ALERT", now)
			},
			want: restarted},
		{why: "an agent's metric without data, and a heartbeat that fell silent",
			alarm: func(now time.Time) string {
				return threshold(instance, "cpu_total", "INSUFFICIENT_DATA", now, "triggerLevel",
					"null")
			}, want: restarted},
		{why: "a host metric without data says nothing of the guest",
			alarm: func(now time.Time) string {
				return threshold(instance, "CPUUtilization", "INSUFFICIENT_DATA", now)
			},
			want: ignored(remedy.ReasonNotRestartable)},
		{why: "the alarm is over", alarm: func(now time.Time) string {
			return threshold(instance, "CPUUtilization", "OK", now, "triggerLevel", "OK")
		}, want: ignored(remedy.ReasonResolved)},
		{why: "the agent is back",
			alarm: func(now time.Time) string { return agentRunning(instance, now) },
			want:  ignored(remedy.ReasonResolved)},
		{why: "a bigger event: the platform is rebooting it", alarm: func(now time.Time) string {
			return strings.ReplaceAll(kernelHang(instance, now),
				"InstanceFailure.PerformanceImpact", "SystemFailure.Reboot")
		}, want: ignored(remedy.ReasonNotRestartable)},
		{why: "another account's", alarm: func(now time.Time) string {
			return strings.ReplaceAll(agentStopped(instance, now), account, "9999999999999999")
		}, want: refused(remedy.ReasonWrongAccount)},
		{why: "another product's", alarm: func(now time.Time) string {
			return threshold(instance, "CPUUtilization", "ALERT", now, "namespace",
				"acs_rds_dashboard", "metricProject", "acs_rds")
		}, want: ignored(remedy.ReasonNotECS)},
		{why: "a test event's placeholder", alarm: func(now time.Time) string {
			return strings.ReplaceAll(agentStopped(instance, now), instance, "<resource-id>")
		}, want: ignored(remedy.ReasonPlaceholder)},
		{why: "ARN and content disagree about which instance", alarm: func(now time.Time) string {
			return strings.Replace(kernelHang(instance, now), `"instanceId":"`+instance,
				`"instanceId":"i-bp1another0000000001`, 1)
		}, want: refused(remedy.ReasonUnreadable)},
		{why: "name and content disagree about the state", alarm: func(now time.Time) string {
			return strings.Replace(kernelHang(instance, now), `"eventStatus":"Executing"`,
				`"eventStatus":"Executed"`, 1)
		}, want: refused(remedy.ReasonUnreadable)},
		{why: "no time", alarm: func(now time.Time) string {
			return threshold(instance, "CPUUtilization", "ALERT", now, "timestamp", "")
		}, want: refused(remedy.ReasonUnreadable)},
		{why: "3 minutes in the future",
			alarm: func(now time.Time) string {
				return agentStopped(instance, now.Add(3*time.Minute))
			},
			want: refused(remedy.ReasonUnreadable)},
		{why: "2 minutes in the future: clocks differ",
			alarm: func(now time.Time) string {
				return agentStopped(instance, now.Add(2*time.Minute))
			},
			want: restarted},
		{why: "an hour old",
			alarm: func(now time.Time) string { return agentStopped(instance, now.Add(hourAgo)) },
			want:  refused(remedy.ReasonStaleAlarm)},
		{why: "exactly as old as allowed",
			alarm: func(now time.Time) string {
				return agentStopped(instance, now.Add(-15*time.Minute))
			},
			want: restarted},
		{why: "switched off", env: "REMEDY_MODE=off", want: refused(remedy.ReasonPaused)},
		{why: "outside the window: it is Saturday, midnight",
			env:  "REMEDY_WINDOWS=Mon-Fri 00:00-24:00 UTC",
			want: refused(remedy.ReasonOutsideWindow)},
		{why: "inside the window", env: "REMEDY_WINDOWS=Fri 22:00-06:00 UTC", want: restarted},
		{why: "ECS does not show it", change: func(i *ecssim.Instance) { i.Released = true },
			want: refused(remedy.ReasonNotFound)},
		{why: "ECS shows another one in its place",
			change: func(i *ecssim.Instance) { i.ReportID = "i-bp1another0000000001" },
			want:   refused(remedy.ReasonNotFound)},
		{why: "ECS shows it twice", change: func(i *ecssim.Instance) { i.Duplicated = true },
			want: refused(remedy.ReasonUnreadable)},
		{why: "Stopped", change: func(i *ecssim.Instance) { i.Status = "Stopped" },
			want: refused(remedy.ReasonNotRunning)},
		{why: "Starting by itself", change: func(i *ecssim.Instance) { i.Status = "Starting" },
			want: refused(remedy.ReasonNotRunning)},
		{why: "locked for security",
			change: func(i *ecssim.Instance) { i.Locks = []string{"security"} },
			want:   refused(remedy.ReasonSecurityLocked)},
		{why: "locked for security, spelled otherwise",
			change: func(i *ecssim.Instance) { i.Locks = []string{"Security"} },
			want:   refused(remedy.ReasonSecurityLocked)},
		{why: "any other lock",
			change: func(i *ecssim.Instance) { i.Locks = []string{"Recycling"} },
			want:   refused(remedy.ReasonLocked)},
		{why: "a lock that nobody has heard of",
			change: func(i *ecssim.Instance) { i.Locks = []string{"quantum"} },
			want:   refused(remedy.ReasonLocked)},
		{why: "null is not the same as no locks",
			change: func(i *ecssim.Instance) { i.LocksNull = true },
			want:   refused(remedy.ReasonUnreadable)},
		{why: "nor is nothing at all", change: func(i *ecssim.Instance) { i.LocksMissing = true },
			want: refused(remedy.ReasonUnreadable)},
		{why: "its subscription ended", change: prepaid(-time.Minute),
			want: refused(remedy.ReasonExpired)},
		{why: "its subscription ends soon", change: prepaid(time.Hour), want: restarted},
		{why: "a subscription without an end that can be read",
			change: func(i *ecssim.Instance) { i.ChargeType, i.ExpiredTime = "PrePaid", "soon" },
			want:   refused(remedy.ReasonUnreadable)},
		{why: "pay-as-you-go has no end",
			change: func(i *ecssim.Instance) { i.ExpiredTime = "2020-01-01T00:00Z" },
			want:   restarted},
		{why: "no tag", change: func(i *ecssim.Instance) { i.Tags = nil },
			want: refused(remedy.ReasonNotOptedIn)},
		{why: "no tag, but the operator takes the untagged", env: "REMEDY_UNTAGGED=graceful",
			change: func(i *ecssim.Instance) { i.Tags = nil }, want: restarted},
		{why: "a tag that says something else",
			change: func(i *ecssim.Instance) { i.Tags = map[string]string{"auto-restart": "yes"} },
			want:   refused(remedy.ReasonNotOptedIn)},
		{why: "the platform is rebooting it", change: event("SystemFailure.Reboot", "Executing", 0),
			want: refused(remedy.ReasonPlatformActing)},
		{why: "the platform will in half an hour",
			change: event("SystemMaintenance.Reboot", "Scheduled", 30*time.Minute),
			want:   refused(remedy.ReasonPlatformActing)},
		{why: "the platform will tomorrow",
			change: event("SystemMaintenance.Reboot", "Scheduled", 24*time.Hour), want: restarted},
		{why: "the event that brought us here is no reason to stand back",
			change: event("InstanceFailure.PerformanceImpact", "Executing", 0), want: restarted},
		{why: "an event that nobody has heard of",
			change: event("Quantum.Decoherence", "Executing", 0),
			want:   refused(remedy.ReasonPlatformActing)},
		{why: "its guest reports every minute",
			change: func(i *ecssim.Instance) { i.Guest.Agent = ecssim.AgentAlive },
			want:   refused(remedy.ReasonGuestAlive)},
		{why: "its guest fell silent 3 minutes ago",
			change: func(i *ecssim.Instance) { i.Guest.SilentFor = 3 * time.Minute },
			want:   restarted},
		{why: "its guest fell silent just now",
			change: func(i *ecssim.Instance) { i.Guest.SilentFor = 2*time.Minute + 58*time.Second },
			want:   refused(remedy.ReasonGuestAlive)},
		{why: "its guest reports, but the operator does not ask", env: "REMEDY_SECOND_CHECK=none",
			change: func(i *ecssim.Instance) { i.Guest.Agent = ecssim.AgentAlive },
			want:   restarted},
		{why: "a weak alarm about a guest that never reported",
			change: func(i *ecssim.Instance) { i.Guest.Agent = ecssim.AgentNone },
			want:   refused(remedy.ReasonUnconfirmedHang)},
		{why: "a strong alarm about a guest that never reported", change: func(i *ecssim.Instance) {
			i.Guest.Agent = ecssim.AgentNone
		},
			alarm: func(now time.Time) string { return kernelHang(instance, now) },
			want:  restarted},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				i := tagged
				if row.change != nil {
					row.change(&i)
				}
				var env []string
				if row.env != "" {
					env = []string{row.env}
				}
				s := newSetting(t, env, i)
				payload := agentStopped(instance, time.Now())
				if row.alarm != nil {
					payload = row.alarm(time.Now())
				}
				check(t, s, s.deliver(payload), row.want)
				if row.want.verdict == remedy.VerdictIgnored && len(s.world.Calls()) > 0 {
					t.Error("an alarm about nothing cost a call to ECS")
				}
			})
		})
	}
}

// TestGuests drives the whole ladder against every guest of the catalogue.
func TestGuests(t *testing.T) {
	want := map[string]ending{
		"ignores-graceful":    {remedy.VerdictRestarted, remedy.ReasonRecovered, "GGF"},
		"obeys":               {remedy.VerdictRestarted, remedy.ReasonRecovered, "G"},
		"ignores-one":         {remedy.VerdictRestarted, remedy.ReasonRecovered, "GG"},
		"deaf":                {remedy.VerdictRestarted, remedy.ReasonRecovered, "GGF"},
		"ignores-force":       {remedy.VerdictFailed, remedy.ReasonNotRecovered, "GGF"},
		"dead":                {remedy.VerdictFailed, remedy.ReasonNotRecovered, "GGF"},
		"sticks-in-stopping":  {remedy.VerdictRestarted, remedy.ReasonRecovered, "GGF"},
		"sticks-until-forced": {remedy.VerdictRestarted, remedy.ReasonRecovered, "GGF"},
		"stuck-forever":       {remedy.VerdictFailed, remedy.ReasonStuck, "GGF"},
		"stuck-starting":      {remedy.VerdictFailed, remedy.ReasonStuck, "G"},
		"never-boots":         {remedy.VerdictFailed, remedy.ReasonNotRecovered, "G"},
		"stays-stopped":       {remedy.VerdictFailed, remedy.ReasonNotRunning, "G"},
		"slow-boot":           {remedy.VerdictRestarted, remedy.ReasonRecovered, "G"},
		"slow-stop":           {remedy.VerdictRestarted, remedy.ReasonRecovered, "G"},
		// They obey: there is no force before two attempts' times have passed.
		"slow-stop-8m":        {remedy.VerdictRestarted, remedy.ReasonRecovered, "GG"},
		"slow-stop-8m-force":  {remedy.VerdictRestarted, remedy.ReasonRecovered, "GG"},
		"slow-stop-20m":       {remedy.VerdictRestarted, remedy.ReasonRecovered, "GGF"},
		"slow-stop-20m-force": {remedy.VerdictRestarted, remedy.ReasonRecovered, "GGF"},
		"last-gasp":           {remedy.VerdictFailed, remedy.ReasonNotRecovered, "G"},
		"via-stopped":         {remedy.VerdictRestarted, remedy.ReasonRecovered, "G"},
		"unseen":              {remedy.VerdictRestarted, remedy.ReasonRecovered, "G"},
		"read-lag":            {remedy.VerdictRestarted, remedy.ReasonRecovered, "G"},
		"flapping":            {remedy.VerdictRestarted, remedy.ReasonRecovered, "G"},
		"no-agent":            {remedy.VerdictRestarted, remedy.ReasonRecovered, "G"},
		"no-agent-dead":       {remedy.VerdictFailed, remedy.ReasonNotRecovered, "GGF"},
		"alive":               {remedy.VerdictRefused, remedy.ReasonGuestAlive, ""},
	}
	for _, guest := range ecssim.Guests() {
		t.Run(guest.Name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				ending, known := want[guest.Name]
				if !known {
					t.Fatal("this guest has no row in the table: what is to become of it?")
				}
				s := newSetting(t, nil, optedIn(guest.Guest))
				check(t, s, s.deliver(kernelHang(instance, time.Now())), ending)
			})
		})
	}
}

// TestFaults drives the whole ladder through every fault of the catalogue, with a guest that
// ignores one graceful reboot.
func TestFaults(t *testing.T) {
	restarted := func(sent string) ending {
		return ending{remedy.VerdictRestarted, remedy.ReasonRecovered, sent}
	}
	gaveUp := func(reason remedy.Reason) ending { return ending{remedy.VerdictFailed, reason, "G"} }
	pending := ending{remedy.VerdictPending, remedy.ReasonDependencyUnavailable, ""}
	want := map[string]ending{
		// Not known to be executed: watched, never sent again; another graceful attempt follows,
		// and no force is near.
		"reboot-500-before":     restarted("GGG"),
		"reboot-503":            restarted("GGG"),
		"reboot-timeout-before": restarted("GGG"),
		"reboot-dropped-before": restarted("GGG"),
		// Executed, and ignored by the guest, although the answer was lost.
		"reboot-500-after":     restarted("GG"),
		"reboot-timeout-after": restarted("GG"),
		"reboot-dropped":       restarted("GG"),
		"reboot-reset":         restarted("GG"),
		"reboot-truncated":     restarted("GG"),
		"reboot-empty":         restarted("GG"),
		"reboot-number-code":   restarted("GG"),
		// Provably not executed: claimed and sent anew.
		"reboot-unsent": restarted("GG"),
		"reboot-no-dns": restarted("GG"),
		"throttled":     restarted("GGG"),
		"conflict":      restarted("GGGG"),
		// Refused for good.
		"disk-error":    {remedy.VerdictRefused, remedy.ReasonDiskError, "G"},
		"forbidden":     {remedy.VerdictRefused, remedy.ReasonForbidden, "G"},
		"token-expires": gaveUp(remedy.ReasonForbidden),
		// Reads.
		"describe-down":      pending,
		"describe-flaky":     restarted("GG"),
		"describe-throttled": restarted("GG"),
		"describe-hangs":     restarted("GG"),
		"describe-empty":     {remedy.VerdictRefused, remedy.ReasonNotFound, ""},
		"describe-truncated": restarted("GG"),
		"foreign-body":       restarted("GG"),
		"redirect":           pending,
		"no-date":            restarted("GG"),
		"wrong-date":         {remedy.VerdictRefused, remedy.ReasonUnreadable, ""},
		"locks-unreadable":   {remedy.VerdictRefused, remedy.ReasonUnreadable, ""},
		// Other people, in the middle.
		"stopped":                {remedy.VerdictRefused, remedy.ReasonNotRunning, ""},
		"locked-midway":          gaveUp(remedy.ReasonSecurityLocked),
		"arrears-midway":         gaveUp(remedy.ReasonLocked),
		"tag-removed-midway":     gaveUp(remedy.ReasonNotOptedIn),
		"force-forbidden-midway": restarted("GG"),
		"expired-midway":         gaveUp(remedy.ReasonExpired),
		"stopped-midway":         gaveUp(remedy.ReasonNotRunning),
		"released-midway":        gaveUp(remedy.ReasonNotFound),
		"recovers-midway":        restarted("G"),
		"platform-midway":        gaveUp(remedy.ReasonPlatformActing),
	}
	for _, fault := range ecssim.Faults() {
		t.Run(fault.Name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				ending, known := want[fault.Name]
				if !known {
					t.Fatal("this fault has no row in the table: what is to become of it?")
				}
				s := newSetting(t, nil, optedIn(ecssim.Guest{IgnoreGraceful: 1}))
				fault.Apply(s.world, instance)
				check(t, s, s.deliver(kernelHang(instance, time.Now())), ending)
			})
		})
	}
}
