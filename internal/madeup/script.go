package madeup

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
)

// page is a page that a transaction writes; n counts from 1.
type page struct {
	n    uint32
	data []byte
}

// script is what an app writes, transaction by transaction.
type script interface {
	// next returns the pages of a transaction, in order, and how many pages
	// the database has after it. They stay as they are until the next call.
	next() (pages []page, size uint32, err error)
}

const sqliteMagic = "SQLite format 3\x00"

// scriptOf returns what goes on with the database m.
func scriptOf(m *merged, seed uint64, state State) (script, error) {
	first := make([]byte, pageSize)
	if m.size == 0 {
		return nil, fmt.Errorf("the database is empty")
	}
	if err := m.page(first, 1); err != nil {
		return nil, err
	}
	if isRecorded(first) {
		return continueRecording(m)
	}
	// Of two writers of one seed the later one makes pages of its own.
	seed ^= binary.LittleEndian.Uint64(state[:])
	s := &paint{size: m.size, first: first, plain: isPlain(first), dice: dice{rand.New(rand.NewPCG(seed, 0))}}
	return s, nil
}

func isPlain(first []byte) bool { return bytes.HasPrefix(first, []byte(sqliteMagic)) }

// The pages of a transaction of five messages, as measured with a database of
// 1 GiB: 200 of them wrote 3971 frames and appended 66 pages.
const (
	pagesOfFive  = 20
	appendsEvery = 3
)

// paint is a database without a recording: pages that look the part.
type paint struct {
	size  uint32
	first []byte // page 1
	plain bool
	dice  dice
	done  int
}

func (s *paint) next() ([]page, uint32, error) {
	s.done++
	appended := 0
	if s.done%appendsEvery == 0 {
		appended = 1
	}
	return s.pages(pagesOfFive, appended, map[uint32]bool{}), s.size, nil
}

// pages changes so many pages that were not picked yet, in order, and appends
// some of them. Page 1 is always there if the size changes.
func (s *paint) pages(changed, appended int, picked map[uint32]bool) (out []page) {
	have := s.size
	for range appended {
		if s.size++; s.size == lockPage {
			s.size++
		}
		picked[s.size] = true
		out = append(out, s.paint(s.size))
	}
	if appended > 0 {
		picked[1] = true
		out = append(out, s.paint(1))
	}
	for tries := 0; len(out) < changed && tries < 100*changed; tries++ {
		if n := 2 + s.dice.Uint32N(have-1); !picked[n] && n != lockPage {
			picked[n] = true
			out = append(out, s.paint(n))
		}
	}
	slices.SortFunc(out, func(a, b page) int { return int(a.n) - int(b.n) })
	return out
}

// paint makes page n new.
func (s *paint) paint(n uint32) page {
	p := page{n, make([]byte, pageSize)}
	paintPage(p.data, s.plain, s.dice.Uint64())
	if n == 1 {
		keepHead(p.data, s.first, s.plain, s.size)
	}
	return p
}
