package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"golang.org/x/oauth2"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
)

// Hints of the choice of a drive.
const (
	HintNoDrive    hint.Code = "signin_no_drive"
	HintOtherDrive hint.Code = "signin_other_drive"
)

// region is one of Microsoft's clouds.
type region struct{ login, graph string }

// regions are Microsoft's clouds by rclone's names. The one in China is run by
// 21Vianet, with accounts and clients of its own.
var regions = map[string]region{
	"":       {"https://login.microsoftonline.com", "https://graph.microsoft.com"},
	"global": {"https://login.microsoftonline.com", "https://graph.microsoft.com"},
	"cn":     {"https://login.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn"},
}

// drive is a place for files in a Microsoft account.
type drive struct {
	ID   string `json:"id"`
	Type string `json:"driveType"`
	Name string `json:"name"`
}

// microsoftFinish chooses the drive, without which rclone can't open anything.
func microsoftFinish(ctx context.Context, l Login, token *oauth2.Token, values map[string]string, env Env) error {
	drives, err := listDrives(ctx, regions[values["region"]].graph, token, env.Client)
	if err != nil {
		return err
	}
	chosen, err := l.chooseDrive(ctx, drives, env)
	if err != nil {
		return err
	}
	values["drive_id"], values["drive_type"] = chosen.ID, chosen.Type
	return nil
}

func (l Login) chooseDrive(ctx context.Context, drives []drive, env Env) (drive, error) {
	wanted := l.DriveID
	if wanted == "" {
		wanted = l.setting("drive_id")
	}
	switch {
	case len(drives) == 0:
		return drive{}, hint.New(HintNoDrive, errors.New("the account has no drive"))
	case wanted == "" && len(drives) == 1:
		return drives[0], nil
	case wanted == "":
		q := Question{Key: "login.ask.drive", Flag: "--drive-id"}
		for _, d := range drives {
			q.Choices = append(q.Choices, Choice{ID: d.ID, Text: d.title()})
		}
		var err error
		if wanted, err = env.ask(ctx, q); err != nil {
			return drive{}, err
		}
	}
	i := slices.IndexFunc(drives, func(d drive) bool { return d.ID == wanted })
	if i < 0 {
		return drive{}, hint.New(HintOtherDrive, errors.New("the account has no drive of this id"))
	}
	return drives[i], nil
}

func (d drive) title() string {
	if d.Name == "" {
		return d.Type
	}
	return d.Name + " (" + d.Type + ")"
}

// listDrives asks for the account's drives. The list misses the account's own
// one at times, so that is asked for as well.
func listDrives(ctx context.Context, graph string, token *oauth2.Token, client *http.Client) ([]drive, error) {
	var list struct {
		Value []drive `json:"value"`
	}
	errList := getJSON(ctx, client, token, graph+"/v1.0/me/drives", &list)
	var own drive
	errOwn := getJSON(ctx, client, token, graph+"/v1.0/me/drive", &own)
	if errList != nil && errOwn != nil {
		return nil, errList
	}
	drives := slices.DeleteFunc(list.Value, func(d drive) bool { return d.ID == "" || d.Type == "" })
	if own.ID != "" && own.Type != "" && !slices.ContainsFunc(drives, func(d drive) bool { return d.ID == own.ID }) {
		drives = slices.Insert(drives, 0, own)
	}
	return drives, nil
}

// getJSON asks Graph.
func getJSON(ctx context.Context, client *http.Client, token *oauth2.Token, url string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	token.SetAuthHeader(req)
	res, err := client.Do(req)
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	if err != nil {
		return providers.Fail(providers.ErrTemporary, fmt.Errorf("list drives: %w", err))
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	switch {
	case err != nil:
		return providers.Fail(providers.ErrTemporary, fmt.Errorf("list drives: %w", err))
	case res.StatusCode == http.StatusUnauthorized:
		return providers.Fail(providers.ErrAuth, fmt.Errorf("list drives: %s", res.Status))
	case res.StatusCode == http.StatusForbidden:
		return hint.New(HintSignInScope, fmt.Errorf("list drives: %s", res.Status))
	case res.StatusCode == http.StatusNotFound: // an account that never opened its drive
		return hint.New(HintNoDrive, fmt.Errorf("list drives: %s", res.Status))
	case res.StatusCode != http.StatusOK:
		return providers.Fail(providers.ErrTemporary, fmt.Errorf("list drives: %s", res.Status))
	}
	if json.Unmarshal(text, into) != nil {
		return providers.Fail(providers.ErrTemporary, errors.New("list drives: the answer is none of the service's"))
	}
	return nil
}
