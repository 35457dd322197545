package madeup

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"time"
)

// tree is a whole tree in memory, as of one day.
type tree struct {
	o     Options
	files []*file // in the order they were thought of; never reordered
	names map[string]*file
	dirs  map[string]*folder
	home  string    // of an account
	today time.Time // zero on day 0
	daily Daily     // what today brings
}

// file is one name. What its bytes are follows from kind, key, size and what
// the days did to it.
type file struct {
	path  string
	kind  kind
	group string // which part of the shape it belongs to
	key   string // of its stream; copies share it, a rename keeps it
	size  int64  // but of the database, see tree.size
	base  int64  // size at birth
	mode  uint32
	mtime int64 // ns since 1970

	link   *file  // hard link to this one
	target string // symlinks
	busy   bool   // copied or linked: never renamed or removed

	days  []segment     // texts: what each day appended
	pages map[int64]int // page files: the day each page was last written
	rows  int           // databases: messages in it

	db      *file // logs and indices: the database they belong to
	written int   // databases with a log: the day they were last written
	saved   int   // recorded databases: transactions in the file
	played  int   // and in the log as well
}

// segment is what one day appended to a text.
type segment struct {
	day  int
	size int64
}

type folder struct {
	mode  uint32
	mtime int64
}

// kind says how bytes are made.
type kind int

const (
	noise        kind = iota // incompressible: pictures, videos, archives
	jsonText                 // chat lines, one JSON object each
	lineText                 // chat lines as a person would read them
	settings                 // names and values
	pageFile                 // an encrypted database: incompressible pages of 4 KiB
	database                 // the real SQLite file
	recordedFile             // a database of the recording
	walFile                  // the write-ahead log of a database
	shmFile                  // its index
	symlink
)

const (
	pageSize  = 4096
	metaSize  = 48      // MetadataOnly: no content is longer
	sparseMin = 1 << 20 // Sparse: from this size on
)

// firstDay is the day after the last one of day 0.
var firstDay = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

// newTree plans the tree of day 0.
func newTree(o Options) *tree {
	t := &tree{o: o, names: map[string]*file{}, dirs: map[string]*folder{}}
	switch o.Shape {
	case Account:
		t.planAccount()
	default:
		t.planExports()
	}
	t.fit()
	return t
}

// add plans a file, or one with another name if there is one with this. Its
// time is somewhere in month on day 0, and later some time today.
func (t *tree) add(f *file, month time.Time) *file {
	f.path = t.free(f.path)
	d := t.dice("meta", f.path)
	if f.key == "" {
		f.key = f.path
	}
	f.mode = []uint32{0o644, 0o644, 0o644, 0o600, 0o755}[d.IntN(5)]
	f.mtime = month.UnixNano() + d.Int64N(int64(28*24*time.Hour))
	if !t.today.IsZero() {
		f.mtime = t.now(d)
	}
	t.files = append(t.files, f)
	t.names[f.path] = f
	t.parents(f.path, f.mtime)
	return f
}

// free returns name, or name with (1), (2), … before its extension.
func (t *tree) free(name string) string {
	for try, n := name, 1; ; n++ {
		if t.names[try] == nil {
			return try
		}
		ext := path.Ext(name)
		try = fmt.Sprintf("%s(%d)%s", strings.TrimSuffix(name, ext), n, ext)
	}
}

// parents plans the folders a path lies in; the innermost changed at ns.
func (t *tree) parents(name string, ns int64) {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		f := t.dirs[dir]
		if f == nil {
			mode := []uint32{0o755, 0o755, 0o700}[t.dice("mode", dir).IntN(3)]
			f = &folder{mode: mode}
			t.dirs[dir] = f
		}
		f.mtime = max(f.mtime, ns)
	}
}

// copyOf plans an exact copy of f under another name.
func (t *tree) copyOf(f *file, name string, month time.Time) {
	f.busy = true
	t.add(&file{path: name, kind: f.kind, group: f.group, key: f.key, size: f.size, busy: true}, month)
}

