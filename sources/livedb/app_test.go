package livedb

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"time"
)

// appEnv holds the plan of the app that a test started.
const appEnv = "LIVEDB_TEST_APP"

// plan is what an app does until its standard input ends. Its busy_timeout is
// 0, so that every lock in its way is an error.
type plan struct {
	Engine     string
	Path       string
	Report     string        // file of counters
	Journal    string        // journal_mode
	PageSize   int           // of a new database; 0: the engine's
	Auto       int           // wal_autocheckpoint; 0: none
	Persist    bool          // the WAL stays when the last connection is closed
	Checkpoint []string      // checkpoints to make in turn
	Every      time.Duration // how often one of them, or a reopening, or VACUUM
	Exclusive  bool
	Reopen     bool
	Vacuum     bool
	Pause      time.Duration // between transactions, at most
	Big        int           // rows of a big transaction; 0: 800
	BigOdds    int           // one of so many transactions is big; 0: 40
	Rows       int           // in the beginning; 0: 2500
	Cache      int           // pages; 0: 50
	Synced     bool          // synchronous=FULL
	Last       int64         // transaction after which it does nothing; 0: none
}

// Counters in the report, each 8 bytes.
const (
	committed = iota // number of the last transaction
	trouble          // errors
	openings
	slowest // opening, ns
	counters
)

const accounts, total = 20, 1_000_000

// app is the writer.
type app struct {
	plan
	report     *os.File
	db         *sql.DB
	rng        *rand.Rand
	tx, lo, hi int64
}

// runApp writes until standard input ends. It never returns an error to the
// caller but counts them.
func runApp(text string) int {
	a := &app{rng: rand.New(rand.NewPCG(uint64(os.Getpid()), 1))}
	if err := json.Unmarshal([]byte(text), &a.plan); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	var err error
	if a.report, err = os.OpenFile(a.Report, os.O_RDWR, 0); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	end := make(chan struct{})
	go func() {
		io.Copy(io.Discard, os.Stdin)
		close(end)
	}()
	if err := a.run(end); err != nil {
		fmt.Fprintln(os.Stderr, "app:", err)
		a.add(trouble, 1)
		return 1
	}
	return 0
}

func (a *app) get(i int) int64 {
	var b [8]byte
	a.report.ReadAt(b[:], int64(i)*8)
	return int64(binary.LittleEndian.Uint64(b[:]))
}

func (a *app) set(i int, v int64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(v))
	a.report.WriteAt(b[:], int64(i)*8)
}

func (a *app) add(i int, v int64) { a.set(i, a.get(i)+v) }

func (a *app) run(end chan struct{}) error {
	if err := a.open(); err != nil {
		return err
	}
	last := time.Now()
	for {
		select {
		case <-end:
			return a.db.Close()
		default:
		}
		if a.Last > 0 && a.tx >= a.Last {
			<-end
			return a.db.Close()
		}
		if err := a.transaction(); err != nil {
			return fmt.Errorf("transaction %d: %w", a.tx+1, err)
		}
		if a.Every > 0 && time.Since(last) > a.Every {
			last = time.Now()
			if err := a.chore(); err != nil {
				return err
			}
		}
		if a.Pause > 0 {
			time.Sleep(time.Duration(a.rng.Int64N(int64(a.Pause))))
		}
	}
}

