package config

import (
	"math"
	"net"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"ecs-remedy/function/internal/remedy"
)

// Variable describes one environment variable to the operator.
type Variable struct {
	Name string
	// as it would be set, or a word such as none where nothing can be set to that effect
	Default string
	Meaning string // Markdown
}

// Variables lists every variable that Load knows, in the order in which the documentation has them.
func Variables() []Variable {
	var all []Variable
	for _, s := range settings(new(Config)) {
		all = append(all, s.Variable)
	}
	return all
}

// setting is a variable and how to read it.
type setting struct {
	Variable
	worded bool // Default is a word for "not set"; it is not read
	// whether messages leave the value out: it may hold a secret; nil: never
	hides func(value string) bool
	parse parser
}

// late is a pattern that is compiled when it is first needed: start-up needs none of ours, and pays
// for every one.
func late(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}

// parser reads a value that is not empty. It stores the result, or calls fail once for everything
// that is wrong.
type parser func(value string, fail fail)

// fail reports what is wrong with a value, and the cure. Neither may hold a value that is hidden.
type fail func(cure, format string, args ...any)

// settings lists all variables, bound to the fields of c.
//
// A table and a handful of parsers take the place of a library that fills tagged structs: the
// fields belong to other packages, most values have a grammar or a bound of their own, one value
// can have several problems, and an error must name a cure and never show a secret.
func settings(c *Config) []setting {
	p := &c.Policy
	return []setting{
		{Variable: Variable{"REMEDY_MODE", "observe",
			"`enforce` reboots; `observe` decides, asks ECS with DryRun=true, and reboots " +
				"nothing; `off` refuses everything as `paused`"},
			parse: oneOf(&p.Mode, choice[remedy.Mode]{"enforce", remedy.ModeEnforce},
				choice[remedy.Mode]{"observe", remedy.ModeObserve},
				choice[remedy.Mode]{"off", remedy.ModeOff})},
		{Variable: Variable{"REMEDY_FORCE", "allow",
			"`never`: no instance is ever forced"},
			parse: oneOf(&p.Force, choice[bool]{"allow", true}, choice[bool]{"never", false})},
		{Variable: Variable{"REMEDY_OPT_IN_TAG", "auto-restart",
			"the instance tag that opts in: value `true` (whole ladder) or `graceful` (never " +
				"force); anything else is not opted in"},
			parse: tagKey(&p.OptInTag)},
		{Variable: Variable{"REMEDY_UNTAGGED", "refuse",
			"what an instance without the tag gets: `refuse`, `graceful` or `true`"},
			parse: oneOf(&p.Untagged, choice[remedy.Grant]{"refuse", remedy.GrantNone},
				choice[remedy.Grant]{"graceful", remedy.GrantGraceful},
				choice[remedy.Grant]{"true", remedy.GrantFull})},
		{Variable: Variable{"REMEDY_METRICS", "CPUUtilization,cpu_total",
			"metrics whose alarm a restart can cure (rawMetricName, or metricName where there is " +
				"no raw one; a `#period` suffix is dropped)"},
			parse: list(&p.Metrics, metric)},
		{Variable: Variable{"REMEDY_RULES", "*",
			"comma-separated globs: names of metric alarm rules that may restart"},
			parse: list(&p.Rules, glob)},
		{Variable: Variable{"REMEDY_LEVELS", "CRITICAL",
			"comma-separated levels of metric alarms that may restart"},
			parse: list(&p.Levels, level)},
		{Variable: Variable{"REMEDY_SECOND_CHECK", "heartbeat",
			"`heartbeat`: a fresh Cloud Assistant heartbeat refuses (`guest-alive`), and a weak " +
				"alarm without any heartbeat known refuses (`unconfirmed-hang`); `none`: neither"},
			parse: oneOf(&p.SecondCheck, choice[bool]{"heartbeat", true},
				choice[bool]{"none", false})},
		{Variable: Variable{"REMEDY_HEARTBEAT_FRESH", "3m",
			"a heartbeat younger than this is fresh"},
			parse: duration(&p.HeartbeatFresh, 0)},
		{Variable: Variable{"REMEDY_ALARM_MAX_AGE", "15m",
			"older alarms open no incident"},
			parse: duration(&p.AlarmMaxAge, 0)},
		{Variable: Variable{"REMEDY_ATTEMPT_TIMEOUT", "5m",
			"how long an attempt may take to restart the instance before it has failed"},
			parse: duration(&p.AttemptTimeout, 0)},
		{Variable: Variable{"REMEDY_BOOT_GRACE", "15m",
			"after it returned: how long until its guest must have reported"},
			parse: duration(&p.BootGrace, 0)},
		{Variable: Variable{"REMEDY_MAX_ATTEMPTS", "5",
			"attempts within one incident, not-executed ones not counted (3 at least)"},
			parse: count(&p.MaxAttempts, 3, math.MaxInt)},
		{Variable: Variable{"REMEDY_INCIDENT_LIMIT", "45m",
			"no attempt is claimed later than this after the incident opened"},
			parse: duration(&p.IncidentLimit, 0)},
		{Variable: Variable{"REMEDY_POLL", "5s",
			"how often a rebooting instance is read (10ms at least)"},
			parse: duration(&p.Poll, 10*time.Millisecond)},
		{Variable: Variable{"REMEDY_LEASE", "60s",
			"how long an incident's owner may be silent before another invocation takes it over " +
				"(2s at least, and 2 × REMEDY_POLL)"},
			parse: duration(&p.Lease, 2*time.Second)},
		{Variable: Variable{"REMEDY_COOLDOWN", "30m",
			"after an incident ends, the same instance is left alone this long"},
			parse: durationOrNone(&p.Cooldown)},
		{Variable: Variable{"REMEDY_MAX_INCIDENTS", "3",
			"incidents per instance within REMEDY_INCIDENT_WINDOW; then a human is needed"},
			parse: count(&p.MaxIncidents, 1, math.MaxInt)},
		{Variable: Variable{"REMEDY_INCIDENT_WINDOW", "24h",
			"the span in which REMEDY_MAX_INCIDENTS counts"},
			parse: duration(&p.IncidentWindow, 0)},
		{Variable: Variable{"REMEDY_FLEET_CONCURRENT", "3",
			"incidents under way at once, all instances together"},
			parse: count(&p.FleetConcurrent, 1, mostConcurrent)},
		{Variable: Variable{"REMEDY_FLEET_HOURLY", "20",
			"incidents begun within an hour, all instances together"},
			parse: count(&p.FleetHourly, 1, mostHourly)},
		{Variable: Variable{"REMEDY_FLEET_WAITING", "50",
			"alarms that wait for a slot when REMEDY_FLEET_CONCURRENT is reached; 0: they are " +
				"refused"},
			parse: count(&p.FleetWaiting, 0, mostWaiting)},
		{Variable: Variable{"REMEDY_WINDOWS", "always",
			"when incidents may open: `Mon-Thu 22:00-06:00 Asia/Shanghai; Sat,Sun 00:00-24:00 " +
				"Asia/Shanghai`; a window that passes midnight belongs to the day it begins; " +
				"ends are exclusive; wall clock"},
			parse: windows(&p.Windows), hides: always},
		{Variable: Variable{"REMEDY_LEDGER", "mem:",
			"`mem:` · `bolt:///PATH` · `redis://…` `rediss://…` · `ots://INSTANCE.REGION/TABLE` " +
				"(`?endpoint=HOST` for a bound VPC's address). Mode enforce needs it set " +
				"explicitly; `mem:` and `bolt:` warn at start that only one process may run"},
			parse: ledger(&c.Ledger), hides: ledgerHidden},
		{Variable: Variable{"REMEDY_EVIDENCE", "off",
			"`off` · `dir:///PATH` · `oss://BUCKET/PREFIX`"},
			parse: evidence(&c.Evidence), hides: urlHidden},
		{Variable: Variable{"REMEDY_EVIDENCE_TIMEOUT", "3s",
			"evidence never delays a reboot longer than this (100ms to 10s; no longer than a " +
				"third of REMEDY_LEASE)"},
			parse: evidenceTimeout(&c.Evidence.Timeout)},
		{Variable: Variable{"REMEDY_NOTIFY", "none",
			"space-separated addresses of robots and hooks, see Evidence and notifications"},
			parse: addresses(&c.Notify), hides: always},
		{Variable: Variable{"REMEDY_LANG", "en",
			"`en` · `zh`: the words of details, messages and pages"},
			parse: language(&c.Lang)},
		{Variable: Variable{"REMEDY_HTTP_TOKEN", "none",
			"secret for the HTTP trigger, 16 characters at least; without it HTTP requests are " +
				"refused"},
			parse: token(&c.HTTPToken), hides: always, worded: true},
		{Variable: Variable{"REMEDY_ECS_ENDPOINT", "by region",
			"`https://HOST`, or `http://` for a loopback address only"},
			parse: endpoint(&c.Endpoint), hides: urlHidden, worded: true},
		{Variable: Variable{"REMEDY_NETWORK", "public",
			"`vpc` uses the region's VPC endpoints"},
			parse: oneOf(&c.VPC, choice[bool]{"public", false}, choice[bool]{"vpc", true})},
		{Variable: Variable{"REMEDY_DEADLINE_RESERVE", "15s",
			"kept back from the invocation's deadline to write down where things stand"},
			parse: durationOrNone(&c.Reserve)},
	}
}

