package evidence

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
)

const (
	// mostPicture is how many bytes a screenshot may have, as it is given and as it is kept. Real
	// ones have some 100 KiB.
	mostPicture = 1 << 20

	// mostSide and mostPixels are how large a picture may be, so that decoding it costs some tens
	// of megabytes at most: 2560 by 1600 fits. Consoles have 1920 by 1200 at most.
	mostSide   = 4096
	mostPixels = 4 << 20

	// mostScans is how many times a JPEG may go over all its points. Real ones do it 10 times at
	// most; a file of 1 MiB could ask for 80,000.
	mostScans = 32
)

var (
	errNoPicture    = errors.New("it is neither a JPEG nor a PNG")
	errBroken       = errors.New("it is broken: it cannot be decoded")
	errEmpty        = errors.New("it is empty")
	errLargePicture = fmt.Errorf("it has more than %d KiB", mostPicture>>10)
	errManyPoints   = fmt.Errorf("it has more than %d by %d points, or %d million", mostSide,
		mostSide, mostPixels>>20)
	errManyScans = errors.New("it would take too long to decode")
)

// CleanScreenshot makes a picture from outside harmless. It is decoded before it is believed; the
// size of its canvas is looked at before that. A JPEG or PNG is kept as it stands only if it holds
// nothing but the picture: nothing after its end, and no part that programs could take for
// something else; a JPEG with arithmetic codes gets Huffman codes for it, which browsers know as
// well. Any other is encoded anew, as a PNG, or as a JPEG where that would be too large.
// The ending is jpg or png. The error says what is wrong in a few words, and holds nothing of the
// picture.
func CleanScreenshot(raw []byte) (clean []byte, ending string, err error) {
	if len(raw) == 0 {
		return nil, "", errEmpty
	}
	if len(raw) > mostPicture {
		return nil, "", errLargePicture
	}
	defer func() {
		if recover() != nil { // of a decoder
			clean, ending, err = nil, "", errBroken
		}
	}()
	var picture image.Image
	var plain bool
	switch {
	case bytes.HasPrefix(raw, []byte("\xff\xd8\xff")):
		// Only what stands in the file can begin a scan, and within a scan's data these two bytes
		// cannot stand.
		if bytes.Count(raw, []byte("\xff\xda")) > mostScans {
			return nil, "", errManyScans
		}
		if known, ok := huffman(raw); ok {
			raw = known
		}
		config, err := jpeg.DecodeConfig(bytes.NewReader(raw))
		if err := fits(config, err); err != nil {
			return nil, "", err
		}
		if picture, err = jpeg.Decode(bytes.NewReader(raw)); err != nil {
			return nil, "", errBroken
		}
		ending, plain = "jpg", isPlainJPEG(raw)
	case bytes.HasPrefix(raw, []byte(pngSignature)):
		config, err := png.DecodeConfig(bytes.NewReader(raw))
		if err := fits(config, err); err != nil {
			return nil, "", err
		}
		if picture, err = png.Decode(bytes.NewReader(raw)); err != nil {
			return nil, "", errBroken
		}
		ending, plain = "png", isPlainPNG(raw)
	default:
		return nil, "", errNoPicture
	}
	if plain && len(raw) <= mostPicture {
		return raw, ending, nil
	}
	return encode(picture)
}

// fits checks the size of a picture's canvas.
func fits(config image.Config, err error) error {
	switch {
	case err != nil || config.Width <= 0 || config.Height <= 0:
		return errBroken
	case config.Width > mostSide || config.Height > mostSide ||
		config.Width*config.Height > mostPixels:
		return errManyPoints
	}
	return nil
}

// encode writes a picture anew.
func encode(picture image.Image) (file []byte, ending string, err error) {
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err == nil && b.Len() <= mostPicture {
		return b.Bytes(), "png", nil
	}
	b.Reset()
	if err := jpeg.Encode(&b, picture, &jpeg.Options{Quality: 75}); err != nil {
		return nil, "", errBroken
	}
	if b.Len() > mostPicture {
		return nil, "", errLargePicture
	}
	return b.Bytes(), "jpg", nil
}

const pngSignature = "\x89PNG\r\n\x1a\n"

// plainChunks are the parts of a PNG that say nothing but how the picture looks (PNG
// specification, section 11). Texts, profiles, times and private ones are left out.
var plainChunks = map[string]bool{
	"IHDR": true, "PLTE": true, "IDAT": true, "IEND": true, "tRNS": true,
	"gAMA": true, "cHRM": true, "sRGB": true, "sBIT": true, "bKGD": true, "pHYs": true,
}

// mostAside is how many bytes a part of a PNG may have that is none of its points or colours: 32
// of cHRM, the longest.
const mostAside = 32

// isPlainPNG reports whether a PNG that was decoded has plain chunks only, and ends with them.
func isPlainPNG(raw []byte) bool {
	rest := raw[len(pngSignature):]
	for len(rest) >= 12 {
		length := uint64(binary.BigEndian.Uint32(rest))
		kind := string(rest[4:8])
		if !plainChunks[kind] || length > uint64(len(rest)-12) {
			return false
		}
		switch kind {
		case "IEND":
			return length == 0 && len(rest) == 12
		case "PLTE", "IDAT", "tRNS":
		default:
			if length > mostAside {
				return false
			}
		}
		rest = rest[12+length:]
	}
	return false
}

// isPlainJPEG reports whether a JPEG that was decoded has nothing but what describes the picture,
// and ends with it. Comments and application data (EXIF, profiles, thumbnails) are left out, but
// for the headers of JFIF and Adobe as they usually are (ITU T.81 annex B, T.871 section 10).
func isPlainJPEG(raw []byte) bool {
	rest := raw[2:]
	for {
		if len(rest) < 2 || rest[0] != 0xff {
			return false
		}
		marker := rest[1]
		rest = rest[2:]
		if marker == 0xd9 { // EOI
			return len(rest) == 0
		}
		if len(rest) < 2 {
			return false
		}
		length := int(binary.BigEndian.Uint16(rest))
		if length < 2 || length > len(rest) {
			return false
		}
		segment := rest[2:length]
		rest = rest[length:]
		switch marker {
		case 0xc0, 0xc1, 0xc2, 0xc4, 0xdb, 0xdd: // SOF0 to SOF2, DHT, DQT, DRI
		case 0xe0: // APP0
			if len(segment) != 14 || string(segment[:5]) != "JFIF\x00" {
				return false
			}
		case 0xee: // APP14
			if len(segment) != 12 || string(segment[:5]) != "Adobe" {
				return false
			}
		case 0xda: // SOS
			rest = afterScan(rest)
		default:
			return false
		}
	}
}

// afterScan drops a scan's data: up to the next marker that is no restart.
func afterScan(rest []byte) []byte {
	for i := 0; i+1 < len(rest); i++ {
		if rest[i] != 0xff {
			continue
		}
		if next := rest[i+1]; next != 0 && (next < 0xd0 || next > 0xd7) {
			return rest[i:]
		}
	}
	return nil
}
