package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/systemd"
)

type installFlags struct {
	serviceForm
	program    string
	credential bool
	linger     bool
	noSandbox  bool
	noStart    bool
}

func (a *app) serviceInstallCommand() *cobra.Command {
	var f installFlags
	c := &cobra.Command{
		Use: "install", Short: a.say("cmd.service.install"), Long: a.say("cmd.service.install") + "\n\n" + a.say("cmd.service.install.more"), Args: a.atMost(0),
		RunE: func(c *cobra.Command, _ []string) error { return a.installService(c.Context(), thisComputer(), f) },
	}
	f.flags(a, c)
	c.Flags().StringVar(&f.program, "program", "", a.say("flag.service_program"))
	c.Flags().BoolVar(&f.credential, "credential", false, a.say("flag.service_credential"))
	c.Flags().BoolVar(&f.linger, "linger", false, a.say("flag.service_linger"))
	c.Flags().BoolVar(&f.noSandbox, "no-sandbox", false, a.say("flag.service_no_sandbox"))
	c.Flags().BoolVar(&f.noStart, "no-start", false, a.say("flag.service_no_start"))
	return c
}

// installed is what install says in JSON.
type installed struct {
	Unit       string   `json:"unit"`
	Program    string   `json:"program"`
	Files      []string `json:"files"`
	Started    bool     `json:"started"`
	Linger     *bool    `json:"linger,omitempty"` // of a user's own service
	Sandbox    bool     `json:"sandbox"`
	Credential string   `json:"credential,omitempty"`
	Remarks    []string `json:"remarks"`
}

// installService writes the unit and its drop-ins, and starts the service. Done
// again, it brings all of them up to date.
func (a *app) installService(ctx context.Context, on machine, f installFlags) error {
	m, err := a.manager(ctx, on, f.serviceForm)
	if err != nil {
		return err
	}
	if f.system && (f.linger || f.noSandbox) {
		return usageError(errors.New(a.say("usage.service_own")))
	}
	program, err := m.programFor(f.program)
	if err != nil {
		return err
	}
	facts, err := a.factsOf(ctx, m)
	if err != nil || facts == nil {
		return err
	}
	s := m.describe(facts, program)
	s.Open = f.noSandbox
	dropIn := filepath.Join(m.units, s.DropIns(), "credential.conf")
	if f.credential {
		s.Sealed = m.sealedKeys()
	} else if err := a.checkKeys(facts, dropIn); err != nil {
		return err
	}
	files, err := s.Files()
	if err != nil {
		return hint.New("service_paths", err)
	}
	if err := m.checkFiles(s); err != nil {
		return err
	}
	if f.credential {
		if err := a.sealKeys(ctx, m, facts, s.Sealed); err != nil {
			return err
		}
	}
	d := installed{Unit: s.Unit(), Program: program, Files: []string{}, Sandbox: !s.Open, Credential: s.Sealed, Remarks: facts.Remark}
	for _, file := range files {
		path := filepath.Join(m.units, file.Path)
		if err := writeUnit(path, file.Text); err != nil {
			return err
		}
		d.Files = append(d.Files, path)
	}
	if s.Open {
		if err := os.Remove(filepath.Join(m.units, s.DropIns(), "sandbox.conf")); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return a.activate(ctx, m, f, d)
}

// activate makes the manager know the unit, and starts it.
func (a *app) activate(ctx context.Context, m *manager, f installFlags, d installed) error {
	for _, args := range [][]string{{"daemon-reload"}, {"enable", d.Unit}} {
		if _, err := m.systemctl(ctx, args...); err != nil {
			return hint.New("service_not_enabled", err, "unit", d.Unit)
		}
	}
	if m.user == "" {
		on := a.staying(ctx, m, f.linger)
		d.Linger = &on
	}
	if !f.noStart {
		if err := m.start(ctx, d.Unit); err != nil {
			return err
		}
		d.Started = true
	}
	a.tellInstalled(m, d)
	return a.document(d)
}

// start starts the service, or starts it anew, and waits until it is ready.
func (m *manager) start(ctx context.Context, unit string) error {
	if _, err := m.systemctl(ctx, "reset-failed", unit); err != nil && ctx.Err() != nil { // it fails if nothing had failed
		return err
	}
	_, err := m.systemctl(ctx, "restart", unit)
	if err == nil {
		return nil
	}
	why, perr := m.properties(ctx, "Result", "ExecMainStatus")
	if perr != nil {
		return errors.Join(err, perr)
	}
	if status := why["ExecMainStatus"]; m.user == "" && (status == "226" || status == "217") { // namespaces, users: see systemd.exec(5)
		return hint.New("service_sandbox", err, "status", status)
	}
	return hint.New("service_not_started", fmt.Errorf("%w (%s, %s)", err, why["Result"], why["ExecMainStatus"]), "unit", unit, "logs", m.command("logs"))
}

// command is a command of ours for this service, as it is typed.
func (m *manager) command(name string) string {
	if m.user == "" {
		return "chatkeep service " + name
	}
	return "sudo chatkeep service " + name + " --system --user " + shellWord(m.user)
}

// staying reports whether the user's services run while the user is not signed
// in, after having asked for it if that is wanted.
func (a *app) staying(ctx context.Context, m *manager, want bool) bool {
	on := m.lingers(m.owner.Username)
	if on || !want {
		return on
	}
	if _, err := m.run(ctx, m.env, nil, "loginctl", "enable-linger", m.owner.Username); err != nil {
		a.raise(exitRemarks)
		a.note("service.linger_refused", "reason", printable(err.Error()), "user", shellWord(m.owner.Username))
		return false
	}
	return true
}

func (a *app) tellInstalled(m *manager, d installed) {
	if d.Started {
		a.tell("service.installed", "unit", d.Unit)
	} else {
		a.tell("service.installed_only", "unit", d.Unit)
	}
	for _, path := range d.Files {
		a.detail("service.file", "path", printable(path))
	}
	if d.Linger != nil && *d.Linger {
		a.tell("service.linger_on")
	} else if d.Linger != nil {
		a.tell("service.linger_off", "user", shellWord(m.owner.Username))
	}
	if d.Credential != "" {
		a.tell("service.sealed", "path", printable(d.Credential))
	}
	for _, code := range d.Remarks {
		a.tell("service.remark." + code)
	}
	a.tell("service.look", "logs", m.command("logs"))
}

// describe is the installation that the facts lead to.
func (m *manager) describe(facts *serviceFacts, program string) systemd.Service {
	s := systemd.Service{User: m.user, Group: m.owner.Gid, Home: m.owner.HomeDir, Program: program,
		State: facts.State, Cache: facts.Cache, Env: facts.Env, Write: facts.Write, Hide: facts.Hide}
	if m.user != "" && inside(program, m.owner.HomeDir) {
		facts.Read = append(facts.Read, program) // homes are empty
	}
	for _, p := range facts.Read {
		if !slices.ContainsFunc(facts.Read, func(q string) bool { return p != q && strings.HasPrefix(p, q+"/") }) {
			s.Read = append(s.Read, p)
		}
	}
	return s
}

// programFor returns the path of the program that the service is to run. One
// that is gone tomorrow is refused.
func (m *manager) programFor(given string) (string, error) {
	path, err := given, error(nil)
	if path == "" {
		path, err = m.program()
	}
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return "", err
	}
	refuse := func(why string) (string, error) {
		return "", hint.New("service_program", fmt.Errorf("run %s as a service: %s", path, why), "path", path)
	}
	for _, dir := range []string{"/tmp", "/var/tmp", "/run", "/dev", os.TempDir()} {
		if inside(path, dir) {
			return refuse("it is in a folder for temporary files")
		}
	}
	if strings.Contains(path, "/go-build") {
		return refuse("it is in the go command's cache")
	}
	info, err := os.Stat(path)
	if err != nil {
		return refuse(err.Error())
	}
	if !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return refuse("it is no program")
	}
	return path, nil
}

