// Package sense asks the computer what it is connected to and how it is
// powered: NetworkManager, UPower and login1 on the system bus, and the
// kernel. It is the one door to D-Bus.
//
// Nothing here fails: what can't be asked is named in Conditions.Unasked, and
// asked again when it appears.
package sense

import (
	"context"
	"reflect"
	"sync"
	"time"

	"github.com/chatkeep/chatkeep/daemon/policy"
)

// patience is how long one question to the bus, or one connection, may take.
const patience = 2 * time.Second

// Options say what to ask.
type Options struct {
	Bus   string        // address of the system bus; empty: the usual one
	Disk  string        // a folder of the disk whose free space counts; empty: none
	Proc  string        // where the kernel's figures lie; empty: /proc
	Why   string        // shown by the system to who asks what delays it; empty: a few words of English
	Retry time.Duration // no bus that is gone is tried more often; 0: once a minute
}

// Sense watches the computer.
//
// It sleeps until a signal comes: it has no ticker, and no goroutine of its own
// while nothing happens. A bus that is gone is tried again when Now is called.
type Sense struct {
	o       Options
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	tasks   sync.WaitGroup
	changed chan struct{}
	ending  chan bool

	mu     sync.Mutex
	closed bool
	link   *link // nil: there is no bus
	trying bool
	tried  time.Time // when a bus or a silent peer was last tried
	facts  facts
	told   policy.Conditions // what Changed was last sent for
	locks  locks
}

// facts are what the peers said.
type facts struct {
	network network
	power   power
	login   login
}

// Open begins to watch. ctx bounds the opening alone: what has not answered by
// then is unknown at first, and Changed is sent to when it answers. Without a
// bus it returns at once.
func Open(ctx context.Context, o Options) *Sense {
	if o.Proc == "" {
		o.Proc = "/proc"
	}
	if o.Why == "" {
		o.Why = "leaving a backup at a clean point"
	}
	if o.Retry == 0 {
		o.Retry = time.Minute
	}
	s := &Sense{o: o, changed: make(chan struct{}, 1), ending: make(chan bool, 1)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.mu.Lock()
	s.told = s.view()
	done := s.try()
	s.mu.Unlock()
	select {
	case <-done:
		select {
		case <-s.changed: // who opens has not asked yet
		default:
		}
	case <-ctx.Done():
	}
	return s
}

// Now returns what is known now. It asks nothing over the bus: signals keep it
// up to date. A bus that is gone is tried again behind it.
func (s *Sense) Now() policy.Conditions {
	s.mu.Lock()
	s.retry()
	c := s.view()
	bypassed := s.facts.network.bypassed
	s.mu.Unlock()

	if bypassed && hasDefaultRoute(s.o.Proc) {
		c.Online = policy.Unknown
	}
	var ok bool
	if c.Pressure, ok = pressure(s.o.Proc); !ok {
		c.Unasked = append(c.Unasked, "pressure")
	}
	if s.o.Disk != "" {
		if c.Free, ok = free(s.o.Disk); !ok {
			c.Unasked = append(c.Unasked, "disk")
		}
	}
	return c
}

// Changed is sent to after something changed; several changes may come as one.
// Free space and pressure are not watched.
func (s *Sense) Changed() <-chan struct{} { return s.changed }

// Close ends the watch, and gives up the locks.
func (s *Sense) Close() error {
	s.mu.Lock()
	s.closed = true
	l := s.link
	s.mu.Unlock()
	s.Release()
	s.cancel()
	if l != nil {
		l.close()
	}
	s.tasks.Wait()
	return nil
}

// view returns what the bus told. s.mu is held.
func (s *Sense) view() policy.Conditions {
	c := policy.Conditions{Battery: -1, Free: -1, Pressure: -1}
	if s.link == nil {
		c.Unasked = []string{"bus"}
		return c
	}
	f := &s.facts
	if f.network.known {
		f.network.describe(&c)
	} else {
		c.Unasked = append(c.Unasked, "network_manager")
	}
	if f.power.known {
		f.power.describe(&c)
	} else {
		c.Unasked = append(c.Unasked, "upower")
	}
	if !f.login.known {
		c.Unasked = append(c.Unasked, "login1")
	}
	return c
}

// tell sends to Changed if something did change. What is learnt while
// connecting is told at the end of it. s.mu is held.
func (s *Sense) tell() {
	c := s.view()
	if s.trying || reflect.DeepEqual(c, s.told) {
		return
	}
	s.told = c
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// try connects in the background, and returns a channel that is closed when
// everyone has answered or failed. s.mu is held.
func (s *Sense) try() <-chan struct{} {
	done := make(chan struct{})
	s.trying, s.tried = true, time.Now()
	s.tasks.Go(func() {
		defer close(done)
		s.connect()
		s.mu.Lock()
		s.trying = false
		s.tell()
		s.mu.Unlock()
	})
	return done
}

// retry tries again what was not there, or was silent, if it is time. s.mu is
// held.
func (s *Sense) retry() {
	if s.closed || s.trying || time.Since(s.tried) < s.o.Retry || !hasBus(s.o.Bus) {
		return
	}
	if s.link == nil {
		s.try()
		return
	}
	for _, p := range s.link.peers {
		if p.silent {
			s.tried = time.Now()
			s.link.refresh(p)
		}
	}
}
