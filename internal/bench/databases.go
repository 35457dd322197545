package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/chatkeep/chatkeep/internal/madeup"
)

// Steps of a child that makes or changes the one database. It is that of the
// newest messages in an account that has nothing else.
const (
	stepEncrypted = "make-encrypted"
	stepPlain     = "make-plain"
	stepMany      = "1000-messages"
	stepManyMoved = "1000-messages-moved" // from the log, which is empty then
	stepFew       = "40-messages"
	stepMove      = "move"
	stepVacuum    = "vacuum"
)

// lastWords are what an engine has not moved from the log yet.
var lastWords = madeup.Mutation{Pages: 3, WAL: true}

// minDatabase is what the messages fit into.
const minDatabase = 1 << 20

// changeDatabase does a step, and leaves behind how much it changed.
func (o *options) changeDatabase() error {
	file := o.inChats(o.chats.LivePath())
	m := lastWords
	switch o.step {
	case stepEncrypted, stepPlain:
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := madeup.Database(file, int64(o.databaseSize), 1, o.step == stepEncrypted); err != nil {
			return err
		}
	case stepMany, stepManyMoved:
		m = madeup.Messages1000
		m.WAL = o.step == stepMany
	case stepFew:
		m = madeup.Messages40
	case stepMove:
		return errors.Join(moveLog(file), o.tell(madeup.Summary{}))
	case stepVacuum:
		return errors.Join(moveLog(file), madeup.Vacuum(file, 1), o.tell(madeup.Summary{}))
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	m = m.In(info.Size())
	if err := madeup.Mutate(file, m); err != nil {
		return err
	}
	if !m.WAL {
		if err := madeup.Mutate(file, lastWords); err != nil {
			return err
		}
	}
	return o.tell(madeup.Summary{Rewritten: m.Bytes()})
}

// moveLog moves what is in the log into the database.
func moveLog(file string) error {
	w, err := madeup.NewWriter(file, madeup.WriterOptions{})
	if err != nil {
		return err
	}
	return errors.Join(w.Checkpoint(madeup.Truncate), w.Close())
}

// sizeFlag is a number of bytes, written with its unit.
type sizeFlag int64

var sizeUnits = []struct {
	name  string
	bytes sizeFlag
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}}

// String returns the size with the largest unit that shows it.
func (s sizeFlag) String() string {
	for _, u := range sizeUnits {
		if s%u.bytes == 0 {
			return fmt.Sprint(int64(s/u.bytes), u.name)
		}
	}
	return fmt.Sprint(int64(s), "B")
}

// Set reads what String returns.
func (s *sizeFlag) Set(text string) error {
	for _, u := range sizeUnits {
		number, ok := strings.CutSuffix(text, u.name)
		if n, err := strconv.ParseInt(number, 10, 32); ok && err == nil && n > 0 {
			*s = sizeFlag(n) * u.bytes
			return nil
		}
	}
	return errors.New("a size is like 128MiB or 1GiB")
}
