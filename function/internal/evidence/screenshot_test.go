package evidence

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// screen is a picture of a console, of that size.
func screen(width, height int) image.Image {
	picture := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			ink := color.RGBA{16, 16, 20, 255}
			if y%12 < 6 && x%30 < 24 && x < (y*53)%width {
				ink = color.RGBA{200, 200, uint8(x), 255}
			}
			picture.Set(x, y, ink)
		}
	}
	return picture
}

func asJPEG(t testing.TB, picture image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, picture, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asPNG(t testing.TB, picture image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asGIF(t testing.TB, picture image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := gif.Encode(&b, picture, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// chunk is a part of a PNG.
func chunk(kind, content string) string {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(content)))
	b = append(append(b, kind...), content...)
	return string(binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE([]byte(kind+content))))
}

// withChunk puts a part behind a PNG's first, its IHDR of 25 bytes.
func withChunk(file []byte, kind, content string) []byte {
	at := len(pngSignature) + 25
	return []byte(string(file[:at]) + chunk(kind, content) + string(file[at:]))
}

// segment is a part of a JPEG.
func segment(marker byte, content string) string {
	head := binary.BigEndian.AppendUint16([]byte{0xff, marker}, uint16(len(content)+2))
	return string(head) + content
}

// withSegment puts a part in front of all others of a JPEG.
func withSegment(file []byte, marker byte, content string) []byte {
	return []byte(string(file[:2]) + segment(marker, content) + string(file[2:]))
}

// withSize writes another size into a file: a PNG's IHDR, or a JPEG's SOF0.
func withSize(file []byte, width, height uint32) []byte {
	file = bytes.Clone(file)
	if bytes.HasPrefix(file, []byte(pngSignature)) {
		header := file[len(pngSignature)+4:]
		binary.BigEndian.PutUint32(header[4:], width)
		binary.BigEndian.PutUint32(header[8:], height)
		binary.BigEndian.PutUint32(header[17:], crc32.ChecksumIEEE(header[:17]))
		return file
	}
	frame := file[bytes.Index(file, []byte("\xff\xc0"))+5:]
	binary.BigEndian.PutUint16(frame, uint16(height))
	binary.BigEndian.PutUint16(frame[2:], uint16(width))
	return file
}

const script = "<script>alert(1)</script>"

// TestCleanScreenshot has what is kept as it stands, what is encoded anew, and what is refused.
func TestCleanScreenshot(t *testing.T) {
	jpg, pic := asJPEG(t, screen(240, 160)), asPNG(t, screen(240, 160))
	const jfif = "JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
	noise := image.NewGray(image.Rect(0, 0, 1200, 1000))
	random := rand.New(rand.NewPCG(1, 2))
	for i := range noise.Pix {
		noise.Pix[i] = byte(random.UintN(256))
	}
	for _, row := range []struct {
		name   string
		raw    []byte
		ending string // empty: refused
		same   bool
		err    error
	}{
		{"a JPEG", jpg, "jpg", true, nil},
		{"a PNG", pic, "png", true, nil},
		{"one point", asPNG(t, screen(1, 1)), "png", true, nil},
		{"as broad as allowed", asPNG(t, screen(4096, 8)), "png", true, nil},
		{"a JPEG with the usual header", withSegment(jpg, 0xe0, jfif), "jpg", true, nil},
		{"a PNG with the size of its points", withChunk(pic, "pHYs",
			"\x00\x00\x0b\x13\x00\x00\x0b\x13\x01"), "png", true, nil},
		{"a PNG in colours of a palette", asPNG(t, image.NewPaletted(image.Rect(0, 0, 9, 9),
			color.Palette{color.Black, color.White})), "png", true, nil},

		{"a JPEG with a script behind its end", append(bytes.Clone(jpg), script...), "png", false,
			nil},
		{"a PNG with a script behind its end", append(bytes.Clone(pic), script...), "png", false,
			nil},
		{"a JPEG with a zero behind its end", append(bytes.Clone(jpg), 0), "png", false, nil},
		{"a PNG that is a JPEG, too", append(bytes.Clone(pic), jpg...), "png", false, nil},
		{"a JPEG with a comment", withSegment(jpg, 0xfe, script), "png", false, nil},
		{"a JPEG with EXIF", withSegment(jpg, 0xe1, "Exif\x00\x00"+script), "png", false, nil},
		{"a JPEG whose header holds more", withSegment(jpg, 0xe0, jfif+script), "png", false, nil},
		{"a JPEG with fill bytes", []byte("\xff\xd8\xff" + string(jpg[2:])), "png", false, nil},
		{"a PNG with a text", withChunk(pic, "tEXt", "Comment\x00"+script), "png", false, nil},
		{"a PNG with a part of nobody's", withChunk(pic, "scRt", script), "png", false, nil},
		{"a PNG whose density holds more", withChunk(pic, "sBIT", strings.Repeat(script, 2)), "png",
			false, nil},

		{"nothing", nil, "", false, errEmpty},
		{"a GIF", asGIF(t, screen(9, 9)), "", false, errNoPicture},
		{"a BMP", []byte("BM" + strings.Repeat("\x00", 60)), "", false, errNoPicture},
		{"SVG", []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>`), "", false,
			errNoPicture},
		{"a script before a JPEG", []byte(script + string(jpg)), "", false, errNoPicture},
		{"half a JPEG", jpg[:len(jpg)/2], "", false, errBroken},
		{"half a PNG", pic[:len(pic)/2], "", false, errBroken},
		{"the first bytes of a JPEG", jpg[:3], "", false, errBroken},
		{"the first bytes of a PNG", pic[:8], "", false, errBroken},
		{"5 MB", make([]byte, 5_000_000), "", false, errLargePicture},
		{"a byte more than allowed", append(bytes.Clone(pic), make([]byte,
			mostPicture+1-len(pic))...), "", false, errLargePicture},
		{"as many bytes as allowed", append(bytes.Clone(pic), make([]byte,
			mostPicture-len(pic))...), "png", false, nil},
		{"a PNG of 30,000 lines", withSize(pic, 30_000, 30_000), "", false, errManyPoints},
		{"a PNG of 2,000,000,000 lines", withSize(pic, 2_000_000_000, 2_000_000_000), "", false,
			errBroken},
		{"a PNG of more lines than there are", withSize(pic, 1<<31, 1<<31), "", false, errBroken},
		{"a JPEG of 65,535 lines", withSize(jpg, 65535, 65535), "", false, errManyPoints},
		{"a PNG a point too broad", withSize(pic, 4097, 1), "", false, errManyPoints},
		{"a JPEG a point too high", withSize(jpg, 1, 4097), "", false, errManyPoints},
		{"a PNG with too many points", withSize(pic, 2049, 2048), "", false, errManyPoints},
		{"a PNG of all points allowed, and no data for them", withSize(pic, 2048, 2048), "", false,
			errBroken},
		{"a PNG without points", withSize(pic, 0, 160), "", false, errBroken},
		{"a JPEG that goes over its points without end", append(bytes.Clone(jpg),
			bytes.Repeat([]byte("\xff\xda"), mostScans)...), "", false, errManyScans},
		{"a JPEG that goes over its points as often as allowed", append(bytes.Clone(jpg),
			bytes.Repeat([]byte("\xff\xda"), mostScans-1)...), "png", false, nil},
		{"a PNG with a wrong checksum", []byte(strings.Replace(string(pic), "IEND\xae", "IEND\xaf",
			1)), "", false, errBroken},
		{"what gets too large as a PNG", withSegment(asJPEG(t, noise), 0xfe, script), "jpg", false,
			nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			clean, ending, err := CleanScreenshot(row.raw)
			if !errors.Is(err, row.err) || ending != row.ending {
				t.Fatalf("ending %q, %v, want %q, %v", ending, err, row.ending, row.err)
			}
			if err != nil {
				if len(clean) != 0 {
					t.Error("a picture came with the error")
				}
				return
			}
			if bytes.Equal(clean, row.raw) != row.same {
				t.Error("as it stands, or not")
			}
			isClean(t, clean, ending)
			want, _, err := image.Decode(bytes.NewReader(row.raw))
			if err != nil {
				t.Fatal(err)
			}
			got, _, err := image.Decode(bytes.NewReader(clean))
			if err != nil || got.Bounds() != want.Bounds() {
				t.Fatalf("it cannot be seen: %v", err)
			}
			for _, at := range []image.Point{{0, 0}, {5, 3}} {
				r, g, b, _ := want.At(at.X, at.Y).RGBA()
				r2, g2, b2, _ := got.At(at.X, at.Y).RGBA()
				if ending == "png" && (r != r2 || g != g2 || b != b2) {
					t.Errorf("another colour at %v", at)
				}
			}
		})
	}
}

// isClean: a cleaned picture stays as it is when it is cleaned again, and hides no script.
func isClean(t *testing.T, clean []byte, ending string) {
	t.Helper()
	again, as, err := CleanScreenshot(clean)
	if err != nil || as != ending || !bytes.Equal(again, clean) || len(clean) > mostPicture {
		t.Errorf("%d bytes, cleaned again: %d bytes, %s, %v", len(clean), len(again), as, err)
	}
}

// patience is more than anything takes that looks at each byte a few times, on the slowest machine,
// and less than what looks at all of them for each.
const patience = 90 * time.Second

// TestScreenshotBombs: the worst there is takes no time to speak of.
func TestScreenshotBombs(t *testing.T) {
	pic := asPNG(t, screen(240, 160))
	for name, raw := range map[string][]byte{
		"points": withSize(pic, 1<<16, 1<<16),
		"scans":  bytes.Repeat([]byte("\xff\xd8\xff\xda\x00"), 200_000),
		"parts": append([]byte(pngSignature),
			bytes.Repeat([]byte(chunk("aaAa", "")), 80_000)...),
	} {
		start := time.Now()
		if _, _, err := CleanScreenshot(raw); err == nil {
			t.Errorf("%s: kept", name)
		}
		if took := time.Since(start); took > patience {
			t.Errorf("%s: %v", name, took)
		}
	}
	allocated := testing.AllocsPerRun(3, func() {
		CleanScreenshot(withSize(pic, 1<<16, 1<<16))
	})
	if allocated > 100 {
		t.Errorf("%v allocations for a bomb", allocated)
	}
}
