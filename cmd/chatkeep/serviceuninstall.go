package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/systemd"
)

func (a *app) serviceUninstallCommand() *cobra.Command {
	var f serviceForm
	c := &cobra.Command{
		Use: "uninstall", Short: a.say("cmd.service.uninstall"), Long: a.say("cmd.service.uninstall") + "\n\n" + a.say("cmd.service.uninstall.more"), Args: a.atMost(0),
		RunE: func(c *cobra.Command, _ []string) error { return a.uninstallService(c.Context(), thisComputer(), f) },
	}
	f.flags(a, c)
	return c
}

// uninstallService stops the service and removes what install wrote. The
// encrypted keys stay: they may be the only ones.
func (a *app) uninstallService(ctx context.Context, on machine, f serviceForm) error {
	m, err := a.manager(ctx, on, f)
	if err != nil {
		return err
	}
	s := m.service()
	files, err := m.written(s)
	if err != nil {
		return err
	}
	removed := []string{}
	if len(files) > 0 {
		if _, err := m.systemctl(ctx, "disable", "--now", s.Unit()); err != nil {
			return hint.New("service_not_stopped", err, "unit", s.Unit())
		}
	}
	for _, path := range files {
		if err := os.Remove(path); err != nil {
			return err
		}
		removed = append(removed, path)
	}
	kept := m.tidy(s)
	if len(files) > 0 {
		if _, err := m.systemctl(ctx, "daemon-reload"); err != nil {
			return err
		}
		if _, err := m.systemctl(ctx, "reset-failed", s.Unit()); err != nil && ctx.Err() != nil { // it fails if nothing had failed
			return err
		}
	}
	a.tellUninstalled(s, removed, kept)
	return a.document(map[string]any{"unit": s.Unit(), "removed": removed, "kept": kept})
}

func (a *app) tellUninstalled(s systemd.Service, removed, kept []string) {
	if len(removed) == 0 {
		a.tell("service.none", "unit", s.Unit())
	} else {
		a.tell("service.uninstalled", "unit", s.Unit())
	}
	for _, path := range kept {
		a.detail("service.kept", "path", printable(path))
	}
}

// written lists the files of the installation that are there. The template
// stays while another user's service needs it.
func (m *manager) written(s systemd.Service) ([]string, error) {
	paths := []string{}
	for _, name := range systemd.DropInNames() {
		paths = append(paths, filepath.Join(m.units, s.DropIns(), name))
	}
	if !m.shared(s) {
		paths = append(paths, filepath.Join(m.units, s.UnitFile()))
	}
	var found []string
	for _, path := range paths {
		text, err := owned(path)
		if err != nil {
			return nil, err
		}
		if text != nil {
			found = append(found, path)
		}
	}
	return found, nil
}

// shared reports whether another user's service comes from the same template.
func (m *manager) shared(s systemd.Service) bool {
	others, _ := filepath.Glob(filepath.Join(m.units, "chatkeep@*.service.d", "paths.conf")) // the pattern is right
	for _, path := range others {
		if text, err := owned(path); err == nil && text != nil && filepath.Dir(path) != filepath.Join(m.units, s.DropIns()) {
			return m.user != ""
		}
	}
	return false
}

// tidy removes the folder of drop-ins, and returns what is left: files of
// others in it, and the encrypted keys.
func (m *manager) tidy(s systemd.Service) []string {
	kept := []string{}
	dir := filepath.Join(m.units, s.DropIns())
	if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		kept = append(kept, dir)
	}
	if sealed := m.sealedKeys(); isThere(sealed) {
		kept = append(kept, sealed)
	}
	return kept
}
