package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/cloud"
)

func (a *app) remoteTestCommand() *cobra.Command {
	var named string
	c := &cobra.Command{
		Use: "test", Short: a.say("cmd.remote.test"), Long: a.say("cmd.remote.test") + "\n\n" + a.say("cmd.remote.test.more"), Args: a.atMost(0),
		RunE: func(c *cobra.Command, _ []string) error { return a.remoteTest(c.Context(), named) },
	}
	c.Flags().StringVar(&named, "remote", "", a.say("flag.remote"))
	return c
}

// cleaning is how long the test may take to remove what it made after Ctrl-C.
const cleaning = 35 * time.Second

// badClock is from where on signed requests may be refused.
const badClock = 5 * time.Minute

// remoteTest tries everything a repository needs of a remote.
func (a *app) remoteTest(ctx context.Context, named string) error {
	where, err := a.target(named)
	if err != nil {
		return err
	}
	if a.linger != nil {
		a.linger.Store(int64(cleaning))
	}
	bare, facts, err := openForTest(ctx, a.reach(where))
	if err != nil {
		return a.tellTest(where, bare, facts, &providers.Probed{Err: err})
	}
	defer bare.Close()
	local := bare.Traits().LocalPath
	_, missing := os.Stat(local)
	p := providers.Probe(ctx, providers.Reliable(bare, hurried), providers.ProbeOptions{
		Bare: bare, Page: facts.Page, Clock: facts.Clock, Tell: func(s providers.Step) { a.note("remotetest.step", "step", a.say("remotetest.step."+string(s))) }})
	if local != "" && missing != nil {
		_ = os.Remove(local) // if it is empty, as it was before
	}
	if ctx.Err() != nil && len(p.Left) == 0 {
		return ctx.Err()
	}
	a.contact.usage, a.contact.stored = usageToKeep(p.Usage, a.now()), p.Err == nil
	return a.tellTest(where, bare, facts, p)
}

// openForTest opens a remote with pages as short as can be. Its home is that of
// the place, which no setting changes.
func openForTest(ctx context.Context, where target) (providers.Remote, cloud.Facts, error) {
	where.Options = cloud.ShortPages(string(where.Type), where.Options)
	bare, err := where.openBare(ctx)
	if f, ok := bare.(interface{ Facts() cloud.Facts }); ok && err == nil {
		return bare, f.Facts(), nil
	}
	return bare, cloud.Facts{}, err
}

type stepJSON struct {
	Step string `json:"step"`
	OK   bool   `json:"ok"`
}

type stepErrorJSON struct {
	Step string `json:"step"`
	Code string `json:"code"`
	Text string `json:"text"`
	Hint string `json:"hint"`
}

type testJSON struct {
	Remote       string         `json:"remote"`
	Reachable    bool           `json:"reachable"`
	Steps        []stepJSON     `json:"steps"`
	Checksum     bool           `json:"checksum"` // the replies to uploads prove them
	Checksums    []string       `json:"checksums"`
	Listing      string         `json:"listing,omitempty"` // whole, paged, not_tested
	Account      string         `json:"account,omitempty"`
	Quota        quotaJSON      `json:"quota"`
	Trash        bool           `json:"trash"` // what is deleted stays in the service's trash
	ClockSeconds *float64       `json:"clock_seconds"`
	UpPerSecond  *int64         `json:"up_per_second"`
	DownPerSec   *int64         `json:"down_per_second"`
	Limits       []string       `json:"limits"` // codes of what is worth knowing
	Verdict      string         `json:"verdict"`
	Left         []string       `json:"left,omitempty"` // could not be removed
	Error        *stepErrorJSON `json:"error,omitempty"`
}

// quotaJSON has null for what the service doesn't tell.
type quotaJSON struct {
	Total   *int64 `json:"total"`
	Used    *int64 `json:"used"`
	Free    *int64 `json:"free"`
	Trashed *int64 `json:"trashed"`
}

func quotaOf(u providers.Usage) quotaJSON {
	return quotaJSON{known(u.Total), known(u.Used), known(u.Free), known(u.Trashed)}
}

// known is nil for what the service doesn't tell.
func known(n int64) *int64 {
	if n == providers.Unknown {
		return nil
	}
	return &n
}

func measured(bytesPerSecond float64) *int64 {
	if bytesPerSecond == 0 {
		return nil
	}
	n := int64(bytesPerSecond)
	return &n
}

// reached reports whether the service answered at all, be it with a no.
func reached(p *providers.Probed) bool {
	return len(p.Done) > 0 || p.Failed != "" && !errors.Is(p.Err, providers.ErrTemporary)
}

