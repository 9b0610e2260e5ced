package backtest

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"time"

	"ecs-remedy/function/internal/remedy"
)

// Page is what the page of a backtest shows.
type Page struct {
	Names       []string // of the policies, as the reader knows them
	Reports     []*Report
	Assumed     []string // what was supposed, a sentence each
	Differences []Difference
	Different   int // how many there are; Differences may hold fewer
	Top         int // so many instances and rules are listed
}

// Write writes one HTML document that needs nothing else: no script, and nothing from outside,
// which its content security policy forbids too. Every text in it may come from an alarm, and is
// escaped.
func (p *Page) Write(w io.Writer) error {
	view := pageView{Page: p, CSS: template.CSS(pageStyle)}
	sum := sha256.Sum256([]byte(pageStyle))
	view.StyleHash = base64.StdEncoding.EncodeToString(sum[:])
	from, step, n := p.buckets()
	for _, row := range []struct {
		title, note string
		series      []series
	}{
		{"Reboots over time", "reboots that ECS accepted, graceful and forced", []series{
			{"graceful", func(h *Hour) int { return h.Reboots - h.Forced }},
			{"forced", func(h *Hour) int { return h.Forced }}}},
		{"Refusals over time", "alarms that were refused", []series{
			{"refused", func(h *Hour) int { return h.Refused }}}},
		{"Waiting over time", "alarms that waited for a slot", []series{
			{"waiting", func(h *Hour) int { return h.Waited }}}},
	} {
		view.Rows = append(view.Rows, p.timeRow(row.title, row.note, row.series, from, step, n))
	}
	view.Rows = append(view.Rows, p.barRow("By reason", "results, by verdict and reason",
		func(r *Report) (bars []bar) {
			for _, v := range r.Verdicts {
				bars = append(bars, bar{Name: string(v.Verdict) + "/" + string(v.Reason),
					Class: string(v.Verdict), N: v.N})
			}
			return bars
		}), p.barRow("By rule", "refused alarms of the rules and events with the most alarms",
		func(r *Report) (bars []bar) {
			for _, load := range r.Rules[:min(len(r.Rules), p.Top)] {
				bars = append(bars, bar{Name: load.Name, Class: "refused", N: load.Refused})
			}
			return bars
		}), p.barRow("Reboots by rule", "reboots that alarms of a rule or event led to",
		func(r *Report) (bars []bar) {
			for _, load := range r.Rules[:min(len(r.Rules), p.Top)] {
				bars = append(bars, bar{Name: load.Name, Class: "graceful", N: load.Reboots})
			}
			return bars
		}))
	return pageTemplate.Execute(w, view)
}

type pageView struct {
	*Page
	CSS       template.CSS
	StyleHash string
	Rows      []plotRow
}

// plotRow is one plot for each policy, at the same scale.
type plotRow struct {
	Title, Note string
	Legend      []string
	Plots       []plot
}

type plot struct {
	Name          string
	Width, Height int
	Bars          []bar
	Marks         []mark
}

// bar is a rectangle of a plot, in its units.
type bar struct {
	Name, Class string
	N           int
	X, Y, W, H  int
	TextY       int
}

// mark is a text at an axis.
type mark struct {
	X, Y   int
	Anchor string
	Text   string
}

type series struct {
	class string
	of    func(*Hour) int
}

const (
	plotWidth  = 560
	plotHeight = 160
	plotLeft   = 44
	plotBottom = 22
	mostBars   = 72
)

// buckets divides the time of all reports into a number of equal steps of whole hours.
func (p *Page) buckets() (from time.Time, step time.Duration, n int) {
	var last time.Time
	for _, r := range p.Reports {
		if len(r.Hours) == 0 {
			continue
		}
		if first := r.Hours[0].At; earlier(first, from) {
			from = first
		}
		if end := r.Hours[len(r.Hours)-1].At; end.After(last) {
			last = end
		}
	}
	hours := int(last.Unix()-from.Unix())/3600 + 1 // a Duration holds no more than 292 years
	each := (hours + mostBars - 1) / mostBars
	for _, round := range []int{1, 2, 3, 6, 12, 24, 48, 168, 336, 720} {
		if each <= round {
			each = round
			break
		}
	}
	return from, time.Duration(each) * time.Hour, (hours + each - 1) / each
}

