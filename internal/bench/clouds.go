package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/chatkeep/chatkeep/internal/fakecloud"
)

// stepTalk lets 1000 messages come in, and nothing else.
const stepTalk = "1000-messages-of-the-account"

// talked is how many.
const talked = 1000

// service is a cloud that is measured. Each has a cloud of its own, which is
// gone before the next.
type service struct {
	kind, name string
	signIn     func(*fakecloud.Cloud) map[string]string
}

var services = []service{
	{"drive", "Google Drive", func(c *fakecloud.Cloud) map[string]string { return c.Drive().SignIn("bench") }},
	{"onedrive", "OneDrive", func(c *fakecloud.Cloud) map[string]string { return c.Graph().SignIn("bench") }},
}

// row is what a row of this service is called.
func (s *service) row(what string) string { return s.kind + ": " + what }

func (s *service) rows() []string {
	return []string{s.row(rowFirst), s.row(rowPullAll), s.row(rowSame), s.row(rowPullSame), s.row(rowMany), s.row(rowPullMany), s.row(rowOne)}
}

// compareClouds measures chatkeep and restic on each service, and prints their
// table and targets.
func (o *options) compareClouds(ctx context.Context, out, log io.Writer) error {
	res := newResults()
	var programs []string
	if err := o.buildRclone(ctx); err != nil {
		fmt.Fprintln(log, "bench:", err)
	}
	for n := range o.rounds {
		for i, s := range services {
			own := *o
			own.dir = o.path(fmt.Sprintf("%s-%d", s.kind, n))
			c := &onCloud{round: &round{options: &own, results: res, ctx: ctx, log: log}, service: s}
			list, missing, err := c.run()
			if err != nil {
				return err
			}
			if n == 0 && i == 0 {
				programs = names(list)
				introduceClouds(out, o, list, missing)
			}
		}
	}
	var rows []string
	for _, s := range services {
		rows = append(rows, s.rows()...)
	}
	cells := res.medians()
	trafficTable(out, cells, rows, programs)
	goals := cloudTargets(cells)
	targets(out, goals, true)
	res.explain(out, goals, rows)
	res.complain(out)
	return nil
}

func introduceClouds(out io.Writer, o *options, list []program, missing []string) {
	fmt.Fprintf(out, "%s of made-up chats (preset %s, scale %g), %d round(s), %d CPUs, on fakes of the services on this computer\n\n",
		size(o.chats.Bytes), o.preset, o.scale, o.rounds, runtime.NumCPU())
	fmt.Fprint(out, "A request is what the service saw; the tunnels of the proxy are none. Bytes are those of bodies. restic's CPU has that of\n"+
		"the rclone it runs in it. Nobody's settings were changed. The cold start has a sign-in and a key, and neither state nor cache.\n\n")
	introducePrograms(out, list, missing)
}

// onCloud is one round on one service.
type onCloud struct {
	*round
	service
	cloud *fakecloud.Cloud
}

// run does all steps, and drops everything.
func (c *onCloud) run() (list []program, missing []string, err error) {
	fmt.Fprintf(c.log, "bench: %s: %s\n", time.Now().Format(time.TimeOnly), c.name)
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return nil, nil, err
	}
	if c.cloud, err = fakecloud.Start(fakecloud.Options{}); err != nil {
		return nil, nil, err
	}
	defer func() {
		runtime.GC() // before the next round's cloud is as large
		err = errors.Join(err, c.cloud.Close())
	}()
	if list, missing, err = c.programs(); err != nil {
		return nil, nil, err
	}
	c.list = list
	if err = c.steps(); err == nil && !c.keep {
		err = removeAll(c.dir)
	}
	if refused := c.cloud.Refused(); err == nil && len(refused) > 0 {
		err = fmt.Errorf("somebody asked for %v", refused)
	}
	return list, missing, err
}

