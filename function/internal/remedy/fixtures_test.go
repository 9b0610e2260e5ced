package remedy

import (
	"time"

	"ecs-remedy/events"
)

// What the tests inside and outside of this package share.

// Start is when the alarms of the tests fire: a Monday.
var Start = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

const (
	InstanceID = "i-bp1a2b3c4d5e6f7g8h9j"
	Account    = "1234567890123456"
)

// Armed is the contract's default policy in mode enforce.
func Armed() Policy {
	return Policy{
		Mode: ModeEnforce, Force: true, OptInTag: "auto-restart",
		Metrics: []string{
			"CPUUtilization",
			"cpu_total",
		}, Rules: []string{"*"}, Levels: []string{"CRITICAL"},
		SecondCheck: true, HeartbeatFresh: 3 * time.Minute, AlarmMaxAge: 15 * time.Minute,
		AttemptTimeout: 5 * time.Minute, BootGrace: 15 * time.Minute,
		MaxAttempts: 5, IncidentLimit: 45 * time.Minute,
		Poll: 5 * time.Second, Lease: time.Minute, Cooldown: 30 * time.Minute, MaxIncidents: 3,
		IncidentWindow:  24 * time.Hour,
		FleetConcurrent: 3, FleetHourly: 20, FleetWaiting: 50,
	}
}

// Hangs is the platform's event that the instance's kernel Hangs.
func Hangs() events.Alarm {
	return events.Alarm{
		Format:      events.FormatSystemEvent,
		Name:        "Instance:InstanceFailure.PerformanceImpact:Executing",
		State:       events.StateFiring,
		Rule:        "Instance:InstanceFailure.PerformanceImpact",
		Event:       "Instance:InstanceFailure.PerformanceImpact",
		EventStatus: "Executing", RawState: "Executing", Product: "ECS",
		Level: "CRITICAL", Key: "e-1|Executing",
		Time: Start, Account: Account, Region: "cn-hangzhou", Instance: InstanceID,
	}
}

// Busy is a metric alarm: the CPU is at 100 %.
func Busy() events.Alarm {
	return events.Alarm{
		Format: events.FormatThreshold, Name: "ecs/cpu/stuck", Rule: "rule-1",
		State: events.StateFiring, RawState: "ALERT",
		Level: "CRITICAL", Metric: "CPUUtilization", Key: "t-1|1",
		Time: Start, Account: Account, Region: "cn-hangzhou",
		Instance: InstanceID,
	}
}

// Quiet is the weak alarm that CloudMonitor's agent fell silent.
func Quiet() events.Alarm {
	return events.Alarm{
		Format: events.FormatSystemEvent, Name: "Agent_Status_Stopped",
		Rule:        "Agent_Status_Stopped",
		Event:       "Agent_Status_Stopped",
		EventStatus: "stopped", RawState: "stopped", State: events.StateFiring,
		Product: "CloudMonitor", Level: "CRITICAL",
		Key: "e-2|stopped", Time: Start, Account: Account,
		Region: "cn-hangzhou", Instance: InstanceID,
	}
}
