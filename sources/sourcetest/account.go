package sourcetest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/sources"
)

func accountIsNamed(s *subject) error {
	if err := sources.CheckName(s.account.Name()); err != nil {
		return err
	}
	if s.account.Kind() == "" {
		return errors.New("no kind")
	}
	if !filepath.IsAbs(s.account.Root()) {
		return fmt.Errorf("root %q is not absolute", s.account.Root())
	}
	return nil
}

func accountsAreStable(s *subject) error {
	again, err := s.source.Accounts(s.t.Context())
	if err != nil {
		return err
	}
	if len(again) != 1 || again[0].Name() != s.account.Name() {
		return fmt.Errorf("first one account %q, then %d", s.account.Name(), len(again))
	}
	return nil
}

func vanishedRoot(s *subject) error {
	if err := os.RemoveAll(s.root); err != nil {
		return err
	}
	v, err := s.account.View(s.t.Context())
	if err == nil {
		v.Close()
		return errors.New("calling View of a root that is gone: no error")
	}
	if !errors.Is(err, sources.ErrVanished) {
		return fmt.Errorf("calling View: %w, want ErrVanished", err)
	}
	h := hint.Find(err)
	if h == nil || h.Code != "source_vanished" {
		return fmt.Errorf("the hint is %+v, want source_vanished", h)
	}
	if h.Args["source"] != s.account.Name() {
		return fmt.Errorf("the hint is about %v, not %q", h.Args["source"], s.account.Name())
	}
	return nil
}
