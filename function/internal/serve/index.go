package serve

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"strings"
	"sync"
	"time"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/drill"
	"ecs-remedy/function/internal/ecssim"
)

//go:embed page.html
var source string

// document is page.html, taken apart: the policy names its style sheet and its script by their
// sums.
type document struct {
	template      *template.Template
	style, script string
	policy        string
}

var page = sync.OnceValue(func() document {
	var d document
	rest := source
	cut := func(from, to, in string) string {
		before, more, _ := strings.Cut(rest, from)
		part, after, _ := strings.Cut(more, to)
		rest = before + from + in + to + after
		return part
	}
	d.style = cut("<style>", "</style>", "{{.Style}}")
	d.script = cut("<script>", "</script>", "{{.Code}}")
	d.template = template.Must(template.New("page").Parse(rest))
	d.policy = "default-src 'none'; script-src " + sum(d.script) + "; style-src " + sum(d.style) +
		"; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; " +
		"frame-ancestors 'none'"
	return d
})

func sum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// view is what the page shows.
type view struct {
	L              *words
	Style          template.CSS
	Code           template.JS
	Words          map[string]string // for the script
	Guests, Faults []choice
	Samples        []group
	Modes          []choice
	Speeds         []pick
	Keys           Keys
	ECS            string // HOST:PORT
	What           string // is at the simulated ECS
	Kept           string
	Region         string // of the instance in the example
	Instance       string
	MostBytes      int
}

type choice struct{ Name, Title string }

type pick struct {
	Value int
	Title string
}

// group is samples of one kind.
type group struct {
	Name    string
	Samples []choice
}

// index is the page itself.
func (s *Server) index(w http.ResponseWriter, r *http.Request) {
	l, d := wordsOf(r), page()
	address := *s.ecsAddr.Load()
	v := view{L: l, Style: template.CSS(d.style), Code: template.JS(d.script), Words: l.script(),
		Samples: samples(), Keys: s.Keys, ECS: address, MostBytes: events.MaxPayload,
		What: strings.ReplaceAll(l.VisitWhat, "{address}", address), Kept: fill(l.Kept, mostRuns),
		Modes: []choice{{"enforce", l.Enforce}, {"observe", l.Observe}, {"off", l.Off}},
		Speeds: []pick{{1, l.Real}, {10, fill(l.Times, 10)}, {60, fill(l.Times, 60)},
			{0, l.AtOnce}}}
	for _, g := range catalogue {
		v.Guests = append(v.Guests, choice{g.Name, l.guests[g.Name]})
	}
	for _, f := range ecssim.Faults() {
		v.Faults = append(v.Faults, choice{f.Name, l.faults[f.Name]})
	}
	if event, err := drill.Default(time.Now()); err == nil {
		v.Region, v.Instance = event.Alarms[0].Region, event.Alarms[0].Instance
	}
	var out bytes.Buffer // an error of the template leaves no half a page
	if err := d.template.Execute(&out, &v); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Security-Policy", d.policy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = out.WriteTo(w) // an error means that nobody reads
}

// samples are the embedded ones, by the first word of their names.
func samples() []group {
	var all []group
	for _, sample := range events.Samples() {
		kind, _, _ := strings.Cut(sample.Name, "-")
		if len(all) == 0 || all[len(all)-1].Name != kind {
			all = append(all, group{Name: kind})
		}
		g := &all[len(all)-1]
		g.Samples = append(g.Samples, choice{sample.Name, sample.Teaches})
	}
	return all
}
