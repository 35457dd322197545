// Package madeup makes chats up: whole trees of messages, pictures, videos
// and databases that look like what a chat app leaves on a disk, and the days
// that come after. The demo, the tests and the measurements use it, so that
// nobody's real chats are ever needed.
//
// A tree is a pure function of [Options] and a day: [Generate] writes day 0,
// [Grow] turns the tree of one day into that of the next, and [Verify] knows
// what each byte must be without a second copy. Contents are ChaCha8 streams
// keyed by seed and path. Names, sentences and table names are our own; the
// proportions (how many, how large, how often twice) are those measured on
// heavy users.
//
// The files are:
//
//	madeup.go     Options, presets, Generate, Grow, Verify
//	plan.go       the tree in memory, and a day passing over it
//	exports.go    the shape of exported chats, for the demo
//	account.go    the shape of a chat app's account folder
//	content.go    the bytes of a file
//	text.go       who says what
//	sqlite.go     a small real database, written page by page
//	logs.go       the logs next to an account's databases
//	talk.go       Talk: messages that come through those logs
//	disk.go       from plan to disk
//	compare.go    Hash and Compare, for any two trees
//	restored.go   Compare for what a backup of an open app brings back
//
// A [Writer] is the app that goes on writing while its database is copied. It
// needs no SQL engine:
//
//	writer.go      Step, Run, Find
//	transaction.go from a script to the log
//	checkpoint.go  from the log to the database
//	script.go      what a transaction writes
//	recording.go   what a real engine wrote
//	wal.go         the format of the write-ahead log
//	walindex.go    and of its index, the -shm file
//	locks.go       the bytes that SQLite locks
//	state.go       State: what a database and its log hold together
//	big.go         Database: large ones, for measurements
//	mutate.go      Mutate, Vacuum: what happens to those
package madeup

import (
	"fmt"
	"os"
)

// Shape is the kind of tree.
type Shape int

const (
	// Exports is what a person who exports chats has: text by contact and
	// month, photos, videos, files, and one small real SQLite database.
	Exports Shape = iota
	// Account is the folder in which WeChat 4 keeps an account: encrypted
	// databases, attachments in thousands of month folders, caches, and next
	// to it what all accounts share and the backups of a phone.
	Account
)

// Options describe a tree. The same options give the same tree on any
// machine.
type Options struct {
	Shape Shape
	Seed  uint64
	Scale float64 // multiplies how many files there are; 1 is the heaviest user measured

	// Bytes is the wanted size of the whole tree: all but the databases are
	// made smaller or larger alike to meet it. Real databases, 1 to 5 MB
	// together, and logs come on top. 0 leaves sizes as they are.
	Bytes   int64
	SizeCap int64 // no file is larger; 0 is no cap

	// Sparse makes files over 1 MiB holes with a little at the end, so that
	// they have a size and take no space.
	Sparse bool
	// MetadataOnly makes everything but the one real database a few bytes
	// long, for tests that need only names.
	MetadataOnly bool

	// Live makes an account as it lies there while the app is open: every
	// database has its write-ahead log and the log's index, and the one at
	// LiveDatabase and a few others are recordings of a real engine, with
	// which a [Writer] can go on. The others look encrypted.
	Live bool

	// Settled leaves out of an account what a backup of the app does not take,
	// or not at once: temporary files, downloads that never ended, and the
	// backups of a phone, which have to lie still for minutes.
	Settled bool

	Days  []Daily // what the first days bring
	Daily Daily   // what every day after those brings
}

// Daily is what one day adds.
type Daily struct {
	Files    int   // new pictures, videos and files
	Bytes    int64 // of those together; 0 leaves sizes as they are
	Messages int   // new messages, in exports and databases
}

// Presets. Their sizes are asserted by tests.
var (
	// Demo is 290 files and 46 MB of exports, made in less than two seconds.
	Demo = Options{Shape: Exports, Seed: 1, Scale: 1, Bytes: 42_000_000,
		Daily: Daily{Files: 15, Bytes: 2 << 20, Messages: 200}}
	// DemoAccount is an account of about 500 files and 46 MB, with its app open.
	DemoAccount = Options{Shape: Account, Seed: 1, Scale: 0.002, Bytes: 44_000_000, SizeCap: 4 << 20, Live: true,
		Daily: Daily{Files: 15, Bytes: 2 << 20, Messages: 200}}
	// Tiny is an account of 400 files, none over 8 MiB.
	Tiny = Options{Shape: Account, Seed: 1, Scale: 0.002, SizeCap: 8 << 20,
		Daily: Daily{Files: 10, Messages: 40}}
	// Small is an account of 3,800 files and 4.3 GB.
	Small = Options{Shape: Account, Seed: 1, Scale: 0.02, Bytes: 4_300_000_000,
		Daily: Daily{Files: 20, Messages: 100}}
	// Medium is an account of 38,000 files and 43 GB.
	Medium = Options{Shape: Account, Seed: 1, Scale: 0.2, Bytes: 43_000_000_000,
		Daily: Daily{Files: 60, Messages: 500}}
	// Heavy is an account of 190,000 files and 215 GB, as measured; use it with Sparse or
	// MetadataOnly.
	Heavy = Options{Shape: Account, Seed: 1, Scale: 1, Bytes: 215_000_000_000,
		Daily: Daily{Files: 195, Messages: 2000}}
	// Bench is an account of 39,000 files and 4.0 GB, a third of it
	// databases; a day brings 33 MB of media and 1000 messages.
	Bench = Options{Shape: Account, Seed: 1, Scale: 0.212, Bytes: 4_000_000_000, Settled: true,
		Daily: Daily{Files: 180, Bytes: 33_000_000, Messages: 1000}}
)

// Summary counts what was made.
type Summary struct {
	Files    int // names of regular files, hard links among them
	Dirs     int // without the root
	Symlinks int
	Bytes    int64 // of Files; a hard link counts again

	// Of a day only:
	Rewritten        int64 // bytes of database pages changed or added, and of text added
	Renamed, Removed int
}

// Generate writes the tree of day 0 to dir, which must not exist or be empty.
func Generate(dir string, o Options) (Summary, error) {
	if err := emptyDir(dir); err != nil {
		return Summary{}, fmt.Errorf("make up chats: %w", err)
	}
	t := newTree(o)
	if err := t.writeAll(dir); err != nil {
		return Summary{}, fmt.Errorf("make up chats in %s: %w", dir, err)
	}
	return t.summary(), nil
}

func emptyDir(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	list, err := os.ReadDir(dir)
	if err == nil && len(list) > 0 {
		return fmt.Errorf("folder %s is not empty", dir)
	}
	return err
}

// Grow turns the tree of day-1 at dir into that of day, and returns what that
// added: new messages, pictures and videos, a few files renamed or removed.
// The first day is 1. The options must be those of Generate.
func Grow(dir string, o Options, day int) (Summary, error) {
	if day < 1 {
		return Summary{}, fmt.Errorf("make up day %d: the first is 1", day)
	}
	t := newTree(o)
	for d := 1; d < day; d++ {
		t.advance(d)
	}
	changes := t.advance(day)
	s, err := t.apply(dir, changes)
	if err != nil {
		return Summary{}, fmt.Errorf("make up day %d in %s: %w", day, dir, err)
	}
	return s, nil
}

// Verify compares dir with the tree that options and day describe, byte for
// byte, and returns what differs, by path. Nothing is read but dir.
func Verify(dir string, o Options, day int) (diffs []string) {
	t := newTree(o)
	for d := 1; d <= day; d++ {
		t.advance(d)
	}
	return t.verify(dir)
}
