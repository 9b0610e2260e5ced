package evidence

import "encoding/binary"

// Go's decoder knows JPEGs with Huffman codes only. This file turns one with arithmetic codes into
// one that it knows, coefficient by coefficient, so that what is believed was still decoded. Only
// the sequential kind in one scan is taken; nobody draws screens in another.

// huffman returns a JPEG with arithmetic codes (ITU-T T.81, SOF9) as a baseline one with the same
// coefficients. It reports false for any other file, and for one that does not hold what its
// header says.
func huffman(raw []byte) ([]byte, bool) {
	var t transcoder
	for i := range t.upper {
		t.upper[i], t.kx[i] = 1, 5 // T.81 F.1.4.4.1.4 and F.1.4.4.2: where no DAC says otherwise
	}
	t.out = append(t.out, 0xff, 0xd8)
	rest := raw[2:]
	for {
		if len(rest) < 4 || rest[0] != 0xff {
			return nil, false
		}
		marker, length := rest[1], int(binary.BigEndian.Uint16(rest[2:]))
		if marker == 0xff { // a fill byte
			rest = rest[1:]
			continue
		}
		if marker < 0xc0 || marker >= 0xd0 && marker <= 0xd9 || length < 2 || length > len(rest)-2 {
			return nil, false
		}
		segment := rest[4 : 2+length]
		whole := rest[:2+length]
		rest = rest[2+length:]
		switch {
		case marker == 0xc9:
			if !t.frame(segment) {
				return nil, false
			}
		case marker == 0xcc:
			if !t.conditioning(segment) {
				return nil, false
			}
		case marker == 0xdd && len(segment) == 2:
			t.restart = int(binary.BigEndian.Uint16(segment)) // the result has no restarts
		case marker == 0xda:
			return t.scan(segment, rest)
		case marker == 0xdb || marker >= 0xe0:
			t.out = append(t.out, whole...)
		default: // another frame, or Huffman tables
			return nil, false
		}
	}
}

// mostTranscoded is how many bytes the Huffman codes may take. They take more than the others by a
// quarter or two.
const mostTranscoded = 4 * mostPicture

type transcoder struct {
	out           []byte
	width, height int
	components    []component
	lower, upper  [4]uint // conditioning of DC, by table
	kx            [4]int  // conditioning of AC
	restart       int     // MCUs; 0: none

	bits  uint32 // not written yet
	count uint
}

type component struct {
	id, h, v      byte
	dc, ac        byte // tables
	last, written int  // the DC before, as it is read and as it is written
	context       int  // of the DC before
}

func (t *transcoder) frame(segment []byte) bool {
	if len(segment) < 6 || t.components != nil || segment[0] != 8 ||
		len(segment) != 6+3*int(segment[5]) || segment[5] != 1 && segment[5] != 3 {
		return false
	}
	t.height = int(binary.BigEndian.Uint16(segment[1:]))
	t.width = int(binary.BigEndian.Uint16(segment[3:]))
	if t.width == 0 || t.height == 0 || t.width > mostSide || t.height > mostSide ||
		t.width*t.height > mostPixels {
		return false
	}
	for p := segment[6:]; len(p) > 0; p = p[3:] {
		c := component{id: p[0], h: p[1] >> 4, v: p[1] & 15}
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 {
			return false
		}
		t.components = append(t.components, c)
	}
	t.out = append(t.out, 0xff, 0xc0)
	t.out = binary.BigEndian.AppendUint16(t.out, uint16(len(segment)+2))
	t.out = append(t.out, segment...)
	return true
}

// conditioning reads a DAC segment (T.81 B.2.4.3).
func (t *transcoder) conditioning(segment []byte) bool {
	for ; len(segment) >= 2; segment = segment[2:] {
		table, value := segment[0]&15, segment[1]
		switch kind := segment[0] >> 4; {
		case table > 3 || kind > 1:
			return false
		case kind == 0:
			t.lower[table], t.upper[table] = uint(value&15), uint(value>>4)
			if t.lower[table] > t.upper[table] {
				return false
			}
		default:
			if t.kx[table] = int(value); value < 1 || value > 63 {
				return false
			}
		}
	}
	return len(segment) == 0
}