// always leaves the value out of messages: a secret, or a list so long that the parser quotes only
// the item at fault.
func always(string) bool { return true }

// urlHidden: text that looks like a URL with a user or a query may hold a password or a token.
func urlHidden(value string) bool { return strings.ContainsAny(value, "@?#") }

// choice is one of the words that a variable may be.
type choice[T any] struct {
	word  string
	value T
}

func oneOf[T any](into *T, choices ...choice[T]) parser {
	return func(value string, fail fail) {
		var words []string
		for _, c := range choices {
			if c.word == value {
				*into = c.value
				return
			}
			words = append(words, c.word)
		}
		fail("one of "+strings.Join(words, ", "), "not one of the words it can be")
	}
}

// durationForm is what time.ParseDuration reads, whatever the size: it says of one that is too long
// the same as of one that is none.
var durationForm = late(`^\+?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+$`)

// duration reads a Go duration that is positive and not less than the least.
func duration(into *time.Duration, least time.Duration) parser {
	return func(value string, fail fail) {
		d, err := time.ParseDuration(value)
		switch {
		case err != nil && durationForm().MatchString(value):
			fail("292 years at most; a number with its unit, such as 90s, 5m or 1h30m",
				"longer than a duration can be")
		case err != nil:
			fail("a number with its unit, such as 90s, 5m or 1h30m", "not a duration")
		case d <= 0:
			fail("a duration above zero, such as 90s", "not positive")
		case d < least:
			fail(least.String()+" at least", "too short")
		default:
			*into = d
		}
	}
}

