//go:build !race

// The race detector sees the three days; two months would take it half an hour.

package main

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/internal/needs"
)

// seeds are the months of every full run. CHATKEEP_SEED lives another one.
var seeds = []struct {
	seed    uint64
	service int // of services
	from    time.Time
}{
	{1, 0, time.Date(2033, 3, 1, 0, 2, 0, 0, time.UTC)}, // clocks go forward on the 27th
	// And back on the 30th. Not on OneDrive, whose bad days leave a goroutine of
	// rclone's behind at each opening that fails: see docs/decisions/0012.
	{2, 0, time.Date(2033, 10, 1, 0, 2, 0, 0, time.UTC)},
}

// A month of a daemon's life: messages and media come in all the time, the
// service has its bad days, the computer sleeps, its clock is set, and the
// daemon is killed in the middle of things. Every run that was due happened or
// is explained, and nothing that was said to be safe is lost.
func TestMonthOfTheDaemon(t *testing.T) {
	needs.Have(t, needs.Suite, needs.DBus)
	list := seeds
	if text := os.Getenv("CHATKEEP_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		one := seeds[(seed+1)%uint64(len(seeds))]
		one.seed = seed
		list = append(list[:0:0], one)
	}
	for _, s := range list {
		t.Run(fmt.Sprintf("seed %d", s.seed), func(t *testing.T) {
			t.Parallel()
			newMonth(t, services[s.service], s.seed, s.from, 31).lives()
		})
	}
}
