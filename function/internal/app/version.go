package app

import (
	"runtime/debug"
	"sync"
)

// stamped is the Version where the linker was given one (-X): remedy package builds without what
// Go's tool writes into a binary, for that holds a time.
var stamped string

// Version is the short hash of the commit that the program was built from, as remedy package or
// Go's tool writes it into the binary; with "+" where the tree held more than that. "unknown": it
// was built outside a checkout.
var Version = sync.OnceValue(func() string {
	if stamped != "" {
		return stamped
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	version, more := "unknown", ""
	for _, setting := range info.Settings {
		switch {
		case setting.Key == "vcs.revision" && len(setting.Value) >= 7:
			version = setting.Value[:7]
		case setting.Key == "vcs.modified" && setting.Value == "true":
			more = "+"
		}
	}
	return version + more
})
