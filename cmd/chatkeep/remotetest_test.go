package main

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/chatkeep/chatkeep/internal/fakecloud"
)

// clouds are those of the stories that run.
var clouds sync.Map // *testscript.TestScript → *fakecloud.Cloud

// driveDoes is the story's command drive:
//
//	drive revoke      the sign-in is no longer taken
//	drive offline     the proxy answers nothing; online ends it
//	drive quota N     the account holds N more bytes
//	drive fault KIND STATUS REASON [SKIP]   the next such request, or the one after SKIP, fails, and so do all later ones
//	drive healed      no more of that
//	drive holds TEXT  some path contains it
//	drive trash TEXT  something in the trash does
func driveDoes(ts *testscript.TestScript, neg bool, args []string) {
	v, ok := clouds.Load(ts)
	if !ok {
		ts.Fatalf("there is no cloud yet")
	}
	c := v.(*fakecloud.Cloud)
	account := c.Drive().Account("")
	switch args[0] {
	case "revoke":
		c.Drive().Revoke()
		c.Drive().Expire()
	case "offline", "online":
		c.SetOffline(args[0] == "offline")
	case "quota":
		account.SetQuota(account.Used() + int64(number(ts, args[1])))
	case "fault":
		status, body := fakecloud.DriveError(number(ts, args[2]), args[3], "no")
		f := fakecloud.Fault{Kind: fakecloud.Kind(args[1]), Status: status, Body: body, Times: -1}
		if len(args) > 4 {
			f.Skip, _ = strconv.Atoi(args[4])
		}
		c.Inject(f)
	case "healed":
		c.ClearFaults()
	case "holds", "trash":
		list := account.Paths()
		if args[0] == "trash" {
			list = account.Trashed()
		}
		if strings.Contains(strings.Join(list, "\n"), args[1]) == neg {
			ts.Fatalf("it holds %v", list)
		}
	default:
		ts.Fatalf("drive can't %s", args[0])
	}
}

// Ctrl-C in the middle of the large object: what was written goes, and the
// exit code says that nothing was found out.
func TestRemoteTestThatIsInterruptedLeavesNothing(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // there is no such signal to send
	}
	for _, s := range services {
		t.Run(s.kind, func(t *testing.T) {
			c := newCloud(t)
			x := newComputer(t, c, s)
			x.configure()
			held, end := make(chan struct{}), make(chan struct{})
			c.Inject(fakecloud.Fault{Kind: fakecloud.KindChunk, Skip: 3, Delay: held, Drop: true})
			c.Inject(fakecloud.Fault{Kind: fakecloud.KindChunk, Skip: 3, Times: -1, Delay: end, Drop: true})
			cmd, out, ended := x.start("remote", "test")
			select {
			case held <- struct{}{}:
			case <-ended:
				t.Fatalf("the test was over before it could be interrupted: %s", out)
			}
			if paths := strings.Join(s.files(c).Paths(), " "); !strings.Contains(paths, "probe/") {
				t.Fatalf("nothing of the test is there yet: %s", paths)
			}
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			if code := <-ended; code != exitFailed || !strings.Contains(out.String(), `"interrupted"`) {
				t.Errorf("exit code %d: %s", code, out)
			}
			close(end)
			c.Idle()
			if paths := strings.Join(s.files(c).Paths(), " "); strings.Contains(paths, "probe/") {
				t.Errorf("left behind: %s", paths)
			}
		})
	}
}
