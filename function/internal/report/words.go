package report

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"ecs-remedy/function/internal/remedy"
)

// Words are the texts of one language: of details, chat messages, timelines and pages. There is one
// file a language, words_en.go and words_zh.go; what is made of the texts is the same for all. They
// are safe for concurrent use.
//
// What package remedy words is English wherever it is stored (Result.Why and Finding.Saw), for
// another language's reader may meet what this one's wrote. It is put into the reader's words where
// it is shown: see phrases. Names and codes of the APIs stay as the APIs spell them.
//
// In templates {name} stands for a value. Values are put in once and not looked at again, so that
// nothing from outside can act as a template.
type Words struct {
	// Lang is the language as HTML's lang attribute names it.
	Lang string

	zone      *time.Location // in which times are shown
	stop      string         // ends a sentence
	aside     string         // what a sentence rests on: {text}
	and       string         // between two things that were counted
	tried     string         // {what} was tried before
	subject   string         // stands for an instance that is not named
	called    string         // one that is, within a sentence: {id}
	yes, no   string
	details   map[remedy.Verdict]string // {subject}, {tried} and {because}
	headlines map[remedy.Verdict]string // {subject}
	verdicts  map[remedy.Verdict]string
	reasons   map[remedy.Verdict]map[remedy.Reason]reason
	rules     map[remedy.Rule]string
	outcomes  map[remedy.Outcome]string
	statuses  map[string]string // of an instance, by ECS's name for it
	states    map[string]string // of an alarm
	failures  map[remedy.Failure]string
	marks     map[MarkKind]string
	nobody    nobody
	// graceful reboots and forced ones; calls for them of which nobody knows whether they took
	// effect; calls that were not executed, and rejected ones
	counts    [6]count
	units     [4]string
	space     string // between a number and its unit, and between two units
	semicolon string // between two phrases

	// phrases are those of the packages that say what a decision rests on (remedy, events, ecs and
	// evidence), each with its words in this language. {} stands for a value, of which the first is
	// {1} in the other one; behind a # only numbers fit. Of two that fit, the first counts.
	phrases [][2]string

	told   chat
	events story
	labels labels
}

// reason is what a verdict's reason means, and what whoever is told should do.
type reason struct {
	because string // as the end of a detail
	todo    string // one or two sentences; they stand alone
}

// nobody is a refusal that is about no instance: there is none of which it could be said.
type nobody struct{ detail, headline, title string } // {because}

// count is a phrase for one thing, and for several: {n}.
type count struct{ one, many string }

// The languages, as REMEDY_LANG spells them.
const (
	LangEnglish = "en"
	LangChinese = "zh"
)

// In returns the words of a language; English for one that there are no words for.
func In(lang string) *Words {
	if lang == LangChinese {
		return chinese()
	}
	return english()
}

// Detail is the result in one sentence: what happened to which instance, and what it rests on.
func (w *Words) Detail(r *remedy.Result) string {
	template := w.details[r.Verdict]
	if r.Verdict == remedy.VerdictRefused && r.InstanceID == "" {
		template = w.nobody.detail
	}
	said := fill(template, "subject", w.about(r.InstanceID),
		"tried", w.after(r.Attempts), "because", w.reason(r.Verdict, r.Reason).because)
	if r.Why != "" {
		said += fill(w.aside, "text", w.phrase(r.Why))
	}
	return strings.ToValidUTF8(said, "") + w.stop
}

// phrase is what package remedy said in these words, as far as there are any for it; the rest stays
// as it is. Phrases that are joined by semicolons are looked at one by one.
func (w *Words) phrase(text string) string {
	if len(w.phrases) == 0 || text == "" {
		return text
	}
	for i := range w.phrases {
		values, fits := match(w.phrases[i][0], text)
		if !fits {
			continue
		}
		var pairs []string
		for n, value := range values {
			// A value can be a phrase, too. It is shorter than the text, so that this ends.
			pairs = append(pairs, strconv.Itoa(n+1), w.phrase(value))
		}
		return fill(w.phrases[i][1], pairs...)
	}
	at := unquoted(text, "; ")
	if at < 0 {
		return text
	}
	return w.phrase(text[:at]) + w.semicolon + w.phrase(text[at+len("; "):])
}

// unquoted is where the separator first stands outside of quotation marks, so that none of it is
// found in what somebody else wrote; -1: nowhere. In a text whose marks are no pairs they say
// nothing.
func unquoted(text, separator string) int {
	found, quoted := -1, false
	for i := 0; i < len(text); i++ {
		switch {
		case !quoted && found < 0 && strings.HasPrefix(text[i:], separator):
			found = i
			i += len(separator) - 1
		case quoted && text[i] == '\\':
			i++
		case text[i] == '"':
			quoted = !quoted
		}
	}
	if quoted {
		return strings.Index(text, separator)
	}
	return found
}