// durationOrNone is for what may as well not be: no cool-down, nothing kept back.
func durationOrNone(into *time.Duration) parser {
	positive := duration(into, 0)
	return func(value string, fail fail) {
		if d, err := time.ParseDuration(value); err == nil && d == 0 {
			*into = 0
			return
		}
		positive(value, fail)
	}
}

func count(into *int, least, most int) parser {
	return func(value string, fail fail) {
		n, err := strconv.Atoi(value)
		switch {
		case err != nil:
			fail("a number in digits, such as "+strconv.Itoa(least+2), "not a whole number")
		case n < least:
			fail(strconv.Itoa(least)+" at least", "too small")
		case n > most:
			fail(strconv.Itoa(most)+" at most", "too large: a ledger's record could not hold as "+
				"much")
		default:
			*into = n
		}
	}
}

// tagKey reads the key of a tag; ECS takes no longer ones (ECS API document TagResources).
func tagKey(into *string) parser {
	const longest = 128
	return func(value string, fail fail) {
		if n := utf8.RuneCountInString(value); n > longest {
			fail(strconv.Itoa(longest)+" characters at most", "%d characters, which is more than "+
				"the key of a tag can have", n)
			return
		}
		*into = value
	}
}

// list reads items that are separated by commas; each is checked, and stored as it returns.
func list(into *[]string, check func(item string, fail fail) string) parser {
	return func(value string, fail fail) {
		for item := range strings.SplitSeq(value, ",") {
			item = strings.TrimSpace(item)
			if item == "" {
				fail("leave out the comma that is too many", "an item of the list is empty")
				continue
			}
			*into = append(*into, check(item, fail))
		}
	}
}

