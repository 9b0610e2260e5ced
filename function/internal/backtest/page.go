package backtest

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"ecs-remedy/function/internal/remedy"
)

// Page is what the page of a backtest shows.
type Page struct {
	Names       []string // of the policies, as the reader knows them
	Reports     []*Report
	Assumed     []string // what was supposed, a sentence each
	Differences []Difference
	Different   int      // how many there are; Differences may hold fewer
	Changes     []Change // them, counted, the most frequent first
	Top         int      // so many instances and rules are listed
}

// Change is how often alarms that end in one way under the first policy end in another one under
// the second.
type Change struct {
	First, Second string
	N             int
}

// Compare fills in what is different between the two reports, of which most are listed.
func (p *Page) Compare(h *History, most int) error {
	counts := map[Change]int{}
	err := h.Differences(p.Reports[0], p.Reports[1], func(d Difference) bool {
		if p.Different++; len(p.Differences) < most {
			p.Differences = append(p.Differences, d)
		}
		counts[Change{First: d.First, Second: d.Second}]++
		return true
	})
	for change, n := range counts {
		change.N = n
		p.Changes = append(p.Changes, change)
	}
	slices.SortFunc(p.Changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.First, b.First),
			cmp.Compare(a.Second, b.Second))
	})
	return err
}

// Write writes one HTML document that needs nothing else: no script, and nothing from outside,
// which its content security policy forbids too. Every text in it may come from an alarm, and is
// escaped.
func (p *Page) Write(w io.Writer) error {
	view := pageView{Page: p, CSS: template.CSS(pageStyle)}
	sum := sha256.Sum256([]byte(pageStyle))
	view.StyleHash = base64.StdEncoding.EncodeToString(sum[:])
	axis := p.axis()
	for _, row := range []struct {
		title, note string
		series      []series
	}{
		{"Reboots over time", "reboots that ECS accepted, graceful and forced", []series{
			{"graceful", "graceful", func(h *Hour) int { return h.Reboots - h.Forced }},
			{"forced", "forced", func(h *Hour) int { return h.Forced }}}},
		{"Refusals over time", "alarms that were refused, by the reason", p.refusals()},
		{"Waiting over time", "alarms that waited for a slot", []series{
			{"waiting", "waiting", func(h *Hour) int { return h.Waited }}}},
	} {
		view.Plots = append(view.Plots, p.plot(row.title, row.note, row.series, axis))
	}
	view.Charts = []chart{
		p.chart("By reason", "results, by verdict and reason", func(r *Report) (bars []bar) {
			for _, v := range r.Verdicts {
				bars = append(bars, bar{Name: string(v.Verdict) + "/" + string(v.Reason),
					Class: string(v.Verdict), N: v.N})
			}
			return bars
		}),
		p.chart("Refusals by rule", "refused alarms, by the rule or event",
			p.byRule("refused", func(l *Load) (n, forced int) { return l.Refused, 0 })),
		p.chart("Reboots by rule", "reboots that alarms of a rule or event led to, the forced "+
			"ones in red", p.byRule("graceful", func(l *Load) (n, forced int) {
			return l.Reboots, l.Forced
		}))}
	return pageTemplate.Execute(w, view)
}

type pageView struct {
	*Page
	CSS       template.CSS
	StyleHash string
	Plots     []plot
	Charts    []chart
}

// The drawings have so many units in width and height, and are stretched to the room that there
// is; texts are not within them, and have the size of texts.
const (
	drawingWidth  = 1000
	drawingHeight = 100
	mostBars      = 72
)

// plot is numbers over time, with a drawing for each policy, all at one scale.
type plot struct {
	Title, Note string
	Legend      []series
	Most        int // the height of the drawings
	From, To    time.Time
	Drawings    [][]column
}

// column is one number of one step of time.
type column struct {
	At         int64 // seconds since 1970
	Class      string
	X, Y, W, H float64
	Says       string
}

type series struct {
	Class, Name string
	of          func(*Hour) int
}

// axis is the time of all reports, in a number of equal steps of whole hours.
type axis struct {
	from  time.Time
	step  time.Duration
	steps int
}

