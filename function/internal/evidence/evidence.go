// Package evidence keeps what an instance's console showed before a reboot destroys it: a
// screenshot and the log of the serial console, in a folder or in OSS.
//
// Nothing here may stand in the way of a reboot: Take returns when its context ends, whatever the
// console and the store do, and what could not be kept is a phrase for a finding. Screens and logs
// can show secrets, so what is stored is private, and is never part of an error or of a phrase.
//
// What a console gives is hostile, and so is what a store gives back. CleanScreenshot and
// CleanConsole make either harmless; Take has both cleaned before they are stored, and whoever
// shows what was stored cleans it again.
package evidence

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Store keeps files of incidents, by the incident's id and a name. Every method checks both (see
// CheckIncident and CheckName) before they become part of a path or a key, is safe for concurrent
// use, and returns one of the errors below or a *Failure. No error holds a URL, a path, a key or a
// token.
type Store interface {
	// Put stores a whole file, or nothing: nobody reads half of one. Unless it overwrites, it
	// returns ErrExists and changes nothing where there is one of that name. After an error that
	// is neither ErrExists nor ErrRequest it is not known whether the file was stored.
	Put(ctx context.Context, incident, name string, content []byte, overwrite bool) error

	// Get returns a file of at most so many bytes; of a longer one ErrTooLarge, of none
	// ErrNotFound.
	Get(ctx context.Context, incident, name string, most int) ([]byte, error)

	// List returns the names of an incident's files, sorted, and no other names. None is no error.
	List(ctx context.Context, incident string) ([]string, error)
}

// The errors that callers tell apart.
var (
	ErrExists   = errors.New("there is a file of that name")
	ErrNotFound = errors.New("there is no file of that name")
	ErrTooLarge = errors.New("the file is larger than it may be")
	// ErrRequest: the incident's id or the name has not the form that it must have. Nothing was
	// asked of anybody.
	ErrRequest = errors.New("not the id of an incident, or not the name of a file of one")
)

// Failure is a store that did not do what it was asked. Its fields are safe to show.
type Failure struct {
	What      string // in a few words
	Code      string // OSS's error code; empty: none
	Status    int    // of HTTP; 0: there was no answer, or no HTTP
	RequestID string // OSS's; empty: none
}

// Error has all fields.
func (f *Failure) Error() string {
	var more []string
	if f.Code != "" {
		more = append(more, f.Code)
	}
	if f.Status != 0 {
		more = append(more, fmt.Sprintf("status %d", f.Status))
	}
	if f.RequestID != "" {
		more = append(more, "request "+f.RequestID)
	}
	if len(more) == 0 {
		return f.What
	}
	return f.What + " (" + strings.Join(more, ", ") + ")"
}

const (
	longestInstance = 64
	longestName     = 64
	// incidentTime is the form of an incident's second part (remedy.IncidentID).
	incidentTime = "20060102T150405Z"
)

// CheckIncident returns ErrRequest unless the id is INSTANCE/TIME: lower-case letters, digits and
// hyphens of which the first is a letter, 64 at most; and a time as in 20261123T074201Z.
func CheckIncident(id string) error {
	instance, at, _ := strings.Cut(id, "/")
	_, err := time.Parse(incidentTime, at)
	if err != nil || len(at) != len(incidentTime) || len(instance) > longestInstance ||
		!isWord(instance, "-") || !isLetter(instance[0]) {
		return ErrRequest
	}
	return nil
}

// CheckName returns ErrRequest unless the name is one of a file: lower-case letters, digits and
// hyphens, 64 at most with an ending that is known (see ContentType).
func CheckName(name string) error {
	stem, _, _ := strings.Cut(name, ".")
	if len(name) > longestName || !isWord(stem, "-") || stem[0] == '-' || ContentType(name) == "" {
		return ErrRequest
	}
	return nil
}

// isWord reports whether s has lower-case letters, digits and what else is allowed, and one of them
// at least.
func isWord(s, more string) bool {
	for i := range len(s) {
		c := s[i]
		if !isLetter(c) && (c < '0' || c > '9') && strings.IndexByte(more, c) < 0 {
			return false
		}
	}
	return s != ""
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' }

// ContentType is the media type of a file by its ending, empty where that is not known.
func ContentType(name string) string {
	_, ending, _ := strings.Cut(name, ".")
	switch ending {
	case "jpg":
		return "image/jpeg"
	case "png":
		return "image/png"
	case "txt":
		return "text/plain; charset=utf-8"
	case "json":
		return "application/json"
	case "html":
		return "text/html; charset=utf-8"
	}
	return ""
}

// Where is what to show as the place of an incident's files: the store's name, such as
// oss://BUCKET/PREFIX or dir:///PATH, and the incident's folder below it, with a slash at the end.
// It is empty where the store has no name or the incident's id is none.
func Where(store, incident string) string {
	if store == "" || CheckIncident(incident) != nil {
		return ""
	}
	return store + "/" + incident + "/"
}

// Moment is when evidence is taken. It is the first character of the files' names.
type Moment int

// The moments of an incident.
const (
	MomentFirst Moment = 1 // before the first attempt
	MomentForce Moment = 2 // before a forced one
	MomentEnd   Moment = 3 // after a failed end
)
