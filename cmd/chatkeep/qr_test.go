package main

import (
	"image"
	"image/color"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

var drawn = []string{
	"AGE-SECRET-KEY-PQ-13H3UY93H8EK40PVPU0C03XKMXYL3ETF9U7TP3MHMNZCAKPAS07RS456GHW",
	"ability able about above absent absorb abstract absurd",
	"chatkeep device approve 书房 --words \"一 是 在 不 了 有 和 人\"",
	"1",
	strings.Repeat("0123456789abcdef", 100),
}

// What is drawn is what a phone reads.
func TestQRCodesAreRead(t *testing.T) {
	for _, text := range drawn {
		if got := scan(t, fromTerminal(t, qrTerminal(text))); got != text {
			t.Errorf("the terminal shows %q, not %q", got, text)
		}
		if got := scan(t, fromSVG(t, qrSVG(text))); got != text {
			t.Errorf("the picture shows %q, not %q", got, text)
		}
	}
}

func TestQRCodeOfTooMuch(t *testing.T) {
	text := strings.Repeat("x", 3000)
	if qrTerminal(text) != "" || qrSVG(text) != "" {
		t.Error("something was drawn that can't hold the text")
	}
}

// A border of four modules all around, without which many programs find
// nothing.
func TestQRCodeHasABorder(t *testing.T) {
	m := qrModules("1")
	for y, row := range m {
		for x, dark := range row {
			inside := min(x, y, len(m)-1-x, len(m)-1-y) >= quiet
			if dark && !inside {
				t.Fatalf("module %d,%d of the border is dark", x, y)
			}
		}
	}
	if !m[quiet][quiet] {
		t.Error("the border is wider than four modules")
	}
}

// fromTerminal reads the drawing back as a terminal shows it: each line in
// black on white, which both are said on each line and ended there.
func fromTerminal(t *testing.T, text string) modules {
	t.Helper()
	var m modules
	for line := range strings.Lines(text) {
		line, found := strings.CutPrefix(line, "\x1b[38;5;16;48;5;231m")
		line, ended := strings.CutSuffix(line, "\x1b[0m\n")
		if !found || !ended || strings.Contains(line, "\x1b") {
			t.Fatalf("a line without its colours: %q", line)
		}
		var upper, lower []bool
		for _, c := range line {
			upper = append(upper, c == '█' || c == '▀')
			lower = append(lower, c == '█' || c == '▄')
		}
		m = append(m, upper, lower)
	}
	return m
}

var (
	viewBox = regexp.MustCompile(`viewBox="0 0 (\d+) (\d+)"`)
	runs    = regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`)
)

func fromSVG(t *testing.T, text string) modules {
	t.Helper()
	box := viewBox.FindStringSubmatch(text)
	if box == nil || box[1] != box[2] {
		t.Fatalf("no square picture: %.80s", text)
	}
	m := make(modules, atoi(t, box[1]))
	for y := range m {
		m[y] = make([]bool, len(m))
	}
	for _, run := range runs.FindAllStringSubmatch(text, -1) {
		if run[3] != run[4] {
			t.Fatalf("no rectangle: %s", run[0])
		}
		for x := range atoi(t, run[3]) {
			m[atoi(t, run[2])][atoi(t, run[1])+x] = true
		}
	}
	return m
}

func atoi(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// scan reads a code as from a photo, some pixels a module.
func scan(t *testing.T, m modules) string {
	t.Helper()
	const pixels = 4
	width := 0
	if len(m) > 0 {
		width = len(m[0])
	}
	img := image.NewGray(image.Rect(0, 0, width*pixels, len(m)*pixels))
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			if !m[y/pixels][x/pixels] {
				img.SetGray(x, y, color.Gray{255})
			}
		}
	}
	bitmap, err := gozxing.NewBinaryBitmapFromImage(img)
	if err != nil {
		t.Fatal(err)
	}
	result, err := qrcode.NewQRCodeReader().Decode(bitmap, map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_TRY_HARDER: true})
	if err != nil {
		t.Fatalf("nothing is read from a code of %d modules: %v", len(m), err)
	}
	return result.GetText()
}
