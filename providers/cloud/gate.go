package cloud

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/fserrors"
	"github.com/rclone/rclone/fs/fshttp"

	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/providers"
)

// gate is what every request to one remote passes: it keeps the remote's
// limits, over restarts and together with other processes of the same home.
type gate struct {
	budget *budget
	sent   *sent
	limits *limits
	now    func() time.Time
	sleep  func(context.Context, time.Duration) error
	tag    string // in gates
}

// longestBlockedWait is how long a request waits for a service that wants
// none. Beyond it, the request fails and says when to come back.
const longestBlockedWait = 2 * time.Minute

// newGate opens the gate of a remote that remembers things in home, a folder
// that is made if needed, or in memory alone if home is empty. now and sleep
// are a clock's.
func newGate(home string, l Limits, now func() time.Time, sleep func(context.Context, time.Duration) error) (*gate, error) {
	if home != "" {
		if err := durable.MkdirAll(home, 0o700); err != nil {
			return nil, err
		}
	}
	return &gate{
		budget: newBudget(home, l),
		sent:   newSent(home, l.UploadPerDay, now),
		limits: newLimits(l, thePipe, now, after),
		now:    now,
		sleep:  sleep,
	}, nil
}

// wait returns when one request may be made, or ctx.Err().
func (g *gate) wait(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		wait, blocked := g.budget.take(g.now())
		if wait <= 0 {
			return nil
		}
		if blocked && wait > longestBlockedWait {
			return stayAway(wait)
		}
		if err := g.sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// open returns why a call need not even begin: the service wants no request for
// long. rclone's pacers, which come before the gate, would sleep through it.
func (g *gate) open() error {
	if g.tag == "" {
		return nil
	}
	if wait := g.budget.blockedFor(g.now()); wait > longestBlockedWait {
		return stayAway(wait)
	}
	return nil
}

// stayAway is the error of a service that wants no request for so long.
func stayAway(wait time.Duration) error {
	err := errors.New("the service asked for a pause")
	err = providers.Fail(providers.ErrRate, &providers.RetryAfterError{After: wait, Err: err})
	return fserrors.NoLowLevelRetryError(err) // rclone would only ask again
}

// blocked notes that the service wants no request until then.
func (g *gate) blocked(until time.Time) { g.budget.block(g.now(), until) }

// beginUpload counts an upload of size bytes, or refuses it with ErrLimit if
// the day's limit is used up. end says how many were sent in the end.
func (g *gate) beginUpload(name providers.Name, size int64) (end func(sent int64), err error) {
	return g.sent.begin(name, size)
}

// close lets requests through again, and gives up the remote's part in the
// process's limits.
func (g *gate) close() {
	g.limits.close()
	gates.Lock()
	defer gates.Unlock()
	delete(gates.byTag, g.tag)
}

// gates are the open gates by their tags.
//
// rclone asks one hook of the process before each request of each backend,
// those for tokens and redirections included. Not every backend hands our ctx
// through to the request, and hosts change; but the user agent is set by the
// remote's own transport, just before the hook, from the remote's own
// settings. So it carries the tag there, and the hook takes the tag out.
var gates = struct {
	sync.RWMutex
	byTag map[string]*gate
	last  int
}{byTag: map[string]*gate{}}

const tagMark = " gate="

var installHook = sync.OnceFunc(func() { fshttp.SetFaultInjector(pass) })

// attach leads the requests of everything that is opened with these settings
// of rclone through the gate. It comes after the user agent was set, and only
// where the service is reached over HTTP: sftp would show the tag to the
// server.
func (g *gate) attach(ci *fs.ConfigInfo) {
	installHook()
	gates.Lock()
	defer gates.Unlock()
	if g.tag == "" {
		gates.last++
		g.tag = strconv.Itoa(gates.last)
		gates.byTag[g.tag] = g
	}
	ci.UserAgent += tagMark + g.tag
}

// pass is the hook. It never makes up an answer.
func pass(req *http.Request) (status int, err error) {
	agent, tag, found := strings.Cut(req.Header.Get("User-Agent"), tagMark)
	if !found {
		return 0, nil
	}
	req.Header.Set("User-Agent", agent)
	if err := spared(req); err != nil {
		return 0, err
	}
	gates.RLock()
	g := gates.byTag[tag]
	gates.RUnlock()
	if g == nil { // closed; what still runs in the background may end
		return 0, nil
	}
	return 0, g.wait(req.Context())
}