func (a *app) open() error {
	start := time.Now()
	var err error
	if a.db, err = engines[a.Engine].open(a.Path); err != nil {
		return err
	}
	setup := []string{"PRAGMA busy_timeout=0"}
	if a.Engine == "sqlcipher" {
		setup = append(setup, "PRAGMA cipher_memory_security=OFF")
	}
	if a.PageSize > 0 {
		setup = append(setup, fmt.Sprintf("PRAGMA page_size=%d", a.PageSize))
	}
	if a.Exclusive {
		setup = append(setup, "PRAGMA locking_mode=EXCLUSIVE")
	}
	sync := "NORMAL"
	if a.Synced {
		sync = "FULL"
	}
	setup = append(setup, "PRAGMA journal_mode="+a.Journal, "PRAGMA synchronous="+sync,
		fmt.Sprintf("PRAGMA wal_autocheckpoint=%d", a.Auto),
		fmt.Sprintf("PRAGMA cache_size=%d", max(a.Cache, 50)))
	for _, s := range setup {
		if _, err := a.db.Exec(s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	if err := a.persist(); err != nil {
		return err
	}
	if err := a.load(); err != nil {
		return fmt.Errorf("open: %w", err)
	}
	a.add(openings, 1)
	a.set(slowest, max(a.get(slowest), int64(time.Since(start))))
	return nil
}

func (a *app) persist() error {
	if !a.Persist {
		return nil
	}
	c, err := a.db.Conn(context.Background())
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Raw(func(c any) error {
		_, err := c.(interface {
			FileControlPersistWAL(string, int) (int, error)
		}).FileControlPersistWAL("main", 1)
		return err
	})
}

// load reads where the last run ended, or makes the tables.
func (a *app) load() error {
	var n int
	if err := a.db.QueryRow("SELECT count(*) FROM sqlite_master").Scan(&n); err != nil {
		return err
	}
	if n > 0 {
		return a.db.QueryRow("SELECT tx, lo, hi FROM state").Scan(&a.tx, &a.lo, &a.hi)
	}
	return a.in(func(x *sql.Tx) error {
		for _, s := range []string{
			"CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER)",
			"CREATE TABLE said (id INTEGER PRIMARY KEY, tx INTEGER, hash INTEGER, body BLOB)",
			"CREATE INDEX said_hash ON said (hash, tx)",
			"CREATE TABLE state (tx INTEGER, lo INTEGER, hi INTEGER)",
			"INSERT INTO state VALUES (0, 1, 0)",
		} {
			if _, err := x.Exec(s); err != nil {
				return err
			}
		}
		for i := range accounts {
			if _, err := x.Exec("INSERT INTO account VALUES (?, ?)", i+1, total/accounts); err != nil {
				return err
			}
		}
		a.lo = 1
		rows := a.Rows
		if rows == 0 {
			rows = 2500
		}
		return a.say(x, rows)
	})
}

// in runs f in a transaction. Whatever f returns but nil rolls it back.
func (a *app) in(f func(*sql.Tx) error) error {
	x, err := a.db.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	lo, hi := a.lo, a.hi
	err = f(x)
	if err == nil {
		_, err = x.Exec("UPDATE state SET tx = ?, lo = ?, hi = ?", a.tx+1, a.lo, a.hi)
	}
	if err == nil {
		err = x.Commit()
	}
	if err != nil {
		x.Rollback()
		a.lo, a.hi = lo, hi
		return err
	}
	a.tx++
	a.set(committed, a.tx)
	os.Stdout.Write([]byte{'.'}) // wakes who waits for it
	return nil
}

var errChangedMind = fmt.Errorf("changed its mind")

// transaction moves money, says something, forgets something, and sometimes
// changes its mind.
func (a *app) transaction() error {
	rows, back := 1+a.rng.IntN(6), a.rng.IntN(40) == 0
	big := a.Big
	if big == 0 {
		big = 800
	}
	odds := a.BigOdds
	if odds == 0 {
		odds = 40
	}
	if a.rng.IntN(odds) == 0 {
		rows, back = big, a.rng.IntN(2) == 0
	}
	err := a.in(func(x *sql.Tx) error {
		from, to, sum := 1+a.rng.IntN(accounts), 1+a.rng.IntN(accounts), a.rng.IntN(100)
		for id, d := range map[int]int{from: -sum, to: sum} {
			if from == to {
				d = 0
			}
			if _, err := x.Exec("UPDATE account SET balance = balance + ? WHERE id = ?", d, id); err != nil {
				return err
			}
		}
		if err := a.say(x, rows); err != nil {
			return err
		}
		if _, err := x.Exec("DELETE FROM said WHERE id >= ? AND id < ?", a.lo, a.lo+int64(rows)); err != nil {
			return err
		}
		a.lo += int64(rows)
		if back {
			return errChangedMind
		}
		return nil
	})
	if err == errChangedMind {
		return nil
	}
	return err
}

func (a *app) say(x *sql.Tx, rows int) error {
	for range rows {
		a.hi++
		body := make([]byte, 100+a.rng.IntN(900))
		for i := range body {
			body[i] = byte(a.rng.Uint32())
		}
		if _, err := x.Exec("INSERT INTO said VALUES (?, ?, ?, ?)", a.hi, a.tx+1, int64(crc32.ChecksumIEEE(body)), body); err != nil {
			return err
		}
	}
	return nil
}

// chore is what the plan asks for every now and then.
func (a *app) chore() error {
	if a.Vacuum {
		if _, err := a.db.Exec("VACUUM"); err != nil {
			return fmt.Errorf("vacuum: %w", err)
		}
	}
	if a.Reopen {
		if err := a.db.Close(); err != nil {
			return fmt.Errorf("close: %w", err)
		}
		if err := a.open(); err != nil {
			return fmt.Errorf("reopen: %w", err)
		}
	}
	if len(a.Checkpoint) > 0 {
		mode := a.Checkpoint[0]
		a.Checkpoint = append(a.Checkpoint[1:], mode)
		var busy, log, done int // busy is an answer that an app expects
		if err := a.db.QueryRow("PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &log, &done); err != nil {
			return fmt.Errorf("checkpoint %s: %w", mode, err)
		}
	}
	return nil
}

// verify opens a copy, with the key, and says what is wrong with it. It must
// hold transaction fresh.
func verify(e engine, path string, fresh int64) error {
	db, err := e.open(path)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := e.damage(db); err != nil {
		return err
	}
	var tx, lo, hi, sum, n, first, last, indexed int64
	for q, to := range map[string][]any{
		"SELECT tx, lo, hi FROM state":                                              {&tx, &lo, &hi},
		"SELECT sum(balance) FROM account":                                          {&sum},
		"SELECT count(*), min(id), max(id) FROM said NOT INDEXED":                   {&n, &first, &last},
		"SELECT count(*) FROM said INDEXED BY said_hash WHERE hash >= 0 AND tx > 0": {&indexed},
	} {
		if err := db.QueryRow(q).Scan(to...); err != nil {
			return fmt.Errorf("%s: %w", q, err)
		}
	}
	switch {
	case tx < fresh:
		return fmt.Errorf("holds transaction %d, but %d was committed before", tx, fresh)
	case sum != total:
		return fmt.Errorf("sum of balances is %d", sum)
	case first != lo || last != hi || n != hi-lo+1 || indexed != n:
		return fmt.Errorf("%d rows %d–%d, %d in the index, want %d–%d", n, first, last, indexed, lo, hi)
	}
	return hashes(db, tx)
}

func hashes(db *sql.DB, newest int64) error {
	rows, err := db.Query("SELECT id, tx, hash, body FROM said")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id, tx, hash int64
		var body sql.RawBytes
		if err := rows.Scan(&id, &tx, &hash, &body); err != nil {
			return err
		}
		if int64(crc32.ChecksumIEEE(body)) != hash || tx > newest {
			return fmt.Errorf("row %d of transaction %d is not what was written", id, tx)
		}
	}
	return rows.Err()
}

// lastLine is the end of what an app said.
func lastLine(b []byte) string {
	lines := strings.Split(string(bytes.TrimSpace(b)), "\n")
	return lines[len(lines)-1]
}
