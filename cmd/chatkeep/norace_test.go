//go:build !race

package main

// memoryFactor is how much more memory may grow under the race detector.
const memoryFactor = 1
