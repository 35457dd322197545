package snapshot

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/internal/fakecloud"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/cloud"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

// onCloud is a device that backs up to a fake of a cloud.
type onCloud struct {
	*place
	cloud *fakecloud.Cloud
	kind  string
	home  string
}

func newOnCloud(t *testing.T, kind string) *onCloud {
	t.Helper()
	c, err := fakecloud.Start(fakecloud.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	o := &onCloud{cloud: c, kind: kind, home: t.TempDir()}
	o.signIn(t, o.home)
	o.place = newPlaceOn(t, format.Full, o.connect(t, o.home))
	o.packSize = 64 << 20
	return o
}

func (o *onCloud) signIn(t *testing.T, home string) {
	t.Helper()
	values := o.cloud.Drive().SignIn("a")
	if o.kind == "onedrive" {
		values = o.cloud.Graph().SignIn("a")
	}
	if err := cloud.NewSignIn(home).Save(values); err != nil {
		t.Fatal(err)
	}
}

// connect opens the remote anew, as every run of the program does.
func (o *onCloud) connect(t *testing.T, home string) providers.Remote {
	t.Helper()
	settings := map[string]string{}
	if o.kind == "drive" { // nobody limits the fake
		settings = map[string]string{"pacer_min_sleep": "1ms", "pacer_burst": "1000"}
	}
	r, err := cloud.Open(background, providers.Place{Type: o.kind, Path: "chatkeep"},
		cloud.Options{Home: home, Proxy: o.cloud.Proxy(), CACert: o.cloud.CAFile(), Settings: settings, Limits: cloud.Limits{RequestsPerMinute: -1}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return providers.Reliable(r, providers.RetryOptions{Tries: 2})
}

// count connects anew, runs what, and returns how many requests it made but for
// tokens and folders, and what they were.
func (o *onCloud) count(t *testing.T, what func()) (n, creations int, told string) {
	t.Helper()
	o.cloud.ResetRequests()
	o.remote = o.connect(t, o.home)
	what()
	var list []string
	for _, r := range o.cloud.Requests() {
		list = append(list, fmt.Sprintf("%s %s %s?%s %d", r.Kind, r.Method, r.Path, r.Query, r.Status))
		switch r.Kind {
		case fakecloud.KindToken, fakecloud.KindFolder:
			continue
		case fakecloud.KindCreate:
			creations++
		}
		n++
	}
	return n, creations, strings.Join(list, "\n")
}

// inside is the account as its service sees it.
func (o *onCloud) inside() interface {
	Files() map[string][]byte
	Corrupt(path string) error
	RemovePath(path string) error
} {
	if o.kind == "onedrive" {
		return o.cloud.Graph().Account("a")
	}
	return o.cloud.Drive().Account("a")
}

func (o *onCloud) paths() []string { return slices.Sorted(maps.Keys(o.inside().Files())) }

// replace puts other bytes of the same size in an object's place, or where the
// fake can't, takes it away.
func (o *onCloud) replace(path string) {
	o.t.Helper()
	if o.kind == "drive" {
		o.must(o.inside().RemovePath(path))
		return
	}
	b := o.inside().Files()[path]
	b[0] ^= 1
	o.cloud.Graph().Account("a").PutPath(path, b)
}

// What a cloud counts: few requests, and for a backup with nothing changed and
// one small file next to none.
//
// Of the requests for one small file, 6 are what the format promises: the
// snapshot and, after the look-up of its pack, header, root, leaf and file (the
// heads were listed when the repository was opened). Two more are for the
// device's chunk secret. On OneDrive each download is two: Graph redirects it.
func TestFewRequestsOnClouds(t *testing.T) {
	for _, kind := range []string{"drive", "onedrive"} {
		t.Run(kind, func(t *testing.T) {
			o := newOnCloud(t, kind)
			for i := range 3000 {
				o.must(os.WriteFile(filepath.Join(o.chats, fmt.Sprintf("%04d.bin", i)), noise(fmt.Sprint(i), 4000), 0o600))
			}
			n, creations, told := o.count(t, func() { o.backup() })
			t.Logf("first backup: %d requests, %d creations", n, creations)
			if creations > 4 {
				t.Errorf("a first backup of one pack made %d creations:\n%s", creations, told)
			}
			n, _, told = o.count(t, func() { o.backup() })
			t.Logf("nothing changed: %d requests", n)
			if n > 6 {
				t.Errorf("a backup with nothing changed made %d requests:\n%s", n, told)
			}
			most := map[string]int{"drive": 8, "onedrive": 14}[kind]
			n, _, told = o.count(t, func() {
				r, err := repo.Open(background, o.remote, repo.Options{Recovery: o.recovery})
				o.must(err)
				o.cloud.ResetRequests()
				s, err := r.Find(background, repo.Latest)
				o.must(err)
				out, err := Restore(background, r, s, RestoreOptions{To: filepath.Join(t.TempDir(), "r"), Include: []string{"chats/1234.bin"}})
				o.must(err)
				if out.Files != 1 {
					t.Errorf("%d files", out.Files)
				}
			})
			t.Logf("one small file: %d requests", n)
			if n > most {
				t.Errorf("one small file took %d requests:\n%s", n, told)
			}
		})
	}
}

// Without a download, verify holds what a service reports against what it
// reported when it took a pack, and finds what it lost or changed since.
func TestVerifyOnClouds(t *testing.T) {
	for _, kind := range []string{"drive", "onedrive"} {
		t.Run(kind, func(t *testing.T) {
			o := newOnCloud(t, kind)
			o.packSize = 1 << 20
			for i := range 4 {
				o.must(os.WriteFile(filepath.Join(o.chats, fmt.Sprintf("%04d.bin", i)), noise(fmt.Sprint(i), 1<<20), 0o600))
			}
			o.backup()
			packs := 0
			var one string
			for _, path := range o.paths() {
				if strings.Contains(path, "/packs/") && strings.HasSuffix(path, ".age") {
					packs++
					one = path
				}
			}
			rep, err := o.open().Check(background, repo.CheckOptions{})
			o.must(err)
			if !rep.OK() || rep.ReadBack > 0 || rep.Downloaded > 0 || rep.Summed < packs || packs < 4 {
				t.Fatalf("%+v of %d packs", rep, packs)
			}
			if got := o.open().Proof(); got != (repo.Proof{}) {
				t.Errorf("%+v is to be read back, though the replies proved it", got)
			}
			o.must(o.inside().Corrupt(one)) // the service doesn't notice
			for _, data := range []int{100, 0} {
				rep, err = o.open().Check(background, repo.CheckOptions{Data: data})
				o.must(err)
				found := slices.ContainsFunc(rep.Bad, func(b repo.Bad) bool { return strings.HasSuffix(one, b.Object) })
				if !found || data == 0 && len(rep.Bad) != 1 { // reading, the tree in that pack is missed as well
					t.Errorf("of %d %% it found %+v, spoiled is %s", data, rep.Bad, one)
				}
				if data > 0 {
					o.replace(one)
				}
			}
		})
	}
}
