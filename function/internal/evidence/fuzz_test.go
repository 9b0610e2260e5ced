package evidence

import (
	"bytes"
	"image"
	"strings"
	"testing"
)

// FuzzCleanConsole: whatever a guest wrote, it becomes lines that can be shown, and its marks can
// be found.
func FuzzCleanConsole(f *testing.F) {
	for _, seed := range []string{"", "a\r\nb\r", "\x1b[31m\x00\x00\x00\x00\x00", "\xff\u202e\n",
		"INFO: task x:1 blocked for more than 120 seconds.\n",
		strings.Repeat("x", mostLine) + "\n" + strings.Repeat("\x01\n", 100),
		strings.Repeat("a line\r\n", mostLog/8+20)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		clean := CleanConsole(raw)
		textIsClean(t, clean)
		lines := bytes.Count(clean, []byte("\n"))
		for _, m := range Marks(string(clean)) {
			if m.Line < 1 || m.Line > lines || strings.ContainsAny(m.Text, "\r\n") {
				t.Errorf("marked %+v of %d lines", m, lines)
			}
		}
		Marks(string(raw))
	})
}

// FuzzCleanScreenshot: whatever ECS gave, it is a clean picture of a size that is allowed, or
// refused.
func FuzzCleanScreenshot(f *testing.F) {
	for _, seed := range [][]byte{asJPEG(f, screen(40, 20)), asPNG(f, screen(40, 20)),
		asGIF(f, screen(4, 4)), withChunk(asPNG(f, screen(4, 4)), "tEXt", script),
		withSegment(asJPEG(f, screen(4, 4)), 0xfe, script), []byte("\xff\xd8\xff"),
		withSize(asPNG(f, screen(4, 4)), 1<<16, 1<<16), []byte(pngSignature)} {
		f.Add(seed)
	}
	for _, raw := range arithmetic(f) {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		clean, ending, err := CleanScreenshot(raw)
		if err != nil {
			if clean != nil || ending != "" || len(err.Error()) > 100 {
				t.Errorf("%d bytes, %q, and %v", len(clean), ending, err)
			}
			return
		}
		config, format, err := image.DecodeConfig(bytes.NewReader(clean))
		if err != nil || config.Width > mostSide || config.Height > mostSide ||
			(ending == "png") != (format == "png") || (ending == "jpg") != (format == "jpeg") {
			t.Fatalf("%s of %d by %d as %s, %v", format, config.Width, config.Height, ending, err)
		}
		isClean(t, clean, ending)
	})
}
