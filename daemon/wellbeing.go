package daemon

import (
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Systemd is a Supervisor: the manager that started this process as a service.
// Where there is none, it tells nobody anything.
type Systemd struct{}

// Tell sends a state in the words of sd_notify(3). Whoever does not listen is
// no trouble.
func (Systemd) Tell(state string) { _, _ = daemon.SdNotify(false, state) }

// Patience returns WatchdogSec=, 0 if there is none.
func (Systemd) Patience() time.Duration {
	d, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return 0
	}
	return d
}

func (d *Daemon) supervise(state string) {
	if d.opt.Supervisor != nil {
		d.opt.Supervisor.Tell(state)
	}
}

// patience is how often the supervisor must hear from the loop; 0: never.
func (d *Daemon) patience() time.Duration {
	if d.opt.Supervisor == nil {
		return 0
	}
	return d.opt.Supervisor.Patience() / 2
}

// grace is how long a job that hangs gets to stop before the supervisor hears
// nothing any more, and starts the daemon anew.
const grace = time.Minute

// alive is a clock that stands still while the computer sleeps.
func (d *Daemon) alive() time.Duration { return time.Since(d.born) }

// watch tells the supervisor that all is well: the loop turns, and the running
// job gets on. An upload that hangs is stopped first; only if that does not help
// the supervisor hears nothing more.
func (d *Daemon) watch(now time.Time) {
	if r := d.running; r != nil {
		alive := d.alive()
		idle := alive - time.Duration(r.active.Load())
		switch {
		case idle <= d.opt.Stall:
			r.stalled = 0
		case r.stalled == 0:
			d.log.Error("the running job hangs, and is stopped", "job", r.job.Name, "seconds", int(idle.Seconds()))
			r.stalled = alive
			r.cancel(errStalled)
		case alive-r.stalled > grace:
			d.log.Error("the running job can't be stopped", "job", r.job.Name)
			return
		}
	}
	if d.patience() > 0 {
		d.supervise("WATCHDOG=1")
	}
}
