package madeup

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
)

// Mutation is what happens to a database of [Database].
type Mutation struct {
	Pages    int // that change, scattered, and among them
	Appended int // new ones
	Seed     uint64
	// WAL leaves the changes in the write-ahead log, in transactions of five
	// messages as an app makes them. Otherwise they are in the database.
	WAL bool
}

// What messages do to a database of 1 GiB with three indices, as measured.
var (
	Messages1000 = Mutation{Pages: 2393, Appended: 66, Seed: 1000, WAL: true}
	Messages40   = Mutation{Pages: 104, Appended: 3, Seed: 40, WAL: true}
)

// Mutate changes pages of the database at path.
func Mutate(path string, m Mutation) error {
	w, err := NewWriter(path, WriterOptions{Seed: m.Seed})
	if err != nil {
		return err
	}
	err = w.mutate(m)
	if err == nil && !m.WAL {
		err = w.Checkpoint(Truncate)
	}
	return errors.Join(err, w.Close())
}

func (w *Writer) mutate(m Mutation) error {
	s, ok := w.script.(*paint)
	if !ok {
		return fmt.Errorf("mutate database %s: it has a recording of its own", w.path)
	}
	picked := map[uint32]bool{}
	for appended := m.Appended; len(picked) < m.Pages; {
		transactions := (m.Pages-len(picked)-1)/pagesOfFive + 1 // to come
		some := (appended + transactions - 1) / transactions
		appended -= some
		pages := s.pages(min(pagesOfFive, m.Pages-len(picked)), some, picked)
		if len(pages) == 0 {
			return fmt.Errorf("mutate database %s: it has no %d pages", w.path, m.Pages)
		}
		if err := w.transaction(func() error { return w.commit(pages, s.size) }); err != nil {
			return w.counted(err)
		}
	}
	return nil
}

// Vacuum makes the database at path what an engine's VACUUM makes of it: the
// pages of a plain one move to other places, those of an encrypted one are all
// new, and others for each seed. It has no log, and nobody has it open.
func Vacuum(path string, seed uint64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(vacuum(f, seed), f.Close())
}

func vacuum(f *os.File, seed uint64) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	head := make([]byte, plainHead)
	if _, err := f.ReadAt(head, 0); err != nil {
		return err
	}
	pages := info.Size() / pageSize
	if isPlain(head) {
		return shuffle(f, pages, seed)
	}
	return each(int(pages), func(i int) error {
		if i+1 == lockPage {
			return nil
		}
		var p [pageSize]byte
		paintPage(p[:], false, seed<<32^uint64(i)^1<<31)
		if i == 0 {
			keepHead(p[:], head, false, uint32(pages))
		}
		_, err := f.WriteAt(p[:], int64(i)*pageSize)
		return err
	})
}

// shuffle swaps all pages but the first.
func shuffle(f *os.File, pages int64, seed uint64) error {
	d := rand.New(rand.NewPCG(seed, 2))
	for i := pages - 1; i > 1; i-- {
		j := 1 + d.Int64N(i)
		if i+1 == lockPage || j+1 == lockPage {
			continue
		}
		if err := swapPages(f, i*pageSize, j*pageSize); err != nil {
			return err
		}
	}
	return nil
}

func swapPages(f *os.File, a, b int64) error {
	var p, q [pageSize]byte
	_, errP := f.ReadAt(p[:], a)
	_, errQ := f.ReadAt(q[:], b)
	if err := errors.Join(errP, errQ); err != nil {
		return err
	}
	_, errP = f.WriteAt(q[:], a)
	_, errQ = f.WriteAt(p[:], b)
	return errors.Join(errP, errQ)
}
