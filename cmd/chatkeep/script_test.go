package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/chatkeep/chatkeep/crypto/cryptotest"
	"github.com/chatkeep/chatkeep/internal/madeup"
	"github.com/chatkeep/chatkeep/internal/needs"
)

// TestMain lets the stories, and tests that need a process to kill, run this
// very program.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"chatkeep": main, "browser": browserMain, "elsewhere": elsewhereMain,
		"age-plugin-softtag": cryptotest.PluginMain, "age-plugin-softpq": cryptotest.PluginMain})
}

// TestStories runs each story in testdata/script. A story has a home of its
// own, and these commands besides testscript's:
//
//	exits N CMD…      the command ends with this exit code
//	flip GLOB         one bit of the one file is flipped
//	cut GLOB          the one file loses its last byte
//	drop GLOB…        files are removed
//	one GLOB NAME     the path of the one file goes into an environment variable
//	same A B          two trees are identical, times and modes too
//	fifo NAME         makes a named pipe
//	database NAME N   makes a made-up database of N KiB, its folder if needed
//	messages NAME N   lets N pages of it change, in its log
//	messagesOf A B    two databases hold the same, in their logs or not
//	on DEVICE         from here on it is this device's turn
//	field KEY NAME    a text of the last JSON document goes into an environment variable
//	answers NAME T…   a file with what a person types, an answer a line
//	lacks DIR FILE    no file of a tree holds the recovery key that a file holds
//	until PATTERN     waits until chatkeep status --json shows this
//	drive DOES…       revokes the sign-in, forgets or fills the account, …: see driveDoes
//	dav USER PASS F…  starts a WebDAV server; ${DAV} is its address, in the files too
//	hold PART         uploads to it whose path has this part wait, until let
//	held              waits until one does
//	let               lets them go
//	cloud NAME…       starts a cloud; ${PROXY}, ${CA} and its clients go into files
//	token NAME        makes a token's key: its file, and its recipient as $TOKEN
//	rows PAGE NAME    the recovery key's rows on a sheet, as somebody types them
//	untold ROWS WHERE…  the key of these rows is nowhere in files and folders
//	seal IN OUT TO…   makes an age file, or an armored one for OUT.txt: see cryptotest.Seal
func TestStories(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("CHATKEEP_STATE", filepath.Join(env.WorkDir, "state"))
			env.Setenv("CHATKEEP_CACHE", filepath.Join(env.WorkDir, "cache"))
			env.Setenv("CHATKEEP_CONFIG", filepath.Join(env.WorkDir, "chatkeep.yaml"))
			env.Setenv("GORACE", "atexit_sleep_ms=50") // else each program waits a second at its end under the race detector
			env.Setenv("AGE", needs.Age(t))
			return os.Mkdir(filepath.Join(env.WorkDir, "home"), 0o755)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "flip": flip, "cut": cut, "drop": drop, "one": one, "same": same, "fifo": fifo,
			"database": database, "messages": messages, "messagesOf": messagesOf,
			"on": onDevice, "field": field, "answers": answers, "lacks": lacks,
			"cloud": startCloud, "dav": startDAV, "hold": hold, "held": held, "let": let, "sftp": startSFTP, "drive": driveDoes,
			"token": makeToken, "seal": sealFile, "until": until, "rows": typeRows, "untold": untold,
		},
	})
}

func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func only(ts *testscript.TestScript, glob string) string {
	found, err := filepath.Glob(ts.MkAbs(glob))
	ts.Check(err)
	if len(found) != 1 {
		ts.Fatalf("%s is %d files: %v", glob, len(found), found)
	}
	return found[0]
}

func change(ts *testscript.TestScript, path string, fn func([]byte) []byte) {
	b, err := os.ReadFile(path)
	ts.Check(err)
	ts.Check(os.Chmod(path, 0o644))
	ts.Check(os.WriteFile(path, fn(b), 0o644))
}

func flip(ts *testscript.TestScript, _ bool, args []string) {
	change(ts, only(ts, args[0]), func(b []byte) []byte { b[len(b)/2] ^= 4; return b })
}

func cut(ts *testscript.TestScript, _ bool, args []string) {
	change(ts, only(ts, args[0]), func(b []byte) []byte { return b[:len(b)-1] })
}

func drop(ts *testscript.TestScript, _ bool, args []string) {
	for _, glob := range args {
		found, err := filepath.Glob(ts.MkAbs(glob))
		ts.Check(err)
		if len(found) == 0 {
			ts.Fatalf("%s is no file", glob)
		}
		for _, path := range found {
			ts.Check(os.RemoveAll(path))
		}
	}
}

func one(ts *testscript.TestScript, _ bool, args []string) { ts.Setenv(args[1], only(ts, args[0])) }

func same(ts *testscript.TestScript, neg bool, args []string) {
	diffs := madeup.Compare(ts.MkAbs(args[0]), ts.MkAbs(args[1]))
	if neg == (len(diffs) == 0) {
		ts.Fatalf("differences: %s", strings.Join(diffs, "; "))
	}
}

func database(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o755))
	ts.Check(madeup.Database(path, int64(number(ts, args[1]))<<10, 1, true))
}

func messages(ts *testscript.TestScript, _ bool, args []string) {
	n := number(ts, args[1])
	ts.Check(madeup.Mutate(ts.MkAbs(args[0]), madeup.Mutation{Pages: n, Appended: 1, Seed: uint64(n), WAL: true}))
}

func messagesOf(ts *testscript.TestScript, neg bool, args []string) {
	a, err := madeup.StateOf(ts.MkAbs(args[0]))
	ts.Check(err)
	b, err := madeup.StateOf(ts.MkAbs(args[1]))
	ts.Check(err)
	if neg != (a != b) {
		ts.Fatalf("the same: %v", a == b)
	}
}

func number(ts *testscript.TestScript, s string) int {
	n, err := strconv.Atoi(s)
	ts.Check(err)
	return n
}

func fifo(ts *testscript.TestScript, _ bool, args []string) {
	if runtime.GOOS == "windows" {
		ts.Fatalf("no named pipes here")
	}
	ts.Check(makeFifo(ts.MkAbs(args[0])))
}
