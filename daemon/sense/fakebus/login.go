package fakebus

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"
)

const (
	loName    = "org.freedesktop.login1"
	loPath    = dbus.ObjectPath("/org/freedesktop/login1")
	loManager = loName + ".Manager"
)

// lock is a lock that someone holds.
type lock struct{ what, who, why string }

func newLogin1(b *Bus) *peer {
	p := &peer{name: loName, objects: map[dbus.ObjectPath]properties{
		loPath: {loManager: {"PreparingForSleep": false, "PreparingForShutdown": false, "InhibitDelayMaxUSec": uint64(5_000_000)}},
	}}
	p.export = func(conn *dbus.Conn) error {
		return conn.ExportSubtree(manager{b, p, conn}, "/org/freedesktop", loManager)
	}
	return p
}

// Sleep tells that the computer is about to sleep, or has woken up.
func (b *Bus) Sleep(begins bool) { b.prepare("Sleep", begins) }

// Shutdown tells that the computer is about to shut down, or doesn't after all.
func (b *Bus) Shutdown(begins bool) { b.prepare("Shutdown", begins) }

func (b *Bus) prepare(what string, begins bool) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.login1.mu.Lock()
	b.login1.objects[loPath][loManager]["PreparingFor"+what] = begins // login1 sends no signal for it
	b.login1.mu.Unlock()
	b.check(b.login1.emit(loPath, loManager+".PrepareFor"+what, begins))
}

// Forge sends a sleep signal that does not come from login1: to everyone, and
// to each connection but the peers' own by itself, once with an open file.
func (b *Bus) Forge(begins bool) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	conn, err := dbus.Connect(b.Address())
	if err != nil {
		b.check(err)
		return
	}
	defer conn.Close()
	b.check(conn.Emit(loPath, loManager+".PrepareForSleep", begins))
	var names []string
	b.check(conn.BusObject().Call("org.freedesktop.DBus.ListNames", 0).Store(&names))
	ours := conn.Names()
	for _, p := range b.peers() {
		if p.conn != nil {
			ours = append(ours, p.conn.Names()...)
		}
	}
	for _, name := range names {
		if !strings.HasPrefix(name, ":") || slices.Contains(ours, name) {
			continue
		}
		for _, body := range [][]any{{begins}, {begins, dbus.UnixFD(0)}} {
			msg := &dbus.Message{Type: dbus.TypeSignal, Headers: map[dbus.HeaderField]dbus.Variant{
				dbus.FieldPath:        dbus.MakeVariant(loPath),
				dbus.FieldInterface:   dbus.MakeVariant(loManager),
				dbus.FieldMember:      dbus.MakeVariant("PrepareForSleep"),
				dbus.FieldDestination: dbus.MakeVariant(name),
				dbus.FieldSignature:   dbus.MakeVariant(dbus.SignatureOf(body...)),
			}, Body: body}
			b.check(conn.Send(msg, nil).Err)
		}
	}
	b.check(conn.BusObject().Call("org.freedesktop.DBus.GetId", 0).Err)
}

// Inhibitors returns how many locks are held.
func (b *Bus) Inhibitors() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.locks)
}

// AwaitInhibitors waits until n locks are held.
func (b *Bus) AwaitInhibitors(ctx context.Context, n int) error {
	for {
		b.mu.Lock()
		got, moved := len(b.locks), b.moved
		b.mu.Unlock()
		if got == n {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("fakebus: %d locks are held, not %d: %w", got, n, ctx.Err())
		}
	}
}

// StopLogin1 ends login1, StartLogin1 starts it again. Locks stay held, as with
// the real one.
func (b *Bus) StopLogin1()  { b.leave(b.login1) }
func (b *Bus) StartLogin1() { b.enter(b.login1) }

// HangLogin1 lets login1 answer nothing, or again.
func (b *Bus) HangLogin1(on bool) { b.login1.hang(on) }

// move enters or removes a lock.
func (b *Bus) move(l *lock, held bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if held {
		b.locks[l] = true
	} else {
		delete(b.locks, l)
	}
	close(b.moved)
	b.moved = make(chan struct{})
}

// manager are the methods of org.freedesktop.login1.Manager.
type manager struct {
	b    *Bus
	p    *peer
	conn *dbus.Conn
}

// Inhibit gives out a lock: the writing end of a pipe. When the last copy of
// it is closed, the reading end ends.
//
// Ours has to be closed after it was sent, so the answer is sent from here; the
// library's own, sent after it, answers nothing, and the bus drops it.
func (m manager) Inhibit(msg dbus.Message, sender dbus.Sender, what, who, why, mode string) *dbus.Error {
	m.p.wait()
	if (what != "sleep" && what != "shutdown") || mode != "delay" || who == "" || why == "" {
		// As an ordinary user is told by the real one for both at once.
		return dbus.NewError("org.freedesktop.DBus.Error.AccessDenied", []any{"Permission denied"})
	}
	r, w, err := os.Pipe()
	if err != nil {
		return dbus.MakeFailedError(err)
	}
	defer w.Close()
	l := &lock{what, who, why}
	m.b.move(l, true)
	go func() {
		_, _ = io.Copy(io.Discard, r) // until the last copy is closed
		_ = r.Close()
		m.b.move(l, false)
	}()
	fd := dbus.UnixFD(w.Fd())
	err = m.conn.Send(&dbus.Message{Type: dbus.TypeMethodReply, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldDestination: dbus.MakeVariant(string(sender)),
		dbus.FieldReplySerial: dbus.MakeVariant(msg.Serial()),
		dbus.FieldSignature:   dbus.MakeVariant(dbus.SignatureOf(fd)),
	}, Body: []any{fd}}, nil).Err
	if err != nil {
		return dbus.MakeFailedError(err)
	}
	return nil
}
