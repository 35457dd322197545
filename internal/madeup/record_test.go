package madeup

import (
	"bytes"
	"database/sql"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
	_ "modernc.org/sqlite" // the real engine
)

var keep = flag.Bool("record", false, "make internal/madeup/recording.zst anew")

const (
	recordedTransactions = 400
	recordedBefore       = 2500 // messages in the database that it begins with
)

// TestRecord records a real engine, and shows that a recording gives back what
// the engine's files were. With -record the recording is kept.
func TestRecord(t *testing.T) {
	length := 25
	if *keep {
		length = recordedTransactions
	}
	rec, states := recordEngine(t, length)
	if *keep {
		if err := os.WriteFile("recording.zst", rec, 0o644); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d bytes", len(rec))
	}
	old := recordingFile
	recordingFile = rec
	defer func() { recordingFile = old }()
	for n, want := range states {
		r, err := recorded(n)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(r.db, want) {
			t.Fatalf("after %d transactions the recording is not what the engine's files are", n)
		}
	}
}

// recordEngine plays transactions on a real database, and returns their
// recording, and what the database was after some of them.
func recordEngine(t *testing.T, length int) (rec []byte, states map[int][]byte) {
	path := filepath.Join(t.TempDir(), "messages.db")
	e := &engine{t: t, path: path, dice: newTree(Demo).dice("recording")}
	e.open()
	e.create()
	var out bytes.Buffer
	z, err := zstd.NewWriter(&out, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithWindowSize(recordingWindow), zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	db := e.file("")
	z.Write(words(uint32(len(db) / pageSize)))
	z.Write(db)
	z.Write(words(uint32(length)))
	states = map[int][]byte{0: db}
	seen := 0
	for n := 1; n <= length; n++ {
		e.transaction(n)
		wal := e.file("-wal")
		log, err := readWAL(bytes.NewReader(wal))
		if err != nil {
			t.Fatal(err)
		}
		z.Write(words(log.size, uint32(len(log.pages)-seen)))
		for i := seen; i < len(log.pages); i++ {
			page := wal[frameAt(uint32(i+1)):][:pageSize]
			z.Write(words(log.pages[i]))
			z.Write(page)
		}
		seen = len(log.pages)
		if n%20 == 0 { // the engine's own checkpoint says what the database is
			e.exec("PRAGMA wal_checkpoint(TRUNCATE)")
			states[n], seen = e.file(""), 0
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), states
}

// engine is a real SQLite with a database of made-up messages.
type engine struct {
	t    *testing.T
	path string
	db   *sql.DB
	dice dice
	said int // messages so far, those taken back among them
}

func (e *engine) open() {
	db, err := sql.Open("sqlite", e.path)
	if err != nil {
		e.t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	e.db = db
	e.t.Cleanup(func() { db.Close() })
}

func (e *engine) exec(query string, args ...any) {
	e.t.Helper()
	if _, err := e.db.Exec(query, args...); err != nil {
		e.t.Fatalf("%s: %v", query, err)
	}
}

func (e *engine) file(suffix string) []byte {
	b, err := os.ReadFile(e.path + suffix)
	if err != nil {
		e.t.Fatal(err)
	}
	return b
}

func (e *engine) create() {
	for _, query := range []string{
		fmt.Sprintf("PRAGMA page_size = %d", pageSize),
		"PRAGMA journal_mode = WAL",
		"PRAGMA wal_autocheckpoint = 0",
		fmt.Sprintf("PRAGMA application_id = %d", recordingID),
		"CREATE TABLE beat (id INTEGER PRIMARY KEY, n INTEGER, said INTEGER)",
		"CREATE TABLE talk (id INTEGER PRIMARY KEY, name TEXT, newest INTEGER)",
		"CREATE TABLE said (id INTEGER PRIMARY KEY, talk INTEGER, at INTEGER, ticket INTEGER, body TEXT, thumbnail BLOB)",
		"CREATE INDEX said_at ON said (talk, at)",
		"CREATE UNIQUE INDEX said_ticket ON said (ticket)",
	} {
		e.exec(query)
	}
	e.exec("BEGIN")
	for i, name := range people {
		e.exec("INSERT INTO talk VALUES (?, ?, 0)", i+1, name)
	}
	for range recordedBefore {
		e.say(e.dice.sentence())
	}
	e.exec("INSERT INTO beat SELECT 1, ?, count(*) FROM said", int64(beatBase))
	e.exec("COMMIT")
	e.exec("PRAGMA wal_checkpoint(TRUNCATE)")
}

// say adds a message.
func (e *engine) say(body string) {
	e.said++
	talk := 1 + e.dice.IntN(len(people))
	var thumbnail []byte
	if e.dice.IntN(30) == 0 {
		thumbnail = make([]byte, 150+e.dice.IntN(300))
		rand.NewChaCha8(seedOf(uint64(e.said))).Read(thumbnail)
	}
	e.exec("INSERT INTO said VALUES (?, ?, ?, ?, ?, ?)", e.said, talk, firstDay.Unix()+int64(30*e.said),
		e.dice.IntN(1<<31), body, thumbnail)
	e.exec("UPDATE talk SET newest = ? WHERE id = ?", e.said, talk)
}

// transaction is one of an app: mostly a few messages, sometimes a long one, a
// corrected one, or a whole talk that is thrown away.
func (e *engine) transaction(n int) {
	e.exec("BEGIN")
	for range 1 + e.dice.IntN(3) {
		e.say(e.dice.sentence())
	}
	switch {
	case n%100 == 60:
		e.exec("DELETE FROM said WHERE talk = ? AND id % 3 = 0", 1+e.dice.IntN(len(people)))
	case n%25 == 5:
		body := ""
		for range 200 {
			body += e.dice.sentence()
		}
		e.say(body)
	case n%10 == 3:
		e.exec("UPDATE said SET body = body || ' ' || ? WHERE id = ?", e.dice.sentence(), 1+e.dice.IntN(e.said))
	case n%10 == 8:
		e.exec("DELETE FROM said WHERE id = ?", 1+e.dice.IntN(e.said))
	}
	e.exec("UPDATE beat SET n = ?, said = (SELECT count(*) FROM said)", int64(beatBase)+int64(n))
	e.exec("COMMIT")
}

// checkEngine fails the test unless a real engine finds the database at path
// sound, at a transaction of the recording, with the messages that belong to
// it. It returns that transaction.
func checkEngine(t *testing.T, path string) (n int) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var verdict string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		t.Fatalf("integrity check: %q, %v", verdict, err)
	}
	var beat, want, have, lost int
	err = db.QueryRow("SELECT n, said, (SELECT count(*) FROM said), (SELECT count(*) FROM said WHERE talk NOT IN (SELECT id FROM talk)) FROM beat").
		Scan(&beat, &want, &have, &lost)
	if err != nil || want != have || have < recordedBefore/2 || lost > 0 {
		t.Fatalf("%d messages, %d expected, %d of no talk, %v", have, want, lost, err)
	}
	return beat - beatBase
}

// copyDatabase copies a database and its side files as they are to a folder of
// their own.
func copyDatabase(t *testing.T, path string, suffixes ...string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy.db")
	for _, suffix := range suffixes {
		b, err := os.ReadFile(path + suffix)
		if err == nil {
			err = os.WriteFile(to+suffix, b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}
