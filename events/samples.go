package events

import (
	"embed"
	"path"
	"slices"
	"strings"
)

//go:embed samples/*.json samples/*.txt samples/README.md
var sampleFiles embed.FS

// Sample is a payload as it may arrive, named for what it teaches. samples/README.md says where
// each comes from.
type Sample struct {
	Name    string // the file's name without its extension
	Teaches string // what it teaches, in a few words, from samples/README.md
	Payload []byte
}

// Samples returns all sample payloads, sorted by name. The payloads are copies.
func Samples() []Sample {
	teaches := lessons()
	var samples []Sample
	entries, _ := sampleFiles.ReadDir("samples") // it is embedded, like all that is in it
	for _, entry := range entries {
		if entry.Name() == "README.md" {
			continue
		}
		payload, _ := sampleFiles.ReadFile("samples/" + entry.Name())
		samples = append(samples, Sample{strings.TrimSuffix(entry.Name(), path.Ext(entry.Name())),
			teaches[entry.Name()], payload})
	}
	slices.SortFunc(samples, func(a, b Sample) int { return strings.Compare(a.Name, b.Name) })
	return samples
}

// lessons reads what each sample teaches, by the file's name, from the table in samples/README.md.
func lessons() map[string]string {
	readme, _ := sampleFiles.ReadFile("samples/README.md")
	teaches := map[string]string{}
	for line := range strings.Lines(string(readme)) {
		if cells := strings.Split(line, " | "); len(cells) == 3 {
			teaches[strings.TrimPrefix(cells[0], "| ")] = cells[1]
		}
	}
	return teaches
}

// SampleByName returns the sample with this name, and false if there is none.
func SampleByName(name string) (Sample, bool) {
	for _, s := range Samples() {
		if s.Name == name {
			return s, true
		}
	}
	return Sample{}, false
}