// linkTo plans a hard link to f under another name.
func (t *tree) linkTo(f *file, name string) {
	f.busy = true
	l := t.add(&file{path: name, kind: f.kind, group: f.group, key: f.key, size: f.size, busy: true}, time.Unix(0, f.mtime))
	l.link, l.mode, l.mtime = f, f.mode, f.mtime
}

// fit makes sizes smaller or larger until the wanted total is met. Without
// caps the first step meets it.
func (t *tree) fit() {
	factor := 1.0
	if t.o.Bytes > 0 {
		fixed := t.total(0)
		for range 6 {
			step := float64(t.o.Bytes-fixed) / float64(max(1, t.total(factor)-fixed))
			factor = min(100, max(0, factor*step))
		}
	}
	for _, f := range t.files {
		f.size = t.fitted(f, factor)
		f.base = f.size
	}
}

// total is the size of the tree if all but databases shrink by factor.
func (t *tree) total(factor float64) (sum int64) {
	for _, f := range t.files {
		sum += t.fitted(f, factor)
	}
	return sum
}

// fitted is the size of f if all but databases shrink by factor.
func (t *tree) fitted(f *file, factor float64) int64 {
	size := f.size
	switch f.kind {
	case database, recordedFile, walFile, shmFile, symlink:
		return size
	case pageFile:
	default:
		size = max(1, int64(float64(size)*factor))
	}
	if t.o.SizeCap > 0 {
		size = min(size, t.o.SizeCap)
	}
	if t.o.MetadataOnly {
		size = min(size, metaSize)
	}
	if f.kind == pageFile && !t.o.MetadataOnly {
		size = max(1, size/pageSize) * pageSize
	}
	return size
}

// A change is one thing a day does to the disk.
type change struct {
	what verb
	f    *file
	from string // renames: the name before
	day  int
}

type verb int

const (
	create  verb = iota
	extend       // append the day's segment
	repage       // write the day's pages
	rebuild      // the database has more messages
	rename
	remove
)

// advance lets one day pass, and returns what it changed. Days follow one
// another from 1.
func (t *tree) advance(day int) []change {
	d := t.dice("day", fmt.Sprint(day))
	t.today, t.daily = firstDay.AddDate(0, 0, day-1), t.o.day(day)
	born := len(t.files)
	switch t.o.Shape {
	case Account:
		t.accountDay(d)
	default:
		t.exportsDay(d)
	}
	t.fitDay(born)
	var out []change
	for _, f := range t.files[born:] {
		out = append(out, change{create, f, "", day})
	}
	out = append(out, t.messages(d, day)...)
	return append(out, t.tidy(d, day, born)...)
}

// day says what a day brings; the first is 1.
func (o *Options) day(n int) Daily {
	if n <= len(o.Days) {
		return o.Days[n-1]
	}
	return o.Daily
}

// now returns some time of today.
func (t *tree) now(d dice) int64 { return t.today.UnixNano() + d.Int64N(int64(24*time.Hour)) }

