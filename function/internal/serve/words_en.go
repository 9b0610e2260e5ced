package serve

import (
	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/report"
)

var english = words{
	lang: report.LangEnglish, Lang: "en", Other: report.LangChinese, OtherLang: "zh-CN",
	OtherName: "中文",

	Title: "Try ecs-remedy",
	Lead: "An alarm says that an ECS instance hangs. A restart cures it, and is the cure that " +
		"can kill. Choose what is wrong with an instance, send the alarm, and watch every step " +
		"that the function takes, and why.",
	Unreal: "Simulated: the code is what runs in Function Compute, but no cloud is asked and no " +
		"real instance is touched.",
	NeedsScript: "This page needs JavaScript, its own and no other.",

	Form: "What happens", Guest: "The instance",
	Faults: "What else goes wrong", NoFaults: "nothing",
	FaultCount: "{n} chosen", FaultsHint: "Several may be chosen.",
	Alarm: "The alarm", DefaultAlarm: "It hangs, says the platform, just now",
	PastedAlarm: "An alarm of your own", Samples: "Samples",
	Paste: "The alarm's text, as CloudMonitor sent it. It stays on this machine.",
	Sent:  "What is sent",
	Mode:  "The function's mode", Enforce: "enforce: it reboots",
	Observe: "observe: it says what it would do", Off: "off: it refuses",
	Speed: "Time passes", Real: "as in reality", Times: "{n} times faster", AtOnce: "at once",
	Send:     "Send the alarm",
	Timeline: "Timeline", Empty: "Nothing was sent yet. With these choices it takes three " +
		"attempts: eleven minutes pass in eleven seconds.",
	Hurry: "Skip to the end",
	Runs:  "What was run", NoRuns: "Nothing yet.",
	Kept: "The last {n} are kept until the program ends. Each has a world and a ledger of its own.",

	Visit: "Look at the instance with your own tools",
	VisitWhat: "A simulated ECS answers at {address}. It holds the instances of the run that was " +
		"sent last, as they stand at that point of its time, and after its end they live on in " +
		"real time. Before the first run there is one that hangs. A run's faults do not meet " +
		"you. " +
		"A reboot of yours is carried out, and the function will see it.",
	VisitKeys: "The keys are new each time this program starts. They open nothing real.",
	VisitHow:  "With the aliyun command line:", VisitLook: "See it",
	VisitReboot: "Reboot it",
	VisitInsecure: "Here --insecure means http, which never leaves this machine. Any SDK does as " +
		"well, with scheme HTTP, this endpoint and these keys.",
	KeyID: "AccessKey ID", Secret: "AccessKey secret", Token: "STS token", Endpoint: "Endpoint",

	Run: "Run {n}", Passed: "{n} rules let it pass", AlarmN: "Alarm {n}",
	UnderWay: "under way", Page: "Incident page", Watch: "Show again",
	Lost:   "The connection is lost; trying again.",
	Unsent: "The program does not answer. Does it still run?",

	TooMany:  "{n} runs are under way. Wait until one is over, or skip to its end.",
	TooLarge: "An alarm of more than {n} MiB is malformed, and so is this one.",
	TooBroad: "More than {n} alarms at once are too many for a page; remedy drill takes them.",
	Malformed: "The function would answer “malformed”, so that the platform's dead letter keeps " +
		"this: ",
	Refused: "This cannot be run: ", Failed: "The run broke off: ",
	NoRun: "there is no such run", NotYet: "the run is not over yet",
	TooManyStreams: "too many pages watch",

	guests: titles(ecssim.Guests(), func(g ecssim.NamedGuest) (string, string) {
		return g.Name, g.Title
	}),
	faults: titles(ecssim.Faults(), func(f ecssim.NamedFault) (string, string) {
		return f.Name, f.Title
	}),
}