// scan reads the one scan, which has all components, and returns the whole file.
func (t *transcoder) scan(segment, data []byte) ([]byte, bool) {
	n := len(t.components)
	if n == 0 || len(segment) != 4+2*n || int(segment[0]) != n ||
		segment[1+2*n] != 0 || segment[2+2*n] != 63 || segment[3+2*n] != 0 {
		return nil, false
	}
	across, down := 1, 1 // blocks of an MCU
	for i := range t.components {
		c := &t.components[i]
		if c.id != segment[1+2*i] {
			return nil, false
		}
		c.dc, c.ac = segment[2+2*i]>>4, segment[2+2*i]&15
		if c.dc > 3 || c.ac > 3 {
			return nil, false
		}
		if n == 1 {
			c.h, c.v = 1, 1 // T.81 A.2.2
		}
		across, down = max(across, int(c.h)), max(down, int(c.v))
	}
	t.tables()
	t.out = append(t.out, 0xff, 0xda)
	t.out = binary.BigEndian.AppendUint16(t.out, uint16(len(segment)+2))
	t.out = append(t.out, byte(n))
	for i := range t.components {
		t.out = append(t.out, t.components[i].id, 0)
	}
	t.out = append(t.out, 0, 63, 0)

	r := reader{data: data}
	r.begin()
	all := ((t.width + 8*across - 1) / (8 * across)) * ((t.height + 8*down - 1) / (8 * down))
	for mcu := range all {
		if t.restart > 0 && mcu > 0 && mcu%t.restart == 0 {
			if !r.next() {
				return nil, false
			}
			for i := range t.components {
				t.components[i].last, t.components[i].context = 0, 0
			}
		}
		for i := range t.components {
			c := &t.components[i]
			for range int(c.h) * int(c.v) {
				if !t.block(&r, c) || len(t.out) > mostTranscoded {
					return nil, false
				}
			}
		}
	}
	t.put(1<<7-1, 7) // ones up to the next byte
	return append(t.out, 0xff, 0xd9), true
}

// block takes one block over (T.81 F.2.4).
func (t *transcoder) block(r *reader, c *component) bool {
	difference, ok := r.dc(c, t.lower[c.dc], t.upper[c.dc])
	if !ok {
		return false
	}
	c.last += difference
	size := sizeOf(c.last - c.written)
	if size > 11 {
		return false
	}
	t.put(uint32(size), 8)
	t.put(amplitude(c.last-c.written, size), size)
	c.written = c.last
	stats, run := r.acStats[c.ac][:], 0
	for k := 1; k <= 63; k++ {
		if r.decide(&stats[3*(k-1)]) != 0 {
			break
		}
		for ; r.decide(&stats[3*(k-1)+1]) == 0; k++ {
			if run++; k == 63 {
				return false
			}
		}
		v, ok := r.ac(stats, k, t.kx[c.ac])
		size := sizeOf(v)
		if !ok || size > 10 || r.spent() {
			return false
		}
		for ; run > 15; run -= 16 {
			t.put(acSymbol(15, 0), 8)
		}
		t.put(acSymbol(run, size), 8)
		t.put(amplitude(v, size), size)
		if run = 0; k == 63 {
			return true
		}
	}
	t.put(acSymbol(0, 0), 8)
	return !r.spent()
}

// tables writes a code for DC and one for AC, in which every symbol has eight bits.
func (t *transcoder) tables() {
	write := func(class byte, symbols []byte) {
		t.out = append(t.out, 0xff, 0xc4)
		t.out = binary.BigEndian.AppendUint16(t.out, uint16(19+len(symbols)))
		t.out = append(t.out, class<<4, 0, 0, 0, 0, 0, 0, 0, byte(len(symbols)),
			0, 0, 0, 0, 0, 0, 0, 0)
		t.out = append(t.out, symbols...)
	}
	var dc, ac []byte
	for size := range 12 {
		dc = append(dc, byte(size))
	}
	ac = append(ac, 0x00, 0xf0)
	for run := range 16 {
		for size := 1; size <= 10; size++ {
			ac = append(ac, byte(run<<4|size))
		}
	}
	write(0, dc)
	write(1, ac)
}

// acSymbol is the code of a run of zeros and a coefficient's size, as tables writes it.
func acSymbol(run, size int) uint32 {
	switch {
	case size > 0:
		return uint32(2 + run*10 + size - 1)
	case run > 0:
		return 1
	}
	return 0
}

// sizeOf is how many bits a coefficient has, amplitude what they are (T.81 F.1.2.1).
func sizeOf(v int) (size int) {
	for v = max(v, -v); v > 0; v >>= 1 {
		size++
	}
	return size
}

func amplitude(v, size int) uint32 {
	if v < 0 {
		v += 1<<size - 1
	}
	return uint32(v)
}

// put writes bits; a byte of ones is followed by one of zeros.
func (t *transcoder) put(value uint32, size int) {
	t.bits, t.count = t.bits<<size|value, t.count+uint(size)
	for t.count >= 8 {
		t.count -= 8
		b := byte(t.bits >> t.count)
		if t.out = append(t.out, b); b == 0xff {
			t.out = append(t.out, 0)
		}
	}
}