// thisMonth returns the first day of today's month.
func (t *tree) thisMonth() time.Time {
	return time.Date(t.today.Year(), t.today.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// fitDay fits the files from index born on to the wanted size of a day.
func (t *tree) fitDay(born int) {
	all := *t
	all.files = t.files[born:]
	all.o.Bytes = t.daily.Bytes
	all.fit()
}

// messages spreads the day's messages over what holds messages.
func (t *tree) messages(d dice, day int) (out []change) {
	var texts []*file
	for _, f := range t.files {
		switch {
		case (f.kind == jsonText || f.kind == lineText) && f.group == "talk":
			texts = append(texts, f)
		case f.kind == database:
			f.rows += t.daily.Messages
			f.mtime = t.now(d) // its folder didn't change
			out = append(out, change{rebuild, f, "", day})
		case f.kind == pageFile && !t.o.MetadataOnly && t.writePages(f, d, day):
			f.written = day
			f.mtime = t.now(d) // its folder didn't change
			out = append(out, change{repage, f, "", day})
		case t.writeLog(f, day):
			f.mtime = t.now(d) // its folder didn't change
			out = append(out, change{rebuild, f, "", day})
		}
	}
	for i := range min(len(texts), t.daily.Messages/20) {
		f := texts[len(texts)-1-i] // the newest months come last
		n := segment{day, 1500 + d.Int64N(3000)}
		f.days = append(f.days, n)
		f.size += n.size
		f.mtime = t.now(d) // its folder didn't change
		out = append(out, change{extend, f, "", day})
	}
	return out
}

// writePages picks the pages of f that the day's messages change or append,
// as measured: new rows go to the end, index entries anywhere.
func (t *tree) writePages(f *file, d dice, day int) bool {
	perMessage := pagesPerMessage[f.group]
	have := f.size / pageSize
	changed := min(int64(float64(t.daily.Messages)*perMessage), have)
	if changed == 0 {
		return false
	}
	if f.pages == nil {
		f.pages = map[int64]int{}
	}
	for range changed {
		f.pages[d.Int64N(have)] = day
	}
	if t.o.SizeCap > 0 && f.size+changed*pageSize > t.o.SizeCap {
		return true
	}
	for i := range changed / 16 {
		f.pages[have+i] = day
		f.size += pageSize
	}
	return true
}

// tidy renames two files and removes two that were there before today.
func (t *tree) tidy(d dice, day, born int) (out []change) {
	n := 0
	for tries := 0; n < 4 && tries < 1000; tries++ {
		f := t.files[d.IntN(born)]
		if f.busy || f.kind != noise || f.group == "long" {
			continue
		}
		n++
		f.busy = true // once is enough
		t.parents(f.path, t.now(d))
		delete(t.names, f.path)
		if n > 2 {
			out = append(out, change{remove, f, "", day})
			continue
		}
		from := f.path
		f.path = t.free(path.Join(path.Dir(from), "new "+path.Base(from)))
		t.names[f.path] = f
		out = append(out, change{rename, f, from, day})
	}
	t.files = slices.DeleteFunc(t.files, func(f *file) bool { return t.names[f.path] != f })
	return out
}

// size is the length of f as of today.
func (t *tree) size(f *file) int64 {
	switch f.kind {
	case database, recordedFile, walFile, shmFile:
		return int64(len(t.rendered(f)))
	}
	return f.size
}

func (t *tree) summary() Summary {
	s := Summary{Dirs: len(t.dirs)}
	for _, f := range t.files {
		s.count(t, f)
	}
	return s
}

func (s *Summary) count(t *tree, f *file) {
	if f.kind == symlink {
		s.Symlinks++
		return
	}
	s.Files++
	s.Bytes += t.size(f)
}

// dice are the random numbers behind one decision, by its name.
type dice struct{ *rand.Rand }

// dice are rolled for every file of a large tree, so they are of a simpler
// kind than the stream of a content.
func (t *tree) dice(name ...string) dice {
	h := fnv.New128a()
	for _, part := range name {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	sum := h.Sum(nil)
	return dice{rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum)^t.o.Seed, binary.BigEndian.Uint64(sum[8:])))}
}

// lognormal returns a size with this median, and a spread of sigma.
func (d dice) lognormal(median, sigma float64) int64 {
	return max(1, int64(median*math.Exp(sigma*d.NormFloat64())))
}

// logUniform returns a size between low and high, each magnitude alike.
func (d dice) logUniform(low, high float64) int64 {
	return int64(low * math.Exp(d.Float64()*math.Log(high/low)))
}

// pareto returns a size of at least low and at most high, with a long tail.
func (d dice) pareto(alpha, low, high float64) int64 {
	return int64(min(high, low/math.Pow(1-d.Float64(), 1/alpha)))
}

// hex returns n hex digits.
func (d dice) hex(n int) string {
	const digits = "0123456789abcdef"
	b := make([]byte, n)
	for i := range b {
		b[i] = digits[d.IntN(16)]
	}
	return string(b)
}

func (d dice) pick(list []string) string { return list[d.IntN(len(list))] }

// month returns the first day of the month that lies n before firstDay's.
func month(n int) time.Time { return firstDay.AddDate(0, -n, 0) }

func monthName(m time.Time) string { return m.Format("2006-01") }
