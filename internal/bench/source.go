package main

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/chatkeep/chatkeep/internal/madeup"
)

// sourceName is what chatkeep calls the chats. The first folder of a restore
// is that, or begins with it.
const sourceName = "chats"

// stepSameAgain compares what chatkeep restored with the chats.
const stepSameAgain = "compare"

// isAccount reports whether the chats are an app's, and not exports.
func (o *options) isAccount() bool { return o.chats.Shape == madeup.Account }

// account is the folder in the chats of what belongs to one login: all of
// exports.
func (o *options) account() string {
	if !o.isAccount() {
		return "."
	}
	return o.chats.AccountDir()
}

// appRoot is the folder of all accounts.
func (o *options) appRoot() string { return o.inChats(path.Dir(o.account())) }

// accountName is what chatkeep calls the account.
func (o *options) accountName() string {
	if !o.isAccount() {
		return sourceName
	}
	return sourceName + "-" + path.Base(o.account())
}

// sharedName is what chatkeep calls what lies beside the account.
const sharedName = sourceName + "-shared"

// sourceYAML is how chatkeep is told of the chats.
func (o *options) sourceYAML() string {
	if !o.isAccount() {
		return fmt.Sprintf("{name: %s, folder: %q}", sourceName, o.chatsDir())
	}
	return fmt.Sprintf("{name: %s, app: wechat, root: %q}", sourceName, o.appRoot())
}

// compareRestored compares what chatkeep restored to a folder with the chats,
// byte for byte. Of a database that is with its log: a backup brings back both
// as one.
func (o *options) compareRestored(to string) error {
	diffs := madeup.Restored{}.Compare(o.inChats(o.account()), filepath.Join(to, o.accountName()))
	want := 1
	if shared := filepath.Join(to, sharedName); o.isAccount() && o.hasShared() {
		own := path.Base(o.account())
		rest := madeup.Restored{Except: func(p string) bool { return p == own || strings.HasPrefix(p, own+"/") }}
		diffs = append(diffs, rest.Compare(o.appRoot(), shared)...)
		want++
	}
	if list, err := os.ReadDir(to); err != nil || len(list) != want {
		return fmt.Errorf("%d folders were restored instead of %d: %w", len(list), want, err)
	}
	if len(diffs) > 0 {
		return errors.New(strings.Join(diffs[:min(10, len(diffs))], "\n"))
	}
	return nil
}

// hasShared reports whether something lies beside the account.
func (o *options) hasShared() bool {
	list, err := os.ReadDir(o.appRoot())
	return err == nil && len(list) > 1
}