// checkKeys refuses to install what could never start.
func (a *app) checkKeys(facts *serviceFacts, dropIn string) error {
	if facts.Keys || isThere(dropIn) {
		return nil
	}
	return hint.New("service_no_keys", fmt.Errorf("install service: no keys in %s", facts.State), "path", facts.State)
}

// checkFiles refuses to write over somebody else's files.
func (m *manager) checkFiles(s systemd.Service) error {
	if _, err := owned(filepath.Join(m.units, s.UnitFile())); err != nil {
		return err
	}
	for _, name := range systemd.DropInNames() {
		if _, err := owned(filepath.Join(m.units, s.DropIns(), name)); err != nil {
			return err
		}
	}
	return nil
}

func writeUnit(path, text string) error {
	if err := durable.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return durable.WriteFile(path, []byte(text), 0o644)
}

// sealedKeys is where the encrypted keys of the service lie.
func (m *manager) sealedKeys() string {
	if m.user != "" {
		return filepath.Join(m.secrets, m.user+"."+systemd.Credential+".cred")
	}
	return filepath.Join(filepath.Dir(m.units), systemd.Credential+".cred")
}

// sealKeys encrypts the device's keys for the service, with a key of this
// machine's. They are read as the user, whose link could lead anywhere, and go
// from one program to the other without a file.
func (a *app) sealKeys(ctx context.Context, m *manager, facts *serviceFacts, to string) error {
	from := filepath.Join(facts.State, "device.json")
	if !facts.Keys {
		return hint.New("service_no_keys", fmt.Errorf("encrypt keys for the service: %s is not there", from), "path", facts.State)
	}
	args := []string{"encrypt", "--name=" + systemd.Credential, "--with-key=host"}
	var keys []byte
	var err error
	if m.user != "" {
		keys, err = m.runAs(ctx, a.getenv, "cat", "--", from)
	} else {
		keys, err = durable.ReadSecret(from)
		args = []string{"encrypt", "--user", "--name=" + systemd.Credential}
	}
	if err != nil {
		return fmt.Errorf("read keys for the service: %w", err)
	}
	dir := filepath.Dir(to)
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil { // others may look for a configuration there
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	sealed, err := m.run(ctx, m.env, keys, "systemd-creds", append(args, "-", "-")...)
	if err != nil {
		return hint.New("service_credential", err)
	}
	return durable.ReplaceSecret(to, sealed)
}