// reader is the arithmetic decoder (T.81 annex D.2). Each context is a state's number and, as its
// highest bit, the more probable decision.
type reader struct {
	data    []byte
	past    int // how many zeros were taken for what is not there
	code    uint32
	span    uint32
	shifts  int // until the next byte
	dcStats [4][64]byte
	acStats [4][256]byte
}

// begin starts with what is next of the data.
func (r *reader) begin() {
	r.dcStats, r.acStats = [4][64]byte{}, [4][256]byte{}
	r.code = uint32(r.byte())<<24 | uint32(r.byte())<<16
	r.span, r.shifts = 0x10000, 0
}

// next goes on behind the restart marker, which must be there.
func (r *reader) next() bool {
	for i := 0; i+1 < len(r.data); i++ {
		if r.data[i] != 0xff || r.data[i+1] == 0 {
			continue
		}
		if r.data[i+1] < 0xd0 || r.data[i+1] > 0xd7 {
			return false
		}
		r.data = r.data[i+2:]
		r.begin()
		return true
	}
	return false
}

// byte is the next one; after the end there are zeros (T.81 D.2.6).
func (r *reader) byte() byte {
	switch {
	case len(r.data) > 1 && r.data[0] == 0xff && r.data[1] == 0:
		r.data = r.data[2:]
		return 0xff
	case len(r.data) > 0 && r.data[0] != 0xff:
		b := r.data[0]
		r.data = r.data[1:]
		return b
	}
	r.past++
	return 0
}

// spent reports whether so much was read behind the end that the rest is not there.
func (r *reader) spent() bool { return r.past > 1<<10 }

// decide is the procedure Decode (T.81 D.2.2 to D.2.6).
func (r *reader) decide(context *byte) int {
	state, probable := &states[*context&0x7f], *context>>7
	r.span -= state.estimate
	decision := probable
	less := false // whether the less probable one came
	if r.code>>16 < r.span {
		if r.span >= 0x8000 {
			return int(decision)
		}
		less = r.span < state.estimate
	} else {
		r.code -= r.span << 16
		less = r.span >= state.estimate
		r.span = state.estimate
	}
	if less {
		decision ^= 1
		if state.swaps {
			probable ^= 1
		}
		*context = probable<<7 | state.less
	} else {
		*context = probable<<7 | state.more
	}
	for r.span < 0x8000 {
		if r.shifts == 0 {
			r.code |= uint32(r.byte()) << 8
			r.shifts = 8
		}
		r.span <<= 1
		r.code <<= 1
		r.shifts--
	}
	return int(decision)
}

// dc is the difference of a DC coefficient (T.81 F.1.4.4.1, figures F.19 to F.24).
func (r *reader) dc(c *component, lower, upper uint) (v int, ok bool) {
	stats := r.dcStats[c.dc][:]
	at := c.context
	if c.context = 0; r.decide(&stats[at]) == 0 {
		return 0, true
	}
	sign := r.decide(&stats[at+1])
	m := r.decide(&stats[at+2+sign])
	if at = 20; m != 0 {
		for ; r.decide(&stats[at]) != 0; at++ {
			if m <<= 1; m == 0x8000 {
				return 0, false
			}
		}
	}
	switch {
	case m < 1<<lower>>1:
	case m > 1<<upper>>1:
		c.context = 12 + 4*sign
	default:
		c.context = 4 + 4*sign
	}
	return r.low(stats, at+14, m, sign), true
}

// ac is a coefficient that is not zero (T.81 F.1.4.4.2).
func (r *reader) ac(stats []byte, k, kx int) (v int, ok bool) {
	half := byte(113)
	sign := r.decide(&half)
	at := 3*(k-1) + 2
	m := r.decide(&stats[at])
	if m != 0 && r.decide(&stats[at]) != 0 {
		m <<= 1
		if at = 217; k <= kx {
			at = 189
		}
		for ; r.decide(&stats[at]) != 0; at++ {
			if m <<= 1; m == 0x8000 {
				return 0, false
			}
		}
	}
	return r.low(stats, at+14, m, sign), true
}

// low reads the bits below a coefficient's highest.
func (r *reader) low(stats []byte, at, m, sign int) int {
	v := m
	for m >>= 1; m > 0; m >>= 1 {
		if r.decide(&stats[at]) != 0 {
			v |= m
		}
	}
	if v++; sign != 0 {
		return -v
	}
	return v
}

