// Package format turns a repository's records into bytes and back.
//
// It is pure: no input or output, no keys, no clock. Everything it defines is
// written down, with offset tables and vectors, in repo/FORMAT.md; a change
// here that changes a stored byte is a change of the format.
//
// Words: a record is a list of fields, each a tag, a length and a value. A
// reader skips odd tags it does not know and refuses even ones with ErrNewer,
// so that old programs read what they can and never misread.
package format
