// Package trust decides whose word counts in a repository.
//
// A [Keyring] is what a process holds: the pinned root, the secrets of each
// epoch and, on a device, its own keys. With it, signed records are sealed and
// opened, the roster is found among those a remote shows, and snapshots are
// held against what was seen before. The package works on bytes: it knows no
// remote and no file, and nothing in it ever trusts a name, a time or an order
// that a provider could have chosen.
package trust
