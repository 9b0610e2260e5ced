package events

import (
	"embed"
	"path"
	"slices"
	"strings"
)

//go:embed samples/*.json samples/*.txt
var sampleFiles embed.FS

// Sample is a payload as it may arrive, named for what it teaches. samples/README.md says where each comes from.
type Sample struct {
	Name    string // the file's name without its extension
	Payload []byte
}

// Samples returns all sample payloads, sorted by name. The payloads are copies.
func Samples() []Sample {
	entries, err := sampleFiles.ReadDir("samples")
	if err != nil {
		return nil // the directory is embedded: it cannot be missing
	}
	var samples []Sample
	for _, entry := range entries {
		payload, err := sampleFiles.ReadFile("samples/" + entry.Name())
		if err != nil {
			continue
		}
		samples = append(samples, Sample{strings.TrimSuffix(entry.Name(), path.Ext(entry.Name())), payload})
	}
	slices.SortFunc(samples, func(a, b Sample) int { return strings.Compare(a.Name, b.Name) })
	return samples
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