func (p *Page) timeRow(title, note string, all []series, from time.Time, step time.Duration,
	n int) plotRow {
	row := plotRow{Title: title, Note: note + ", by " + inWords(step)}
	sums := make([][][]int, len(p.Reports)) // by report, bucket and series
	most := 1
	for i, r := range p.Reports {
		sums[i] = make([][]int, n)
		for b := range sums[i] {
			sums[i][b] = make([]int, len(all))
		}
		for h := range r.Hours {
			b := int((r.Hours[h].At.Unix() - from.Unix()) / int64(step/time.Second))
			total := 0
			for s := range all {
				sums[i][b][s] += all[s].of(&r.Hours[h])
				total += sums[i][b][s]
			}
			most = max(most, total)
		}
	}
	for _, s := range all {
		row.Legend = append(row.Legend, s.class)
	}
	width := max(1, (plotWidth-plotLeft)/max(n, 1))
	for i := range p.Reports {
		one := plot{Name: p.Names[i], Width: plotWidth, Height: plotHeight}
		for b := range sums[i] {
			y := plotHeight - plotBottom
			at := from.Add(time.Duration(b) * step)
			for s := range all {
				h := sums[i][b][s] * (plotHeight - plotBottom - 10) / most
				if sums[i][b][s] > 0 {
					h = max(h, 1)
				}
				y -= h
				if h == 0 {
					continue
				}
				one.Bars = append(one.Bars, bar{X: plotLeft + b*width, Y: y, H: h,
					W: max(1, width-1), Class: all[s].class, N: sums[i][b][s],
					Name: at.Format("2006-01-02 15:04") + " UTC: " +
						strconv.Itoa(sums[i][b][s]) + " " + all[s].class})
			}
		}
		one.Marks = []mark{{plotLeft - 6, 14, "end", strconv.Itoa(most)},
			{plotLeft - 6, plotHeight - plotBottom, "end", "0"},
			{plotLeft, plotHeight - 6, "start", from.Format("2006-01-02 15:04")},
			{plotLeft + n*width, plotHeight - 6, "end",
				from.Add(time.Duration(n) * step).Format("2006-01-02 15:04")}}
		row.Plots = append(row.Plots, one)
	}
	return row
}

func (p *Page) barRow(title, note string, bars func(*Report) []bar) plotRow {
	const line, nameWidth = 20, 260
	row := plotRow{Title: title, Note: note}
	most := 1
	all := make([][]bar, len(p.Reports))
	for i, r := range p.Reports {
		all[i] = bars(r)
		for _, b := range all[i] {
			most = max(most, b.N)
		}
	}
	for i := range p.Reports {
		one := plot{Name: p.Names[i], Width: plotWidth, Height: len(all[i])*line + 4}
		for n, b := range all[i] {
			b.X, b.Y, b.H = nameWidth, n*line+3, line-6
			b.TextY = b.Y + line - 9
			if b.W = b.N * (plotWidth - nameWidth - 70) / most; b.N > 0 {
				b.W = max(b.W, 1)
			}
			shown := b.Name
			if runes := []rune(shown); len(runes) > 38 {
				shown = string(runes[:37]) + "…"
			}
			one.Marks = append(one.Marks, mark{nameWidth - 6, b.TextY, "end", shown},
				mark{nameWidth + b.W + 6, b.TextY, "start", grouped(b.N)})
			b.Name += ": " + grouped(b.N)
			one.Bars = append(one.Bars, b)
		}
		row.Plots = append(row.Plots, one)
	}
	return row
}

// inWords is a whole number of hours, as a reader counts them.
func inWords(d time.Duration) string {
	switch hours := int(d / time.Hour); {
	case hours == 1:
		return "the hour"
	case hours%24 != 0:
		return strconv.Itoa(hours) + " hours"
	case hours == 24:
		return "the day"
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
  --back: #ffffff; --graceful: #2f6fde; --forced: #d1543f; --refused: #8a6d3b;
  --waiting: #7a58c1; --restarted: #2e8b57; --observed: #2e8b57; --failed: #d1543f;
  --ignored: #9aa3b0; --other: #5b6472; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e9ef; --faint: #a3adbb;
  --line: #3a4250; --back: #14181f; --graceful: #6ea0ff; --forced: #ff8b76;
  --refused: #d3ae6c; --waiting: #b59cf0; --restarted: #63c78f; --observed: #63c78f;
  --failed: #ff8b76; --ignored: #707a89; --other: #a3adbb; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back);
  margin: 2rem auto; max-width: 78rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .2rem; }
h3 { font-size: 1rem; font-weight: 600; margin: .4rem 0; }
p.note, figcaption, li { color: var(--faint); margin: .2rem 0; }
.side { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(30rem, 100%), 1fr));
  gap: 1rem; }
