package app

import (
	"runtime/debug"
	"sync"
)

// Version is the short hash of the commit that the program was built from, as Go's tool writes it into
// the binary; with "+" where the tree held more than that. "unknown": it was built outside a checkout.
var Version = sync.OnceValue(func() string {
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