// tellTest says what was found, and ends with the verdict or the error.
func (a *app) tellTest(where target, bare providers.Remote, facts cloud.Facts, p *providers.Probed) error {
	d := testJSON{Remote: where.String(), Reachable: reached(p), Steps: []stepJSON{}, Checksums: []string{}, Limits: []string{},
		Quota: quotaOf(providers.Usage{Total: providers.Unknown, Used: providers.Unknown, Free: providers.Unknown, Trashed: providers.Unknown})}
	for _, name := range p.Left {
		d.Left = append(d.Left, string(name))
		a.note("remotetest.left", "name", string(name))
	}
	for _, s := range p.Done {
		d.Steps = append(d.Steps, stepJSON{string(s), true})
	}
	if p.Failed != "" {
		d.Steps = append(d.Steps, stepJSON{string(p.Failed), false})
	}
	if bare != nil {
		for _, alg := range bare.Traits().Sums {
			d.Checksums = append(d.Checksums, string(alg))
		}
		d.Account, d.Quota = p.Usage.Account, quotaOf(p.Usage)
	}
	d.Listing, d.UpPerSecond, d.DownPerSec = string(p.Listing), measured(p.Up), measured(p.Down)
	if p.ClockKnown {
		s := p.Clock.Seconds()
		d.ClockSeconds = &s
	}
	if p.Err != nil {
		return a.tellFailedTest(d, p)
	}
	d.Checksum = p.Verified
	d.Trash = p.Trashed || facts.Trash > 0
	a.tellTried(&d, p, bare.Traits().LocalPath != "")
	d.Limits, d.Verdict = a.verdict(bare.Traits(), facts, p)
	if len(d.Limits) > 0 {
		a.raise(exitRemarks)
	}
	a.printf("\n%s\n", d.Verdict)
	return a.document(d)
}

// tellTried says what each step came to.
func (a *app) tellTried(d *testJSON, p *providers.Probed, folder bool) {
	a.tell("remotetest.done", "remote", d.Remote)
	if d.Account != "" {
		a.detail("remotetest.account", "account", printable(d.Account))
	}
	a.detail("remotetest.steps")
	a.detail("remotetest.listing." + d.Listing)
	switch {
	case folder: // nobody is there to confirm anything
	case d.Checksum:
		a.detail("remotetest.checksum.yes")
	default:
		a.detail("remotetest.checksum.no")
	}
	a.detail("remotetest.speed", "up", size(uint64(p.Up)), "down", size(uint64(p.Down)))
	a.tellQuota(p.Usage, folder)
	switch {
	case folder: // it is this computer's
	case !p.ClockKnown:
		a.detail("remotetest.clock.unknown")
	case p.Clock == 0:
		a.detail("remotetest.clock.same")
	default:
		a.detail("remotetest.clock.off", "time", p.Clock.Round(time.Second).Abs().String())
	}
}

// tellQuota says how full the account is.
func (a *app) tellQuota(u providers.Usage, folder bool) {
	if u.Total == providers.Unknown && u.Used == providers.Unknown && u.Free == providers.Unknown {
		a.detail("usage.room.unknown")
	} else {
		a.detail("usage.room", "used", a.sizeOrUnknown(u.Used), "total", a.sizeOrUnknown(u.Total), "free", a.sizeOrUnknown(u.Free))
	}
	if !folder {
		a.detail("usage.trashed", "trashed", a.sizeOrUnknown(u.Trashed))
	}
}

// sizeOrUnknown never passes off as zero what nobody knows.
func (a *app) sizeOrUnknown(n int64) string {
	if n == providers.Unknown {
		return a.say("usage.unknown")
	}
	return size(uint64(max(0, n)))
}

// verdict is what this remote can and can't promise, in one line, and the codes
// of what is worth knowing.
func (a *app) verdict(traits providers.Traits, facts cloud.Facts, p *providers.Probed) (codes []string, line string) {
	codes = []string{}
	var parts []string
	limit := func(code, text string) {
		codes, parts = append(codes, code), append(parts, text)
	}
	switch {
	case traits.SumsCostRead:
		parts = append(parts, a.say("remotetest.verdict.folder"))
	case p.Verified:
		parts = append(parts, a.say("remotetest.verdict.checksum"))
	default:
		limit("present", a.say("remotetest.verdict.present"))
	}
	if facts.Trash > 0 {
		limit("trash", a.say("remotetest.verdict.trash", "days", int(facts.Trash.Hours()/24)))
	} else if p.Trashed {
		limit("trash", a.say("remotetest.verdict.trashed"))
	}
	if facts.Requests > 0 {
		limit("requests", a.say("remotetest.verdict.requests", "requests", facts.Requests, "minutes", int(facts.Window.Minutes())))
	}
	if p.Clock.Abs() >= badClock {
		limit("clock", a.say("remotetest.verdict.clock", "time", p.Clock.Round(time.Second).Abs().String()))
	}
	key := "remotetest.verdict.fine"
	if len(codes) > 0 {
		key = "remotetest.verdict.limits"
	}
	line = parts[0]
	for _, part := range parts[1:] {
		line = a.say("remotetest.verdict.and", "one", line, "two", part)
	}
	return codes, a.say(key, "promises", line)
}

// tellFailedTest says which step failed and why.
func (a *app) tellFailedTest(d testJSON, p *providers.Probed) error {
	step := p.Failed
	if step == "" {
		step = "open"
	}
	if errors.Is(p.Err, context.Canceled) {
		return p.Err
	}
	a.contact.trouble = p.Err
	err := fmt.Errorf("test %s: %w", d.Remote, p.Err)
	code, text, advice := a.explain(err)
	name := a.say("remotetest.step." + string(step))
	d.Error = &stepErrorJSON{string(step), string(code), text, advice}
	d.Verdict = a.say("remotetest.failed", "step", name)
	a.raise(exitCode(code, err))
	if !a.json {
		a.printf("%s\n", d.Verdict)
		a.complain(text, advice)
	}
	return a.document(d)
}
