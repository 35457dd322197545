package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/cloud"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/snapshot"
	"github.com/chatkeep/chatkeep/sources"
	"github.com/chatkeep/chatkeep/sources/folder"
	"github.com/chatkeep/chatkeep/sources/profile"
)

// The steps of a profile run. Each is a process of its own, like a command, and
// heeds GOGC and GOMEMLIMIT; cmd/chatkeep has stricter ones by default.
const (
	stepInit     = "init"
	stepFirst    = "first"
	stepSame     = "same"
	stepGrown    = "grown"
	stepCompared = "compared" // grown, and read whole
	stepRestore  = "restore"
	stepOne      = "one"
)

// profileAll runs chatkeep's steps one after the other and prints what each
// cost.
func (o *options) profileAll(ctx context.Context, out, log io.Writer) error {
	var err error
	if o.profile, err = filepath.Abs(o.profile); err != nil {
		return err
	}
	if err := os.MkdirAll(o.profile, 0o755); err != nil {
		return err
	}
	fmt.Fprintln(log, "bench: making up chats in", o.dir)
	birth, steps := stepMake, []string{stepInit, stepFirst, stepSame, stepDay, stepGrown, stepRestore, stepOne}
	if o.databases {
		birth, steps = stepEncrypted, []string{stepInit, stepFirst, stepSame, stepMany, stepGrown, stepManyMoved, stepCompared, stepRestore}
	}
	if err := o.runStep(ctx, birth, io.Discard); err != nil {
		return err
	}
	if o.file, err = oneFile(o.inChats(o.account())); err != nil {
		return err
	}
	for _, step := range steps {
		if err := o.runStep(ctx, step, out); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "profiles: go tool pprof -top %s\n", filepath.Join(o.profile, stepFirst+".cpu"))
	return nil
}

// runStep does one step in a child, and prints what it cost.
func (o *options) runStep(ctx context.Context, step string, out io.Writer) error {
	c, err := o.child(step)
	if err != nil {
		return err
	}
	before, err := measureDir(o.path("remote"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	u, said, err := measured(ctx, c)
	if err == nil && u.Exit != 0 {
		err = fmt.Errorf("step %s ended with %d: %s", step, u.Exit, said)
	}
	if err != nil {
		return err
	}
	after, err := measureDir(o.path("remote"))
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	fmt.Fprintf(out, "%-20s %6.2f CPU s %7.1f s %7s peak %9s in %d objects\n", step,
		u.CPU.Seconds(), u.Wall.Seconds(), size(u.Peak), size(after.bytes-before.bytes), after.files-before.files)
	return err
}

// profileStep does one step of chatkeep, under the profiler.
func (o *options) profileStep(ctx context.Context) error {
	cloud.IgnoreSignals()
	do, ok := map[string]func(context.Context) error{
		stepInit: o.init, stepFirst: o.backup, stepSame: o.backup, stepGrown: o.backup, stepCompared: o.backup,
		stepRestore: o.restoreAll, stepOne: o.restoreOne,
	}[o.step]
	if !ok {
		return fmt.Errorf("unknown step %q", o.step)
	}
	f, err := os.Create(filepath.Join(o.profile, o.step+".cpu"))
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return errors.Join(err, f.Close())
	}
	err = do(ctx)
	pprof.StopCPUProfile()
	return errors.Join(err, f.Close(), o.memory())
}

// memory writes what was allocated since the process began.
func (o *options) memory() error {
	f, err := os.Create(filepath.Join(o.profile, o.step+".mem"))
	if err != nil {
		return err
	}
	runtime.GC() // the profile is as of the last collection
	return errors.Join(pprof.Lookup("allocs").WriteTo(f, 0), f.Close())
}

func (o *options) remote(ctx context.Context) (providers.Remote, error) {
	r, err := cloud.Open(ctx, providers.Place{Type: "local", Path: o.path("remote")}, cloud.Options{})
	if err != nil {
		return nil, err
	}
	return providers.Reliable(r, providers.RetryOptions{}), nil
}

// open opens the repository as the device that makes the backups.
func (o *options) open(ctx context.Context) (*repo.Repo, *repo.State, error) {
	remote, err := o.remote(ctx)
	if err != nil {
		return nil, nil, err
	}
	state, err := repo.OpenState(o.path("state"), nil)
	if err != nil {
		return nil, nil, err
	}
	r, err := repo.Open(ctx, remote, repo.Options{State: state, Cache: o.path("cache")})
	return r, state, err
}

func (o *options) recoveryFile() string { return o.path("recovery.txt") }

func (o *options) init(ctx context.Context) error {
	recovery, err := crypto.GenerateIdentity()
	if err != nil {
		return err
	}
	if err := durable.WriteSecret(o.recoveryFile(), []byte(recovery.String())); err != nil {
		return err
	}
	remote, err := o.remote(ctx)
	if err != nil {
		return err
	}
	state, err := repo.OpenState(o.path("state"), nil)
	if err != nil {
		return err
	}
	_, err = repo.Init(ctx, remote, repo.InitOptions{State: state, Cache: o.path("cache"), Recovery: recovery,
		Device: "bench", Role: format.Full, Client: "bench"})
	return errors.Join(err, state.Close())
}

func (o *options) backup(ctx context.Context) (err error) {
	r, state, err := o.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, state.Close()) }()
	accounts, err := o.accounts(ctx)
	if err != nil {
		return err
	}
	_, err = snapshot.Take(ctx, r, accounts, snapshot.TakeOptions{Writer: repo.WriterOptions{Client: "bench"}})
	return err
}

func (o *options) accounts(ctx context.Context) ([]sources.Account, error) {
	if o.isAccount() {
		s, err := profile.New(profile.Options{Name: sourceName, Profiles: profile.Named(profile.Builtin(), "wechat"), Root: o.appRoot()})
		if err != nil {
			return nil, err
		}
		return s.Accounts(ctx)
	}
	s, err := folder.New(folder.Options{Name: sourceName, Root: o.chatsDir()})
	if err != nil {
		return nil, err
	}
	return s.Accounts(ctx)
}

func (o *options) restoreAll(ctx context.Context) error { return o.restore(ctx) }

func (o *options) restoreOne(ctx context.Context) error {
	return o.restore(ctx, o.accountName()+"/"+o.file)
}

// restore brings the latest snapshot back with the recovery key alone.
func (o *options) restore(ctx context.Context, include ...string) error {
	b, err := durable.ReadSecret(o.recoveryFile())
	if err != nil {
		return err
	}
	recovery, err := crypto.ParseIdentity(string(b))
	if err != nil {
		return err
	}
	remote, err := o.remote(ctx)
	if err != nil {
		return err
	}
	r, err := repo.Open(ctx, remote, repo.Options{Recovery: recovery})
	if err != nil {
		return err
	}
	s, err := r.Find(ctx, repo.Latest)
	if err != nil {
		return err
	}
	out, err := snapshot.Restore(ctx, r, s, snapshot.RestoreOptions{To: o.path("restored-" + o.step), Include: include})
	if err == nil && len(out.Failed) > 0 {
		err = fmt.Errorf("%d files were not restored, %s first: %w", len(out.Failed), out.Failed[0].Path, out.Failed[0].Err)
	}
	return err
}
