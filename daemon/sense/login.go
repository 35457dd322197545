package sense

import (
	"context"

	"github.com/godbus/dbus/v5"
)

// login1.
const (
	loginName    = "org.freedesktop.login1"
	loginPath    = dbus.ObjectPath("/org/freedesktop/login1")
	loginManager = loginName + ".Manager"
)

// End is what the computer is about to do.
type End int8

// Ends.
const (
	Awake End = iota // nothing: it is in use
	Sleep
	Shutdown
)

// login is what login1 said.
type login struct {
	known              bool
	sleeping, shutting bool
	signals            int // how many came, to tell an answer that is older than one
}

// Ending is sent to when the computer is about to sleep or to shut down (true),
// and when it has woken up (false), or stays on after all. The computer waits
// for Release, a few seconds at most. Of several, only the last one waits to be
// received.
func (s *Sense) Ending() <-chan bool { return s.ending }

// End returns what the computer is about to do.
func (s *Sense) End() End {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.facts.login.shutting:
		return Shutdown
	case s.facts.login.sleeping:
		return Sleep
	}
	return Awake
}

func loginPeer(s *Sense) *peer {
	manager := func(member string) []dbus.MatchOption {
		return []dbus.MatchOption{
			dbus.WithMatchSender(loginName), dbus.WithMatchObjectPath(loginPath),
			dbus.WithMatchInterface(loginManager), dbus.WithMatchMember(member),
		}
	}
	return &peer{
		name:  loginName,
		rules: [][]dbus.MatchOption{manager("PrepareForSleep"), manager("PrepareForShutdown")},
		read: func(ctx context.Context, a asker) (func(*Sense), error) {
			s.mu.Lock()
			signals := s.facts.login.signals
			s.mu.Unlock()
			props, err := a.all(ctx, loginPath, loginManager)
			return func(s *Sense) { s.login(props, signals) }, err
		},
		lost:  (*Sense).loginLost,
		heard: (*Sense).loginHeard,
	}
}

// login takes what login1 said of itself, when so many signals had come. Who
// was not connected when the computer woke up learns it here. s.mu is held.
func (s *Sense) login(props properties, signals int) {
	l := &s.facts.login
	l.known = true
	if l.signals == signals {
		sleeping, _ := get[bool](props, "PreparingForSleep")
		shutting, _ := get[bool](props, "PreparingForShutdown")
		s.end(sleeping, shutting)
	}
	if len(s.missing()) > 0 {
		s.tasks.Go(s.take)
	}
}

// loginHeard takes a signal. s.mu is held.
func (s *Sense) loginHeard(iface, member string, body []any) {
	var begins bool
	if iface != loginManager || dbus.Store(body, &begins) != nil {
		return
	}
	l := &s.facts.login
	switch member {
	case "PrepareForSleep":
		l.signals++
		if !begins && !l.sleeping {
			s.sendEnding(l.shutting) // it slept, and we missed the beginning
			return
		}
		s.end(begins, l.shutting)
	case "PrepareForShutdown":
		l.signals++
		s.end(l.sleeping, begins)
	}
}

// loginLost forgets login1. Nobody is left to say that the computer woke up;
// if it is shutting down, it may well be that which ended login1. s.mu is held.
func (s *Sense) loginLost() {
	s.facts.login.known = false
	s.end(false, s.facts.login.shutting)
}

// end sets what the computer is about to do, and tells it if it is news. s.mu
// is held.
func (s *Sense) end(sleeping, shutting bool) {
	l := &s.facts.login
	if sleeping == l.sleeping && shutting == l.shutting {
		return
	}
	l.sleeping, l.shutting = sleeping, shutting
	s.sendEnding(sleeping || shutting)
}

// sendEnding replaces what waits in the channel. s.mu is held: nobody else
// sends.
func (s *Sense) sendEnding(ends bool) {
	select {
	case <-s.ending:
	default:
	}
	s.ending <- ends
}
