package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// usage is what one process cost, and what it left.
type usage struct {
	CPU     time.Duration // user and system, of the process and the children it waited for
	Wall    time.Duration
	Peak    int64 // bytes of memory; 0 where the system doesn't tell
	Stored  int64 // bytes the repository grew by
	Objects int   // files the repository grew by
	Read    int64 // bytes it read from its repository; 0 where it doesn't tell
	Asked   traffic
	Exit    int
}

// command is a program to run.
type command struct {
	args []string
	env  []string // besides ours
	dir  string
	// read finds in what it prints how much it read from its repository; nil:
	// it doesn't tell.
	read func(stdout []byte) (int64, error)
}

// measured runs a command to its end. A program that can't be started is an
// error; one that ends badly is a usage with its exit code, and what it said.
func measured(ctx context.Context, c command) (u usage, said string, err error) {
	cmd := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
	cmd.Env, cmd.Dir = append(os.Environ(), c.env...), c.dir
	var stdout, stderr bytes.Buffer
	cmd.Stderr = &stderr
	if c.read != nil {
		cmd.Stdout = &stdout
	}
	start := time.Now()
	err = cmd.Run()
	u.Wall = time.Since(start)
	if ctx.Err() != nil {
		return u, "", ctx.Err()
	}
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		return u, "", err
	}
	state := cmd.ProcessState
	u.CPU, u.Peak, u.Exit = state.UserTime()+state.SystemTime(), peak(state), state.ExitCode()
	if c.read != nil && u.Exit == 0 {
		if u.Read, err = c.read(stdout.Bytes()); err != nil {
			return u, "", err
		}
	}
	return u, lastLines(stderr.String()), nil
}

// must is measured for a step without which nothing else makes sense.
func must(ctx context.Context, c command) error {
	u, said, err := measured(ctx, c)
	if err == nil && u.Exit != 0 {
		err = fmt.Errorf("%s ended with %d: %s", strings.Join(c.args[:min(2, len(c.args))], " "), u.Exit, said)
	}
	return err
}

func lastLines(s string) string {
	s = strings.TrimSpace(s)
	return s[max(0, len(s)-500):]
}

// content is how much a folder holds.
type content struct {
	files int
	bytes int64
}

func measureDir(dir string) (c content, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			c.files++
			c.bytes += info.Size()
		}
		return err
	})
	return c, err
}
