package remedy

import (
	"strings"

	"ecs-remedy/events"
)

// Curable says what a restart can do about one kind of event. Events that are not in the table are
// left alone.
type Curable struct {
	Product string // ECS or CloudMonitor
	Event   string // without its status
	Status  string // the only status in which it is acted on; empty where it never is
	Weak    bool   // needs a second signal
	Why     string
}

// CurableEvents is the table of all events that a restart may cure, and of those that look as if
// one might but must be left alone. Deny is the default. Sources: ECS help "Instance event
// notification" (document 143663), "Overview of system events" (57052), CloudMonitor help "System
// events" (91749, 90376).
var CurableEvents = []Curable{
	{
		"ECS",
		"Instance:InstanceFailure.PerformanceImpact",
		"Executing",
		false,
		"the guest's kernel hangs",
	},
	{
		"CloudMonitor",
		"Agent_Status_Stopped",
		"stopped",
		true,
		"CloudMonitor's agent is silent: a hang, or only the agent",
	},

	{
		"ECS",
		"Instance:InstanceFailure.Reboot",
		"",
		false,
		"the guest crashed and the platform is rebooting it",
	},
	{
		"ECS",
		"Instance:SystemFailure.Reboot",
		"",
		false,
		"the host failed and the platform is rebooting it",
	},
	{
		"ECS",
		"Instance:SystemFailure.Redeploy",
		"",
		false,
		"needs another host: a restart is no cure",
	},
	{"ECS", "Instance:SystemFailure.Stop", "", false, "the platform is stopping it"},
	{"ECS", "Instance:SystemFailure.Delete", "", false, "the platform is releasing it"},
	{
		"ECS",
		"Instance:SystemFailure.PerformanceImpact",
		"",
		false,
		"a fault of the host, which the platform handles",
	},
	{
		"ECS",
		"Instance:SystemMaintenance.Reboot",
		"",
		false,
		"planned: choosing its time is a human's decision",
	},
	{
		"ECS",
		"Instance:SystemMaintenance.Redeploy",
		"",
		false,
		"planned: choosing its time is a human's decision",
	},
	{"ECS", "Instance:SystemMaintenance.Stop", "", false, "planned: the platform stops it"},
	{
		"ECS",
		"Instance:SystemMaintenance.IsolateErrorDisk",
		"",
		false,
		"a local disk is being repaired",
	},
	{
		"ECS",
		"Instance:SystemMaintenance.ReInitErrorDisk",
		"",
		false,
		"a local disk is being repaired",
	},
	{
		"ECS",
		"Instance:SystemMaintenance.RebootAndIsolateErrorDisk",
		"",
		false,
		"a local disk is being repaired",
	},
	{
		"ECS",
		"Instance:SystemMaintenance.RebootAndReInitErrorDisk",
		"",
		false,
		"a local disk is being repaired",
	},
	{
		"ECS",
		"Instance:SystemMaintenance.CleanReleasedDisks",
		"",
		false,
		"a local disk is being cleaned",
	},
	{
		"ECS",
		"Instance:SystemMaintenance.PerformanceImpact",
		"",
		false,
		"short, and on the host's side",
	},
	{"ECS", "Instance:Security.TpmAlert", "", false, "a security matter for a human"},
	{"ECS", "Instance:StateChange", "", false, "every reboot, ours included, makes some"},
	{
		"ECS",
		"Instance:BurstablePerformanceRestricted",
		"",
		false,
		"out of CPU credit: slow, not hung",
	},
	{"ECS", "Instance:PerformanceModeChange", "", false, "a setting changed"},
	{"ECS", "Instance:SurplusCreditIncurCharge", "", false, "billing"},
	{"ECS", "Instance:LiveMigrationAcrossDDH", "", false, "the platform is moving it"},
	{"ECS", "Instance:PreemptibleInstanceInterruption", "", false, "it is released in 5 minutes"},
	{"ECS", "Instance:InstanceExpiration.Stop", "", false, "billing"},
	{"ECS", "Instance:InstanceExpiration.Delete", "", false, "billing"},
	{"ECS", "Instance:AccountUnbalanced.Stop", "", false, "billing"},
	{"ECS", "Instance:AccountUnbalanced.Delete", "", false, "billing"},
	{"ECS", "Disk:Stalled", "", false, "storage hangs: a restart does not cure it and risks data"},
	{"ECS", "Disk:ErrorDetected", "", false, "a local disk is damaged"},
	{"ECS", "CloudAssistant:FirstHeartbeat", "", false, "good news"},
	{"CloudMonitor", "Agent_Status_Running", "", false, "good news"},
}

// curable finds the table's row for an event; the zero row where there is none.
func curable(product, event string) Curable {
	for _, row := range CurableEvents {
		if row.Event == event && row.Product == product {
			return row
		}
	}
	return Curable{}
}

// curedAs is the product as whose event a restart cures an event of this name; empty: it never
// does.
func curedAs(event string) string {
	for _, row := range CurableEvents {
		if row.Event == event && row.Status != "" {
			return row.Product
		}
	}
	return ""
}

// curesType reports whether a platform event type ("InstanceFailure.PerformanceImpact") is one that
// brings us here, so that its being under way is no reason to stand back.
func curesType(eventType string) bool {
	return curable("ECS", "Instance:"+eventType).Status != ""
}

// weak reports whether the alarm proves little by itself: the reporter fell silent, which need not
// mean that the guest hangs.
func weak(a events.Alarm) bool {
	return curable(a.Product, a.Event).Weak || a.Weak || a.State == events.StateInsufficientData
}

// agentMetrics are the beginnings of the names of metrics that CloudMonitor's agent in the guest
// reports (CloudMonitor help "Operating system monitoring"). Their absence is a sign; the absence
// of a host-side metric (CPUUtilization) is none.
var agentMetrics = []string{
	"cpu_",
	"memory_",
	"load_",
	"process.",
	"net_",
	"networkin_",
	"networkout_",
	"diskusage_",
	"disk_",
	"fs_",
	"gpu_",
}

func fromAgent(metric string) bool {
	for _, prefix := range agentMetrics {
		if strings.HasPrefix(metric, prefix) {
			return true
		}
	}
	return false
}
