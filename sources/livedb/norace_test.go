//go:build !race

package livedb

// raced says that the race detector makes the apps many times slower.
const raced = false
