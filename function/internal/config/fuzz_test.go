package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	stores "ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

// secretText stands where a secret stands. No default, cure or message holds it.
const secretText = "hunter2hunter2hunter2"

// FuzzLoad: whatever the environment, Load comes back with a Config or with problems, each on one
// line; and neither shows what was given as a secret. environ is one entry a line or a zero byte; a
// tilde in it stands for the secret.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		"", "REMEDY_MODE=enforce\nREMEDY_LEDGER=redis://u:~@cache:6379/1\nREMEDY_HTTP_TOKEN=~",
		"REMEDY_LEDGER=rediss://~:~@[::1]:6380", "REMEDY_LEDGER=redis://u:1/~@cache",
		"REMEDY_LEDGER=redis://1:2?~@cache",
		"REMEDY_LEDGER=redis://u:~#@cache", "REMEDY_LEDGER=~", "REMEDY_LEDGER=redis:~@cache",
		"REMEDY_LEDGER=REDIS://u:~@cache",
		"REMEDY_LEDGER=ots://a.cn-hangzhou/t?endpoint=v-a.cn-hangzhou.vpc.ots.aliyuncs.com",
		"REMEDY_LEDGER=ots://key:~@remedy.cn-hangzhou/t",
		"REMEDY_LEDGER=ots://remedy.cn-hangzhou/t?token=~",
		"REMEDY_LEDGER=bolt:///var/lib/l.db", "REMEDY_LEDGER=mem:",
		"REMEDY_NOTIFY=https://oapi.dingtalk.com/robot/send?access_token=~",
		"REMEDY_ECS_ENDPOINT=https://u:~@ecs.cn-hangzhou.aliyuncs.com",
		"REMEDY_ECS_ENDPOINT=http://127.0.0.1:1",
		"REMEDY_EVIDENCE=oss://key:~@bucket/x",
		"REMEDY_EVIDENCE=oss://my-bucket/a/b.c?endpoint=http://127.0.0.1:1",
		"REMEDY_EVIDENCE=dir:///a/../b\nREMEDY_EVIDENCE_TIMEOUT=100ms",
		"REMEDY_HTTP_TOKN=~",
		"REMEDY_WINDOWS=Mon-Thu 22:00-06:00 Asia/Shanghai; always",
		"REMEDY_FLEET_CONCURRENT=9223372036854775807\nREMEDY_FLEET_HOURLY=4946\n" +
			"REMEDY_FLEET_WAITING=0\nREMEDY_LANG=zh",
		"REMEDY_RULES=[a-\nREMEDY_METRICS=,\nREMEDY_LEVELS=x,\u2028",
		"REMEDY_\u2028=1\x00REMEDY_\n=2\x00REMEDY_=3", "REMEDY_POLL=1e9h",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		hidden := hiddenFrom(text)
		separator := "\n"
		if strings.Contains(text, "\x00") {
			// an entry of the environment may have a line break, and no zero byte
			separator = "\x00"
		}
		c, err := Load(strings.Split(strings.ReplaceAll(text, "~", secretText), separator))
		var shown strings.Builder
		if err != nil {
			if !cmp.Equal(c, Config{}) {
				t.Error("a half-read Config came with the error")
			}
			problems, joined := err.(interface{ Unwrap() []error })
			if !joined {
				t.Fatalf("not a list of problems: %v", err)
			}
			for _, one := range problems.Unwrap() {
				var p Problem
				if !errors.As(one, &p) || p.Variable == "" || p.Wrong == "" || p.Cure == "" {
					t.Errorf("no Problem with a variable and a cure: %v", one)
				}
				oneLine(t, one.Error())
			}
			fmt.Fprintln(&shown, err)
		} else {
			for _, warning := range c.Warnings {
				oneLine(t, warning)
			}
			oneLine(t, c.Ledger.Name)
			oneLine(t, c.Evidence.Name)
			opens(t, c.Ledger)
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
				fmt.Fprintf(&shown, verb, c)
			}
			text, err := json.Marshal(c)
			if err != nil {
				t.Error(err)
			}
			shown.Write(text)
		}
		if hidden && strings.Contains(shown.String(), secretText) {
			t.Errorf("a secret is shown: %s", shown.String())
		}
	})
}