func (c *onCloud) steps() error {
	if err := c.change(stepMake); err != nil {
		return err
	}
	if err := c.setUp(); err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { return c.backup(c.row(rowFirst)) },
		func() error { return c.pulls(c.asked, c.row(rowPullAll)) },
		func() error { return c.backup(c.row(rowSame)) },
		func() error { return c.pulls(c.asked, c.row(rowPullSame)) },
		func() error { return c.change(stepTalk) },
		func() error { return c.backup(c.row(rowMany)) },
		func() error { return c.pulls(c.asked, c.row(rowPullMany)) },
		c.restoreOne,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (c *onCloud) backup(row string) error {
	for _, p := range c.list {
		if err := c.asked(row, p.name, p.backup(0), nil); err != nil {
			return err
		}
	}
	return nil
}

// restoreOne restores one file on a computer that has a sign-in and a key.
func (c *onCloud) restoreOne() error {
	file, err := oneFile(c.inChats(c.account()))
	if err != nil {
		return err
	}
	info, err := os.Stat(c.inChats(path.Join(c.account(), file)))
	if err != nil {
		return err
	}
	for _, p := range c.list {
		to, err := c.target(p.name + "-one")
		if err == nil {
			err = c.asked(c.row(rowOne), p.name, p.one(file, to), c.whole(p.name, to, content{1, info.Size()}))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// asked measures one step of one program, and what it asked the cloud for.
func (c *onCloud) asked(row, program string, cmd command, check func(*usage) error) error {
	c.cloud.ResetRequests()
	return c.measure(row, program, cmd, func(u *usage) error {
		c.cloud.Idle()
		list := c.cloud.Requests()
		u.Asked = trafficOf(list)
		c.told[key{row, program}] = told(list)
		if check == nil {
			return nil
		}
		return check(u)
	})
}

// kinds are the kinds of requests, in the order of the table. The last one is
// any other.
var kinds = [...]fakecloud.Kind{
	fakecloud.KindToken, fakecloud.KindFolder, fakecloud.KindList, fakecloud.KindLookup, fakecloud.KindGet, fakecloud.KindIDs, fakecloud.KindCreate,
	fakecloud.KindChunk, fakecloud.KindDownload, fakecloud.KindUpdate, fakecloud.KindDelete, fakecloud.KindAbout, fakecloud.KindChanges, fakecloud.KindOther,
}

// traffic is what a step asked of a cloud.
type traffic struct {
	Of       [len(kinds)]int
	Up, Down int64 // bytes of bodies
}

func trafficOf(list []fakecloud.Request) (t traffic) {
	for _, r := range list {
		i := slices.Index(kinds[:], r.Kind)
		if i < 0 {
			i = len(kinds) - 1
		}
		t.Of[i]++
		t.Up, t.Down = t.Up+r.Bytes, t.Down+r.Sent
	}
	return t
}

func (t traffic) of(kind fakecloud.Kind) int { return t.Of[slices.Index(kinds[:], kind)] }

func (t traffic) all() (n int) {
	for _, count := range t.Of {
		n += count
	}
	return n
}

// counted leaves out what is not counted: tokens and the look-up of folders.
func (t traffic) counted() int {
	return t.all() - t.of(fakecloud.KindToken) - t.of(fakecloud.KindFolder)
}

// String lists the kinds.
func (t traffic) String() string {
	var list []string
	for i, n := range t.Of {
		if n > 0 {
			list = append(list, fmt.Sprintf("%d %s", n, kinds[i]))
		}
	}
	return strings.Join(list, ", ")
}

// told lists requests, one on a line.
func told(list []fakecloud.Request) (lines []string) {
	for _, r := range list {
		answer := fmt.Sprint(r.Status)
		if r.Status != 0 {
			answer += " " + http.StatusText(r.Status)
		}
		lines = append(lines, fmt.Sprintf("%s: %s %s%s, %s up, %s down: %s", r.Kind, r.Method, r.Host, r.Path, size(r.Bytes), size(r.Sent), answer))
	}
	return lines
}

// explain lists the requests of chatkeep's steps that made more of them than
// they should.
func (r *results) explain(out io.Writer, goals []target, rows []string) {
	const most = 60
	for _, row := range missed(goals, rows) {
		lines := r.told[key{row, "chatkeep"}]
		fmt.Fprintf(out, "%s: the requests of chatkeep:\n", row)
		for i, line := range lines[:min(most, len(lines))] {
			fmt.Fprintf(out, "%3d. %s\n", i+1, line)
		}
		if len(lines) > most {
			fmt.Fprintf(out, "     and %d more\n", len(lines)-most)
		}
		fmt.Fprintln(out)
	}
}

// missed are the rows of which a target was not reached.
func missed(goals []target, rows []string) []string {
	return slices.DeleteFunc(slices.Clone(rows), func(row string) bool {
		return !slices.ContainsFunc(goals, func(t target) bool { return t.got > t.most && strings.HasPrefix(t.what, row+", ") })
	})
}