// states are those of T.81 table D.3, and one more that stays where it is at a half. The array has
// room for every number that a context can hold.
var states = [128]struct {
	estimate   uint32 // of the less probable decision
	less, more byte   // the next states
	swaps      bool
}{
	{0x5a1d, 1, 1, true}, {0x2586, 14, 2, false}, {0x1114, 16, 3, false}, {0x080b, 18, 4, false},
	{0x03d8, 20, 5, false}, {0x01da, 23, 6, false}, {0x00e5, 25, 7, false},
	{0x006f, 28, 8, false}, {0x0036, 30, 9, false}, {0x001a, 33, 10, false},
	{0x000d, 35, 11, false}, {0x0006, 9, 12, false}, {0x0003, 10, 13, false},
	{0x0001, 12, 13, false}, {0x5a7f, 15, 15, true}, {0x3f25, 36, 16, false},
	{0x2cf2, 38, 17, false}, {0x207c, 39, 18, false}, {0x17b9, 40, 19, false},
	{0x1182, 42, 20, false}, {0x0cef, 43, 21, false}, {0x09a1, 45, 22, false},
	{0x072f, 46, 23, false}, {0x055c, 48, 24, false}, {0x0406, 49, 25, false},
	{0x0303, 51, 26, false}, {0x0240, 52, 27, false}, {0x01b1, 54, 28, false},
	{0x0144, 56, 29, false}, {0x00f5, 57, 30, false}, {0x00b7, 59, 31, false},
	{0x008a, 60, 32, false}, {0x0068, 62, 33, false}, {0x004e, 63, 34, false},
	{0x003b, 32, 35, false}, {0x002c, 33, 9, false}, {0x5ae1, 37, 37, true},
	{0x484c, 64, 38, false}, {0x3a0d, 65, 39, false}, {0x2ef1, 67, 40, false},
	{0x261f, 68, 41, false}, {0x1f33, 69, 42, false}, {0x19a8, 70, 43, false},
	{0x1518, 72, 44, false}, {0x1177, 73, 45, false}, {0x0e74, 74, 46, false},
	{0x0bfb, 75, 47, false}, {0x09f8, 77, 48, false}, {0x0861, 78, 49, false},
	{0x0706, 79, 50, false}, {0x05cd, 48, 51, false}, {0x04de, 50, 52, false},
	{0x040f, 50, 53, false}, {0x0363, 51, 54, false}, {0x02d4, 52, 55, false},
	{0x025c, 53, 56, false}, {0x01f8, 54, 57, false}, {0x01a4, 55, 58, false},
	{0x0160, 56, 59, false}, {0x0125, 57, 60, false}, {0x00f6, 58, 61, false},
	{0x00cb, 59, 62, false}, {0x00ab, 61, 63, false}, {0x008f, 61, 32, false},
	{0x5b12, 65, 65, true}, {0x4d04, 80, 66, false}, {0x412c, 81, 67, false},
	{0x37d8, 82, 68, false}, {0x2fe8, 83, 69, false}, {0x293c, 84, 70, false},
	{0x2379, 86, 71, false}, {0x1edf, 87, 72, false}, {0x1aa9, 87, 73, false},
	{0x174e, 72, 74, false}, {0x1424, 72, 75, false}, {0x119c, 74, 76, false},
	{0x0f6b, 74, 77, false}, {0x0d51, 75, 78, false}, {0x0bb6, 77, 79, false},
	{0x0a40, 77, 48, false}, {0x5832, 80, 81, true}, {0x4d1c, 88, 82, false},
	{0x438e, 89, 83, false}, {0x3bdd, 90, 84, false}, {0x34ee, 91, 85, false},
	{0x2eae, 92, 86, false}, {0x299a, 93, 87, false}, {0x2516, 86, 71, false},
	{0x5570, 88, 89, true}, {0x4ca9, 95, 90, false}, {0x44d9, 96, 91, false},
	{0x3e22, 97, 92, false}, {0x3824, 99, 93, false}, {0x32b4, 99, 94, false},
	{0x2e17, 93, 86, false}, {0x56a8, 95, 96, true}, {0x4f46, 101, 97, false},
	{0x47e5, 102, 98, false}, {0x41cf, 103, 99, false}, {0x3c3d, 104, 100, false},
	{0x375e, 99, 93, false}, {0x5231, 105, 102, false}, {0x4c0f, 106, 103, false},
	{0x4639, 107, 104, false}, {0x415e, 103, 99, false}, {0x5627, 105, 106, true},
	{0x50e7, 108, 107, false}, {0x4b85, 109, 103, false}, {0x5597, 110, 109, false},
	{0x504f, 111, 107, false}, {0x5a10, 110, 111, true}, {0x5522, 112, 109, false},
	{0x59eb, 112, 111, true}, {0x5a1d, 113, 113, false},
}