figure { margin: 0; overflow-x: auto; } svg { max-width: 100%; height: auto; }
svg text { fill: var(--text); font: 12px system-ui, sans-serif; }
line { stroke: var(--line); }
rect { fill: var(--other); } .graceful { fill: var(--graceful); } .forced { fill: var(--forced); }
.refused { fill: var(--refused); } .waiting { fill: var(--waiting); }
.restarted { fill: var(--restarted); } .observed { fill: var(--observed); }
.failed { fill: var(--failed); } .ignored { fill: var(--ignored); }
.key { display: inline-block; margin-right: 1rem; } .key svg { vertical-align: -1px; }
table { border-collapse: collapse; width: 100%; } .scroll { overflow-x: auto; }
th, td { text-align: left; padding: .2rem .6rem; border-bottom: 1px solid var(--line); }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
`

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"grouped": grouped,
	"stamp": func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format("2006-01-02 15:04:05")
	},
	"name":    func(p *Page, i int) string { return p.Names[i] },
	"total":   func(r *Report, v string) int { return r.Total(remedy.Verdict(v)) },
	"top":     func(p *Page, all []Load) []Load { return all[:min(len(all), p.Top)] },
	"viewBox": func(p plot) string { return fmt.Sprintf("0 0 %d %d", p.Width, p.Height) },
	"base":    func(p plot) int { return p.Height - plotBottom },
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
<div class="scroll"><table>
<tr><th>policy</th><th class="n">restarted</th><th class="n">reboots</th><th class="n">forced</th>
<th class="n">failed</th><th class="n">waited</th><th class="n">refused</th>
<th class="n">ignored</th></tr>{{range $i, $r := .Reports}}
<tr><td>{{name $.Page $i}}</td><td class="n">{{grouped (total $r "restarted")}}</td>
<td class="n">{{grouped $r.Reboots}}</td><td class="n">{{grouped $r.Forced}}</td>
<td class="n">{{grouped (total $r "failed")}}</td><td class="n">{{grouped (total $r "waiting")}}</td>
<td class="n">{{grouped (total $r "refused")}}</td>
<td class="n">{{grouped (total $r "ignored")}}</td></tr>{{end}}
</table></div>
{{range .Rows}}<section>
<h2>{{.Title}}</h2>
<p class="note">{{.Note}}</p>
{{range .Legend}}<span class="key"><svg width="12" height="12" aria-hidden="true">` +
	`<rect class="{{.}}" width="12" height="12"/></svg> {{.}}</span>{{end}}
<div class="side">{{$row := .}}{{range .Plots}}
<figure><h3>{{.Name}}</h3>
<svg viewBox="{{viewBox .}}" width="{{.Width}}" height="{{.Height}}" role="img" ` +
	`aria-label="{{$row.Title}}, {{.Name}}">{{if $row.Legend}}
<line x1="44" x2="{{.Width}}" y1="{{base .}}" y2="{{base .}}"/>{{end}}{{range .Bars}}
<rect class="{{.Class}}" x="{{.X}}" y="{{.Y}}" width="{{.W}}" height="{{.H}}">` +
	`<title>{{.Name}}</title></rect>{{end}}{{range .Marks}}
<text x="{{.X}}" y="{{.Y}}" text-anchor="{{.Anchor}}">{{.Text}}</text>{{end}}
</svg></figure>{{end}}
</div>
</section>
{{end}}<h2>Limits that held alarms back</h2>
<div class="side">{{range $i, $r := .Reports}}
<div class="scroll"><h3>{{name $.Page $i}}</h3><table>
<tr><th>limit</th><th>verdict</th><th class="n">times</th><th>first</th><th>last</th>
<th class="n">in the worst hour</th></tr>{{range $r.Limits}}
<tr><td>{{.Variable}}</td><td>{{.Verdict.Verdict}}/{{.Reason}}</td><td class="n">{{grouped .N}}</td>
<td>{{stamp .First}}</td><td>{{stamp .Last}}</td><td class="n">{{grouped .Worst}}</td></tr>{{end}}
</table></div>{{end}}
</div>
<h2>Instances with the most alarms</h2>
<div class="side">{{range $i, $r := .Reports}}
<div class="scroll"><h3>{{name $.Page $i}}</h3><table>
<tr><th>instance</th><th class="n">alarms</th><th class="n">restarted</th><th class="n">reboots</th>
<th class="n">forced</th><th class="n">failed</th><th class="n">refused</th></tr>` +
	`{{range top $.Page $r.Instances}}
<tr><td>{{.Name}}</td><td class="n">{{grouped .Alarms}}</td><td class="n">{{grouped .Restarted}}</td>
<td class="n">{{grouped .Reboots}}</td><td class="n">{{grouped .Forced}}</td>
<td class="n">{{grouped .Failed}}</td><td class="n">{{grouped .Refused}}</td></tr>{{end}}
</table></div>{{end}}
</div>{{if gt (len .Reports) 1}}
<h2>Differences</h2>
<p class="note">{{grouped .Different}} alarms end in another way{{if lt (len .Differences) .Different}};
the first {{grouped (len .Differences)}} of them{{end}}</p>
<div class="scroll"><table>
<tr><th>time</th><th>instance</th><th>alarm</th><th>{{name .Page 0}}</th><th>{{name .Page 1}}</th></tr>` +
	`{{range .Differences}}
<tr><td>{{stamp .Time}}</td><td>{{.Instance}}</td><td>{{.Key}}</td><td>{{.First}}</td>
<td>{{.Second}}</td></tr>{{end}}
</table></div>{{end}}
</body>
</html>
`))
