package providers

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// ProbeFolder is the folder at the top of a remote in which [Probe] puts what
// it tries the remote with. No object of a repository lies there, so what a
// crash leaves in it harms nothing; the next Probe removes it.
const ProbeFolder = "probe"

// Step is one thing that a Probe tries.
type Step string

// The steps of a Probe in their order.
const (
	StepWrite  Step = "write"       // a small object and a large one
	StepAgain  Step = "write_again" // the same name once more
	StepRead   Step = "read"
	StepRange  Step = "range"
	StepList   Step = "list"
	StepDelete Step = "delete"
	StepGone   Step = "gone" // nothing deleted shows again
)

// Steps returns all steps in their order.
func Steps() []Step {
	return []Step{StepWrite, StepAgain, StepRead, StepRange, StepList, StepDelete, StepGone}
}

// Listing is what a Probe found out of listings longer than a page.
type Listing string

// What a Probe can say of them.
const (
	Whole     Listing = "whole"      // there are no pages
	Paged     Listing = "paged"      // a listing of several pages was complete
	NotTested Listing = "not_tested" // a page is too long to fill it for a test
)

// ProbeOptions say how a remote is tried.
type ProbeOptions struct {
	// Bare is the remote without retries above it, which is asked what not
	// every remote can do: for the account, and to remove a folder.
	Bare Remote
	// Page is how many objects a listing shows at a time; zero for all.
	Page int
	// Clock says that the times of objects are by the service's clock.
	Clock bool
	// Tell, if not nil, is called before each step.
	Tell func(Step)
	// Now is the clock, for tests; nil: time.Now.
	Now func() time.Time
}

// Probed is what a Probe found.
type Probed struct {
	Done   []Step // in order
	Failed Step   // the first that failed; empty if none did
	Err    error  // why

	Verified   bool    // the service's checksum vouched for everything that was written
	Listing    Listing // set once the listing was right
	Usage      Usage   // all unknown if the service can't be asked
	UsageErr   error   // why it could not be asked
	Trashed    bool    // what was deleted still counts against the account
	Clock      time.Duration
	ClockKnown bool    // Clock is how far the service's clock is ahead of ours
	Up, Down   float64 // bytes in a second, of the large object; zero if not measured
	Left       []Name  // what could not be removed again
}

const (
	probeSmall = 1000
	probeLarge = 4 << 20
	// mostProbes bounds how many objects are made to fill a page.
	mostProbes = 8
	// staleProbe is how old something in the folder must be to be an earlier
	// probe's, which no longer runs.
	staleProbe = 24 * time.Hour
	// cleaning is how long the removal may take after a failure.
	cleaning = 30 * time.Second
)

// Probe tries everything a repository needs of a remote, with objects of its
// own that it removes again, also if it fails or ctx ends.
func Probe(ctx context.Context, r Remote, o ProbeOptions) *Probed {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Tell == nil {
		o.Tell = func(Step) {}
	}
	p := &probe{remote: r, opt: o, bytes: map[Name][]byte{}, result: &Probed{Verified: true, Usage: unknownUsage()}}
	p.folder = Name(ProbeFolder + "/" + hex.EncodeToString(random(8)))
	p.run(ctx)
	return p.result
}

func unknownUsage() Usage {
	return Usage{Total: Unknown, Used: Unknown, Free: Unknown, Trashed: Unknown}
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // it never fails
	return b
}

type probe struct {
	remote Remote
	opt    ProbeOptions
	folder Name
	names  []Name          // all that was begun, the small one first, then the large one
	bytes  map[Name][]byte // what was sent
	result *Probed
}

func (p *probe) run(ctx context.Context) {
	p.result.Usage, p.result.UsageErr = p.usage(ctx)
	defer p.clean(ctx)
	defer p.askAgain(ctx)
	for _, s := range []struct {
		step Step
		do   func(context.Context) error
	}{
		{StepWrite, p.write}, {StepAgain, p.again}, {StepRead, p.read}, {StepRange, p.readRange},
		{StepList, p.list}, {StepDelete, p.remove}, {StepGone, p.gone},
	} {
		p.opt.Tell(s.step)
		if err := s.do(ctx); err != nil {
			p.result.Failed, p.result.Err = s.step, err
			return
		}
		p.result.Done = append(p.result.Done, s.step)
	}
	p.trash(ctx)
}

