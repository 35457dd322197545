package madeup

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"time"
)

const databaseDir = "db_storage"

// LiveDatabase is the database that the app of a Live account is writing,
// from the account's folder of databases.
const LiveDatabase = "message/message_0.db"

// LivePath is the path of LiveDatabase in the tree.
func (o Options) LivePath() string { return path.Join(o.AccountDir(), databaseDir, LiveDatabase) }

// planLog plans the log of a database, and the log's index.
func (t *tree) planLog(db *file) {
	month := time.Unix(0, db.mtime)
	t.add(&file{path: db.path + "-wal", kind: walFile, group: db.group, db: db}, month)
	t.add(&file{path: db.path + "-shm", kind: shmFile, group: db.group, db: db}, month)
}

// writeLog lets the day's messages go into a log, and reports whether that
// changes f. A database comes before its log. The day before was checkpointed.
func (t *tree) writeLog(f *file, day int) bool {
	switch f.kind {
	case recordedFile:
		if t.daily.Messages == 0 {
			return false
		}
		f.written = day
		f.saved, f.played = f.played, f.played+max(1, t.daily.Messages/10)
	case walFile, shmFile:
		return f.db.written == day
	default:
		return false
	}
	return true
}

// recordedBytes returns what a recorded database has in its file.
func (t *tree) recordedBytes(f *file) []byte {
	r := mustRecorded(f.saved)
	r.close()
	return r.db
}

// mustRecorded can't fail: the recording is a part of this package.
func mustRecorded(n int) *recording {
	r, err := recorded(n)
	if err != nil {
		panic("madeup: recording: " + err.Error())
	}
	return r
}

// logOf returns the log of a database, as of today.
func (t *tree) logOf(db *file) (*walContent, []byte) {
	d := t.dice("log", db.key)
	log := &walContent{seq: uint32(db.written), chain: chain{salt: [2]uint32{d.Uint32() + uint32(db.written)}}}
	log.salt[1] = t.dice("log", db.key, fmt.Sprint(db.written)).Uint32()
	b := log.header(log.seq)
	add := func(pages []page, size uint32) {
		for i, p := range pages {
			end := uint32(0)
			if i == len(pages)-1 {
				end = size
			}
			b = append(b, log.frame(p.n, end, p.data)...)
			log.pages = append(log.pages, p.n)
		}
		log.size = size
	}
	if db.kind == pageFile {
		add(t.lastPages(db))
		return log, b
	}
	r := mustRecorded(db.saved)
	defer r.close()
	for r.played < db.played {
		pages, size, err := r.next()
		if err != nil {
			panic("madeup: recording: " + err.Error())
		}
		add(pages, size)
	}
	return log, b
}

// lastPages returns the last transaction of a database that looks encrypted:
// a few of the pages of its last day.
func (t *tree) lastPages(db *file) (pages []page, size uint32) {
	var all bytes.Buffer
	_ = t.writePageFile(&all, db) // a buffer takes everything
	picked := map[int64]bool{0: true}
	for n, day := range db.pages {
		if day == db.written && day > 0 {
			picked[n] = true
		}
	}
	for _, n := range slices.Sorted(maps.Keys(picked)) {
		if p := all.Bytes()[n*pageSize:]; len(pages) < 2*pagesOfFive {
			pages = append(pages, page{uint32(n) + 1, p[:pageSize]})
		}
	}
	return pages, uint32(db.size / pageSize)
}

// indexOf returns the index of the log of a database. Pages that look
// encrypted are in the database already, those of a recording are not.
func (t *tree) indexOf(db *file) []byte {
	log, _ := t.logOf(db)
	backfilled := uint32(0)
	if db.kind == pageFile {
		backfilled = uint32(len(log.pages))
	}
	out := &memoryFile{make([]byte, indexBlock)}
	x := walIndex{f: out}
	if err := x.fill(log, backfilled); err != nil {
		panic("madeup: " + err.Error())
	}
	return out.b
}

// memoryFile is a file in memory. It grows by blocks of an index.
type memoryFile struct{ b []byte }

func (m *memoryFile) WriteAt(p []byte, off int64) (int, error) {
	for off+int64(len(p)) > int64(len(m.b)) {
		m.b = append(m.b, make([]byte, indexBlock)...)
	}
	return copy(m.b[off:], p), nil
}

var _ io.WriterAt = (*memoryFile)(nil)
