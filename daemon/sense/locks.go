package sense

import (
	"os"
	"slices"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
)

// delayed are what the computer shall wait before. Each needs a lock of its
// own: both in one are more than an ordinary user may have.
var delayed = []string{"sleep", "shutdown"}

// locks make the computer wait. A lock is an open file: to close it is to give
// it up. wanted and held are guarded by Sense.mu.
type locks struct {
	taking sync.Mutex // held by who takes them
	wanted bool
	held   map[string]*os.File // by what they delay
}

// missing returns which locks are wanted and not held. s.mu is held.
func (s *Sense) missing() []string {
	if !s.locks.wanted || s.closed {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(delayed), func(what string) bool { return s.locks.held[what] != nil })
}

// Hold takes the locks that make the computer wait before it sleeps or shuts
// down. Without login1 it does nothing but remember: they are taken when login1
// appears, unless Release came first.
func (s *Sense) Hold() {
	s.mu.Lock()
	s.locks.wanted = true
	there := s.facts.login.known
	s.mu.Unlock()
	if there {
		s.take()
	}
}

// Release gives them up.
func (s *Sense) Release() {
	s.mu.Lock()
	s.locks.wanted = false
	files := s.locks.held
	s.locks.held = nil
	s.mu.Unlock()
	closeAll(files)
}

// take takes the locks that are missing.
func (s *Sense) take() {
	s.locks.taking.Lock()
	defer s.locks.taking.Unlock()
	s.mu.Lock()
	missing := s.missing()
	s.mu.Unlock()
	if len(missing) == 0 {
		return
	}
	got := s.inhibit(missing)
	s.mu.Lock()
	for _, what := range s.missing() { // none, if Release came meanwhile
		if f := got[what]; f != nil {
			if s.locks.held == nil {
				s.locks.held = map[string]*os.File{}
			}
			s.locks.held[what] = f
			delete(got, what)
		}
	}
	s.mu.Unlock()
	closeAll(got)
}

// inhibit asks login1 for locks, on a connection of its own that takes files,
// and returns those it got. They outlive the connection.
func (s *Sense) inhibit(missing []string) map[string]*os.File {
	conn, err := dial(s.o.Bus, dbus.WithContext(s.ctx))
	if err != nil {
		return nil
	}
	defer conn.Close()
	// Only the end of the connection ends a call here: given up sooner, a late
	// reply would bring a lock that nobody closes.
	timer := time.AfterFunc(patience, func() { _ = conn.Close() })
	defer timer.Stop()
	if greet(conn) != nil {
		return nil
	}
	got := map[string]*os.File{}
	for _, what := range missing {
		var fd dbus.UnixFD
		call := conn.Object(loginName, loginPath).Call(loginManager+".Inhibit", dbus.FlagNoAutoStart, what, "chatkeep", s.o.Why, "delay")
		if call.Store(&fd) == nil {
			got[what] = os.NewFile(uintptr(fd), what+" lock")
		}
	}
	return got
}

func closeAll(files map[string]*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}