// opens checks that the store takes what was accepted here. Nothing is connected to.
func opens(t *testing.T, l Ledger) {
	t.Helper()
	var store stores.Store
	var err error
	switch l.Kind {
	case LedgerRedis:
		store, err = stores.OpenRedis(l.URL.Reveal(), time.Second)
	case LedgerTablestore:
		store, err = stores.OpenTablestore(stores.TablestoreOptions{Instance: l.Instance,
			Region: l.Region, Table: l.Table,
			Endpoint: l.Endpoint, AccessKeyID: "id", AccessKeySecret: "secret", Limit: time.Second})
	default:
		return
	}
	if err != nil {
		t.Errorf("%s was accepted, and cannot be opened: %v", l.Name, err)
		return
	}
	store.Close()
}

// hiddenFrom reports whether every tilde stands where a secret may stand, so that it must not be
// seen: as a value that is secret as a whole, or of an unknown name, or in a URL before an @ or
// behind a question mark or a hash sign. A secret as the name of a variable, or of a metric, is
// nobody's fault but the operator's.
func hiddenFrom(text string) bool {
	whole := []string{"REMEDY_HTTP_TOKEN", "REMEDY_NOTIFY"}
	urls := []string{"REMEDY_LEDGER", "REMEDY_ECS_ENDPOINT", "REMEDY_EVIDENCE"}
	separator := "\n"
	if strings.Contains(text, "\x00") {
		separator = "\x00"
	}
	for _, entry := range strings.Split(text, separator) {
		name, value, _ := strings.Cut(entry, "=")
		unknown := !slices.ContainsFunc(Variables(),
			func(v Variable) bool { return v.Name == name })
		last := strings.LastIndex(value, "~")
		switch {
		case strings.Contains(name, "~"):
			return false
		case last < 0, unknown, slices.Contains(whole, name):
		case slices.Contains(urls, name) && (strings.Contains(value[last:], "@") ||
			strings.ContainsAny(value[:strings.Index(value, "~")], "?#")):
		default:
			return false
		}
	}
	return true
}

// oneLine: nothing in it ends a line or cannot be seen, on whatever terminal.
func oneLine(t *testing.T, text string) {
	t.Helper()
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("not one printable line: %q", text)
	}
}

// FuzzWindows: whatever is given as windows, it is refused with problems on one line each, or
// accepted; and then each window is one that can be written down again, and means the same.
func FuzzWindows(f *testing.F) {
	for _, seed := range []string{"always", "Mon-Thu 22:00-06:00 Asia/Shanghai; Sat,Sun " +
		"00:00-24:00 Asia/Shanghai",
		"mON-mon,WED 09:00-17:00 UTC", "Fri-Mon 00:00-24:00 Europe/Berlin",
		"Sun 24:00-00:00 UTC", "Mon 1:00-2:00 UTC",
		"Mon 01:00-02:00 Local", "Mon 01:00-02:00 ../UTC", "Mon 01:00-02:00", ";",
		"Mon,,Tue 01:00-02:00 UTC", "-", "Mon 01:00-01:00 UTC",
		"Mon\u00a001:00-02:00\u2003UTC", "Mon 01:00-02:00 Etc/GMT+12;\nTue 23:59-00:00 UTC"} {
		f.Add(seed)
	}
	days := []string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}
	f.Fuzz(func(t *testing.T, value string) {
		var got []remedy.Window
		refused := false
		windows(&got)(value, func(cure, format string, args ...any) {
			refused = true
			oneLine(t, Problem{Variable: "REMEDY_WINDOWS", Wrong: fmt.Sprintf(format,
				args...), Cure: cure}.Error())
		})
		if refused {
			return
		}
		if (len(got) == 0) != (value == "always") {
			t.Fatalf("%q: %d windows", value, len(got))
		}
		var again []string
		for _, w := range got {
			var on []string
			for day, is := range w.Days {
				if is {
					on = append(on, days[day])
				}
			}
			if len(on) == 0 || w.From < 0 || w.From >= minutesOfDay || w.To < 0 ||
				w.To > minutesOfDay || w.From == w.To {
				t.Fatalf("%q: %+v is no window", value, w)
			}
			again = append(again, fmt.Sprintf("%s %02d:%02d-%02d:%02d %s", strings.Join(on, ","),
				w.From/60, w.From%60, w.To/60, w.To%60, w.Location))
			for hour := range 24 * 8 {
				// no panic, about a change of clocks too
				w.Open(time.Date(2026, 3, 25, hour, 0, 0, 0, time.UTC))
			}
		}
		if value == "always" {
			return
		}
		var same []remedy.Window
		windows(&same)(strings.Join(again, "; "), func(cure, format string, args ...any) {
			t.Errorf("%q as %q: %s", value, again, fmt.Sprintf(format, args...))
		})
		byName := cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })
		if diff := cmp.Diff(got, same, byName); diff != "" {
			t.Errorf("%q as %q (-first +second): %s", value, again, diff)
		}
	})
}
