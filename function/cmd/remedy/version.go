package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"ecs-remedy/function/internal/app"
)

type versionCommand struct {
	JSON bool `name:"json" help:"Print one JSON document, and nothing else."`
}

// Help says what the flags' own lines have no room for.
func (versionCommand) Help() string {
	return `The version is the short hash of the commit that the program was built from, with a +
where the sources held more than that, as it also stands in the function's audit lines and in its
sign of life. "unknown": it was built by go run, or outside a checkout; go build in a checkout knows
it.

Examples:

    remedy version
    remedy --version
    remedy version --json

Exit status: 0.`
}

// versions is what is known of this program, in the form of --json. What is not known is empty.
type versions struct {
	Version  string `json:"version"`  // short hash, as in audit lines
	Module   string `json:"module"`   // the module's version: a tag, or what Go makes of a commit
	Revision string `json:"revision"` // the commit's whole hash
	Modified bool   `json:"modified"` // the sources held more than the commit
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// thisVersion is that of the running program.
func thisVersion() versions {
	v := versions{Version: app.Version(), Go: runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "(devel)" {
		v.Module = info.Main.Version
	}
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			v.Revision = setting.Value
		case "vcs.modified":
			v.Modified = setting.Value == "true"
		}
	}
	return v
}

// line is all of it on one line.
func (v versions) line() string {
	text := "remedy " + v.Version
	if v.Module != "" {
		text += ", module " + v.Module
	}
	if v.Revision != "" {
		text += ", commit " + v.Revision
	}
	if v.Modified {
		text += " and changes since"
	}
	return text + ", " + v.Go + " " + v.Platform
}

// Run prints the version.
func (cmd *versionCommand) Run(c *console) error {
	if cmd.JSON {
		return printJSON(c, thisVersion())
	}
	_, err := fmt.Fprintln(c.out, thisVersion().line())
	return err
}
