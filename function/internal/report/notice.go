package report

import (
	"strconv"
	"time"

	"ecs-remedy/function/internal/remedy"
)

// News is a result, with what a message about it needs besides.
type News struct {
	Result *remedy.Result
	Kind   string        // failed, restarted, waiting or refused
	Name   string        // of the instance, as its owner wrote it; empty: not known
	Took   time.Duration // from the alarm to the end; 0: not known
	Page   string        // where the incident's page is; empty: nowhere

	// More is how many further refusals for the same reason there were that nobody was told of, or
	// how many further alarms began to wait; Since is when was last told of that, or zero.
	More  int
	Since time.Time
	// Overdue: nothing happened but that More refusals, of which Result is the last, were not told
	// of.
	Overdue bool
}

// Notice is news in words, for a chat. All text is plain, and may hold what came from outside: who
// renders it takes care that nothing in it acts as markup.
type Notice struct {
	Title string // a few words, with the instance
	Text  string // one sentence: what happened
	Lines []Line // in the order of their weight
	Page  Line   // where there is more to see; the zero Line: nowhere
}

// Line is a label and a value.
type Line struct{ Label, Value string }

// chat are the words of messages.
type chat struct {
	titles map[string]string // by kind: {subject}
	more   string            // {n} further refusals for the reason since {time}
	ever   string            // as more, where nothing was told before
	queued string            // {n} further alarms wait
	last   string            // the detail of an overdue message: {n}, {meaning}, {subject}
}

// Notice words news for a chat.
func (w *Words) Notice(n News) Notice {
	r := n.Result
	subject := or(n.Name, or(r.InstanceID, w.subject))
	meaning, todo := w.Reason(r.Verdict, r.Reason)
	title := w.told.titles[n.Kind]
	if r.Verdict == remedy.VerdictRefused && n.Name == "" && r.InstanceID == "" {
		title = w.nobody.title
	}
	notice := Notice{
		Title: fill(title, "subject", subject),
		Text:  w.Detail(r),
	}
	more := ""
	switch {
	case n.More <= 0:
	case n.Kind == string(remedy.VerdictWaiting):
		more = fill(w.told.queued, "n", strconv.Itoa(n.More))
	case n.Since.IsZero():
		more = fill(w.told.ever, "n", strconv.Itoa(n.More))
	default:
		more = fill(w.told.more, "n", strconv.Itoa(n.More), "time", w.Time(n.Since))
	}
	if n.Overdue {
		notice.Text = fill(w.told.last, "n", strconv.Itoa(n.More), "meaning", meaning,
			"subject", w.about(r.InstanceID))
		more = ""
	}
	line := func(label, value string) {
		if value != "" {
			notice.Lines = append(notice.Lines, Line{label, value})
		}
	}
	l := &w.labels
	line(l.Todo, todo)
	line(l.Instance, named(n.Name, r.InstanceID))
	line(l.Region, r.Region)
	line(l.Reason, string(r.Reason)+w.colon()+meaning)
	line(l.More, more)
	if n.Took > 0 {
		line(l.Took, w.Duration(n.Took))
	}
	if len(r.Attempts) > 0 {
		line(l.Forced, w.yesOrNo(r.Forced))
	}
	line(l.Incident, r.Incident)
	if n.Page != "" {
		notice.Page = Line{l.Page, n.Page}
	}
	return notice
}

// named is an instance's name with its id; either may be empty.
func named(name, id string) string {
	switch {
	case name == "" || name == id:
		return id
	case id == "":
		return name
	}
	return name + " (" + id + ")"
}

func (w *Words) yesOrNo(yes bool) string {
	if yes {
		return w.yes
	}
	return w.no
}

func (w *Words) colon() string { return w.labels.Colon }