// usage asks for the account. Not every service answers, which is no failure.
func (p *probe) usage(ctx context.Context) (Usage, error) {
	a, ok := p.opt.Bare.(Accountant)
	if !ok {
		return unknownUsage(), nil
	}
	u, err := a.Usage(ctx)
	if err != nil {
		u = unknownUsage()
	}
	return u, err
}

// askAgain asks where the place could not say before there was anything.
func (p *probe) askAgain(ctx context.Context) {
	if p.result.Usage == unknownUsage() && p.result.Failed == "" {
		p.result.Usage, p.result.UsageErr = p.usage(ctx)
	}
}

func (p *probe) put(ctx context.Context, name Name, b []byte) (Info, error) {
	if p.bytes[name] == nil { // before it is sent: an answer may be lost
		p.names, p.bytes[name] = append(p.names, name), b
	}
	info, err := p.remote.Put(ctx, name, BytesSource(b))
	if err == nil && info.Size != int64(len(b)) {
		err = Fail(ErrCorrupt, fmt.Errorf("put %s: %d bytes were stored, %d were sent", name, info.Size, len(b)), "remote", p.remote.String())
	}
	return info, err
}

// write puts both objects, and looks at the clocks and the speed.
func (p *probe) write(ctx context.Context) error {
	begun := p.opt.Now()
	small, err := p.put(ctx, p.folder+"/small", random(probeSmall))
	if err != nil {
		return err
	}
	if err := p.clock(ctx, begun); err != nil {
		return err
	}
	begun = p.opt.Now()
	large, err := p.put(ctx, p.folder+"/large", random(probeLarge))
	if err != nil {
		return err
	}
	p.result.Up = speed(probeLarge, p.opt.Now().Sub(begun))
	p.result.Verified = small.Verified && large.Verified
	return nil
}

func speed(n int, took time.Duration) float64 {
	return float64(n) / max(took, time.Microsecond).Seconds()
}

// clock compares the service's time of the small object with ours. What it was
// told by us would say nothing.
func (p *probe) clock(ctx context.Context, begun time.Time) error {
	ended := p.opt.Now()
	if !p.opt.Clock {
		return nil
	}
	info, err := p.remote.Stat(ctx, p.names[0])
	if err != nil || info.ModTime.IsZero() {
		return err
	}
	p.result.ClockKnown = true
	switch { // many services tell whole seconds
	case info.ModTime.Before(begun.Add(-2 * time.Second)):
		p.result.Clock = info.ModTime.Sub(begun)
	case info.ModTime.After(ended.Add(2 * time.Second)):
		p.result.Clock = info.ModTime.Sub(ended)
	}
	return nil
}

// again puts a name that is there.
func (p *probe) again(ctx context.Context) error {
	_, err := p.put(ctx, p.names[0], p.bytes[p.names[0]])
	return err
}

func (p *probe) read(ctx context.Context) error {
	if err := p.compare(ctx, p.names[0], 0, -1); err != nil {
		return err
	}
	begun := p.opt.Now()
	if err := p.compare(ctx, p.names[1], 0, -1); err != nil {
		return err
	}
	p.result.Down = speed(probeLarge, p.opt.Now().Sub(begun))
	return nil
}

func (p *probe) readRange(ctx context.Context) error {
	if err := p.compare(ctx, p.names[1], probeLarge/2+7, 64<<10); err != nil {
		return err
	}
	return p.compare(ctx, p.names[1], probeLarge-99, -1)
}