func (p *Page) axis() (a axis) {
	var last time.Time
	for _, r := range p.Reports {
		if len(r.Hours) == 0 {
			continue
		}
		if first := r.Hours[0].At; earlier(first, a.from) {
			a.from = first
		}
		if end := r.Hours[len(r.Hours)-1].At; end.After(last) {
			last = end
		}
	}
	hours := int(last.Unix()-a.from.Unix())/3600 + 1 // a Duration holds no more than 292 years
	each := (hours + mostBars - 1) / mostBars
	for _, round := range []int{1, 2, 3, 6, 12, 24, 48, 168, 336, 720} {
		if each <= round {
			each = round
			break
		}
	}
	a.step, a.steps = time.Duration(each)*time.Hour, (hours+each-1)/each
	return a
}

// shownReasons is how many reasons of refusals have a colour of their own.
const shownReasons = 5

// refusals are the most frequent reasons of refusals, and all others together.
func (p *Page) refusals() (all []series) {
	counts := map[remedy.Reason]int{}
	for _, r := range p.Reports {
		for _, v := range r.Verdicts {
			if v.Verdict == remedy.VerdictRefused {
				counts[v.Reason] += v.N
			}
		}
	}
	reasons := slices.SortedFunc(maps.Keys(counts), func(a, b remedy.Reason) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	shown := reasons[:min(shownReasons, len(reasons))]
	for i, reason := range shown {
		key := outcome{remedy.VerdictRefused, reason}.String()
		all = append(all, series{"reason" + strconv.Itoa(i+1), string(reason),
			func(h *Hour) int { return h.Verdicts[key] }})
	}
	if len(reasons) > len(shown) {
		all = append(all, series{"other", "other reasons", func(h *Hour) int {
			n := h.Refused
			for _, s := range all[:len(shown)] {
				n -= s.of(h)
			}
			return n
		}})
	}
	return all
}

func (p *Page) plot(title, note string, all []series, a axis) plot {
	one := plot{Title: title, Note: note + ", for each " + inWords(a.step), Legend: all, Most: 1,
		From: a.from, To: a.from.Add(time.Duration(a.steps) * a.step)}
	sums := make([][][]int, len(p.Reports)) // by report, step and series
	for i, r := range p.Reports {
		sums[i] = make([][]int, a.steps)
		for b := range sums[i] {
			sums[i][b] = make([]int, len(all))
		}
		for h := range r.Hours {
			b := int((r.Hours[h].At.Unix() - a.from.Unix()) / int64(a.step/time.Second))
			total := 0
			for s := range all {
				sums[i][b][s] += all[s].of(&r.Hours[h])
				total += sums[i][b][s]
			}
			one.Most = max(one.Most, total)
		}
	}
	width := float64(drawingWidth) / float64(max(1, a.steps))
	for i := range p.Reports {
		columns := []column{}
		for b := range sums[i] {
			y := float64(drawingHeight)
			at := a.from.Add(time.Duration(b) * a.step)
			for s, n := range sums[i][b] {
				if n == 0 {
					continue
				}
				h := float64(n) * drawingHeight / float64(one.Most)
				y -= h
				columns = append(columns, column{At: at.Unix(), Class: all[s].Class,
					X: float64(b) * width, Y: y, W: width * 0.88, H: h,
					Says: at.Format("2006-01-02 15:04") + " UTC: " + grouped(n) + " " +
						all[s].Name})
			}
		}
		one.Drawings = append(one.Drawings, columns)
	}
	return one
}

// chart is numbers by name, for each policy, all at one scale.
type chart struct {
	Title, Note string
	Bars        [][]bar
}

// bar is one number by its name. The part of it that is forced is of another colour.
type bar struct {
	Name, Class   string
	N, Forced     int
	Width, Darker float64 // of drawingWidth
}

// byRule gives every report the same rules in the same order: those that have most, all reports
// together.
func (p *Page) byRule(class string, of func(*Load) (n, forced int)) func(*Report) []bar {
	sums := map[string]int{}
	for _, r := range p.Reports {
		for i := range r.Rules {
			if n, _ := of(&r.Rules[i]); n > 0 {
				sums[r.Rules[i].Name] += n
			}
		}
	}
	names := slices.SortedFunc(maps.Keys(sums), func(a, b string) int {
		return cmp.Or(cmp.Compare(sums[b], sums[a]), cmp.Compare(a, b))
	})
	names = names[:min(len(names), p.Top)]
	return func(r *Report) []bar {
		bars := make([]bar, len(names))
		for i, name := range names {
			bars[i] = bar{Name: name, Class: class}
		}
		for i := range r.Rules {
			if at := slices.Index(names, r.Rules[i].Name); at >= 0 {
				bars[at].N, bars[at].Forced = of(&r.Rules[i])
			}
		}
		return bars
	}
}

func (p *Page) chart(title, note string, bars func(*Report) []bar) chart {
	one := chart{Title: title, Note: note}
	most := 1
	for _, r := range p.Reports {
		one.Bars = append(one.Bars, bars(r))
		for _, b := range one.Bars[len(one.Bars)-1] {
			most = max(most, b.N)
		}
	}
	for _, bars := range one.Bars {
		for i := range bars {
			b := &bars[i]
			b.Width = float64(b.N) * drawingWidth / float64(most)
			b.Darker = float64(b.Forced) * drawingWidth / float64(most)
		}
	}
	return one
}

// parts are what a name may be broken into where there is little room.
func parts(name string) (all []string) {
	from := 0
	for i, r := range name {
		if strings.ContainsRune(".:_/-", r) {
			all, from = append(all, name[from:i+1]), i+1
		}
	}
	return append(all, name[from:])
}

// inWords is a whole number of hours, as a reader counts them.
func inWords(d time.Duration) string {
	switch hours := int(d / time.Hour); {
	case hours == 1:
		return "hour"
	case hours%24 != 0:
		return strconv.Itoa(hours) + " hours"
	case hours == 24:
		return "day"
	default:
		return strconv.Itoa(hours/24) + " days"
	}
}

// grouped is a number with its thousands apart: 1,234,567.
func grouped(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// Grouped is a number with its thousands apart: 1,234,567.
func Grouped(n int) string { return grouped(n) }

const pageStyle = `
:root { color-scheme: light dark; --text: #1d2330; --faint: #5b6472; --line: #d5dae2;
  --back: #ffffff; --graceful: #2f6fde; --forced: #c2412d; --refused: #8a6d3b;
  --waiting: #7a58c1; --restarted: #2e8b57; --failed: #c2412d; --ignored: #9aa3b0;
  --other: #9aa3b0; --reason1: #8a6d3b; --reason2: #d08a1d; --reason3: #2a8f9e;
  --reason4: #a8527f; --reason5: #63812c; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e9ef; --faint: #a3adbb;
  --line: #3a4250; --back: #14181f; --graceful: #6ea0ff; --forced: #ff7a62;
  --refused: #d3ae6c; --waiting: #b59cf0; --restarted: #63c78f; --failed: #ff7a62;
  --ignored: #707a89; --other: #707a89; --reason1: #b98f4d; --reason2: #f2bd5c;
  --reason3: #5cc3d2; --reason4: #e08fbb; --reason5: #a3c462; } }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back);
  margin: 2rem auto; max-width: 80rem; padding: 0 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .2rem; }
h3 { font-size: .95rem; font-weight: 600; margin: .6rem 0 .3rem; }
p.note, ul { color: var(--faint); margin: .2rem 0; } ul { padding-left: 1.2rem; }
.side { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(28rem, 100%), 1fr));
  gap: .5rem 2rem; } .side > * { min-width: 0; }
figure { margin: 0; }
.plot { position: relative; padding-top: 1.2rem; }
.plot svg { display: block; width: 100%; height: 9rem; border-bottom: 1px solid var(--faint);
  border-top: 1px dashed var(--line); }
.most { position: absolute; top: 0; left: 0; }
.most, .ends { font-size: .8rem; color: var(--faint); font-variant-numeric: tabular-nums; }
.ends { display: flex; justify-content: space-between; gap: 1rem; }
rect { fill: var(--other); } .graceful { fill: var(--graceful); } .forced { fill: var(--forced); }
.refused { fill: var(--refused); } .waiting { fill: var(--waiting); }
.restarted, .observed { fill: var(--restarted); } .failed { fill: var(--failed); }
.ignored { fill: var(--ignored); } .reason1 { fill: var(--reason1); }
.reason2 { fill: var(--reason2); } .reason3 { fill: var(--reason3); }
.reason4 { fill: var(--reason4); } .reason5 { fill: var(--reason5); }
.key { display: inline-block; margin-right: 1rem; font-size: .85rem; }
.key svg { vertical-align: -1px; }
table { border-collapse: collapse; width: 100%; font-size: .85rem; }
th, td { text-align: left; vertical-align: top; padding: .25rem .8rem .25rem 0;
  border-bottom: 1px solid var(--line); }
th:last-child, td:last-child { padding-right: 0; }
td small { display: block; color: var(--faint); font-size: 1em; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.whole { white-space: nowrap; }
.key-of { min-width: 8rem; } .alarm { min-width: 18rem; } .counts { width: auto; }
.scroll { overflow-x: auto; }
.bars th { font-weight: 400; width: 45%; border: 0; padding: .1rem .6rem .1rem 0; }
.bars td { border: 0; padding: .1rem .6rem .1rem 0; } .bars .n { width: 1%; }
.bars svg { display: block; width: 100%; height: .9rem; margin-top: .2rem; }
@media print { .scroll { overflow: visible; } section { break-inside: avoid; } }
`

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"grouped": grouped,
	"stamp": func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.DateTime)
	},
	"minute": func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format("2006-01-02 15:04")
	},
	"name":  func(p *Page, i int) string { return p.Names[i] },
	"total": func(r *Report, v string) int { return r.Total(remedy.Verdict(v)) },
	"top":   func(p *Page, all []Load) []Load { return all[:min(len(all), p.Top)] },
	"parts": parts,
	"units": func(n float64) string { return strconv.FormatFloat(n, 'f', 2, 64) },
}).Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-` +
	`{{.StyleHash}}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>Backtest</title>
