package chunker

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

// TestFrozenVectors holds the cuts for ever: testdata/cuts.txt is part of the
// format. If this fails, the code is wrong, not the file.
func TestFrozenVectors(t *testing.T) {
	text, err := os.ReadFile("testdata/cuts.txt")
	if err != nil {
		t.Fatal(err)
	}
	vectors := 0
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if line := lines.Text(); line != "" && line[0] != '#' {
			testVector(t, line)
			vectors++
		}
	}
	if vectors < 8 {
		t.Errorf("only %d vectors", vectors)
	}
}

func testVector(t *testing.T, line string) {
	asked, frozen, ok := strings.Cut(line, " = ")
	if !ok {
		t.Fatalf("no answer in %q", line)
	}
	got, err := answer(asked)
	if err != nil {
		t.Fatalf("%s: %v", asked, err)
	}
	if got != frozen {
		t.Errorf("frozen: %s\ngot:    %s = %s", line, asked, got)
	}
}

// answer computes what stands right of the equals sign.
func answer(asked string) (string, error) {
	if asked == "gear" {
		var table []byte
		for _, g := range gear {
			table = binary.LittleEndian.AppendUint64(table, g)
		}
		return fmt.Sprintf("%x", sha256.Sum256(table)), nil
	}
	var content string
	var p Params
	var key, seed []byte
	var size int
	_, err := fmt.Sscanf(asked, "%s %d/%d/%d %x %x %d", &content, &p.Min, &p.Avg, &p.Max, &key, &seed, &size)
	if err != nil || len(key) != 32 || len(seed) != 32 {
		return "", fmt.Errorf("unreadable vector: %v", err)
	}
	return cutsOfVector(New([32]byte(key), p), content, [32]byte(seed), size), nil
}

func cutsOfVector(c *Cutter, content string, seed [32]byte, size int) string {
	data := make([]byte, size)
	if content == "chacha8" {
		rand.NewChaCha8(seed).Read(data)
	}
	var cuts []string
	for len(data) > 0 {
		n := c.Cut(data, true)
		cuts = append(cuts, fmt.Sprint(n))
		data = data[n:]
	}
	return strings.Join(cuts, " ")
}
