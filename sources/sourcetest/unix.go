//go:build linux || darwin

package sourcetest

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/chatkeep/chatkeep/sources"
	"golang.org/x/sys/unix"
)

// patience is how long an open may take before it counts as blocked.
const patience = 20 * time.Second

// fifo plants one, and puts another in a file's place after the walk. An open
// that waits for a writer is let go in the end.
func fifo(s *subject) error {
	if err := os.MkdirAll(s.at("folder"), 0o755); err != nil {
		return err
	}
	if err := unix.Mkfifo(s.at("folder/pipe"), 0o644); err != nil {
		return err
	}
	_, _, skipped, err := s.walk()
	if err != nil {
		return err
	}
	if len(skipped) != 1 || skipped[0].Path != "planted/folder/pipe" || skipped[0].Reason != sources.Special {
		return fmt.Errorf("skipped %+v, want the fifo", skipped)
	}
	v, e, err := s.entry("folder/file")
	if err != nil {
		return err
	}
	if err := errors.Join(os.Remove(s.at("folder/file")), unix.Mkfifo(s.at("folder/file"), 0o644)); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- mustFail(s.t.Context(), v, e, nil) }()
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		_, _ = unix.Open(s.at("folder/file"), unix.O_WRONLY|unix.O_NONBLOCK, 0) // lets it go
		return errors.New("calling Open of a fifo blocks")
	}
}

// attributes sets some, where the file system has them.
func attributes(s *subject) error {
	if err := s.plant("folder/file"); err != nil {
		return err
	}
	want := []string{"user.a", "user.b", "user.c"}
	for _, name := range []string{"user.c", "user.a", "user.b"} {
		err := unix.Setxattr(s.at("folder/file"), name, []byte("value of "+name), 0)
		if errors.Is(err, unix.ENOTSUP) {
			want = nil
			break
		} else if err != nil {
			return err
		}
	}
	v, e, err := s.entryAsIs("folder/file")
	if err != nil {
		return err
	}
	list, err := v.XAttrs(e)
	if err != nil {
		return err
	}
	return checkAttributes(list, want)
}

func checkAttributes(list []sources.XAttr, want []string) error {
	for i, x := range list {
		if i > 0 && list[i-1].Name >= x.Name {
			return fmt.Errorf("attribute %s came before %s", list[i-1].Name, x.Name)
		}
		if len(want) > 0 && x.Name == want[0] {
			if string(x.Value) != "value of "+x.Name {
				return fmt.Errorf("attribute %s is %q", x.Name, x.Value)
			}
			want = want[1:]
		}
	}
	if len(want) > 0 {
		return fmt.Errorf("attributes %v are missing", want)
	}
	return nil
}
