package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"

	"github.com/shirou/gopsutil/v4/disk"

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
	return o, nil
}

// changeChats makes the chats, or lets a day or an hour pass over them, and
// leaves behind what that was.
func (o *options) changeChats() error {
	var s madeup.Summary
	var err error
	switch o.step {
	case stepMake:
		s, err = madeup.Generate(o.chatsDir(), o.chats)
	case stepDay:
		s, err = madeup.Grow(o.chatsDir(), o.chats, 1)
	case stepHour:
		s, err = madeup.Grow(o.chatsDir(), o.chats, 2)
	}
	if err != nil {
		return err
	}
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(o.summaryFile(o.step), b, 0o600)
}

func (o *options) chatsDir() string               { return o.path("chats") }
func (o *options) summaryFile(step string) string { return o.path(step + ".json") }

// summary reads what a child did to the chats.
func (o *options) summary(step string) (s madeup.Summary, err error) {
	b, err := os.ReadFile(o.summaryFile(step))
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	return s, err
}

// makeRoom makes the folder to work in, and makes sure that all of it fits.
func (o *options) makeRoom() (remove func() error, err error) {
	if o.dir == "" {
		o.dir, err = os.MkdirTemp("", "chatkeep-bench-")
	} else {
		o.dir, err = emptyDir(o.dir)
	}
	if err != nil {
		return nil, err
	}
	remove = func() error {
		if o.keep {
			return nil
		}
		return removeAll(o.dir)
	}
	if err := o.checkSpace(); err != nil {
		return nil, errors.Join(err, remove())
	}
	return remove, nil
}

func (o *options) checkSpace() error {
	usage, err := disk.Usage(o.dir)
	if err != nil {
		return fmt.Errorf("ask for free space: %w", err)
	}
	need := o.need()
	if usage.Free < need {
		return fmt.Errorf("work in %s: about %s are needed, %s are free; use --dir or a smaller --scale",
			o.dir, size(int64(need)), size(int64(usage.Free)))
	}
	return nil
}

// need is about how many bytes a run takes on the disk: the chats, the
// repositories, and what is restored as these go.
func (o *options) need() uint64 {
	trees := uint64(5)
	switch {
	case o.profile != "":
		trees = 3
	case o.keep:
		trees = 8
	}
	chats := uint64(max(o.chats.Bytes, 100e6))
	return trees*chats + chats/10 + 500e6
}

func emptyDir(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	list, err := os.ReadDir(dir)
	if err == nil && len(list) > 0 {
		err = fmt.Errorf("folder %s is not empty", dir)
	}
	return dir, err
}

// removeAll removes a tree, folders that nobody may write among it.
func removeAll(dir string) error {
	if os.RemoveAll(dir) == nil {
		return nil
	}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return os.Chmod(p, 0o700)
		}
		return nil
	})
	return errors.Join(err, os.RemoveAll(dir))
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
