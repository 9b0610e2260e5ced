package ecssim

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"regexp"
	"strings"
	"sync"
	"time"
)

// consoleLog is the serial console since the last boot: the guest's boot, and what it said when it
// hung.
func consoleLog(m *machine, now time.Time) []byte {
	var log strings.Builder
	line := func(at time.Duration, text string) {
		fmt.Fprintf(&log, "[%12.6f] %s\r\n", at.Seconds(), text)
	}
	line(0, "Linux version 5.10.134-17.2.al8.x86_64 (gcc 10.2.1) #1 SMP")
	line(1300*time.Millisecond, "EXT4-fs (vda3): mounted filesystem with ordered data mode")
	line(4200*time.Millisecond, "systemd[1]: Set hostname to <"+m.Name+">.")
	if m.Guest.NeverBoots && m.restarts > 0 {
		line(9*time.Second,
			"EXT4-fs error (device vda3): ext4_lookup:1706: inode #2: comm systemd: deleted "+
				"inode referenced")
		line(10*time.Second,
			"Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100")
		return []byte(log.String())
	}
	line(12*time.Second, "cloud-init[912]: Cloud-init finished")
	if !m.hung(now) {
		fmt.Fprintf(&log, "\r\n%s login: ", m.Name)
		return []byte(log.String())
	}
	since := m.heartbeat(now)
	if since.Before(m.consoleAt) {
		since = now.Add(-10 * time.Minute)
	}
	at := max(since.Sub(m.consoleAt), time.Minute)
	line(at, "watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [kswapd0:54]")
	line(at+28*time.Second, "watchdog: BUG: soft lockup - CPU#1 stuck for 48s! [kswapd0:54]")
	line(at+2*time.Minute, "INFO: task java:2817 blocked for more than 120 seconds.")
	line(at+2*time.Minute, "rcu: INFO: rcu_sched self-detected stall on CPU")
	return []byte(log.String())
}

// symbols are the escape sequences of a terminal.
var symbols = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile("\x1b(\\[[0-?]*[ -/]*[@-~]|[@-Z\\\\^_])")
})

// removeSymbols is a console log without escape sequences.
func removeSymbols(log []byte) []byte { return symbols().ReplaceAll(log, nil) }

// screenshot is a picture of the console, a JPEG: lines of text as far as 320 by 200 points allow,
// and red ones where the guest hangs.
func screenshot(hung bool) []byte {
	picture := image.NewRGBA(image.Rect(0, 0, 320, 200))
	for y := range 200 {
		for x := range 320 {
			picture.Set(x, y, color.RGBA{16, 16, 20, 255})
		}
	}
	lines := 4
	if hung {
		lines = 16
	}
	for n := range lines {
		ink := color.RGBA{200, 200, 200, 255}
		if hung && n >= 12 {
			ink = color.RGBA{220, 70, 60, 255}
		}
		for x := 8; x < 8+120+(n*53)%160; x++ {
			if x%28 < 24 { // words
				for y := range 5 {
					picture.Set(x, 8+n*11+y, ink)
				}
			}
		}
	}
	var file bytes.Buffer
	if err := jpeg.Encode(&file, picture, &jpeg.Options{Quality: 60}); err != nil {
		panic(err) // a buffer takes everything
	}
	return file.Bytes()
}
