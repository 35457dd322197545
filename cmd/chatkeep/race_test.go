//go:build race

package main

import "time"

// memoryFactor is how much more memory may grow under the race detector, which
// keeps a history of its own.
const memoryFactor = 4

// Under the race detector a few days of one month are enough.
const (
	monthBudget = 40 * time.Second
	months      = 1
)
