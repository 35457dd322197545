package cloud

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/internal/fakecloud"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
)

// An upload whose answer was lost, and whose process was killed before it could
// ask, is there once when the next one has put it too.
func TestAnswerLostOverRestart(t *testing.T) {
	for _, kind := range bothClouds {
		for _, name := range []providers.Name{small, large} {
			t.Run(kind+"/"+string(name), func(t *testing.T) {
				s := newScene(t, kind, fakecloud.Options{Virtual: true, Lag: time.Minute})
				s.Advance(2 * time.Minute)
				f := fakecloud.Fault{Kind: fakecloud.KindCreate, After: true, Drop: true, Times: 1}
				if name == large {
					f.Kind, f.Skip = fakecloud.KindChunk, map[string]int{"drive": 3, "onedrive": 2}[kind]
					f.Times = 3
				}
				s.Inject(f)
				if _, err := s.remote.Put(context.Background(), name, providers.BytesSource(contents[name])); err == nil && kind == "drive" {
					t.Fatal("nothing was lost")
				}
				s.ClearFaults()
				if err := s.reopen(); err != nil {
					t.Fatal(err)
				}
				if err := s.put(name); err != nil {
					t.Fatal(err)
				}
				s.Advance(2 * time.Minute)
				s.holds(name)
			})
		}
	}
}

// Two Puts of one name make one file, though listings don't have the first yet.
func TestPutTwiceUnderLag(t *testing.T) {
	for _, kind := range bothClouds {
		t.Run(kind, func(t *testing.T) {
			s := newScene(t, kind, fakecloud.Options{Virtual: true, Lag: time.Minute})
			for range 2 {
				for _, name := range []providers.Name{small, large} {
					if err := s.put(name); err != nil {
						t.Fatal(err)
					}
				}
			}
			s.Advance(2 * time.Minute)
			s.holds(small, large)
		})
	}
}

// What was just put can be deleted, and put again, before listings know.
func TestDeleteUnderLag(t *testing.T) {
	for _, kind := range bothClouds {
		t.Run(kind, func(t *testing.T) {
			s := newScene(t, kind, fakecloud.Options{Virtual: true, Lag: time.Minute})
			if err := s.put(small); err != nil {
				t.Fatal(err)
			}
			if err := s.Delete(context.Background(), small); err != nil {
				t.Fatal(err)
			}
			if got := s.files(kind); len(got) > 0 {
				t.Errorf("there is still %v", got)
			}
			if err := s.put(small); err != nil {
				t.Fatal(err)
			}
			s.Advance(2 * time.Minute)
			s.holds(small)
			if err := s.Delete(context.Background(), small); err != nil {
				t.Fatal(err)
			}
			if err := s.Delete(context.Background(), small); err != nil {
				t.Fatal(err)
			}
			s.Advance(2 * time.Minute)
			s.holds()
		})
	}
}

// A deletion that failed is not taken for done because listings don't have the
// object yet.
func TestDeleteAgainUnderLag(t *testing.T) {
	s := newScene(t, "drive", fakecloud.Options{Virtual: true, Lag: time.Minute})
	if err := s.put(small); err != nil {
		t.Fatal(err)
	}
	s.Inject(fault("drive", fakecloud.Fault{Kind: fakecloud.KindDelete, Times: 1}, 503, "backendError", "Backend Error"))
	if err := s.remote.Delete(context.Background(), small); !errors.Is(err, providers.ErrTemporary) {
		t.Fatalf("delete = %v", err)
	}
	if err := s.remote.Delete(context.Background(), small); err != nil {
		t.Fatal(err)
	}
	if got := s.files("drive"); len(got) > 0 {
		t.Errorf("there is still %v", got)
	}
}

// copies puts the same object from devices that don't know of each other.
func copies(s *scene, n int) {
	s.t.Helper()
	for range n {
		other := s.world.scene("drive", s.device("drive"))
		if err := other.put(small); err != nil {
			s.t.Fatal(err)
		}
	}
}

