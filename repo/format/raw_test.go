package format

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// A raw frame is one that any zstd decoder opens.
func TestRawFrames(t *testing.T) {
	dec, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	data := make([]byte, 4<<20)
	rand.NewChaCha8([32]byte{5}).Read(data)
	for _, n := range []int{0, 1, 255, 256, rawBlock - 1, rawBlock, rawBlock + 1, 3 * rawBlock, len(data)} {
		got, err := dec.DecodeAll(AppendRaw(nil, data[:n]), nil)
		if err != nil || !bytes.Equal(got, data[:n]) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	two := AppendRaw(AppendRaw(nil, data[:1000]), data[1000:2000])
	if got, err := dec.DecodeAll(two, nil); err != nil || !bytes.Equal(got, data[:2000]) {
		t.Error("two frames don't follow one another", err)
	}
}
