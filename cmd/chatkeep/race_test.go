//go:build race

package main

import "time"

// memoryFactor is how much more memory may grow under the race detector, which
// keeps a history of its own.
const memoryFactor = 4

// monthBudget is what a few days may take.
const monthBudget = 40 * time.Second