// metric drops the period of a metric's name, as package events does it with an alarm's: with it,
// no alarm would ever match. Nor would one with a pattern.
func metric(item string, fail fail) string {
	name, _, _ := strings.Cut(item, "#")
	switch name = strings.TrimSpace(name); {
	case name == "":
		fail("the name of a metric in front of the #, such as cpu_total#60",
			"%s has no name", quoted(item))
	case strings.ContainsAny(name, "*?["):
		fail("the whole name of each metric, such as cpu_total; REMEDY_RULES is what takes "+
			"patterns, of the names of alarm rules",
			"%s is a pattern, and no metric is called so", quoted(item))
	}
	return name
}

func glob(item string, fail fail) string {
	if _, err := path.Match(item, ""); err != nil {
		fail("* for any text, ? for one character, [a-z] for one of a range; a list in brackets "+
			"cannot hold a comma",
			"%s is not a pattern", quoted(item))
	}
	return item
}

// levels are those that CloudMonitor gives to alarms (CloudMonitor help "Callback of a threshold
// alert").
var levels = []string{"CRITICAL", "WARN", "INFO"}

func level(item string, fail fail) string {
	name := strings.ToUpper(item)
	if !slices.Contains(levels, name) {
		fail("of "+strings.Join(levels, ", "), "%s is not a level", quoted(item))
	}
	return name
}

func token(into *Secret) parser {
	const least = 16
	return func(value string, fail fail) {
		if utf8.RuneCountInString(value) < least {
			fail("a random text of "+strconv.Itoa(least)+" characters at least, such as: openssl "+
				"rand -hex 16", "too short")
			return
		}
		*into = Secret(value)
	}
}

// endpoint reads the base URL of ECS. Over the network it must be HTTPS: requests carry a signature
// and a security token.
func endpoint(into *string) parser {
	const form = "https://HOST, such as https://ecs.cn-hangzhou.aliyuncs.com; http:// for a " +
		"loopback address only"
	return func(value string, fail fail) {
		u, err := url.Parse(value)
		switch {
		case err != nil || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http"):
			fail(form, "not an HTTPS URL")
		case u.User != nil || u.Path != "" || u.ForceQuery || u.RawQuery != "" ||
			strings.Contains(value, "#"):
			fail(form, "more than a scheme and a host")
		case u.Scheme == "http" && !loopback(u.Hostname()):
			fail(form, "not encrypted, and not on this machine")
		default:
			*into = value
		}
	}
}

func loopback(host string) bool { return host == "localhost" || net.ParseIP(host).IsLoopback() }

// language reads the language of what people read.
func language(into *string) parser {
	return func(value string, fail fail) {
		if value != LangEnglish && value != LangChinese {
			fail("set it to en or zh", "not en or zh")
			return
		}
		*into = value
	}
}
