package cloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/fshttp"

	"github.com/chatkeep/chatkeep/providers"
)

var _ providers.Accountant = (*remote)(nil)

// Usage asks whose account it is and how full. On Google Drive and OneDrive this
// is a call of our own for the name, which rclone doesn't ask for.
func (r *remote) Usage(ctx context.Context) (u providers.Usage, err error) {
	ctx = r.settings(ctx)
	err = r.try(ctx, func() error {
		u, err = r.usage(ctx)
		return err
	})
	return u, r.failed(ctx, "ask for the account's usage", "", err)
}

func (r *remote) usage(ctx context.Context) (providers.Usage, error) {
	if d := r.api(); d != nil {
		return d.usage(ctx)
	}
	u := providers.Usage{Total: providers.Unknown, Used: providers.Unknown, Free: providers.Unknown, Trashed: providers.Unknown}
	if about := r.fs().Features().About; about != nil {
		told, err := about(ctx)
		if err != nil && !errors.Is(err, fs.ErrorNotImplemented) {
			return u, err
		}
		if told != nil {
			u.Total, u.Used, u.Free, u.Trashed = known(told.Total), known(told.Used), known(told.Free), known(told.Trashed)
		}
	}
	if r.backend.Name != "onedrive" {
		return u, nil
	}
	var err error
	u.Account, err = r.microsoftAccount(ctx)
	return u, err
}

func known(n *int64) int64 {
	if n == nil {
		return providers.Unknown
	}
	return *n
}

func (d *driveAPI) usage(ctx context.Context) (providers.Usage, error) {
	about, err := d.svc.About.Get().Fields("user(emailAddress)", "storageQuota").Context(ctx).Do()
	if err != nil {
		return providers.Usage{}, err
	}
	u := providers.Usage{Total: providers.Unknown, Used: providers.Unknown, Free: providers.Unknown, Trashed: providers.Unknown}
	if about.User != nil {
		u.Account = about.User.EmailAddress
	}
	if q := about.StorageQuota; q != nil {
		u.Used, u.Trashed = q.Usage, q.UsageInDriveTrash
		if q.Limit > 0 {
			u.Total, u.Free = q.Limit, max(0, q.Limit-q.Usage)
		}
	}
	return u, nil
}

// microsoftAccount returns the address of the account. The token is the one
// rclone has just used.
func (r *remote) microsoftAccount(ctx context.Context) (string, error) {
	var token struct {
		Access string `json:"access_token"`
	}
	text, _ := r.remembered("token")
	if json.Unmarshal([]byte(text), &token) != nil || token.Access == "" {
		return "", errors.New("the kept token is damaged")
	}
	host := "graph.microsoft.com"
	if region, _ := r.get("region"); region == "cn" {
		host = "microsoftgraph.chinacloudapi.cn"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+"/v1.0/me?$select=mail,userPrincipalName", nil)
	if err != nil {
		return "", err
	}
	if err := r.keepBundle(); err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+token.Access)
	resp, err := fshttp.NewClient(ctx).Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusForbidden { // a sign-in made elsewhere, without the right to ask
		return "", nil
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("ask for the account: status code %d", resp.StatusCode)
	}
	var me struct{ Mail, UserPrincipalName string }
	if err := json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&me); err != nil {
		return "", err
	}
	if me.Mail != "" {
		return me.Mail, nil
	}
	return me.UserPrincipalName, nil
}
