//go:build race

package main

// memoryFactor is how much more memory may grow under the race detector, which
// keeps a history of its own.
const memoryFactor = 4
