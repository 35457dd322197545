package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// program is one that makes backups, and how it does each step. Every command
// is quiet and has the settings the program comes with.
type program struct {
	name    string
	version string
	repo    string   // its repository, whose growth counts
	caches  []string // what is removed before a cold start
	merges  bool     // what it restores has logs merged into their databases
	setup   []command
	backup  func(n int) command // the n-th of a repository, from 1
	restore func(to string) command
	pull    func(to string) command       // nil if there is no way to do it
	one     func(file, to string) command // of the account
	verify  command
}

// programs returns chatkeep and the peers that are there, and names those
// that are not.
func (o *options) programs(ctx context.Context) (list []program, missing []string, err error) {
	ours, err := o.ours(ctx)
	if err != nil {
		return nil, nil, err
	}
	list = []program{ours}
	for _, peer := range []struct {
		name string
		make func(binary string) program
	}{{"restic", o.restic}, {"borg", o.borg}} {
		path, err := exec.LookPath(peer.name)
		if err != nil {
			missing = append(missing, peer.name)
			continue
		}
		p := peer.make(path)
		p.name, p.version = peer.name, version(ctx, path)
		list = append(list, p)
	}
	return list, missing, nil
}

// version is the first line a peer says when asked.
func version(ctx context.Context, path string) string {
	for _, ask := range []string{"--version", "version"} {
		if b, err := exec.CommandContext(ctx, path, ask).Output(); err == nil {
			line, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
			return line
		}
	}
	return "unknown version"
}

// build builds chatkeep as it is shipped, if there is no binary yet.
func (o *options) build(ctx context.Context) (err error) {
	if o.chatkeep != "" {
		o.chatkeep, err = filepath.Abs(o.chatkeep)
		return err
	}
	o.chatkeep = o.path("bin", "chatkeep")
	if err := goBuild(ctx, o.chatkeep, "github.com/chatkeep/chatkeep/cmd/chatkeep"); err != nil {
		return fmt.Errorf("build chatkeep: %w", err)
	}
	return nil
}

// goBuild builds a package, or a file, with this module's versions of others.
func goBuild(ctx context.Context, binary, what string) error {
	return must(ctx, command{args: []string{"go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, what}})
}

func (o *options) ours(ctx context.Context) (program, error) {
	binary := o.chatkeep
	home := func(elem ...string) string { return o.path(append([]string{"chatkeep"}, elem...)...) }
	if err := os.MkdirAll(home(), 0o700); err != nil {
		return program{}, err
	}
	repo, key := home("repository"), home("recovery.txt")
	yaml := fmt.Sprintf("device: bench\nsources: [%s]\nremote: {type: local, folder: %q}\n", o.sourceYAML(), repo)
	if err := os.WriteFile(home("chatkeep.yaml"), []byte(yaml), 0o600); err != nil {
		return program{}, err
	}
	env := []string{"CHATKEEP_CONFIG=" + home("chatkeep.yaml"), "CHATKEEP_STATE=" + home("state"), "CHATKEEP_CACHE=" + home("cache"), "CHATKEEP_LANG=en"}
	do := func(args ...string) command { return command{args: append([]string{binary}, args...), env: env} }
	// A cold start has nothing but the key: neither config, state nor cache.
	bare := []string{"CHATKEEP_CONFIG=" + home("none.yaml"), "CHATKEEP_STATE=" + home("none"), "CHATKEEP_CACHE=" + home("nocache"), "CHATKEEP_LANG=en"}
	restore := func(to string, more ...string) command {
		args := []string{binary, "restore", "latest", "--remote", "local:" + repo, "--identity", key, "--to", to, "--json"}
		return command{args: append(args, more...), env: bare, read: downloaded}
	}
	return program{
		name: "chatkeep", version: version(ctx, binary), repo: repo, merges: true, caches: []string{home("none"), home("nocache")},
		setup:   []command{do("init", "--recovery", key, "--json")},
		backup:  func(int) command { return do("backup", "--json") },
		restore: func(to string) command { return restore(to) },
		pull: func(to string) command {
			return command{args: []string{binary, "pull", "--remote", "local:" + repo, "--identity", key, "--to", to, "--mirror", "--json"}, env: bare, read: downloaded}
		},
		one:    func(file, to string) command { return restore(to, "--include", o.accountName()+"/"+file) },
		verify: do("verify", "--json"),
	}, nil
}

// downloaded is what a restore or a pull of chatkeep says it read.
func downloaded(stdout []byte) (int64, error) {
	var d struct{ Downloaded int64 }
	if err := json.Unmarshal(stdout, &d); err != nil {
		return 0, fmt.Errorf("read what a restore said: %w", err)
	}
	return d.Downloaded, nil
}

// restic compresses only in the second version of its repository.
func (o *options) restic(binary string) program {
	home := func(elem ...string) string { return o.path(append([]string{"restic"}, elem...)...) }
	env := []string{"RESTIC_REPOSITORY=" + home("repository"), "RESTIC_PASSWORD=bench", "RESTIC_CACHE_DIR=" + home("cache")}
	do := func(args ...string) command {
		return command{args: append([]string{binary, "--quiet"}, args...), env: env}
	}
	chats := o.chatsDir()
	return program{
		repo: home("repository"), caches: []string{home("cache")},
		setup:   []command{do("init", "--repository-version", "2")},
		backup:  func(int) command { return do("backup", "--compression", "auto", chats) },
		restore: func(to string) command { return do("restore", "latest", "--target", to) },
		pull:    func(to string) command { return do("restore", "latest", "--target", to) },
		one: func(file, to string) command {
			return do("--no-cache", "restore", "latest", "--target", to, "--include", o.inChats(path.Join(o.account(), file)))
		},
		verify: do("check"),
	}
}

func (o *options) borg(binary string) program {
	home := func(elem ...string) string { return o.path(append([]string{"borg"}, elem...)...) }
	repo := home("repository")
	env := []string{"BORG_BASE_DIR=" + home("base"), "BORG_PASSPHRASE=bench", "BORG_RELOCATED_REPO_ACCESS_IS_OK=yes",
		"BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes"}
	do := func(dir string, args ...string) command {
		return command{args: append([]string{binary}, args...), env: env, dir: dir}
	}
	last := 0
	archive := func() string { return fmt.Sprintf("%s::%d", repo, last) }
	return program{
		repo: repo, caches: []string{home("base")},
		setup: []command{do("", "init", "--encryption", "repokey-blake2", "--make-parent-dirs", repo)},
		backup: func(n int) command {
			last = n
			return do(o.chatsDir(), "create", "--compression", "lz4", archive(), ".")
		},
		restore: func(to string) command { return do(to, "extract", archive()) },
		one:     func(file, to string) command { return do(to, "extract", archive(), path.Join(o.account(), file)) },
		verify:  do("", "check", "--repository-only", repo),
	}
}