// compare reads a part of an object and holds it against what was sent.
func (p *probe) compare(ctx context.Context, name Name, offset, n int64) error {
	want := p.bytes[name][offset:]
	if n >= 0 {
		want = want[:n]
	}
	in, err := p.remote.Get(ctx, name, offset, n)
	if err != nil {
		return err
	}
	got, err := io.ReadAll(io.LimitReader(in, int64(len(want))+1))
	if err = errors.Join(err, in.Close()); err != nil {
		return fmt.Errorf("get %s: %w", name, err)
	}
	if !bytes.Equal(got, want) {
		return Fail(ErrCorrupt, fmt.Errorf("get %s: the bytes from %d on are not those that were sent", name, offset), "remote", p.remote.String())
	}
	return nil
}

// list looks for all objects, and fills more than a page if one is short.
func (p *probe) list(ctx context.Context) error {
	result := Whole
	if p.opt.Page > 0 {
		result = NotTested
	}
	if p.opt.Page > 0 && p.opt.Page < mostProbes {
		result = Paged
		for i := len(p.names); i <= p.opt.Page; i++ {
			if _, err := p.put(ctx, Name(fmt.Sprintf("%s/more-%d", p.folder, i)), random(10)); err != nil {
				return err
			}
		}
	}
	seen := map[Name]int{}
	err := p.remote.List(ctx, p.folder+"/", ListOptions{}, func(info Info) error {
		seen[info.Name]++
		return nil
	})
	if err != nil {
		return err
	}
	for _, name := range p.names {
		if seen[name] != 1 {
			return fmt.Errorf("list %s: it shows %s %d times", p.folder, name, seen[name])
		}
	}
	p.result.Listing = result
	return nil
}

func (p *probe) remove(ctx context.Context) error {
	for _, name := range p.names {
		if err := p.remote.Delete(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func (p *probe) gone(ctx context.Context) error {
	for _, name := range p.names[:2] {
		switch _, err := p.remote.Stat(ctx, name); {
		case errors.Is(err, ErrNotExist):
		case err != nil:
			return err
		default:
			return fmt.Errorf("stat %s: it is still there after it was deleted", name)
		}
	}
	return nil
}

// trash finds out whether the account got any emptier.
func (p *probe) trash(ctx context.Context) {
	before := p.result.Usage.Trashed
	if before == Unknown {
		return
	}
	after, err := p.usage(ctx)
	p.result.Trashed = err == nil && after.Trashed-before >= probeLarge
}

// clean removes what is still there, and what earlier probes left.
func (p *probe) clean(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleaning)
	defer cancel()
	for _, name := range p.names {
		if p.result.Failed == "" {
			break // they are gone
		}
		if err := p.remote.Delete(ctx, name); err != nil {
			p.result.Left = append(p.result.Left, name)
		}
	}
	if len(p.names) > 0 {
		p.sweep(ctx)
	}
}

// sweep removes the folders, which no repository has a use for, and what a
// crash left in them. An error here is the next probe's.
func (p *probe) sweep(ctx context.Context) {
	folders := map[Name]bool{p.folder: true}
	var stale []Name
	_ = p.remote.List(ctx, ProbeFolder+"/", ListOptions{}, func(info Info) error {
		own := strings.HasPrefix(string(info.Name), string(p.folder)+"/")
		if own || !info.ModTime.IsZero() && p.opt.Now().Sub(info.ModTime) > staleProbe {
			stale = append(stale, info.Name)
		}
		return nil
	})
	for _, name := range stale {
		_ = p.remote.Delete(ctx, name)
		folders[name[:strings.LastIndexByte(string(name), '/')]] = true
	}
	f, ok := p.opt.Bare.(FolderRemover)
	if !ok {
		return
	}
	for folder := range folders {
		_ = f.RemoveFolder(ctx, folder)
	}
	_ = f.RemoveFolder(ctx, ProbeFolder) // not empty if another device tries the remote too
}

// FolderRemover is a Remote that can remove a folder.
type FolderRemover interface {
	// RemoveFolder removes the folder (no trailing slash), if it is empty. One
	// that is not there is no error.
	RemoveFolder(ctx context.Context, folder Name) error
}
