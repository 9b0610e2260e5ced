package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/remedy"
	"ecs-remedy/function/internal/report"
	"ecs-remedy/function/internal/timeline"
)

type reportCommand struct {
	recordsFlags
	Incident string `arg:"" help:"${help_listed}"`
	Out      string `placeholder:"FILE" help:"${help_out}"`
	langFlag
}

// langFlag chooses the words of a page.
type langFlag struct {
	Lang string `enum:",en,zh" default:"" placeholder:"LANG" help:"${help_lang}"`
}

// words are those of the flag, or else of the environment.
func (l *langFlag) words(c *console) *report.Words {
	if l.Lang != "" {
		return report.In(l.Lang)
	}
	return report.In(c.getenv("REMEDY_LANG"))
}

// Help says what the flags' own lines have no room for.
func (reportCommand) Help() string {
	return `One HTML file that loads nothing: the verdict, what to do next, a timeline drawn to
scale, the attempts, and the ids to search logs with. It is made from the ledger and from the
evidence in REMEDY_EVIDENCE. Nothing is changed.

Where the incident is still open, the page says how far it has come.

Examples:

    remedy report i-bp1abcdefghijklmnopq/20261123T074201Z
    remedy report i-bp1abcdefghijklmnopq/20261123T074201Z --lang zh --out page.html

Exit status: 0 the page is written, 2 wrong usage, an incident that the ledger does not hold, a
ledger that cannot be reached, or a file that cannot be written.`
}

// Run writes the page.
func (r *reportCommand) Run(c *console) error {
	settings, books, err := r.open(c)
	if err != nil {
		return err
	}
	defer books.Store.Close() // nothing was written
	book, mode := r.book(c, books)
	reading := book.Record(context.Background(), remedy.InstanceOf(r.Incident))
	if !reading.OK() {
		return fmt.Errorf("the record of %s cannot be read: %s", remedy.InstanceOf(r.Incident),
			reading.Note)
	}
	record := &reading.Value
	incident := record.Ended(r.Incident)
	if record.Open != nil && record.Open.ID == r.Incident {
		incident = record.Open
	}
	if incident == nil {
		return hinted{fmt.Errorf("no incident %s among the records of mode %s", r.Incident, mode),
			"remedy incidents lists those that the ledger holds, under their whole names " +
				"INSTANCE/TIME"}
	}
	story := report.Story{Result: timeline.Result(incident), Entries: timeline.Of(incident),
		Version: app.Version()}
	words := r.words(c)
	shelf, done, err := app.OpenEvidence(settings, c.credentials(), incident.Region, false, nil)
	if err != nil {
		return hinted{fmt.Errorf("the evidence at %s: %w", settings.Evidence.Name, err),
			"leave REMEDY_EVIDENCE unset for a page without it"}
	}
	defer done()
	if shelf != nil {
		story.Place = incident.Evidence
		words.Gather(context.Background(), shelf, app.Marks, &story)
	}
	if r.Out == "" {
		r.Out = strings.ReplaceAll(incident.ID, "/", "-") + ".html"
	}
	return writePage(c, c.out, words, r.Out, story)
}

// writePage writes a page, and says where it is to said. It may show what a console showed, so
// nobody else may read it.
func writePage(c *console, said io.Writer, words *report.Words, path string,
	stories ...report.Story) error {
	now := time.Now()
	if path == "-" {
		return words.Page(c.out, now, stories...)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return cannotWrite(path, err)
	}
	if err := errors.Join(words.Page(file, now, stories...), file.Close()); err != nil {
		return cannotWrite(path, err)
	}
	if whole, err := filepath.Abs(path); err == nil {
		path = whole
	}
	_, err = fmt.Fprintln(said, "The page is "+plain(path))
	return err
}

func cannotWrite(path string, err error) error {
	var failed *os.PathError
	if errors.As(err, &failed) {
		err = failed.Err
	}
	return hinted{fmt.Errorf("%s: %w", path, err), "check the folder's name and permissions"}
}
