//go:build !race

package main

import "time"

// memoryFactor is how much more memory may grow under the race detector.
const memoryFactor = 1

// A whole month takes two or three minutes on two cores.
const monthBudget = 5 * time.Minute
