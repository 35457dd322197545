package main

import (
	"fmt"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// quiet is the empty border that a QR code needs to be found, in modules.
const quiet = 4

// modules is a QR code: dark or light, row by row, border included.
type modules [][]bool

// qrModules encodes text. It is nil if that is too long: above some 2,300
// bytes.
func qrModules(text string) modules {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return nil
	}
	size := code.Bounds().Dx()
	m := make(modules, size+2*quiet)
	for y := range m {
		m[y] = make([]bool, size+2*quiet)
	}
	for y := range size {
		for x := range size {
			r, _, _, _ := code.At(x, y).RGBA()
			m[y+quiet][x+quiet] = r == 0
		}
	}
	return m
}

// qrTerminal draws a QR code for a terminal, two rows of modules a line. It sets
// both colours itself, black and white, so that phones read it from dark and
// light terminals alike. Text that is too long gives nothing.
func qrTerminal(text string) string {
	m := qrModules(text)
	var b strings.Builder
	for y := 0; y < len(m); y += 2 {
		b.WriteString("\x1b[38;5;16;48;5;231m")
		for x := range m[y] {
			b.WriteString(halves(m[y][x], y+1 < len(m) && m[y+1][x]))
		}
		b.WriteString("\x1b[0m\n")
	}
	return b.String()
}

// halves is the character with a dark upper and lower half.
func halves(upper, lower bool) string {
	switch {
	case upper && lower:
		return "█"
	case upper:
		return "▀"
	case lower:
		return "▄"
	}
	return " "
}

// qrSVG draws a QR code as a picture to stand in a page. Text that is too long
// gives nothing.
func qrSVG(text string) string {
	m := qrModules(text)
	if m == nil {
		return ""
	}
	var path strings.Builder
	for y, row := range m {
		for x := 0; x < len(row); x++ {
			from := x
			for x < len(row) && row[x] {
				x++
			}
			if x > from {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", from, y, x-from, x-from)
			}
		}
	}
	return fmt.Sprintf(`<svg class="qr" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]d %[1]d" shape-rendering="crispEdges" role="img">`+
		`<path fill="#fff" d="M0 0h%[1]dv%[1]dH0z"/><path fill="#000" d="%[2]s"/></svg>`, len(m), path.String())
}
