package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// The folder of each program, and the section of rclone's configuration that
// signs it in there. A computer that only restores has a sign-in of its own.
const (
	ourPlace   = "chatkeep"
	otherPlace = "elsewhere"
	itsPlace   = "restic"
)

// programs returns chatkeep and, if it and rclone are there, restic.
func (c *onCloud) programs() (list []program, missing []string, err error) {
	if err := c.writeRcloneConfig(); err != nil {
		return nil, nil, err
	}
	ours, err := c.ours()
	if err != nil {
		return nil, nil, err
	}
	list = []program{ours}
	restic, err := exec.LookPath("restic")
	if err != nil {
		missing = append(missing, "restic")
	}
	if c.rclone == "" {
		missing = append(missing, "rclone")
	}
	if len(missing) == 0 {
		list = append(list, c.restic(restic, c.rclone))
	}
	return list, missing, nil
}

// rcloneSource is rclone as far as restic needs it here. It is no part of this
// module's code, but is built with the module's version of rclone, so that both
// programs have the same one.
const rcloneSource = `package main

import (
	_ "github.com/rclone/rclone/backend/drive"
	_ "github.com/rclone/rclone/backend/onedrive"
	"github.com/rclone/rclone/cmd"
	_ "github.com/rclone/rclone/cmd/serve/restic"
	_ "github.com/rclone/rclone/cmd/version"
)

func main() { cmd.Main() }
`

// buildRclone builds rclone if restic is there and has none yet.
func (o *options) buildRclone(ctx context.Context) (err error) {
	if o.rclone != "" {
		o.rclone, err = filepath.Abs(o.rclone)
		return err
	}
	if _, err := exec.LookPath("restic"); err != nil {
		return nil
	}
	source, binary := o.path("rclone", "main.go"), o.path("bin", "rclone")
	if err = os.MkdirAll(filepath.Dir(source), 0o700); err == nil {
		err = os.WriteFile(source, []byte(rcloneSource), 0o600)
	}
	if err == nil {
		err = goBuild(ctx, binary, source)
	}
	if err != nil {
		return fmt.Errorf("build rclone: %w", err)
	}
	o.rclone = binary
	return nil
}

func (c *onCloud) rcloneConfig() string { return c.path("rclone.conf") }

// writeRcloneConfig signs everybody in.
func (c *onCloud) writeRcloneConfig() error {
	var b strings.Builder
	for _, section := range []string{ourPlace, otherPlace, itsPlace} {
		fmt.Fprintf(&b, "[%s]\ntype = %s\n", section, c.kind)
		values := c.signIn(c.cloud)
		for _, name := range slices.Sorted(maps.Keys(values)) {
			fmt.Fprintf(&b, "%s = %s\n", name, values[name])
		}
		b.WriteByte('\n')
	}
	return os.WriteFile(c.rcloneConfig(), []byte(b.String()), 0o600)
}

// throughProxy is how a program without settings of its own gets to the cloud.
func (c *onCloud) throughProxy() []string {
	return []string{"HTTPS_PROXY=" + c.cloud.Proxy(), "SSL_CERT_FILE=" + c.cloud.CAFile()}
}

func (c *onCloud) ours() (program, error) {
	binary, remote := c.chatkeep, c.kind+":"+ourPlace
	home := func(elem ...string) string { return c.path(append([]string{"chatkeep"}, elem...)...) }
	if err := os.MkdirAll(home(), 0o700); err != nil {
		return program{}, err
	}
	key := home("recovery.txt")
	yaml := fmt.Sprintf("device: bench\nsources: [%s]\nremote: {type: %s, folder: %s, proxy: %q, ca_cert: %q}\n",
		c.sourceYAML(), c.kind, ourPlace, c.cloud.Proxy(), c.cloud.CAFile())
	if err := os.WriteFile(home("chatkeep.yaml"), []byte(yaml), 0o600); err != nil {
		return program{}, err
	}
	env := []string{"CHATKEEP_CONFIG=" + home("chatkeep.yaml"), "CHATKEEP_STATE=" + home("state"), "CHATKEEP_CACHE=" + home("cache"), "CHATKEEP_LANG=en"}
	bare := append(c.throughProxy(), "CHATKEEP_CONFIG="+home("none.yaml"), "CHATKEEP_STATE="+home("none"), "CHATKEEP_CACHE="+home("nocache"), "CHATKEEP_LANG=en")
	do := func(args ...string) command { return command{args: append([]string{binary}, args...), env: env} }
	login := func(section string, env []string) command {
		return command{args: []string{binary, "remote", "login", "--remote", remote, "--from-rclone", c.rcloneConfig(), "--section", section, "--json"}, env: env}
	}
	return program{
		name: "chatkeep", version: version(c.ctx, binary), merges: true,
		setup:  []command{login(ourPlace, env), login(otherPlace, bare), do("init", "--recovery", key, "--json")},
		backup: func(int) command { return do("backup", "--json") },
		pull: func(to string) command {
			return command{args: []string{binary, "pull", "--remote", remote, "--identity", key, "--to", to, "--mirror", "--json"}, env: bare}
		},
		one: func(file, to string) command {
			return command{args: []string{binary, "restore", "latest", "--remote", remote, "--identity", key, "--to", to, "--include", c.accountName() + "/" + file, "--json"}, env: bare}
		},
	}, nil
}

// restic reaches clouds by a child that it waits for.
func (c *onCloud) restic(restic, rclone string) program {
	home := func(elem ...string) string { return c.path(append([]string{"restic"}, elem...)...) }
	env := append(c.throughProxy(), "RESTIC_REPOSITORY=rclone:"+itsPlace+":"+itsPlace, "RESTIC_PASSWORD=bench", "RCLONE_CONFIG="+c.rcloneConfig())
	do := func(cache string, args ...string) command {
		return command{args: append([]string{restic, "--quiet", "-o", "rclone.program=" + rclone, "-o", "rclone.args=serve restic --stdio"}, args...), env: append(slices.Clone(env), "RESTIC_CACHE_DIR="+cache)}
	}
	return program{
		name: "restic", version: version(c.ctx, restic) + ", with " + version(c.ctx, rclone),
		setup:  []command{do(home("cache"), "init", "--repository-version", "2")},
		backup: func(int) command { return do(home("cache"), "backup", "--compression", "auto", c.chatsDir()) },
		pull:   func(to string) command { return do(home("pullcache"), "restore", "latest", "--target", to) },
		one: func(file, to string) command {
			return do(home("nocache"), "restore", "latest", "--target", to, "--include", c.inChats(path.Join(c.account(), file)))
		},
	}
}
