package chunker

import (
	"bytes"
	"encoding/base64"
	"math/rand/v2"
	"testing"
)

func TestNoise(t *testing.T) {
	random := make([]byte, 1<<20)
	rand.NewChaCha8([32]byte{3}).Read(random)
	text := bytes.Repeat([]byte("see you at eight, then 晚安 "), 1<<16)[:1<<20]
	half := append(bytes.Clone(random[:1<<19]), text[:1<<19]...)
	tail := append(bytes.Clone(random[:1<<19]), make([]byte, 8<<10)...)
	for _, c := range []struct {
		name string
		data []byte
		want bool
	}{
		{"random", random, true},
		{"random, 8 KiB", random[:8<<10], true},
		{"random, a little over 8 KiB", random[:8<<10+1], true},
		{"random, 1 KiB", random[:1<<10], true},
		{"text", text, false},
		{"text, 1 KiB", text[:1<<10], false},
		{"Base64", []byte(base64.StdEncoding.EncodeToString(random)), false},
		{"half text", half, false},
		{"zeros at the end", tail, false},
	} {
		if got := Noise(c.data); got != c.want {
			t.Errorf("%s: Noise = %v", c.name, got)
		}
	}
}
