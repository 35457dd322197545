package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/systemd"
)

func (a *app) serviceCommand() *cobra.Command {
	c := &cobra.Command{Use: "service", Short: a.say("cmd.service"), Long: a.say("cmd.service") + "\n\n" + a.say("cmd.service.more"), Args: a.unknownCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(a.serviceInstallCommand(), a.serviceUninstallCommand(), a.serviceStatusCommand(), a.serviceLogsCommand(), a.serviceFactsCommand())
	return c
}

// serviceForm is which of the two services is meant: the user's own, or that of
// one user by the system's manager.
type serviceForm struct {
	system bool
	user   string
}

func (f *serviceForm) flags(a *app, c *cobra.Command) {
	c.Flags().BoolVar(&f.system, "system", false, a.say("flag.service_system"))
	c.Flags().StringVar(&f.user, "user", "", a.say("flag.service_user"))
}

// machine is what the service commands need of this computer. Tests make one
// up.
type machine struct {
	os      string
	booted  func() bool // systemd runs it
	uid     int
	home    string
	lingers func(user string) bool
	lookup  func(user string) (*user.User, error)
	system  string // folder of the system's units
	secrets string // folder of the services' credentials
	program func() (string, error)
	// run runs a program with these variables besides our own, and returns what
	// it wrote to stdout. The error has what it wrote to stderr.
	run func(ctx context.Context, env []string, stdin []byte, name string, args ...string) ([]byte, error)
}

// thisComputer is the real one.
func thisComputer() machine {
	home, _ := os.UserHomeDir() // only Linux needs it, and says if there is none
	return machine{
		os: runtime.GOOS, uid: os.Getuid(), home: home, lookup: user.Lookup, program: os.Executable, run: runProgram,
		booted:  func() bool { return isDir("/run/systemd/system") }, // see sd_booted(3)
		lingers: func(name string) bool { return isThere(filepath.Join("/var/lib/systemd/linger", name)) },
		system:  "/etc/systemd/system", secrets: "/etc/chatkeep/credentials",
	}
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func isThere(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// programError is a program that failed, with what it said.
type programError struct {
	err    error
	name   string
	stderr string
}

func (e *programError) Error() string {
	return "run " + e.name + ": " + e.err.Error() + ": " + strings.TrimSpace(e.stderr)
}
func (e *programError) Unwrap() error { return e.err }

func runProgram(ctx context.Context, env []string, stdin []byte, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	if stdin != nil {
		cmd.Stdin = bytes.NewReader(stdin)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = &programError{err, name, stderr.String()}
	}
	return out, err
}

// manager is the systemd that runs a service: the system's, or a user's own.
type manager struct {
	machine
	owner *user.User // whose chats it backs up
	user  string     // owner's name if it is the system's manager, else empty
	units string     // its folder of units
	env   []string
}

// manager finds the manager that is meant, and whether we may talk to it.
func (a *app) manager(ctx context.Context, on machine, f serviceForm) (*manager, error) {
	switch {
	case f.system != (f.user != ""):
		return nil, usageError(errors.New(a.say("usage.service_form")))
	case on.os != "linux":
		return nil, hint.New("service_unsupported", fmt.Errorf("find systemd: this is %s", on.os))
	case !on.booted():
		return nil, hint.New("service_no_systemd", errors.New("find systemd: /run/systemd/system is not there"))
	case f.system && on.uid != 0:
		return nil, hint.New("service_not_root", fmt.Errorf("change services of the system: user id is %d", on.uid))
	case !f.system && on.uid == 0:
		return nil, hint.New("service_root", errors.New("change services of a user: user id is 0"))
	case f.system:
		return on.systemManager(f.user)
	}
	return a.userManager(ctx, on)
}

func (on machine) systemManager(name string) (*manager, error) {
	owner, err := on.lookup(name)
	if err != nil {
		return nil, hint.New("service_user", fmt.Errorf("find user: %w", err), "user", name)
	}
	return &manager{machine: on, owner: owner, user: name, units: on.system}, nil
}

// userManager finds the folder of units by asking the manager for it: its
// environment is not the shell's.
func (a *app) userManager(ctx context.Context, on machine) (*manager, error) {
	m := &manager{machine: on, owner: &user.User{Uid: strconv.Itoa(on.uid), HomeDir: on.home}}
	if name := a.getenv("USER"); name != "" {
		m.owner.Username = name
	}
	if own, err := user.Current(); err == nil && own.Uid == m.owner.Uid {
		m.owner.Username = own.Username
	}
	if a.getenv("XDG_RUNTIME_DIR") == "" { // as after su
		m.env = []string{"XDG_RUNTIME_DIR=/run/user/" + m.owner.Uid}
	}
	out, err := m.systemctl(ctx, "show", "--property=UnitPath", "--value")
	if err != nil {
		return nil, hint.New("service_no_manager", err, "user", m.owner.Username)
	}
	for _, dir := range strings.Fields(string(out)) {
		if strings.HasSuffix(dir, "/systemd/user") {
			m.units = dir
			return m, nil
		}
	}
	return nil, hint.New("service_no_manager", fmt.Errorf("find the folder of units: it is not in %q", out), "user", m.owner.Username)
}

// systemctl talks to the manager.
func (m *manager) systemctl(ctx context.Context, args ...string) ([]byte, error) {
	if m.user == "" {
		args = append([]string{"--user"}, args...)
	}
	return m.run(ctx, m.env, nil, "systemctl", args...)
}

// service is the installation that is meant, as far as its files' names go.
func (m *manager) service() systemd.Service { return systemd.Service{User: m.user} }

// properties asks for properties of the unit.
func (m *manager) properties(ctx context.Context, names ...string) (map[string]string, error) {
	out, err := m.systemctl(ctx, "show", "--property="+strings.Join(names, ","), m.service().Unit())
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		found[name] = value
	}
	return found, nil
}

// owned reads a file of an installation. It is nil if there is none; one that
// somebody else wrote is an error.
func owned(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case !systemd.Ours(text):
		return nil, hint.New("service_foreign", fmt.Errorf("change %s: it has another author", path), "path", path)
	}
	return text, nil
}
