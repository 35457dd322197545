package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/chatkeep/chatkeep/internal/madeup"
)

// Steps of a child that changes the chats. They run in a process of their own
// because a child's peak memory, as the system tells it, is never less than
// what its parent had when it started it.
const (
	stepMake = "make"
	stepDay  = "day"
	stepHour = "hour"
)

// hour is what one hour brings: messages and nothing else.
var hour = madeup.Daily{Messages: 40}

// chats returns the options of a preset, made larger or smaller.
func chats(preset string, scale float64) (madeup.Options, error) {
	o, ok := map[string]madeup.Options{
		"demo": madeup.Demo, "tiny": madeup.Tiny, "small": madeup.Small, "medium": madeup.Medium, "bench": madeup.Bench,
	}[preset]
	if !ok {
		return o, fmt.Errorf("unknown preset %q", preset)
	}
	scaled := func(n int64) int64 { return int64(math.Ceil(float64(n) * scale)) }
	o.Scale *= scale
	o.Bytes = scaled(o.Bytes)
	o.Daily.Files = int(scaled(int64(o.Daily.Files)))
	o.Daily.Bytes = scaled(o.Daily.Bytes)
	o.Days = []madeup.Daily{o.Daily, hour}
	o.Settled = true // so that all programs keep the same
	return o, nil
}

// changeChats makes the chats, or lets a day or an hour pass over them, and
// leaves behind what that was.
func (o *options) changeChats() error {
	var s madeup.Summary
	var err error
	switch o.step {
	case stepMake:
		s, err = o.makeChats()
	case stepDay:
		s, err = o.grow(1, true)
	case stepHour:
		s, err = o.grow(2, false)
	case stepTalk:
		s, err = madeup.Talk(o.chatsDir(), o.chats, talked, talked, true)
	}
	if err != nil {
		return err
	}
	return o.tell(s)
}

// makeChats makes the chats as they lie there while the app is open: every
// database of an account has something in its log.
func (o *options) makeChats() (madeup.Summary, error) {
	s, err := madeup.Generate(o.chatsDir(), o.chats)
	if err != nil || !o.isAccount() {
		return s, err
	}
	for _, name := range o.chats.Databases() {
		if err := madeup.Mutate(o.inChats(name), lastWords); err != nil {
			return s, err
		}
	}
	return s, nil
}

// grow lets a day pass. An account's messages go into the logs of its
// databases; those of a whole day are moved from there, as an engine does with
// every thousand pages.
func (o *options) grow(day int, moved bool) (madeup.Summary, error) {
	if !o.isAccount() {
		return madeup.Grow(o.chatsDir(), o.chats, day)
	}
	silent := o.chats
	silent.Days = slices.Clone(silent.Days)
	for i := range silent.Days {
		silent.Days[i].Messages = 0
	}
	s, err := madeup.Grow(o.chatsDir(), silent, day)
	if err != nil {
		return s, err
	}
	talk, err := madeup.Talk(o.chatsDir(), o.chats, o.chats.Days[day-1].Messages, uint64(day), moved)
	s.Rewritten += talk.Rewritten
	return s, err
}

// tell leaves behind what a step did.
func (o *options) tell(s madeup.Summary) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(o.summaryFile(o.step), b, 0o600)
}

func (o *options) chatsDir() string { return o.path("chats") }
func (o *options) inChats(slashPath string) string {
	return o.path("chats", filepath.FromSlash(slashPath))
}
func (o *options) summaryFile(step string) string { return o.path(step + ".json") }

// summary reads what a child did to the chats.
func (o *options) summary(step string) (s madeup.Summary, err error) {
	b, err := os.ReadFile(o.summaryFile(step))
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	return s, err
}

// plain is a path that no program's patterns take for anything but itself.
var plain = regexp.MustCompile(`^[A-Za-z0-9/._-]+$`)

// oneFile picks the file nearest to 100 KB whose path is plain.
func oneFile(dir string) (string, error) {
	const wanted = 100_000
	best, away := "", int64(math.MaxInt64)
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if n := max(info.Size()-wanted, wanted-info.Size()); n < away && plain.MatchString(rel) {
			best, away = filepath.ToSlash(rel), n
		}
		return err
	})
	if err == nil && best == "" {
		err = fmt.Errorf("no file in %s can be asked for alone", dir)
	}
	return best, err
}
