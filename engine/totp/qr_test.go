package totp_test

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/png"
	"strings"
	"testing"

	"github.com/passcode-go/passcode/engine/totp"
)

// The image is a PNG that holds the URI, read by a reader of its own, with the
// white around it that readers need.
func TestQRCode(t *testing.T) {
	t.Parallel()
	for _, account := range []string{"a", "ada", "somebody.special@example.com", "user-test-e3795c81-f849-4167-bfda-e4a6e9c280fd"} {
		b := newBench(t)
		e, err := b.Apps.Enrol(t.Context(), totp.Request{UserID: ada, Account: account})
		if err != nil {
			t.Fatal(err)
		}
		code, err := e.QRCode()
		if err != nil {
			t.Fatal(err)
		}
		encoded, ok := strings.CutPrefix(code.Reveal(), "data:image/png;base64,")
		if !ok {
			t.Fatalf("%.40s is no data URI", code.Reveal())
		}
		file, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			t.Fatal(err)
		}
		page, err := png.Decode(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		if got := readQRCode(t, page); got != e.URI.Reveal() {
			t.Errorf("the QR code says %q, want %q", got, e.URI.Reveal())
		}
		if len(file) > 8<<10 {
			t.Errorf("the image has %d bytes", len(file))
		}
	}
}

// A qrVersion is what a reader knows of a size of QR code with error correction
// M: where the centres of the alignment patterns are, the length in bytes of
// each block of data, and how many bytes of correction follow each.
type qrVersion struct {
	centres []int
	blocks  []int
	check   int
}

// ISO/IEC 18004, tables 9 and E.1.
var qrVersions = map[int]qrVersion{
	6:  {[]int{6, 34}, []int{27, 27, 27, 27}, 16},
	7:  {[]int{6, 22, 38}, []int{31, 31, 31, 31}, 18},
	8:  {[]int{6, 24, 42}, []int{38, 38, 39, 39}, 22},
	9:  {[]int{6, 26, 46}, []int{36, 36, 36, 37, 37}, 22},
	10: {[]int{6, 28, 50}, []int{43, 43, 43, 43, 44}, 26},
}

// readQRCode returns what a QR code of 8-bit characters says. It reads what is
// upright and undamaged: it checks no correction.
func readQRCode(t *testing.T, page image.Image) string {
	t.Helper()
	dark := func(x, y int) bool { r, _, _, _ := page.At(x, y).RGBA(); return r < 0x8000 }

	// Its square, and the size of a module by the bar at its top left.
	box := image.Rectangle{}
	for y := page.Bounds().Min.Y; y < page.Bounds().Max.Y; y++ {
		for x := page.Bounds().Min.X; x < page.Bounds().Max.X; x++ {
			if dark(x, y) {
				box = box.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	bar := 0
	for dark(box.Min.X+bar, box.Min.Y) {
		bar++
	}
	unit := bar / 7
	n := box.Dx() / unit
	version := (n - 17) / 4
	v, ok := qrVersions[version]
	if bar%7 != 0 || box.Dx() != n*unit || box.Dy() != n*unit || n != 17+4*version || !ok {
		t.Fatalf("a code of %v with modules of %d pixels is of no version that the test knows", box, unit)
	}
	if margin := 4 * unit; box.Min.X < margin || box.Min.Y < margin || page.Bounds().Max.X-box.Max.X < margin || page.Bounds().Max.Y-box.Max.Y < margin {
		t.Fatalf("less than 4 modules of white around %v in %v", box, page.Bounds())
	}
	module := func(x, y int) bool { return dark(box.Min.X+x*unit+unit/2, box.Min.Y+y*unit+unit/2) }

	// Which of them are patterns and not data.
	near := func(a, b, d int) bool { return a-b <= d && b-a <= d }
	fixed := func(x, y int) bool {
		if x < 9 && y < 9 || x < 9 && y >= n-8 || x >= n-8 && y < 9 || x == 6 || y == 6 {
			return true
		}
		if version >= 7 && (x < 6 && y >= n-11 || y < 6 && x >= n-11) {
			return true
		}
		for _, cx := range v.centres {
			for _, cy := range v.centres {
				corner := cx == 6 && (cy == 6 || cy == n-7) || cx == n-7 && cy == 6
				if !corner && near(x, cx, 2) && near(y, cy, 2) {
					return true
				}
			}
		}
		return false
	}

	// The mask stands in the format, which is itself masked.
	format := 0
	for x := range 5 {
		format <<= 1
		if module(x, 8) {
			format |= 1
		}
	}
	format ^= 0b10101
	if format>>3 != 0 {
		t.Fatalf("format %05b is not of error correction M", format)
	}
	masks := [8]func(x, y int) bool{
		func(x, y int) bool { return (x+y)%2 == 0 },
		func(x, y int) bool { return y%2 == 0 },
		func(x, y int) bool { return x%3 == 0 },
		func(x, y int) bool { return (x+y)%3 == 0 },
		func(x, y int) bool { return (y/2+x/3)%2 == 0 },
		func(x, y int) bool { return x*y%2+x*y%3 == 0 },
		func(x, y int) bool { return (x*y%2+x*y%3)%2 == 0 },
		func(x, y int) bool { return ((x+y)%2+x*y%3)%2 == 0 },
	}
	mask := masks[format&7]

	// Two columns at a time from the right, up and down in turn.
	var bits []bool
	up := true
	for right := n - 1; right > 0; right -= 2 {
		if right == 6 {
			right--
		}
		for i := range n {
			y := i
			if up {
				y = n - 1 - i
			}
			for x := right; x > right-2; x-- {
				if !fixed(x, y) {
					bits = append(bits, module(x, y) != mask(x, y))
				}
			}
		}
		up = !up
	}
	take := func(bits []bool, n int) (value int, rest []bool) {
		for _, bit := range bits[:n] {
			value <<= 1
			if bit {
				value |= 1
			}
		}
		return value, bits[n:]
	}
	var stream []byte
	for len(bits) >= 8 {
		var b int
		b, bits = take(bits, 8)
		stream = append(stream, byte(b))
	}

	// The blocks are interleaved byte by byte, the long ones last.
	blocks := make([][]byte, len(v.blocks))
	total := 0
	for i := range v.blocks[len(v.blocks)-1] {
		for b, length := range v.blocks {
			if i < length {
				blocks[b] = append(blocks[b], stream[total])
				total++
			}
		}
	}
	if want := total + v.check*len(v.blocks); len(stream) != want {
		t.Fatalf("%d bytes, want %d", len(stream), want)
	}
	var data []bool
	for _, b := range bytes.Join(blocks, nil) {
		for bit := 7; bit >= 0; bit-- {
			data = append(data, b>>bit&1 == 1)
		}
	}
	mode, data := take(data, 4)
	if mode != 4 {
		t.Fatalf("mode %d is not 8-bit characters", mode)
	}
	countBits := 8
	if version >= 10 {
		countBits = 16
	}
	count, data := take(data, countBits)
	var text []byte
	for range count {
		var b int
		b, data = take(data, 8)
		text = append(text, byte(b))
	}
	return string(text)
}
