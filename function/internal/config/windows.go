package config

import (
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones must be known where the runtime has no database of them

	"ecs-remedy/function/internal/remedy"
)

const windowForm = "DAYS HH:MM-HH:MM ZONE, such as Mon-Thu 22:00-06:00 Asia/Shanghai; several " +
	"are separated by semicolons"

var (
	weekdays = map[string]time.Weekday{"sun": time.Sunday, "mon": time.Monday, "tue": time.Tuesday,
		"wed": time.Wednesday,
		"thu": time.Thursday, "fri": time.Friday, "sat": time.Saturday}
	clock = late(`^([01]\d|2[0-3]):([0-5]\d)$|^(24):(00)$`)
)

// windows reads "always", which is no window at all, or weekly windows separated by semicolons.
func windows(into *[]remedy.Window) parser {
	return func(value string, fail fail) {
		if value == "always" {
			return
		}
		for text := range strings.SplitSeq(value, ";") {
			if window, ok := parseWindow(strings.TrimSpace(text), fail); ok {
				*into = append(*into, window)
			}
		}
	}
}

// parseWindow reads one window. The zone has no default: the function runs in UTC, which hardly any
// operator means.
func parseWindow(text string, fail fail) (w remedy.Window, ok bool) {
	fields := strings.Fields(text)
	if len(fields) == 2 {
		fail("add the time zone: "+windowForm, "window %s has no time zone", quoted(text))
		return w, false
	}
	if len(fields) != 3 {
		fail("always, or "+windowForm, "%s is not a window", quoted(text))
		return w, false
	}
	if w.Days, ok = parseDays(fields[0]); !ok {
		fail("days of Sun Mon Tue Wed Thu Fri Sat, ranges such as Fri-Mon, commas in between",
			"window %s: days %s are not understood", quoted(text), quoted(fields[0]))
		return w, false
	}
	from, to, _ := strings.Cut(fields[1], "-")
	var begins, ends bool
	w.From, begins = parseMinutes(from)
	w.To, ends = parseMinutes(to)
	switch {
	case !begins || !ends:
		fail("two times from 00:00 to 24:00, such as 22:00-06:00",
			"window %s: times %s are not understood", quoted(text), quoted(fields[1]))
		return w, false
	case w.From == w.To:
		fail("for a whole day use 00:00-24:00", "window %s has no length", quoted(text))
		return w, false
	case w.From == minutesOfDay:
		fail("begin at 00:00 of the next day", "window %s begins when its day is "+
			"over", quoted(text))
		return w, false
	}
	location, err := time.LoadLocation(fields[2])
	if err != nil || fields[2] == "Local" { // which zone is local depends on the machine
		fail("a name of the IANA time zone database, such as Asia/Shanghai or UTC",
			"window %s: time zone %s is not known", quoted(text), quoted(fields[2]))
		return w, false
	}
	w.Location = location
	return w, true
}

// parseDays reads days and ranges of days separated by commas. A range may pass the end of the
// week.
func parseDays(text string) (days [7]bool, ok bool) {
	for part := range strings.SplitSeq(strings.ToLower(text), ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		first, ok := weekdays[from]
		last, ok2 := weekdays[to]
		if !ok || !ok2 {
			return days, false
		}
		for day := first; ; day = (day + 1) % 7 {
			days[day] = true
			if day == last {
				break
			}
		}
	}
	return days, true
}

const minutesOfDay = 24 * 60

// parseMinutes reads a time of day as minutes after midnight, from 00:00 to 24:00.
func parseMinutes(text string) (minutes int, ok bool) {
	if !clock().MatchString(text) {
		return 0, false
	}
	hour, _ := strconv.Atoi(text[:2])
	minute, _ := strconv.Atoi(text[3:])
	return hour*60 + minute, true
}
