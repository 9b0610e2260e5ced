package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/drill"
)

// read reads a payload: of a file, of standard input for "-", or of the embedded sample of that
// name where there is no such file. Its errors name the input, and come with a cure.
func (c *console) read(name string) (drill.Event, error) {
	payload, err := c.payload(name)
	if err != nil {
		return drill.Event{}, err
	}
	if name == "-" {
		name = "standard input"
	}
	alarms, err := events.Decode(payload)
	if err != nil {
		return drill.Event{}, hinted{fmt.Errorf("%s: %w", name, err),
			"an alarm is JSON or a form, as CloudMonitor sends it; remedy drill --list names a " +
				"sample of every kind"}
	}
	return drill.Event{Name: name, Payload: payload, Alarms: alarms}, nil
}

func (c *console) payload(name string) ([]byte, error) {
	if name == "-" {
		payload, err := limited(c.in)
		if err != nil {
			return nil, hinted{fmt.Errorf("standard input: %w", err),
				"give the alarm's file by its name instead"}
		}
		if len(payload) > events.MaxPayload {
			return nil, tooLarge("standard input", fmt.Sprintf("more than %d", events.MaxPayload))
		}
		return payload, nil
	}
	file, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		if sample, ok := events.SampleByName(name); ok {
			return sample.Payload, nil
		}
		return nil, hinted{fmt.Errorf("%s: no such file, and no sample of that name", name),
			"remedy drill --list names the samples"}
	}
	if err != nil {
		return nil, cannotRead(name, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		return nil, hinted{fmt.Errorf("%s: a directory, not a file", name),
			"name its files: remedy drill " + strings.TrimSuffix(name, "/") + "/*"}
	}
	payload, unread := limited(file)
	switch {
	case unread != nil:
		return nil, cannotRead(name, unread)
	case len(payload) <= events.MaxPayload:
		return payload, nil
	case err == nil && info.Size() > events.MaxPayload:
		return nil, tooLarge(name, strconv.FormatInt(info.Size(), 10))
	}
	// a pipe, for example
	return nil, tooLarge(name, fmt.Sprintf("more than %d", events.MaxPayload))
}

// tooLarge is the error of a payload that has more bytes than one may have.
func tooLarge(name, bytes string) error {
	return hinted{fmt.Errorf("%s: it has %s bytes, and an event has %d at most", name, bytes,
		events.MaxPayload), "the function would not get it either: give one event, not a log of " +
		"them"}
}

// limited reads no more than it takes to see that a payload is too large.
func limited(r io.Reader) ([]byte, error) {
	return io.ReadAll(io.LimitReader(r, events.MaxPayload+1))
}

func cannotRead(name string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return hinted{fmt.Errorf("%s: %w", name, err), "check the file's name and permissions"}
}
