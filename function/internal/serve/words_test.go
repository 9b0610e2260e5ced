package serve

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ecs-remedy/function/internal/ecssim"
)

// TestNoLanguageLacksAText: each text is there in both languages, with the same places for values,
// and so is a sentence for each guest and each fault. Chinese is Chinese.
func TestNoLanguageLacksAText(t *testing.T) {
	places := regexp.MustCompile(`\{\w+\}`)
	en, zh := reflect.ValueOf(english), reflect.ValueOf(chinese)
	for i := range en.NumField() {
		name := en.Type().Field(i).Name
		if en.Field(i).Kind() != reflect.String {
			continue
		}
		a, b := en.Field(i).String(), zh.Field(i).String()
		if a == "" || b == "" {
			t.Errorf("%s: %q and %q", name, a, b)
		}
		if !slices.Equal(places.FindAllString(a, -1), places.FindAllString(b, -1)) {
			t.Errorf("%s has other places for values: %q and %q", name, a, b)
		}
	}
	for _, g := range ecssim.Guests() {
		if !han(chinese.guests[g.Name]) || english.guests[g.Name] != g.Title {
			t.Errorf("guest %s: %q", g.Name, chinese.guests[g.Name])
		}
	}
	for _, f := range ecssim.Faults() {
		if !han(chinese.faults[f.Name]) || english.faults[f.Name] != f.Title {
			t.Errorf("fault %s: %q", f.Name, chinese.faults[f.Name])
		}
	}
	if len(chinese.guests) != len(english.guests) || len(chinese.faults) != len(english.faults) {
		t.Error("Chinese has a guest or a fault that there is not")
	}
}

func han(text string) bool { return regexp.MustCompile(`\p{Han}`).MatchString(text) }

// TestScriptHasItsWords: each word that the page's script asks for is among those that it gets.
func TestScriptHasItsWords(t *testing.T) {
	given := english.script()
	used := map[string]bool{}
	asks := regexp.MustCompile(`\bwords\.(\w+)`)
	for _, m := range asks.FindAllStringSubmatch(page().script, -1) {
		if used[m[1]] = true; given[m[1]] == "" {
			t.Errorf("there is no %s", m[1])
		}
	}
	for name := range given {
		if !used[name] {
			t.Errorf("the script does not use %s", name)
		}
	}
}

// TestShown: letters that turn other text round, or have no shape, are shown by their numbers.
func TestShown(t *testing.T) {
	for _, row := range []struct{ why, text, want string }{
		{"words", "a <b> 重启", "a <b> 重启"},
		{"lines", "a\n\tb", "a\n\tb"},
		{"text that runs the other way", "\u202etxt", "⟨U+202E⟩txt"},
		{"an escape", "\x1b[2J", "⟨U+001B⟩[2J"},
		{"no UTF-8", "a\xff", "a\uFFFD"},
		{"as long as it may be", strings.Repeat("重", longest), strings.Repeat("重", longest)},
		{"longer", strings.Repeat("重", longest+1), strings.Repeat("重", longest) + "…"},
	} {
		if got := shown(row.text); got != row.want {
			t.Errorf("%s: %.99q, not %.99q", row.why, got, row.want)
		}
	}
}
