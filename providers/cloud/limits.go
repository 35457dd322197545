package cloud

import (
	"cmp"
	"errors"
	"maps"
	"strconv"
	"sync"
	"time"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/accounting"
)

// Limits bound what a remote costs the line and the service. The zero value is
// what suits its type.
type Limits struct {
	// RequestsPerMinute bounds the requests, over restarts too; negative is
	// unbounded.
	RequestsPerMinute int
	// Transfers is how many objects move at once.
	Transfers int
	// ChunkSize is how many bytes of an object go up in one request.
	ChunkSize int64
	// Upload and Download are bytes in a second, zero for any number. They
	// hold for all remotes of the process together.
	Upload, Download int64
	// Timetable has more limits by the time of day, of which and the two above
	// the lower one holds.
	Timetable []Slot
	// UploadPerDay is how many bytes are sent from midnight to midnight; zero
	// for any number.
	UploadPerDay int64

	window time.Duration // over which the service counts requests; zero for a minute
}

// Slot is a limit that begins at a time of day and ends when the next does.
type Slot struct {
	At               time.Duration // since midnight
	Upload, Download int64         // bytes in a second, zero for any number
}

// or fills in what was left out.
func (l Limits) or(usual Limits) Limits {
	l.RequestsPerMinute = cmp.Or(l.RequestsPerMinute, usual.RequestsPerMinute)
	l.Transfers = cmp.Or(l.Transfers, usual.Transfers)
	l.ChunkSize = cmp.Or(l.ChunkSize, usual.ChunkSize)
	l.window = cmp.Or(l.window, usual.window)
	return l
}

// options returns the backend's options that limits come to.
func (l Limits) options(backend string) map[string]string {
	if l.ChunkSize > 0 && (backend == "drive" || backend == "onedrive") {
		return map[string]string{"chunk_size": strconv.FormatInt(l.ChunkSize, 10) + "B"}
	}
	return nil
}

// CheckLimits tells whether a type of remote can keep the limits. The error is
// a [Mistake].
func CheckLimits(kind string, l Limits) error {
	const drive, graph, most = 256 << 10, 320 << 10, 128 << 20
	size := l.ChunkSize
	switch {
	case size == 0:
		return nil
	case kind == "drive" && (size < drive || size&(size-1) != 0 || size > most):
		return &Mistake{"chunk_size", errors.New("with drive it is 256KiB, or that doubled again and again, up to 128MiB")}
	case kind == "onedrive" && (size%graph != 0 || size > 60<<20):
		return &Mistake{"chunk_size", errors.New("with onedrive it is a multiple of 320KiB, up to 60MiB")}
	}
	return nil
}

// pipe is the one bound on bytes per second that rclone has in a process. All
// remotes that want one share it, and the tightest wish holds.
type pipe struct {
	mu      sync.Mutex
	set     func(fs.BwPair)
	users   map[*limits]fs.BwPair
	current fs.BwPair
}

var thePipe = newPipe(accounting.TokenBucket.SetBwLimit)

// unbound is how rclone writes that there is no limit.
var unbound = fs.BwPair{Tx: -1, Rx: -1}

func newPipe(set func(fs.BwPair)) *pipe {
	return &pipe{set: set, users: map[*limits]fs.BwPair{}, current: unbound}
}

// use takes in what a remote wants, or with nil that it is gone. rclone empties
// its bucket at each call, so there is none without a change.
func (p *pipe) use(l *limits, want *fs.BwPair) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if want == nil {
		delete(p.users, l)
	} else {
		p.users[l] = *want
	}
	all := unbound
	for bound := range maps.Values(p.users) {
		all = fs.BwPair{Tx: tighter(all.Tx, bound.Tx), Rx: tighter(all.Rx, bound.Rx)}
	}
	if all != p.current {
		p.current = all
		p.set(all)
	}
}

// tighter returns the lower of two rates; what is not above zero is none.
func tighter(a, b fs.SizeSuffix) fs.SizeSuffix {
	if a <= 0 || b > 0 && b < a {
		a = b
	}
	if a <= 0 {
		return -1
	}
	return a
}

// limits keep the pipe at what one remote wants, minute by minute if it has a
// timetable.
type limits struct {
	pipe  *pipe
	base  fs.BwPair
	table fs.BwTimetable
	now   func() time.Time
	after func(time.Duration, func()) (stop func() bool)

	mu     sync.Mutex
	stop   func() bool
	closed bool
}

// after is the real clock's.
func after(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }

// newLimits begins to keep the limits, until close. It runs nothing between
// two minutes.
func newLimits(l Limits, p *pipe, now func() time.Time, after func(time.Duration, func()) func() bool) *limits {
	k := &limits{pipe: p, base: pair(l.Upload, l.Download), table: table(l.Timetable), now: now, after: after}
	if k.base.IsSet() || len(k.table) > 0 {
		k.tick()
	}
	return k
}

func pair(up, down int64) fs.BwPair { return fs.BwPair{Tx: fs.SizeSuffix(up), Rx: fs.SizeSuffix(down)} }

// table says the same as slots in rclone's form, which has every day of the
// week for itself.
func table(slots []Slot) (t fs.BwTimetable) {
	for day := range 7 {
		for _, s := range slots {
			hhmm := int(s.At.Hours())*100 + int(s.At.Minutes())%60
			t = append(t, fs.BwTimeSlot{DayOfTheWeek: day, HHMM: hhmm, Bandwidth: pair(s.Upload, s.Download)})
		}
	}
	return t
}

// at returns what the limits are at a time.
func (k *limits) at(now time.Time) fs.BwPair {
	slot := k.table.LimitAt(now).Bandwidth
	return fs.BwPair{Tx: tighter(k.base.Tx, slot.Tx), Rx: tighter(k.base.Rx, slot.Rx)}
}

// apply sets the limits of a time.
func (k *limits) apply(now time.Time) {
	want := k.at(now)
	k.pipe.use(k, &want)
}

// tick applies the limits, and comes again at the next full minute: a timer
// set for the next slot would be late after a sleep of the computer.
func (k *limits) tick() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return
	}
	now := k.now()
	k.apply(now)
	if len(k.table) > 0 {
		k.stop = k.after(now.Truncate(time.Minute).Add(time.Minute).Sub(now), k.tick)
	}
}

// close ends the limits. Nothing of them runs any more when it returns.
func (k *limits) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.stop != nil {
		k.stop()
	}
	k.closed = true
	k.pipe.use(k, nil)
}
