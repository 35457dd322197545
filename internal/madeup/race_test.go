//go:build race

package madeup

// engineEvery is at which transactions a real engine is asked: under the race
// detector it takes thirty times as long.
const engineEvery = 20
