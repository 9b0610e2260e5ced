package report

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"sync"

	"ecs-remedy/function/internal/remedy"
)

// Shelf is where the evidence of incidents lies. What comes back is hostile: it is shown as text,
// or as a picture that a browser decodes.
type Shelf interface {
	// List returns the names of an incident's files. None is no error.
	List(ctx context.Context, incident string) ([]string, error)

	// Get returns a file of at most so many bytes; a longer one is an error.
	Get(ctx context.Context, incident, name string, most int) ([]byte, error)
}

// ResultFile is the name of an incident's result among its evidence.
const ResultFile = "incident.json"

// Limits of what is read from a shelf.
const (
	mostLog    = 1 << 20
	mostResult = 1 << 20
)

// exhibitName is compiled when it is first needed, so that start-up does not pay for it.
var exhibitName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^([1-3])-(screenshot\.(?:jpg|png)|console\.txt)$`)
})

// Gather takes a story's evidence from the shelf, together with what is missing and why: it never
// fails. The findings of the result that lies there become the story's, if it has none. Marks says
// which lines of a log to look at; nil: none are known.
func (w *Words) Gather(ctx context.Context, shelf Shelf, marks func(log string) []Mark, s *Story) {
	l, incident := &w.labels, s.Result.Incident
	names, err := shelf.List(ctx, incident)
	if err != nil {
		s.Missing = append(s.Missing, fill(l.NotListed, "why", err.Error()))
		return
	}
	slices.Sort(names)
	get := func(name string, most int) []byte {
		content, err := shelf.Get(ctx, incident, name, most)
		if err != nil {
			s.Missing = append(s.Missing, fill(l.NotRead, "name", name, "why", err.Error()))
			return nil
		}
		return content
	}
	var pictures, logs [4]bool // by stage
	for _, name := range names {
		if name == ResultFile {
			w.adopt(s, get(name, mostResult))
			continue
		}
		part := exhibitName().FindStringSubmatch(name)
		if part == nil {
			continue
		}
		stage, _ := strconv.Atoi(part[1]) // a digit
		x := Exhibit{Name: name, Stage: stage}
		if part[2] == "console.txt" {
			logs[stage] = true
			content := get(name, mostLog)
			if content == nil {
				continue
			}
			if x.Log = string(content); marks != nil {
				x.Marks = marks(x.Log)
			}
		} else {
			pictures[stage] = true
			if x.Picture = get(name, mostPicture); x.Picture == nil {
				continue
			}
		}
		s.Exhibits = append(s.Exhibits, x)
	}
	for _, stage := range expected(&s.Result) {
		if !pictures[stage] {
			s.Missing = append(s.Missing,
				fill(l.NotKept, "what", l.Screenshot, "stage", l.Stages[stage]))
		}
		if !logs[stage] {
			s.Missing = append(s.Missing,
				fill(l.NotKept, "what", l.Console, "stage", l.Stages[stage]))
		}
	}
}

// Earlier says that there is evidence which whoever writes the page can name and not show.
func (w *Words) Earlier() string { return w.labels.Earlier }

// adopt takes from a stored result what the ledger does not keep.
func (w *Words) adopt(s *Story, content []byte) {
	if content == nil || len(s.Result.Findings) > 0 {
		return
	}
	var stored remedy.Result
	err := json.Unmarshal(content, &stored)
	if err != nil || stored.Incident != s.Result.Incident {
		s.Missing = append(s.Missing, fill(w.labels.Alien, "name", ResultFile))
		return
	}
	s.Result.Findings = stored.Findings
}

// expected are the stages at which evidence is taken of an incident.
func expected(r *remedy.Result) []int {
	var stages []int
	if len(r.Attempts) > 0 {
		stages = append(stages, 1)
	}
	if slices.ContainsFunc(r.Attempts, func(a remedy.AttemptView) bool { return a.Force }) {
		stages = append(stages, 2)
	}
	if r.Verdict == remedy.VerdictFailed {
		stages = append(stages, 3)
	}
	return stages
}
