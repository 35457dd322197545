// Package profile is the source for chat apps: one engine, and a profile of
// each app as data.
//
// A [Profile] says where an app keeps its files, how an account's folder is
// recognised, and what lies where in it. The embedded ones are data/*.yaml; a
// user's own has the same form. A profile names files and folders only: all
// content is opaque, and encrypted databases stay so.
//
// What no rule names is kept too: unknown files go last, unknown databases
// before the media. Nothing is left out but what stands under never, which
// names only what the app makes again by itself, and what the user leaves out.
//
// To add an app, add a file to data and its classifications to the tests.
//
// The files are:
//
//	profile.go parse.go builtin.go     what a profile is, reading one, those that are embedded
//	category.go glob.go classify.go    what a path is
//	host.go find.go marker.go          where accounts are on this computer
//	userdirs.go settings.go …_linux.go what the system and the app say about that
//	source.go name.go order.go         Source, Account, their names, what the user wants first
//	view.go judge.go unit.go           the look at an account
//	databases.go capture.go            databases
//	survey.go                          an account in numbers
package profile

import "time"

// Profile is one layout of an app's files.
type Profile struct {
	Name   string `yaml:"name"`             // unique, such as "wechat4"
	App    string `yaml:"app,omitempty"`    // what it belongs to, such as "wechat"; left out: the name
	Layout string `yaml:"layout,omitempty"` // version of the layout, for people

	Places   []Place `yaml:"places,omitempty"`
	Account  Marker  `yaml:"account"`
	Database Pages   `yaml:"database,omitempty"`
	Rules    []Rule  `yaml:"rules,omitempty"` // the first that matches counts
	Never    []Never `yaml:"never,omitempty"`

	scopes map[Scope]*scope // compiled
}

// Place says where accounts may be. Folder, Settings, Registry or Program says
// how it is found; ${NAME} in one is a folder of the user's or a variable of
// the environment, see [Host].
type Place struct {
	OS       string `yaml:"os,omitempty"`       // linux, windows or macos only
	Scope    Scope  `yaml:"scope,omitempty"`    // runtime: a folder beside the roots; else a root
	Folder   string `yaml:"folder,omitempty"`   // the folder itself
	Settings string `yaml:"settings,omitempty"` // a pattern of small files, each holding a path
	Registry string `yaml:"registry,omitempty"` // a value of Windows' registry that is a path
	Program  string `yaml:"program,omitempty"`  // one that has files open in a folder Holds of an account (Linux)
	Holds    string `yaml:"holds,omitempty"`
	Below    string `yaml:"below,omitempty"` // the root below what Settings or Registry name
}

// Marker says which folders of a root are accounts.
type Marker struct {
	Folders []string `yaml:"folders"`          // patterns of names; ".": the root itself
	Marker  []string `yaml:"marker"`           // an account has one of these
	Except  []string `yaml:"except,omitempty"` // names that are none
}

// Pages describes an app's databases.
type Pages struct {
	Page   int `yaml:"page,omitempty"`   // bytes of a page; 0: not known
	Prefix int `yaml:"prefix,omitempty"` // bytes before the first page
}

// Rule says what the files are that one of its patterns matches.
//
// A pattern is held against the whole path from the scope's folder, with / on
// every system, and letters match in either case. * and ? stay within a name,
// ** is any number of folders, also none; [a-z] and {a,b} as usual.
type Rule struct {
	Category string        `yaml:"category"`
	Priority *int          `yaml:"priority,omitempty"` // 0 to 4; left out: the category's
	Large    *int          `yaml:"large,omitempty"`    // priority of files over 256 MiB
	Kind     Kind          `yaml:"kind,omitempty"`
	Before   string        `yaml:"before,omitempty"` // database: captured before this category
	Quiet    time.Duration `yaml:"quiet,omitempty"`  // unit: how long it must have been left alone
	Scope    Scope         `yaml:"scope,omitempty"`
	Include  []string      `yaml:"include"`
}

// Never lists what is never kept in one scope.
type Never struct {
	Scope Scope    `yaml:"scope,omitempty"`
	Paths []string `yaml:"paths"`
}

// Kind is how a file is copied.
type Kind string

// Kinds. A unit is a folder with all below: it is copied only as a whole, when
// nobody has written to it for a while.
const (
	File     Kind = "file" // what is meant if there is none
	Database Kind = "database"
	Unit     Kind = "unit"
)

// Scope is what paths are relative to.
type Scope string

// Scopes.
const (
	AccountScope Scope = "account" // an account's folder; what is meant if there is none
	RootScope    Scope = "root"    // what lies beside the accounts
	RuntimeScope Scope = "runtime" // a folder of settings elsewhere
)

// Scopes returns all of them.
func Scopes() []Scope { return []Scope{AccountScope, RootScope, RuntimeScope} }

// Kinds returns all of them.
func Kinds() []Kind { return []Kind{File, Database, Unit} }

// Systems returns what Place.OS may be.
func Systems() []string { return []string{"linux", "windows", "macos"} }
