package serve

import (
	"fmt"
	"net/http"
	"strings"

	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/report"
)

// words are the texts of the page in one language; words_en.go and words_zh.go have them. What a
// timeline says is package report's.
type words struct {
	lang string // as package report names it

	// The page's language for HTML, and the link to the other.
	Lang, Other, OtherLang, OtherName string

	Title, Lead, Unreal, NeedsScript string

	Form, Guest, Faults, NoFaults, FaultsHint               string
	Alarm, DefaultAlarm, PastedAlarm, Paste, Sent, Samples  string
	Mode, Enforce, Observe, Off                             string
	Speed, Real, Times, AtOnce                              string // Times: {n}
	Send                                                    string
	Timeline, Empty, Hurry                                  string
	Runs, NoRuns, Kept                                      string // Kept: {n}
	Visit, VisitWhat, VisitKeys, VisitLook, VisitReboot     string
	KeyID, Secret, Token, Endpoint, VisitHow, VisitInsecure string

	// What the script says.
	Run, Passed, AlarmN, UnderWay, Page, Watch, Lost, Unsent string

	// Why something was not done.
	TooMany, TooLarge, TooBroad               string // {n}
	Malformed, Refused, Failed                string // a reason follows
	NoRun, NotYet, TooManyStreams, FaultCount string

	guests, faults map[string]string // titles by name
}

var catalogue = ecssim.Guests()

// wordsOf are the words that a request asks for: by its parameter lang, or else by what its browser
// prefers.
func wordsOf(r *http.Request) *words {
	lang := r.URL.Query().Get("lang")
	if lang == "" && strings.HasPrefix(strings.ToLower(r.Header.Get("Accept-Language")), "zh") {
		lang = report.LangChinese
	}
	if lang == report.LangChinese {
		return &chinese
	}
	return &english
}

// fill puts a number into a text in place of {n}.
func fill(text string, n int) string { return strings.ReplaceAll(text, "{n}", fmt.Sprint(n)) }

// script are the words that the page's script uses. {…} stands for a value there, too.
func (w *words) script() map[string]string {
	return map[string]string{"lang": w.lang, "locale": w.Lang, "run": w.Run, "passed": w.Passed,
		"alarm": w.AlarmN, "underWay": w.UnderWay, "page": w.Page,
		"watch": w.Watch, "lost": w.Lost, "unsent": w.Unsent,
		"noFaults": w.NoFaults, "faults": w.FaultCount, "times": w.Times, "atOnce": w.AtOnce,
		"real": w.Real, "tooLarge": w.TooLarge}
}

// titles are the sentences of a catalogue in English.
func titles[T any](all []T, of func(T) (name, title string)) map[string]string {
	found := map[string]string{}
	for _, one := range all {
		name, title := of(one)
		found[name] = title
	}
	return found
}
