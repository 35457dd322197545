package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// bench is a run in a folder of its own.
func bench(t *testing.T, args ...string) *options {
	t.Helper()
	o, err := parse(append(args, "--dir", t.TempDir()), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func noError(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// do does one step as a child would.
func (o *options) do(t *testing.T, step string) {
	t.Helper()
	o.step = step
	noError(t, o.doStep(context.Background()))
}

// restored backs the chats up once more, and restores them.
func (o *options) restored(t *testing.T, name string) string {
	t.Helper()
	o.step = name
	noError(t, o.backup(context.Background()), o.restoreAll(context.Background()))
	return o.path("restored-" + name)
}

// What chatkeep brings back is what was there, with each database and its log
// as one; and the comparison would tell.
func TestRestoredIsCompared(t *testing.T) {
	for _, preset := range []string{"bench", "demo"} {
		t.Run(preset, func(t *testing.T) {
			t.Parallel()
			o := bench(t, "--preset", preset, "--scale", "0.002")
			noError(t, o.init(context.Background()))
			for _, step := range []string{stepMake, stepDay, stepHour} {
				o.do(t, step)
				noError(t, o.compareRestored(o.restored(t, "after-"+step)))
				if s, err := o.summary(step); err != nil || s.Files+int(s.Rewritten) == 0 {
					t.Errorf("%s did nothing: %+v, %v", step, s, err)
				}
			}
			to := o.path("restored-after-" + stepHour)
			file, err := oneFile(filepath.Join(to, o.accountName()))
			noError(t, err)
			noError(t, os.Truncate(filepath.Join(to, o.accountName(), file), 1))
			if err := o.compareRestored(to); err == nil || !strings.Contains(err.Error(), file) {
				t.Errorf("%s is only one byte long, and nobody says so: %v", file, err)
			}
			noError(t, os.RemoveAll(filepath.Join(to, o.accountName())))
			if err := o.compareRestored(to); err == nil {
				t.Error("an account is missing, and nobody says so")
			}
		})
	}
}

func TestSourceYAML(t *testing.T) {
	account, exports := bench(t), bench(t, "--preset", "demo")
	if got := account.sourceYAML(); !strings.Contains(got, "app: wechat") || !strings.Contains(got, "xwechat_files") {
		t.Errorf("account: %s", got)
	}
	if got := exports.sourceYAML(); strings.Contains(got, "app") || !strings.Contains(got, exports.chatsDir()) {
		t.Errorf("exports: %s", got)
	}
}
