package ecssim

import (
	"maps"
	"slices"
	"time"
)

// The statuses of an instance (ECS API document DescribeInstances).
const (
	StatusPending  = "Pending"
	StatusRunning  = "Running"
	StatusStarting = "Starting"
	StatusStopping = "Stopping"
	StatusStopped  = "Stopped"
)

// DefaultAccount is the account of instances and keys that name none.
const DefaultAccount = "1234567890123456"

// Instance is what an ECS instance is, and how it behaves. World.Add fills in the defaults of zero
// fields.
type Instance struct {
	ID      string
	Name    string // default: web- and the end of the ID
	Region  string // default: cn-hangzhou
	Account string // default: DefaultAccount
	Status  string // default: Running

	ChargeType string // PostPaid (default) or PrePaid
	// as DescribeInstances shows it; default 2099-12-31T15:59Z, which pay-as-you-go instances show
	ExpiredTime  string
	SpotStrategy string // default: NoSpot
	StartTime    time.Time
	HealthStatus string // of DescribeInstancesFullStatus; default: Ok
	Tags         map[string]string
	Events       []Event
	Windows      bool // the guest's system; otherwise Linux

	Screenshot []byte // what GetInstanceScreenshot shows; nil: a picture of the guest's state
	// what GetInstanceConsoleOutput holds; nil: what such a guest would have written
	ConsoleOutput []byte

	Locks        []string // reasons, such as security, financial or recycling
	LocksMissing bool     // DescribeInstances leaves out OperationLocks
	LocksNull    bool     // DescribeInstances says "OperationLocks": null

	Released   bool   // gone: lists leave it out, other actions answer that it does not exist
	ReportID   string // DescribeInstances says that this is its id
	Duplicated bool   // DescribeInstances lists it twice
	// Raw replaces fields of the instance's entry in the answer to an action, by action and then by
	// name. The value Absent removes the field. Raw fields are encoded as JSON, so nil is null.
	Raw map[string]map[string]any

	Guest Guest
}

// Absent is the value in Instance.Raw that removes a field.
var Absent any = absent{}

type absent struct{}

// Event is a system event of an instance (ECS API document DescribeInstanceHistoryEvents).
type Event struct {
	ID        string
	Type      string // SystemFailure.Reboot and so on
	Status    string // Scheduled, Inquiring, Executing, Executed, Avoided, Canceled, Failed
	NotBefore time.Time
	Published time.Time // zero: a minute before NotBefore
	Finished  time.Time // zero: not finished
	Reason    string
}

// Reaction is what is seen of a reboot that the guest ignores. Which of them the platform shows is
// not documented.
type Reaction string

// The reactions.
const (
	ReactionStaysRunning   Reaction = ""
	ReactionSticksStopping Reaction = StatusStopping // for Guest.IgnoredFor, then Running again
	ReactionSticksStarting Reaction = StatusStarting // for Guest.IgnoredFor, then Running again
)

// Agent is the state of the Cloud Assistant agent in the guest.
type Agent string

// The states of the agent.
const (
	AgentSilent Agent = ""      // reported once, and not any more: the guest hangs
	AgentAlive  Agent = "alive" // reports every Guest.Beat
	AgentNone   Agent = "none"  // never reported, and never will
)

// Guest is how the operating system reacts to reboots, and what the platform shows of it. The zero
// Guest hangs, its agent is silent, and it obeys the first reboot.
type Guest struct {
	IgnoreGraceful int           // how many accepted graceful reboots do nothing; -1: all
	IgnoreForced   int           // how many accepted forced reboots do nothing; -1: all
	Ignored        Reaction      // what is seen of one that does nothing
	IgnoredFor     time.Duration // how long it sticks; zero: 10 minutes; negative: for ever

	// ShutdownTakes is how long a graceful reboot that works shows Stopping, in place of Stop: a
	// guest with much to put away. A forced one that is accepted meanwhile cuts it short at once; a
	// graceful one changes nothing.
	ShutdownTakes time.Duration

	Stop               time.Duration // how long a reboot that works shows Stopping; zero: 20 s
	Start              time.Duration // how long it shows Starting; zero: 20 s
	SkipsStopping      bool          // it goes straight to Starting
	ViaStopped         bool          // it shows Stopped for 5 s before Starting
	SkipsStarting      bool          // it goes straight from Stopping to Running
	NeverComesBack     bool          // it ends Stopped
	StartTimeUnchanged bool          // StartTime keeps the old value

	// ReadLag is how long, after a RebootInstance was accepted, reads show the status from before
	// it.
	ReadLag time.Duration
	// AcceptInTransition accepts RebootInstance while Stopping or Starting, AcceptForceInTransition
	// only with ForceStop. Otherwise that is refused with IncorrectInstanceStatus.
	AcceptInTransition      bool
	AcceptForceInTransition bool

	Agent Agent
	// how long before World.Add a silent agent reported last; zero: 20 minutes
	SilentFor time.Duration
	Beat      time.Duration // how often the agent reports; zero: a minute
	LastGasp  bool          // a silent agent reports while the guest shuts down
	// from Running until the agent reports after a reboot that worked; zero: 30 s
	BootTime time.Duration
	// NeverBoots: after a reboot that worked the status is Running, but the agent stays silent.
	NeverBoots bool
	// HangsAgainAfter is how long the agent reports after a reboot before it falls silent again;
	// zero: for ever.
	HangsAgainAfter time.Duration
}

// State is where an instance stands.
type State struct {
	Instance            // as it is now
	Heartbeat time.Time // the agent's last report; zero: never
	Restarts  int       // reboots that worked
}

func (i Instance) clone() Instance {
	i.Tags = maps.Clone(i.Tags)
	i.Events = slices.Clone(i.Events)
	i.Locks = slices.Clone(i.Locks)
	i.Screenshot, i.ConsoleOutput = slices.Clone(i.Screenshot), slices.Clone(i.ConsoleOutput)
	i.Raw = maps.Clone(i.Raw)
	for action, fields := range i.Raw {
		i.Raw[action] = maps.Clone(fields)
	}
	return i
}

func (i *Instance) fill(now time.Time) {
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	set(&i.Name, "web-"+i.ID[max(0, len(i.ID)-4):])
	set(&i.Region, "cn-hangzhou")
	set(&i.Account, DefaultAccount)
	set(&i.Status, StatusRunning)
	set(&i.ChargeType, "PostPaid")
	set(&i.ExpiredTime, "2099-12-31T15:59Z")
	set(&i.SpotStrategy, "NoSpot")
	set(&i.HealthStatus, "Ok")
	if i.StartTime.IsZero() {
		i.StartTime = now.Add(-48 * time.Hour)
	}
	i.Guest.fill()
}

func (g *Guest) fill() {
	set := func(field *time.Duration, value time.Duration) {
		if *field == 0 {
			*field = value
		}
	}
	set(&g.IgnoredFor, 10*time.Minute)
	set(&g.Stop, 20*time.Second)
	set(&g.Start, 20*time.Second)
	set(&g.SilentFor, 20*time.Minute)
	set(&g.BootTime, 30*time.Second)
	set(&g.Beat, time.Minute) // ECS help "Cloud Assistant Agent"
}