// Files of one name are one object: told once, read, and deleted together.
func TestDuplicateFiles(t *testing.T) {
	s := newScene(t, "drive", fakecloud.Options{})
	if err := s.put(before); err != nil {
		t.Fatal(err)
	}
	copies(s, 3)
	if got := s.files("drive"); len(got) != 4 {
		t.Fatalf("there is %v", got)
	}
	if got, err := s.list(); err != nil || !slices.Equal(got, []providers.Name{before, small}) {
		t.Errorf("listed %v, %v", got, err)
	}
	if err := s.get(small); err != nil {
		t.Error(err)
	}
	if err := s.Delete(context.Background(), small); err != nil {
		t.Fatal(err)
	}
	s.holds(before)
}

// Two devices that make the folder at the same moment, each unseen by the
// other, see everything when they have opened it again.
func TestDuplicateFolders(t *testing.T) {
	for _, roots := range []string{"one root", "two roots"} {
		t.Run(roots, func(t *testing.T) {
			w := newWorld(t, fakecloud.Options{Virtual: true, Lag: time.Minute})
			a, b := w.scene("drive", w.device("drive")), w.scene("drive", w.device("drive"))
			if roots == "one root" {
				if err := a.MakeFolder(context.Background(), "heads"); err != nil {
					t.Fatal(err)
				}
				w.Advance(2 * time.Minute)
			}
			if err := errors.Join(a.put(small), a.put(before), b.put(large)); err != nil {
				t.Fatal(err)
			}
			other := providers.Name("packs/aa/other")
			contents := randomBytes(9, 500)
			if _, err := b.Put(context.Background(), other, providers.BytesSource(contents)); err != nil {
				t.Fatal(err)
			}
			w.Advance(2 * time.Minute)
			all := []providers.Name{before, other, small, large}
			for range 2 {
				for _, s := range []*scene{a, b} {
					if err := s.reopen(); err != nil {
						t.Fatal(err)
					}
					w.Advance(2 * time.Minute)
					if got, err := s.list(); err != nil || !slices.Equal(got, all) {
						t.Errorf("listed %v, %v", got, err)
					}
					for _, n := range all {
						if _, err := s.Stat(context.Background(), n); err != nil {
							t.Error(err)
						}
					}
				}
			}
			if got := w.Drive().Trashed(); len(got) > 0 {
				t.Errorf("in the trash: %v", got)
			}
			for _, n := range []providers.Name{small, before, large} {
				if err := errors.Join(a.get(n), b.get(n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// A device that still writes into a folder which another one has merged loses
// nothing by it.
func TestPutIntoMergedFolder(t *testing.T) {
	w := newWorld(t, fakecloud.Options{Virtual: true, Lag: time.Minute})
	a, b := w.scene("drive", w.device("drive")), w.scene("drive", w.device("drive"))
	if err := errors.Join(a.put(before), b.put(large)); err != nil {
		t.Fatal(err)
	}
	w.Advance(2 * time.Minute)
	if err := a.reopen(); err != nil {
		t.Fatal(err)
	}
	w.Advance(2 * time.Minute)
	if err := b.put(small); err != nil { // to where it always did
		t.Fatal(err)
	}
	w.Advance(2 * time.Minute)
	for _, s := range []*scene{a, b} {
		if err := s.reopen(); err != nil {
			t.Fatal(err)
		}
		w.Advance(2 * time.Minute)
		s.holds(before, small, large)
	}
}

// Our folder in the trash is told, when it is opened and when something is put
// into it.
func TestFolderInTrash(t *testing.T) {
	s := newScene(t, "drive", fakecloud.Options{})
	if err := s.put(before); err != nil {
		t.Fatal(err)
	}
	if err := s.Drive().TrashPath("chatkeep"); err != nil {
		t.Fatal(err)
	}
	s.fails(s.put(small), providers.ErrPermission, providers.HintTrashed)
	s.fails(s.reopen(), providers.ErrPermission, providers.HintTrashed)
	for _, p := range s.Drive().Trashed() {
		if strings.HasSuffix(p, "small") {
			t.Errorf("in the trash is %s", p)
		}
	}
	if err := s.Drive().RemovePath("chatkeep"); err == nil {
		t.Fatal("it was not in the trash")
	}
}

// A folder of ours that was thrown away is made anew, and what is put into it
// doesn't follow it into the trash.
func TestSubfolderGone(t *testing.T) {
	for _, kind := range bothClouds {
		for _, gone := range []string{"trashed", "removed"} {
			for _, name := range []providers.Name{small, large} {
				t.Run(kind+"/"+gone+"/"+string(name), func(t *testing.T) {
					s := newScene(t, kind, fakecloud.Options{})
					if err := s.put(before); err != nil {
						t.Fatal(err)
					}
					away := map[string]map[string]func(string) error{
						"drive":    {"trashed": s.Drive().TrashPath, "removed": s.Drive().RemovePath},
						"onedrive": {"trashed": s.Graph().TrashPath, "removed": s.Graph().RemovePath},
					}[kind][gone]
					if err := away("chatkeep/packs"); err != nil {
						t.Fatal(err)
					}
					if err := s.put(name); err != nil {
						t.Fatal(err)
					}
					if got := s.files(kind); !slices.Equal(got, []string{"chatkeep/" + string(name)}) {
						t.Errorf("there is %v", got)
					}
					if err := s.get(name); err != nil {
						t.Error(err)
					}
					for _, p := range s.trashed(kind) {
						if strings.HasSuffix(p, string(name)) {
							t.Errorf("in the trash is %s", p)
						}
					}
					_, err := s.Stat(context.Background(), before)
					s.fails(err, providers.ErrNotExist, providers.HintMissing)
				})
			}
		}
	}
}

// Our folder was deleted for good under a running program.
func TestFolderDeleted(t *testing.T) {
	for _, kind := range bothClouds {
		t.Run(kind, func(t *testing.T) {
			s := newScene(t, kind, fakecloud.Options{})
			if err := s.put(before); err != nil {
				t.Fatal(err)
			}
			remove := map[string]func(string) error{"drive": s.Drive().RemovePath, "onedrive": s.Graph().RemovePath}[kind]
			if err := remove("chatkeep"); err != nil {
				t.Fatal(err)
			}
			err := s.put(small)
			switch {
			case kind == "drive":
				s.fails(err, providers.ErrPermission, providers.HintMissing)
			case err != nil:
				t.Error(err)
			}
			if err := s.reopen(); err != nil {
				t.Fatal(err)
			}
			if err := s.put(small); err != nil {
				t.Fatal(err)
			}
			s.holds(small)
		})
	}
}

// The user moved the folder: Drive finds it by its id, OneDrive says that
// nothing is there.
func TestFolderMoved(t *testing.T) {
	for _, kind := range bothClouds {
		t.Run(kind, func(t *testing.T) {
			s := newScene(t, kind, fakecloud.Options{})
			if err := s.put(before); err != nil {
				t.Fatal(err)
			}
			move := map[string]func(string, string) error{"drive": s.Drive().MovePath, "onedrive": s.Graph().MovePath}[kind]
			if err := move("chatkeep", "My backups"); err != nil {
				t.Fatal(err)
			}
			if err := s.reopen(); err != nil {
				t.Fatal(err)
			}
			if kind == "drive" {
				if err := errors.Join(s.put(small), s.get(before), s.get(small)); err != nil {
					t.Fatal(err)
				}
				if got := s.files(kind); !slices.Equal(got, []string{"My backups/packs/aa/kept", "My backups/packs/aa/small"}) {
					t.Errorf("there is %v", got)
				}
				return
			}
			_, err := s.Stat(context.Background(), before)
			s.fails(err, providers.ErrNotExist, providers.HintMissing)
		})
	}
}

// An object that somebody deleted is not there, however well it is remembered.
func TestObjectDeleted(t *testing.T) {
	for _, kind := range bothClouds {
		for _, gone := range []string{"trashed", "removed"} {
			t.Run(kind+"/"+gone, func(t *testing.T) {
				s := newScene(t, kind, fakecloud.Options{})
				if err := errors.Join(s.put(before), s.put(small), s.get(before)); err != nil {
					t.Fatal(err)
				}
				away := map[string]map[string]func(string) error{
					"drive":    {"trashed": s.Drive().TrashPath, "removed": s.Drive().RemovePath},
					"onedrive": {"trashed": s.Graph().TrashPath, "removed": s.Graph().RemovePath},
				}[kind][gone]
				if err := away("chatkeep/" + string(before)); err != nil {
					t.Fatal(err)
				}
				if gone == "removed" || kind == "onedrive" { // Drive reads out of the trash by id, which does no harm
					s.fails(s.get(before), providers.ErrNotExist, providers.HintMissing)
				}
				_, err := s.Stat(context.Background(), before)
				s.fails(err, providers.ErrNotExist, providers.HintMissing)
				if got, err := s.list(); err != nil || !slices.Equal(got, []providers.Name{small}) {
					t.Errorf("listed %v, %v", got, err)
				}
				if err := s.put(before); err != nil {
					t.Fatal(err)
				}
				if err := s.get(before); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
}

// What is deleted is gone past the trash. On a personal OneDrive there is no
// such call, and it stays in the recycle bin for 30 days.
func TestDeletePastTrash(t *testing.T) {
	for account, want := range map[string]int{"drive": 0, "business": 0, "personal": 1} {
		t.Run(account, func(t *testing.T) {
			w := newWorld(t, fakecloud.Options{})
			kind, home := "drive", ""
			if account == "drive" {
				home = w.device("drive")
			} else {
				kind, home = "onedrive", t.TempDir()
				if err := NewSignIn(home).Save(w.Graph().SignIn(account)); err != nil {
					t.Fatal(err)
				}
			}
			s := w.scene(kind, home)
			if err := errors.Join(s.put(small), s.Delete(context.Background(), small)); err != nil {
				t.Fatal(err)
			}
			if got := s.files(kind); len(got) > 0 {
				t.Errorf("there is %v", got)
			}
			if got := s.trashed(kind); len(got) != want {
				t.Errorf("in the trash: %v", got)
			}
		})
	}
}

// An id that an object already has is never taken for another's.
func TestUsedIDIsNoProof(t *testing.T) {
	s := newScene(t, "drive", fakecloud.Options{})
	if err := s.put(before); err != nil {
		t.Fatal(err)
	}
	d := s.remote.api()
	id := d.ids.made[before]
	d.ids.update(func(st *idsState) bool { // as a power cut may leave it
		st.Free = append([]string{id}, st.Free...)
		return true
	})
	if err := s.put(small); err != nil {
		t.Fatal(err)
	}
	s.holds(before, small)
}

// Ids of another account are given up.
func TestForeignIDs(t *testing.T) {
	s := newScene(t, "drive", fakecloud.Options{})
	s.remote.api().ids.update(func(st *idsState) bool {
		for range 50 {
			st.Free = append(st.Free, "1"+strings.Repeat("x", 32))
		}
		return true
	})
	for _, name := range []providers.Name{small, large} {
		if err := s.put(name); err != nil {
			t.Fatal(err)
		}
	}
	s.holds(small, large)
}

// A project whose Drive API is off is told by name.
func TestDriveAPIOff(t *testing.T) {
	w := newWorld(t, fakecloud.Options{})
	w.Inject(fault("drive", fakecloud.Fault{Host: "www.googleapis.com", Times: -1}, 403, "accessNotConfigured", "Google Drive API has not been used in project 123456789012 before or it is disabled."))
	s := &scene{world: w, kind: "drive", home: w.device("drive")}
	err := s.reopen()
	s.fails(err, providers.ErrPermission, providers.HintAPI)
	if h := hint.Find(err); h != nil && h.Args["remote"] != "drive:chatkeep" {
		t.Errorf("it is about %v", h.Args)
	}
}
