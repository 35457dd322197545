package image

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"time"

	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/repo/format"
)

// Mark is what a source said of the capture that became a content. It says
// nothing of any other content.
type Mark struct {
	Mark     []byte    // opaque: sources.Captured.Mark
	Compared time.Time // when a capture last read everything
}

// The file of a mark: markMagic, the time as ns since 1970 (8 bytes,
// little-endian; 0: never), the mark, and the SHA-256 of it all.
const markMagic = "ckmark1\n"

// Mark returns what is kept of a content, and whether there is anything.
func (ts *Tables) Mark(d Database, c *format.Content) (Mark, bool) {
	b, err := os.ReadFile(ts.path(d, c, markExt))
	if err != nil {
		return Mark{}, false
	}
	return decodeMark(b)
}

// SetMark keeps a mark for a content. The table is not touched: a capture may
// learn a new mark of an image that did not change.
func (ts *Tables) SetMark(d Database, c *format.Content, m Mark) error {
	at := uint64(0)
	if !m.Compared.IsZero() {
		at = uint64(m.Compared.UnixNano())
	}
	b := binary.LittleEndian.AppendUint64([]byte(markMagic), at)
	b = append(b, m.Mark...)
	sum := sha256.Sum256(b)
	if err := durable.WriteFile(ts.path(d, c, markExt), append(b, sum[:]...), 0o600); err != nil {
		return fmt.Errorf("keep mark: %w", err)
	}
	return nil
}

func decodeMark(b []byte) (Mark, bool) {
	n := len(b) - sha256.Size
	if n < len(markMagic)+8 || !bytes.HasPrefix(b, []byte(markMagic)) {
		return Mark{}, false
	}
	if sum := sha256.Sum256(b[:n]); !bytes.Equal(sum[:], b[n:]) {
		return Mark{}, false
	}
	b = b[len(markMagic):n]
	m := Mark{Mark: b[8:]}
	if at := binary.LittleEndian.Uint64(b); at > 0 {
		m.Compared = time.Unix(0, int64(at))
	}
	return m, true
}