<style>{{.CSS}}</style>
</head>
<body>
<h1>Backtest of {{grouped (index .Reports 0).Alarms}} alarms</h1>
<p class="note">They arrived from {{stamp (index .Reports 0).First}} to
{{stamp (index .Reports 0).Last}}, UTC. Nothing was rebooted.</p>
<ul>{{range .Assumed}}
<li>{{.}}</li>{{end}}
</ul>
<h2>Totals</h2>
<div class="scroll" role="region" tabindex="0" aria-label="Totals"><table>
<tr><th>policy</th><th class="n">restarted</th><th class="n">reboots</th><th class="n">forced</th>
<th class="n">failed</th><th class="n">waited</th><th class="n">refused</th>
<th class="n">ignored</th><th class="n">busiest hour</th></tr>{{range $i, $r := .Reports}}
<tr><td class="key-of">{{name $.Page $i}}</td><td class="n">{{grouped (total $r "restarted")}}` +
	`{{with total $r "observed"}} <small>{{grouped .}} observed</small>{{end}}</td>
<td class="n">{{grouped $r.Reboots}}</td><td class="n">{{grouped $r.Forced}}</td>
<td class="n">{{grouped (total $r "failed")}}</td><td class="n">{{grouped (total $r "waiting")}}</td>
<td class="n">{{grouped (total $r "refused")}}</td>
<td class="n">{{grouped (total $r "ignored")}}</td>
<td class="n">{{with $r.Busiest}}{{minute .At}}<small>{{grouped .Alarms}} alarms, ` +
	`{{grouped .Reboots}} reboots</small>{{end}}</td></tr>{{end}}
