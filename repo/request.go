package repo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/trust"
)

// Request is a device's wish to join, whole and fresh. Whose it is only its
// words tell.
type Request struct {
	Device  format.DeviceID
	Role    format.Role // asked for
	Time    time.Time
	request *trust.Request
}

// Fingerprint is what the device's words stand for.
func (q *Request) Fingerprint() crypto.Fingerprint { return q.request.Fingerprint() }

const (
	maxRequest = 16 << 10 // bytes
	// maxRequests is how many requests are read at most: anybody who can write
	// to the remote can leave any number.
	maxRequests = 50
)

// Requests returns the open requests, newest first. refused counts those that
// were altered, have expired, belong elsewhere or are of a device that is known,
// and those beyond the first 50, which nobody looked at. One among many is found
// by its words.
func (r *Repo) Requests(ctx context.Context) (list []*Request, refused int, err error) {
	var infos []providers.Info
	err = r.remote.List(ctx, "requests/", providers.ListOptions{}, func(info providers.Info) error {
		if n, err := format.ParseName(string(info.Name)); err == nil && n.Kind == format.KindRequest {
			infos = append(infos, info)
		}
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("list requests: %w", err)
	}
	slices.SortFunc(infos, func(a, b providers.Info) int {
		return cmp.Or(b.ModTime.Compare(a.ModTime), cmp.Compare(a.Name, b.Name))
	})
	for i, info := range infos {
		n, err := format.ParseName(string(info.Name))
		if err != nil || i >= maxRequests {
			refused++
			continue
		}
		q, err := r.request(ctx, n)
		if h := hint.Find(err); h != nil && slices.Contains([]hint.Code{CodeRequestExpired, CodeRequestRefused, CodeNoRequest, CodeNewer}, h.Code) {
			refused++
		} else if err != nil {
			return nil, 0, err
		} else {
			list = append(list, q)
		}
	}
	return list, refused, nil
}

// RequestWith returns the request with a fingerprint, as its device shows it.
func (r *Repo) RequestWith(ctx context.Context, f crypto.Fingerprint) (*Request, error) {
	return r.request(ctx, trust.RequestName(f))
}

func (r *Repo) request(ctx context.Context, n format.Name) (*Request, error) {
	b, err := r.get(ctx, n.String(), maxRequest)
	if errors.Is(err, providers.ErrNotExist) {
		return nil, hint.New(CodeNoRequest, fmt.Errorf("read %s: %w", n, err))
	}
	var q *trust.Request
	if err == nil {
		q, err = trust.DecodeRequest(b, r.ring.Repo, time.Now())
	}
	switch {
	case errors.Is(err, trust.ErrExpired):
		return nil, hint.New(CodeRequestExpired, fmt.Errorf("read %s: %w", n, err))
	case errors.Is(err, trust.ErrRequest), errors.Is(err, format.ErrMalformed):
		return nil, refusedRequest(fmt.Errorf("read %s: %w", n, err))
	case errors.Is(err, format.ErrNewer):
		return nil, hint.New(CodeNewer, fmt.Errorf("read %s: %w", n, err))
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", n, err)
	case q.Name() != n:
		return nil, refusedRequest(fmt.Errorf("read %s: %w: it is another one's", n, trust.ErrRequest))
	case r.roster.Device(q.Device) != nil:
		return nil, refusedRequest(fmt.Errorf("read %s: %w: the device is known already", n, trust.ErrRequest))
	}
	return &Request{Device: q.Device, Role: q.Role, Time: time.Unix(0, q.Time), request: q}, nil
}

func refusedRequest(err error) error { return hint.New(CodeRequestRefused, err) }
