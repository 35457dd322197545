package madeup

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
)

// lockPage holds the bytes that SQLite locks; nothing is ever written there.
const lockPage = 1<<30/pageSize + 1

const (
	saltSize  = 16  // an encrypted database begins with a random salt
	plainHead = 100 // a plain one with its header
)

// Database makes a database file of size bytes, rounded down to whole pages,
// for measurements: one that looks encrypted, or one whose pages look like
// those of messages and compress about 3:1, but which no engine reads. The
// same arguments make the same bytes.
func Database(path string, size int64, seed uint64, encrypted bool) error {
	pages := size / pageSize
	if pages < 2 || pages > 1<<31 {
		return fmt.Errorf("make database %s: %d bytes are not 2 pages, or too many", path, size)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	const run = bufferSize / pageSize
	err = each(int((pages+run-1)/run), func(i int) error {
		buf := buffers.Get().(*[bufferSize]byte)
		defer buffers.Put(buf)
		first := int64(i) * run
		b := buf[:min(run, pages-first)*pageSize]
		for n := range int64(len(b)) / pageSize {
			p := b[n*pageSize:][:pageSize]
			paintPage(p, !encrypted, seed<<32^uint64(first+n))
			if first+n+1 == lockPage {
				clear(p)
			}
		}
		if first == 0 {
			keepHead(b, newHead(!encrypted, seed), !encrypted, uint32(pages))
		}
		_, err := f.WriteAt(b, first*pageSize)
		return err
	})
	return errors.Join(err, f.Close())
}

// newHead returns how page 1 begins.
func newHead(plain bool, seed uint64) []byte {
	if plain {
		b := make([]byte, plainHead)
		writeHeader(b, 1)
		b[18], b[19] = 2, 2 // write-ahead log
		return b
	}
	b := make([]byte, saltSize)
	rand.NewChaCha8(seedOf(^seed)).Read(b)
	return b
}

// keepHead begins page 1 as it began before, but for its size.
func keepHead(page, head []byte, plain bool, size uint32) {
	if !plain {
		copy(page[:saltSize], head)
		return
	}
	copy(page[:plainHead], head)
	binary.BigEndian.PutUint32(page[28:], size)
}

func seedOf(n uint64) (b [32]byte) {
	binary.LittleEndian.PutUint64(b[:], n)
	return b
}

// paintPage fills a page: with noise, or with what looks like a leaf of
// messages.
func paintPage(p []byte, plain bool, seed uint64) {
	noise := rand.NewChaCha8(seedOf(seed))
	if !plain {
		noise.Read(p)
		return
	}
	clear(p)
	texts := sentences()
	at, cells := len(p), 0
	for {
		text := texts[noise.Uint64()%uint64(len(texts))]
		size := 18 + len(text)
		if at-size < 8+2*(cells+1) {
			break
		}
		at -= size
		cell := p[at:][:size]
		binary.BigEndian.PutUint64(cell, seed<<8|uint64(cells))
		noise.Read(cell[8:18]) // an id of the server, a sender
		copy(cell[18:], text)
		binary.BigEndian.PutUint16(p[8+2*cells:], uint16(at))
		cells++
	}
	p[0] = leafTable
	binary.BigEndian.PutUint16(p[3:], uint16(cells))
	binary.BigEndian.PutUint16(p[5:], uint16(at))
}

// sentences are what pages of big databases say.
var sentences = sync.OnceValue(func() []string {
	d := dice{rand.New(rand.NewPCG(1, 1))}
	list := make([]string, 4096)
	for i := range list {
		list[i] = d.sentence()
	}
	return list
})
