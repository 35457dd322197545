package main

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/internal/madeup"
	"github.com/chatkeep/chatkeep/sources"
)

// monthsChats are an account whose app is open all the month.
type monthsChats struct {
	*month
	options madeup.Options
	writer  *madeup.Writer
	written time.Time // the last message, by the clock on the wall
	bursts  uint64
	media   int
}

func newMonthsChats(m *month, seed uint64) *monthsChats {
	m.t.Helper()
	c := &monthsChats{month: m, options: chatsOptions(seed), written: m.now}
	if _, err := madeup.Generate(m.path("chats"), c.options); err != nil {
		m.t.Fatal(err)
	}
	var err error
	if c.writer, err = madeup.NewWriter(c.at(c.options.LivePath()), madeup.WriterOptions{Seed: seed}); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() {
		if err := c.writer.Close(); err != nil {
			m.t.Error(err)
		}
	})
	return c
}

func (c *monthsChats) at(name string) string { return c.path("chats", filepath.FromSlash(name)) }

// come lets messages come in, and now and then pictures.
func (c *monthsChats) come() {
	c.t.Helper()
	c.bursts++
	for range 1 + c.random.IntN(6) {
		if err := c.writer.Step(); err != nil {
			c.t.Fatal(err)
		}
	}
	if c.random.IntN(4) == 0 {
		if err := c.writer.Checkpoint(madeup.Passive); err != nil {
			c.t.Fatal(err)
		}
	}
	if c.random.IntN(3) == 0 {
		if _, err := madeup.Talk(c.path("chats"), c.options, 20, c.bursts, c.random.IntN(4) == 0); err != nil {
			c.t.Fatal(err)
		}
	}
	if c.random.IntN(4) == 0 {
		c.picture(1 + c.random.IntN(200<<10))
	}
	c.written = c.now
	c.date()
}

// picture comes in, of so many bytes.
func (c *monthsChats) picture(size int) {
	c.t.Helper()
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(c.random.Uint32())
	}
	c.media++
	c.write(filepath.Join("chats", c.options.AccountDir(), "msg", "file", c.now.Format("2006-01"), fmt.Sprintf("%06d.bin", c.media)), b)
	c.date()
}

// date gives what was written the time on the wall.
func (c *monthsChats) date() {
	c.t.Helper()
	err := filepath.WalkDir(c.path("chats"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil && time.Since(info.ModTime()).Abs() < time.Hour {
			err = os.Chtimes(path, c.now, c.now)
		}
		return err
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

// databases returns what the databases hold, but for the one the app writes.
func (c *monthsChats) databases() map[string]madeup.State {
	c.t.Helper()
	held := map[string]madeup.State{}
	for _, name := range c.options.Databases() {
		if name == c.options.LivePath() {
			continue
		}
		state, err := madeup.StateOf(c.at(name))
		if err != nil {
			c.t.Fatal(err)
		}
		held[name] = state
	}
	return held
}

// claim is what the daemon said to be safe, and what there was to be kept safe.
type claim struct {
	at      time.Time
	seq     uint64
	written int // transactions
	held    map[string]madeup.State
}

// mostClaims is how many of them are looked into.
const mostClaims = 4

// dayEnds notes what the daemon says to be safe, to be held against what comes
// back at the end.
func (m *month) dayEnds() {
	m.t.Helper()
	if m.daemon == nil || m.luck.wrongClock > 0 {
		return
	}
	s := m.status()
	if !s.Changes.Safe.After(m.chats.written) {
		return
	}
	for _, j := range s.Jobs {
		if j.Name == jobBackup && j.LastGood != nil {
			m.claims = append(m.claims, claim{m.now, backupFactsOf(j.LastGood).Seq, m.chats.writer.Committed(), m.chats.databases()})
		}
	}
}

// elsewhere is a computer that has only the recovery key and a sign-in.
func (m *month) elsewhere() *computer {
	other := newComputer(m.t, m.cloud, m.service)
	other.write("chatkeep.yaml", []byte("device: other\n"+m.place()))
	return other
}

// nothingIsLost restores on another computer: all of the newest state, and the
// messages of each day that were said to be safe.
func (m *month) nothingIsLost() {
	m.t.Helper()
	m.run(&struct{}{}, "verify", "--data")
	acc := m.account()
	other := m.elsewhere()
	var d restoreJSON
	other.run(&d, "restore", "latest", "--identity", m.path("recovery.key"), "--to", other.path("restored"))
	kept := map[string]bool{}
	view, err := acc.View(m.t.Context())
	if err == nil {
		err = view.Walk(m.t.Context(), func(e sources.Entry) error { kept[filepath.ToSlash(e.Path)] = true; return nil }, func(sources.Skipped) {})
	}
	if err != nil {
		m.t.Fatal(err)
	}
	if err := view.Close(); err != nil {
		m.t.Fatal(err)
	}
	live, err := filepath.Rel(m.chats.options.AccountDir(), m.chats.options.LivePath())
	if err != nil {
		m.t.Fatal(err)
	}
	want := madeup.Restored{Except: func(path string) bool { return !kept[path] },
		Live: map[string]madeup.Live{filepath.ToSlash(live): {Writer: m.chats.writer, Since: m.chats.writer.Committed()}}}
	for _, diff := range want.Compare(acc.Root(), other.path("restored", acc.Name())) {
		m.t.Error("restored with a difference: ", diff)
	}
	if len(kept) < 100 || m.chats.media == 0 {
		m.t.Errorf("only %d files were compared, %d new", len(kept), m.chats.media)
	}
	for i := range min(mostClaims, len(m.claims)) {
		c := m.claims[i*len(m.claims)/min(mostClaims, len(m.claims))]
		m.wasSafe(other, acc, c, fmt.Sprintf("day%d", i))
	}
}

// wasSafe asserts that a claim was true.
func (m *month) wasSafe(other *computer, acc sources.Account, c claim, to string) {
	m.t.Helper()
	var d restoreJSON
	other.run(&d, "restore", fmt.Sprintf("laptop/%d", c.seq), "--identity", m.path("recovery.key"),
		"--include", acc.Name()+"/db_storage/", "--to", other.path(to))
	back := func(name string) string {
		rel, err := filepath.Rel(m.chats.options.AccountDir(), name)
		if err != nil {
			m.t.Fatal(err)
		}
		return other.path(to, acc.Name(), rel)
	}
	n, err := m.chats.writer.Find(back(m.chats.options.LivePath()))
	if err != nil || n < c.written {
		m.t.Errorf("snapshot %d, of which it was said at %v that all is safe, has %d transactions of %d (%v)", c.seq, c.at.In(m.zone), n, c.written, err)
	}
	for _, name := range slices.Sorted(maps.Keys(c.held)) {
		if state, err := madeup.StateOf(back(name)); err != nil || state != c.held[name] {
			m.t.Errorf("snapshot %d, of which it was said at %v that all is safe, has another %s (%v)", c.seq, c.at.In(m.zone), name, err)
		}
	}
	if err := os.RemoveAll(other.path(to)); err != nil {
		m.t.Fatal(err)
	}
}

// account is what is backed up.
func (m *month) account() sources.Account {
	m.t.Helper()
	cfg, err := config.Load(m.path("chatkeep.yaml"))
	if err != nil {
		m.t.Fatal(err)
	}
	list, err := accounts(m.t.Context(), cfg)
	for _, acc := range list {
		if filepath.Base(acc.Root()) == filepath.Base(m.chats.options.AccountDir()) {
			return acc
		}
	}
	m.t.Fatalf("no account in %d: %v", len(list), err)
	return nil
}
