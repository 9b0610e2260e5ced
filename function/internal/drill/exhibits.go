package drill

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/remedy"
	"ecs-remedy/function/internal/report"
	"ecs-remedy/function/internal/timeline"
)

// keeping is the setting by which a function keeps evidence of simulated guests in a folder. Where
// that is says nothing to anybody: it is gone after the drill.
func keeping(folder string) config.Evidence {
	if folder == "" {
		return config.Evidence{Kind: config.EvidenceOff}
	}
	return config.Evidence{Kind: config.EvidenceDir, Path: folder, Name: "dir:///drill",
		Timeout: 3 * time.Second}
}

// Shelf is the evidence of a drill, by incident and name. It implements report.Shelf.
type Shelf map[string]map[string][]byte

// List implements report.Shelf.
func (s Shelf) List(_ context.Context, incident string) ([]string, error) {
	return slices.Sorted(maps.Keys(s[incident])), nil
}

// Get implements report.Shelf.
func (s Shelf) Get(_ context.Context, incident, name string, most int) ([]byte, error) {
	content, known := s[incident][name]
	if !known || len(content) > most {
		return nil, errors.New("it is not there, or too large")
	}
	return content, nil
}

// mostExhibit is how many bytes of one file are taken over. What the simulated consoles show is
// far smaller.
const mostExhibit = 4 << 20

// take takes over what the function kept of the results' incidents.
func (s *Simulation) take(ctx context.Context, results []remedy.Result) error {
	if s.evidence.Kind == config.EvidenceOff {
		return nil
	}
	kept, done, err := app.OpenEvidence(config.Config{Evidence: s.evidence}, app.Credentials{}, "",
		false, nil)
	if err != nil {
		return err
	}
	defer done()
	s.Shelf = Shelf{}
	for i := range results {
		incident := results[i].Incident
		if incident == "" || s.Shelf[incident] != nil {
			continue
		}
		names, err := kept.List(ctx, incident)
		if err != nil {
			return err
		}
		s.Shelf[incident] = map[string][]byte{}
		for _, name := range names {
			content, err := kept.Get(ctx, incident, name, mostExhibit)
			if err != nil {
				return err
			}
			s.Shelf[incident][name] = content
		}
	}
	return nil
}

// Stories are what a page tells of a drill: a story for each result. A nil shelf: nothing was kept.
func Stories(words *report.Words, event Event, entries []timeline.Entry, results []remedy.Result,
	shelf Shelf) []report.Story {
	var all []report.Story
	for n := range results {
		story := report.Story{Result: results[n], Name: results[n].Name,
			Entries: timeline.About(entries, n+1), Version: app.Version(), Simulated: true}
		if n < len(event.Alarms) {
			story.Alarm = &event.Alarms[n]
		}
		if shelf != nil && story.Result.Incident != "" {
			words.Gather(context.Background(), shelf, app.Marks, &story)
		}
		all = append(all, story)
	}
	return all
}
