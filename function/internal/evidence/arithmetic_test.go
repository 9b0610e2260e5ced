package evidence

import (
	"bytes"
	"encoding/base64"
	"image/jpeg"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// arithmetic are pictures with arithmetic codes. Each was made by jpegtran (libjpeg-turbo 2.1.5)
// from the file that has its name and the ending huffman, and has the same coefficients.
func arithmetic(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/arithmetic/*.jpg")
	if err != nil || len(files) != 3 {
		t.Fatal(files, err)
	}
	pictures := map[string][]byte{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		pictures[file] = raw
	}
	return pictures
}

// TestArithmeticCodes: a JPEG whose codes Go's decoder does not know is kept as one that it knows,
// and browsers, too, with the same points.
func TestArithmeticCodes(t *testing.T) {
	for file, raw := range arithmetic(t) {
		clean, ending, err := CleanScreenshot(raw)
		if err != nil || ending != "jpg" || !isPlainJPEG(clean) {
			t.Errorf("%s: %v, ending %q", file, err, ending)
			continue
		}
		same, err := os.ReadFile(strings.TrimSuffix(file, ".jpg") + ".huffman")
		if err != nil {
			t.Fatal(err)
		}
		got, err := jpeg.Decode(bytes.NewReader(clean))
		if err != nil {
			t.Fatal(err)
		}
		want, err := jpeg.Decode(bytes.NewReader(same))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: other points than with Huffman codes", file)
		}
	}
	// The shortest JPEG that is going round: one grey point, whose codes take two bytes.
	tiny, err := base64.StdEncoding.DecodeString("/9j/4AAQSkZJRgABAQEASABIAAD/2wBD" +
		"AAMCAgICAgMCAgIDAwMDBAYEBAQEBAgGBgUGCQgKCgkICQkKDA8MCgsOCwkJDRENDg8QEBEQCgwSExIQEw8Q" +
		"EBD/yQALCAABAAEBAREA/8wABgAQEAX/2gAIAQEAAD8A0s8g/9k=")
	if err != nil {
		t.Fatal(err)
	}
	if _, ending, err := CleanScreenshot(tiny); err != nil || ending != "jpg" {
		t.Errorf("one point: %v, ending %q", err, ending)
	}
}

// TestBrokenArithmeticCodes: whatever is cut off or changed, there is a picture or an error.
func TestBrokenArithmeticCodes(t *testing.T) {
	for file, raw := range arithmetic(t) {
		for n := range raw {
			changed := bytes.Clone(raw)
			changed[n] ^= 0x11
			cut := append(bytes.Clone(raw[:n]), 0xff, 0xd9)
			for _, spoilt := range [][]byte{raw[:n], cut, changed} {
				clean, _, err := CleanScreenshot(spoilt)
				if err == nil && len(clean) == 0 || len(clean) > mostPicture {
					t.Fatalf("%s, spoilt at %d: %d bytes and no error", file, n, len(clean))
				}
			}
		}
	}
}
