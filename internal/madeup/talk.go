package madeup

import (
	"fmt"
	"math"
	"os"
	"path"
)

// Databases returns the paths of an account's own databases in its tree.
func (o Options) Databases() (list []string) {
	for _, b := range databases {
		list = append(list, path.Join(o.AccountDir(), databaseDir, b.path))
	}
	return list
}

// Talk lets messages come in at the account in dir while its app is open: they
// go into the write-ahead logs, and if they are moved, all but the last page
// on into the databases.
// They change as many pages of the same databases as those of a day, see
// [Daily]; the tree of options and a day knows nothing of them. The summary
// has Rewritten only.
func Talk(dir string, o Options, messages int, seed uint64, moved bool) (s Summary, err error) {
	for i, name := range o.Databases() {
		full := at(dir, name)
		info, err := os.Stat(full)
		if err != nil {
			return s, fmt.Errorf("talk in %s: %w", dir, err)
		}
		pages := float64(messages) * pagesPerMessage[databases[i].group]
		m := Mutation{Pages: int(pages), Appended: int(pages) * Messages1000.Appended / Messages1000.Pages, Seed: seed, WAL: !moved}.In(info.Size())
		if m.Pages == 0 {
			continue
		}
		if err := Mutate(full, m); err != nil {
			return s, err
		}
		s.Rewritten += m.Bytes()
		if !moved {
			continue
		}
		last := Mutation{Pages: 1, Seed: seed, WAL: true}
		if err := Mutate(full, last); err != nil {
			return s, err
		}
		s.Rewritten += last.Bytes()
	}
	return s, nil
}

// Bytes is how much of a database m changes, the new pages among it.
func (m Mutation) Bytes() int64 { return int64(m.Pages) * pageSize }

// In is m, as of a database of 1 GiB, in one of size bytes: the same messages
// meet more often in a smaller one, and change fewer pages of it.
func (m Mutation) In(size int64) Mutation {
	const measured = 1 << 30 / pageSize
	have := float64(size / pageSize)
	touched := -measured * math.Log1p(-float64(m.Pages)/measured)
	m.Pages = int(min(math.Round(have*-math.Expm1(-touched/have)), have-2))
	m.Appended = min(m.Appended, m.Pages/2)
	return m
}