// match takes the values out of a text that has a phrase's form: each is as short as it can be, and
// not empty; all are numbers where the form begins with a #.
func match(form, text string) (values []string, fits bool) {
	if numbered, numbers := strings.CutPrefix(form, "#"); numbers {
		values, fits = match(numbered, text)
		return values, fits && strings.Trim(strings.Join(values, ""), "0123456789") == ""
	}
	before, form, more := strings.Cut(form, "{}")
	text, fits = strings.CutPrefix(text, before)
	for fits && more {
		before, form, more = strings.Cut(form, "{}")
		end := len(text)
		if more || before != "" {
			end = unquoted(text, before)
			if !more {
				end = len(text) - len(before)
				fits = strings.HasSuffix(text, before)
			}
		}
		if end <= 0 || !fits {
			return nil, false
		}
		values, text = append(values, text[:end]), text[end+len(before):]
	}
	return values, fits && text == ""
}

// sentence is a result's detail in these words. A result that was read back has lost what its
// verdict rests on but for the Detail that it came with; that is shown as it is.
func (w *Words) sentence(r *remedy.Result) string {
	known := r.Why != "" || r.Detail == "" || r.Detail == english().Detail(r) ||
		r.Detail == chinese().Detail(r)
	if known {
		return w.Detail(r)
	}
	return r.Detail
}

// about is an instance as the subject of a sentence.
func (w *Words) about(instance string) string {
	if instance == "" {
		return w.subject
	}
	return fill(w.called, "id", instance)
}

// Reason says of a verdict's reason in a sentence what it means, and in one or two what to do next.
// Both are empty for a reason that the verdict never has.
func (w *Words) Reason(verdict remedy.Verdict, why remedy.Reason) (meaning, todo string) {
	found := w.reason(verdict, why)
	if found.because == "" {
		return "", ""
	}
	first, size := utf8.DecodeRuneInString(found.because)
	return string(unicode.ToUpper(first)) + found.because[size:] + w.stop, found.todo
}

// reason: what a guard or ECS refused in the middle of an incident is worded as before one.
func (w *Words) reason(verdict remedy.Verdict, why remedy.Reason) reason {
	found, known := w.reasons[verdict][why]
	if !known && verdict == remedy.VerdictFailed {
		found = w.reasons[remedy.VerdictRefused][why]
	}
	return found
}

// Verdict is the verdict in a word or two.
func (w *Words) Verdict(v remedy.Verdict) string { return or(w.verdicts[v], string(v)) }

// Tried says how often what was tried: "2 graceful reboots and 1 forced reboot"; empty where
// nothing was.
func (w *Words) Tried(all []remedy.AttemptView) string {
	return strings.Join(w.all(all), w.and)
}

// all is how often each kind of attempt was made, of those that were.
func (w *Words) all(attempts []remedy.AttemptView) []string {
	var said []string
	for i, n := range counted(attempts) {
		if n > 0 {
			said = append(said, w.counts[i].of(n))
		}
	}
	return said
}

// after is what was tried, as a sentence goes on with it.
func (w *Words) after(all []remedy.AttemptView) string {
	if tried := w.Tried(all); tried != "" {
		return fill(w.tried, "what", tried)
	}
	return ""
}

// counted is how many attempts there were of each kind that is counted, in the order of
// Words.counts.
func counted(all []remedy.AttemptView) (n [6]int) {
	for i := range all {
		a, how := &all[i], 0
		if a.Force {
			how = 1
		}
		switch a.Outcome {
		case remedy.OutcomeNotExecuted:
			how = 4
		case remedy.OutcomeRejected:
			how = 5
		case remedy.OutcomeUnconfirmed, remedy.OutcomeUnknown, remedy.OutcomeClaimed:
			how += 2
		}
		n[how]++
	}
	return n
}

// of is the phrase for n things.
func (c count) of(n int) string {
	if n == 1 {
		return fill(c.one, "n", "1")
	}
	return fill(c.many, "n", strconv.Itoa(n))
}

// Duration is a span of time in its two largest units, to the second: "1 h 5 min", "42 s".
func (w *Words) Duration(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "−", -d
	}
	d = d.Round(time.Second)
	parts := [4]int{int(d.Hours()) / 24, int(d.Hours()) % 24, int(d.Minutes()) % 60,
		int(d.Seconds()) % 60}
	var said []string
	for i, n := range parts {
		if len(said) == 2 || len(said) == 1 && n == 0 {
			break
		}
		if n > 0 {
			said = append(said, strconv.Itoa(n)+w.space+w.units[i])
		}
	}
	if len(said) == 0 {
		said = []string{"0" + w.space + w.units[3]}
	}
	return sign + strings.Join(said, " ")
}

// Time is a date and time in the language's zone, which it names; empty for the zero time.
func (w *Words) Time(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(w.zone).Format("2006-01-02 15:04:05") + " " + w.zone.String()
}

// Clock is a time of day in the language's zone, without naming it.
func (w *Words) Clock(t time.Time) string { return t.In(w.zone).Format("15:04:05") }

// fill puts values into a template: name, value and so on. What stands in a value is left as it is.
func fill(template string, values ...string) string {
	var filled strings.Builder
	for {
		text, rest, found := strings.Cut(template, "{")
		filled.WriteString(text)
		if !found {
			return filled.String()
		}
		name, after, closed := strings.Cut(rest, "}")
		i := 0
		for i < len(values) && values[i] != name {
			i += 2
		}
		if closed && i < len(values) {
			filled.WriteString(values[i+1])
			template = after
		} else { // no name, but text
			filled.WriteByte('{')
			template = rest
		}
	}
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
