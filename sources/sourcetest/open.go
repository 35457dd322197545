package sourcetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"

	"github.com/chatkeep/chatkeep/sources"
)

// readAll opens and reads a planted file, and compares it with what was
// planted.
func (s *subject) readAll(v sources.View, e sources.Entry) error {
	c, err := v.Open(s.t.Context(), e)
	if err != nil {
		return err
	}
	defer c.Close()
	got, err := io.ReadAll(c)
	if err != nil {
		return fmt.Errorf("read %q: %w", e.Path, err)
	}
	if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		return fmt.Errorf("read %q past the end: %d, %v", e.Path, n, err)
	}
	if want := contentOf(strings.TrimPrefix(e.Path, "planted/")); !bytes.Equal(got, want) {
		return fmt.Errorf("read %q: %d bytes that are not the %d planted", e.Path, len(got), len(want))
	}
	now, err := c.Stat()
	if err != nil {
		return fmt.Errorf("stat %q: %w", e.Path, err)
	}
	if now.Path != e.Path || now.Size != e.Size || !now.ModTime.Equal(e.ModTime) || now.ChangeNS != e.ChangeNS {
		return fmt.Errorf("stat %q: %+v, the walk said %+v", e.Path, now, e)
	}
	return nil
}

func (s *subject) plantedFiles(kept []sources.Entry) (out []sources.Entry) {
	for _, e := range kept {
		if e.Type == sources.File && strings.HasPrefix(e.Path, "planted/") {
			out = append(out, e)
		}
	}
	return out
}

func contentEqual(s *subject) error {
	if err := s.plant(tree...); err != nil {
		return err
	}
	v, kept, _, err := s.walk()
	if err != nil {
		return err
	}
	files := s.plantedFiles(kept)
	if len(files) != len(tree) {
		return fmt.Errorf("%d files were kept, %d planted", len(files), len(tree))
	}
	for _, e := range files {
		if err := s.readAll(v, e); err != nil {
			return err
		}
	}
	return nil
}

func openWhileWalking(s *subject) error {
	if err := s.plant(tree...); err != nil {
		return err
	}
	v, err := s.view()
	if err != nil {
		return err
	}
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		errs []error
	)
	err = v.Walk(s.t.Context(), func(e sources.Entry) error {
		for _, e := range s.plantedFiles([]sources.Entry{e}) {
			for range 3 {
				wg.Go(func() {
					_, errX := v.XAttrs(e)
					err := errors.Join(errX, s.readAll(v, e))
					mu.Lock()
					defer mu.Unlock()
					errs = append(errs, err)
				})
			}
		}
		return nil
	}, func(sources.Skipped) {})
	wg.Wait()
	return errors.Join(append(errs, err)...)
}

func openVanished(s *subject) error {
	v, e, err := s.entry("folder/file")
	if err != nil {
		return err
	}
	if err := os.Remove(s.at("folder/file")); err != nil {
		return err
	}
	if err := mustFail(s.t.Context(), v, e, fs.ErrNotExist); err != nil {
		return err
	}
	if err := os.Remove(s.at("folder")); err != nil {
		return err
	}
	if err := mustFail(s.t.Context(), v, e, fs.ErrNotExist); err != nil {
		return fmt.Errorf("its folder gone too: %w", err)
	}
	return nil
}

// secret is a file outside of the account.
func (s *subject) secret() (path string, err error) {
	dir := s.t.TempDir()
	return dir, os.WriteFile(dir+"/file", []byte("secret"), 0o644)
}

func swappedFile(s *subject) error {
	v, e, err := s.entry("folder/file")
	if err != nil {
		return err
	}
	outside, err := s.secret()
	if err != nil {
		return err
	}
	if err := s.plant("folder/inside"); err != nil {
		return err
	}
	for _, target := range []string{outside + "/file", "inside"} {
		if err := os.Remove(s.at("folder/file")); err != nil {
			return err
		}
		if os.Symlink(target, s.at("folder/file")) != nil {
			return nil // no symlinks here, so none to follow
		}
		if err := mustFail(s.t.Context(), v, e, nil); err != nil {
			return fmt.Errorf("a symlink to %s: %w", target, err)
		}
	}
	return nil
}

func swappedFolder(s *subject) error {
	v, e, err := s.entry("folder/file")
	if err != nil {
		return err
	}
	outside, err := s.secret()
	if err != nil {
		return err
	}
	if err := os.Rename(s.at("folder"), s.at("moved")); err != nil {
		return err
	}
	for _, target := range []string{outside, "moved"} {
		if os.Symlink(target, s.at("folder")) != nil {
			return nil
		}
		if err := mustFail(s.t.Context(), v, e, nil); err != nil {
			return fmt.Errorf("a symlink to %s: %w", target, err)
		}
		if err := os.Remove(s.at("folder")); err != nil {
			return err
		}
	}
	return nil
}

func folderInPlace(s *subject) error {
	v, e, err := s.entry("folder/file")
	if err != nil {
		return err
	}
	if err := errors.Join(os.Remove(s.at("folder/file")), os.Mkdir(s.at("folder/file"), 0o755)); err != nil {
		return err
	}
	return mustFail(s.t.Context(), v, e, nil)
}

func cancelledOpen(s *subject) error {
	v, e, err := s.entry("file")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	cancel()
	return mustFail(ctx, v, e, context.Canceled)
}

func statTellsChange(s *subject) error {
	v, e, err := s.entry("file")
	if err != nil {
		return err
	}
	c, err := v.Open(s.t.Context(), e)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := os.WriteFile(s.at("file"), []byte("short"), 0o644); err != nil {
		return err
	}
	now, err := c.Stat()
	if err != nil {
		return err
	}
	if now.Size != 5 || now.Path != e.Path {
		return fmt.Errorf("calling Stat after a change: %+v", now)
	}
	return nil
}
