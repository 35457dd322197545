package cloud

import (
	"context"
	"testing"

	"github.com/chatkeep/chatkeep/internal/fakecloud"
	"github.com/chatkeep/chatkeep/providers"
)

func TestUsage(t *testing.T) {
	for _, kind := range bothClouds {
		t.Run(kind, func(t *testing.T) {
			s := newScene(t, kind, fakecloud.Options{})
			if err := s.put(before); err != nil {
				t.Fatal(err)
			}
			s.Drive().SetQuota(1 << 30)
			s.Graph().SetQuota(1 << 30)
			u, err := s.remote.Usage(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			account := map[string]string{"drive": s.Drive().Email(), "onedrive": s.Graph().Email("a")}[kind]
			used := int64(len(contents[before]))
			if u.Account != account || u.Total != 1<<30 || u.Used != used || u.Free != 1<<30-used || u.Trashed != 0 {
				t.Errorf("it is %+v, of %s", u, account)
			}
			s.Drive().SetQuota(0) // no limit
			if u, err = s.remote.Usage(context.Background()); kind == "drive" && (err != nil || u.Total != providers.Unknown || u.Free != providers.Unknown) {
				t.Errorf("without a limit it is %+v, %v", u, err)
			}
		})
	}
}

func TestUsageFails(t *testing.T) {
	for _, kind := range bothClouds {
		t.Run(kind, func(t *testing.T) {
			s := newScene(t, kind, fakecloud.Options{})
			s.Inject(with(pageFault, func(f *fakecloud.Fault) {
				f.Host = map[string]string{"drive": "www.googleapis.com", "onedrive": "graph.microsoft.com"}[kind]
			}))
			_, err := s.remote.Usage(context.Background())
			s.fails(err, providers.ErrTemporary, providers.HintPortal)
		})
	}
}
