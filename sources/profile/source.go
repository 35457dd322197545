package profile

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/sources"
	"github.com/chatkeep/chatkeep/sources/tree"
)

// Locks says what a capture may do to a database that the app is writing.
type Locks string

// Locks.
const (
	LockNone  Locks = "none"  // nothing
	LockBrief Locks = "brief" // what is meant if there is none: a shared lock for seconds, where no other way is left
)

// Options say which accounts, and what of them. Name and Profiles are
// required.
type Options struct {
	Name     string // the source's name: accounts' names begin with it
	Profiles []*Profile

	// Root is where to look: a root or an account, absolute. Empty: at all
	// places of the profiles.
	Root string
	// Accounts are the folders of the accounts that are wanted, with or
	// without the four digits at the end. Empty: all, and what lies beside
	// them.
	Accounts []string

	// First are categories that go before all others, in this order. LeaveOut
	// are categories that are not kept; nothing else changes what is.
	First    []string
	LeaveOut []string

	Locks Locks
	Host  *Host // nil: this computer
}

// Source is the accounts of one app.
type Source struct {
	opt   Options
	order order
	now   func() time.Time
}

// New checks options and returns their source. It doesn't look at the disk.
func New(o Options) (*Source, error) {
	if err := sources.CheckName(o.Name); err != nil {
		return nil, fmt.Errorf("source: %w", err)
	}
	if len(o.Profiles) == 0 {
		return nil, fmt.Errorf("source %s: no profile", o.Name)
	}
	if o.Root != "" && !filepath.IsAbs(o.Root) {
		return nil, fmt.Errorf("source %s: %q is not an absolute path", o.Name, o.Root)
	}
	for _, name := range slices.Concat(o.First, o.LeaveOut) {
		if _, known := priorityOf(name); !known {
			return nil, fmt.Errorf("source %s: there is no category %q", o.Name, name)
		}
	}
	switch o.Locks {
	case "":
		o.Locks = LockBrief
	case LockBrief, LockNone:
	default:
		return nil, fmt.Errorf("source %s: locks %q is neither none nor brief", o.Name, o.Locks)
	}
	if o.Host == nil {
		o.Host = Here()
	}
	return &Source{opt: o, order: order{o.First, o.LeaveOut}, now: time.Now}, nil
}

// Found is what a look for accounts came to.
type Found struct {
	Accounts []*Account
	Looked   []Looked
}

// Accounts returns those found now in the order of their folders' names, then
// what lies beside them. One that is
// named in the options and not there is returned too: its View says that it
// vanished.
func (s *Source) Accounts(ctx context.Context) ([]sources.Account, error) {
	found, err := s.Find(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]sources.Account, len(found.Accounts))
	for i, a := range found.Accounts {
		list[i] = a
	}
	return list, nil
}

// Find is Accounts with where it looked.
func (s *Source) Find(ctx context.Context) (*Found, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f := find(s.opt.Host, s.opt.Profiles, s.opt.Root)
	list := s.wanted(f.found)
	slices.SortStableFunc(list, func(a, b finding) int {
		return cmp.Or(cmp.Compare(a.turn(), b.turn()), cmp.Compare(a.label, b.label))
	})
	found := &Found{Looked: f.looked}
	taken := map[string]bool{}
	for _, x := range list {
		name := nameOf(s.opt.Name, x.label)
		if taken[strings.ToLower(name)] {
			name = nameOf(s.opt.Name, x.label) + "-" + digest(x.place)
		}
		taken[strings.ToLower(name)] = true
		found.Accounts = append(found.Accounts, &Account{source: s, name: name, finding: x, network: s.opt.Host.Network(x.place)})
	}
	return found, nil
}

// suffix is what the app appends to a login.
var suffix = regexp.MustCompile(`_[0-9a-fA-F]{4}$`)

// wanted returns the findings that Options.Accounts names, and one for each
// name that nothing was found for.
func (s *Source) wanted(all []finding) []finding {
	switch {
	case len(s.opt.Accounts) == 0 && (len(all) > 0 || s.opt.Root == ""):
		return all
	case len(s.opt.Accounts) == 0:
		return []finding{s.gone("", s.opt.Root)}
	}
	var list []finding
	for _, name := range s.opt.Accounts {
		n := len(list)
		for _, f := range all {
			own := filepath.Base(f.place)
			if f.scope == AccountScope && (strings.EqualFold(own, name) || strings.EqualFold(suffix.ReplaceAllString(own, ""), name)) {
				list = append(list, f)
			}
		}
		if len(list) == n {
			list = append(list, s.gone(name, filepath.Join(s.opt.Root, name)))
		}
	}
	return list
}

// gone stands for what should be there. Without a root, the path is only one
// that can't exist.
func (s *Source) gone(label, place string) finding {
	if !filepath.IsAbs(place) {
		place = filepath.Join(s.opt.Host.Home, place)
	}
	return finding{profile: s.opt.Profiles[0], scope: AccountScope, root: place, place: place, label: label}
}

// Account is one account of an app, or what lies beside its accounts.
type Account struct {
	source  *Source
	name    string
	network string
	finding
}

// Name returns the source's name and that of the account's folder.
func (a *Account) Name() string { return a.name }

// Kind returns the app.
func (a *Account) Kind() string { return a.profile.App }

// Root returns the account's folder.
func (a *Account) Root() string { return a.place }

// Beside returns the root that the account lies in.
func (a *Account) Beside() string { return a.root }

// Profile returns the profile that says what is what.
func (a *Account) Profile() *Profile { return a.profile }

// Network returns the kind of network file system that the account is on, or
// "". Databases there are copied without locks.
func (a *Account) Network() string { return a.network }

// Locks returns what a capture may do.
func (a *Account) Locks() Locks {
	if a.network != "" {
		return LockNone
	}
	return a.source.opt.Locks
}

// View opens the account's folder.
func (a *Account) View(ctx context.Context) (sources.View, error) { return a.open(ctx) }

func (a *Account) open(ctx context.Context) (*view, error) {
	t, err := tree.Open(ctx, a.name, a.place)
	if err != nil {
		return nil, err
	}
	return &view{Tree: t, account: a}, nil
}

// None returns an account for a source that found none: its View says that it
// vanished, so that a backup names it and keeps what it has.
func (s *Source) None() sources.Account { return none{s} }

type none struct{ s *Source }

func (n none) Name() string { return n.s.opt.Name }
func (n none) Kind() string { return n.s.opt.Profiles[0].App }
func (n none) Root() string { return filepath.Join(n.s.opt.Host.Home, n.s.opt.Profiles[0].Name) }

func (n none) View(context.Context) (sources.View, error) {
	return nil, hint.New("no_accounts", fmt.Errorf("find accounts of %s: %w: %w", n.Kind(), sources.ErrVanished, fs.ErrNotExist), "source", n.Name())
}