</table></div>
{{range .Plots}}<section aria-label="{{.Title}}">
<h2>{{.Title}}</h2>
<p class="note">{{.Note}}</p>
{{range .Legend}}<span class="key"><svg width="12" height="12" aria-hidden="true">` +
	`<rect class="{{.Class}}" width="12" height="12"/></svg> {{.Name}}</span>{{end}}
<div class="side">{{$plot := .}}{{range $i, $columns := .Drawings}}
<figure><h3>{{name $.Page $i}}</h3>
<div class="plot"><span class="most">{{grouped $plot.Most}}</span>
<svg viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" ` +
	`aria-label="{{$plot.Title}}, {{name $.Page $i}}">{{range $columns}}
<rect class="{{.Class}}" x="{{units .X}}" y="{{units .Y}}" width="{{units .W}}" ` +
	`height="{{units .H}}" data-at="{{.At}}"><title>{{.Says}}</title></rect>{{end}}
</svg></div>
<div class="ends"><span>{{minute $plot.From}}</span><span>{{minute $plot.To}}</span></div>
</figure>{{end}}
</div>
</section>
{{end}}{{range .Charts}}<section aria-label="{{.Title}}">
<h2>{{.Title}}</h2>
<p class="note">{{.Note}}</p>
<div class="side">{{range $i, $bars := .Bars}}
<div><h3>{{name $.Page $i}}</h3>
<table class="bars">{{range $bars}}
<tr><th scope="row">{{range parts .Name}}{{.}}<wbr>{{end}}</th>
<td class="n">{{grouped .N}}</td><td>` +
	`<svg viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">` +
	`<rect class="{{.Class}}" width="{{units .Width}}" height="10"/>{{if .Forced}}` +
	`<rect class="forced" width="{{units .Darker}}" height="10"/>{{end}}</svg></td></tr>{{end}}
</table></div>{{end}}
</div>
</section>
{{end}}<h2>Limits that held alarms back</h2>
<div class="side">{{range $i, $r := .Reports}}
<div><h3>{{name $.Page $i}}</h3>
{{if $r.Limits}}<div class="scroll" role="region" tabindex="0"
aria-label="Limits, {{name $.Page $i}}">
<table>
<tr><th>limit</th><th class="n">times</th><th>first and last</th>
<th>most in an hour</th></tr>{{range $r.Limits}}
<tr><td class="whole">{{.Variable}}<small>{{.Verdict.Verdict}}/{{.Reason}}</small></td>
<td class="n">{{grouped .N}}</td>
<td class="whole">{{minute .First}}<small>{{minute .Last}}</small></td>
<td class="whole">{{grouped .Worst}}<small>{{minute .WorstAt}}</small></td></tr>{{end}}
</table></div>{{else}}<p class="note">none</p>{{end}}</div>{{end}}
</div>
<h2>Instances with the most alarms</h2>
<div class="side">{{range $i, $r := .Reports}}
<div><h3>{{name $.Page $i}}</h3>
<div class="scroll" role="region" tabindex="0" aria-label="Instances, {{name $.Page $i}}"><table>
<tr><th>instance</th><th class="n">alarms</th><th class="n">restarted</th><th class="n">reboots</th>
<th class="n">forced</th><th class="n">failed</th><th class="n">refused</th></tr>` +
	`{{range top $.Page $r.Instances}}
<tr><td class="whole">{{.Name}}</td><td class="n">{{grouped .Alarms}}</td>
<td class="n">{{grouped .Restarted}}</td><td class="n">{{grouped .Reboots}}</td>
<td class="n">{{grouped .Forced}}</td><td class="n">{{grouped .Failed}}</td>
<td class="n">{{grouped .Refused}}</td></tr>{{end}}
</table></div></div>{{end}}
</div>{{if gt (len .Reports) 1}}
<h2>Differences</h2>
{{if .Different}}<p class="note">{{grouped .Different}} alarms end in another way.</p>
<div class="scroll" role="region" tabindex="0"
aria-label="Differences, counted"><table class="counts">
<tr><th class="n">alarms</th><th>{{name .Page 0}}</th><th>{{name .Page 1}}</th></tr>` +
	`{{range .Changes}}
<tr><td class="n">{{grouped .N}}</td><td class="whole">{{.First}}</td>` +
	`<td class="whole">{{.Second}}</td></tr>{{end}}
</table></div>
<h3>Alarm by alarm{{if lt (len .Differences) .Different}}, the first ` +
	`{{grouped (len .Differences)}}{{end}}</h3>
<div class="scroll" role="region" tabindex="0" aria-label="Differences, alarm by alarm"><table>
<tr><th>time</th><th>instance</th><th>alarm</th><th>{{name .Page 0}}</th>` +
	`<th>{{name .Page 1}}</th></tr>{{range .Differences}}
<tr><td class="whole">{{stamp .Time}}</td><td class="whole">{{.Instance}}</td>` +
	`<td class="alarm">{{.Key}}</td><td class="whole">{{.First}}</td>` +
	`<td class="whole">{{.Second}}</td></tr>{{end}}
</table></div>{{else}}
<p class="note">Every alarm ends the same under both policies.</p>{{end}}{{end}}
</body>
</html>
`))
