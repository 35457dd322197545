// Package floors keeps the house standing: its test lists the floors of
// docs/DESIGN.md, part 3, and fails on an import that goes up or sideways,
// and on a heavy dependency that enters by another door than its own.
//
// There is nothing here but the test. A new package gets its place in the
// table in floors_test.go.
package floors
