//go:build unix

package fakebus

import "syscall"

// Freeze stops the bus where it stands, with all connections open, or lets it
// go on.
func (b *Bus) Freeze(on bool) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	sig := syscall.SIGCONT
	if on {
		sig = syscall.SIGSTOP
	}
	b.check(b.daemon.Process.Signal(sig))
}
