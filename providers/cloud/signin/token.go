package signin

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/chatkeep/chatkeep/internal/hint"
)

// Hints of a pasted token.
const (
	HintBadToken hint.Code = "signin_bad_token"
	// HintSharedClient is of a token that was made for rclone's own client.
	HintSharedClient hint.Code = "signin_shared_client"
)

// fromToken signs in with what rclone authorize printed.
func (l Login) fromToken(ctx context.Context, c *consent, old map[string]string, env Env) (map[string]string, error) {
	pasted, err := parseToken(l.Token)
	if err != nil {
		return nil, err
	}
	if l.ClientID == "" && l.ClientFile == "" {
		l.ClientID, l.ClientSecret = pasted["client_id"], pasted["client_secret"]
	}
	_, values, err := l.client(ctx, c, old, env)
	if err != nil {
		return nil, err
	}
	return values, l.adopt(ctx, c, pasted["token"], values, env)
}

// adopt takes over a token that was made elsewhere. It is refreshed first if
// it is old: what must be found out with it needs a good one.
func (l Login) adopt(ctx context.Context, c *consent, text string, values map[string]string, env Env) error {
	token, err := tokenJSON(text)
	if err != nil {
		return err
	}
	if err := l.checkServer(values); err != nil {
		return err
	}
	config := &oauth2.Config{ClientID: values["client_id"], ClientSecret: values["client_secret"], Endpoint: c.endpoint(values)}
	// With no client of the person's own it is rclone that knows how.
	if config.ClientID != "" && token.RefreshToken != "" && !token.Valid() {
		fresh, err := config.TokenSource(context.WithValue(ctx, oauth2.HTTPClient, env.Client), token).Token()
		if err != nil {
			return tokenError(ctx, err)
		}
		token = fresh
	}
	return c.keep(ctx, l, token, values, env)
}

// maxToken bounds a pasted token.
const maxToken = 64 << 10

// parseToken reads what rclone authorize prints: a token, or a package of
// options that holds one, with or without the lines around it.
func parseToken(text string) (map[string]string, error) {
	if len(text) > maxToken {
		return nil, badToken("it is too long")
	}
	text = withoutFrame(text)
	if strings.HasPrefix(text, "{") {
		return tokenPackage([]byte(text))
	}
	compact := strings.Join(strings.Fields(text), "")
	plain, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(compact, "="))
	if err != nil || len(plain) == 0 {
		return nil, badToken("it is neither JSON nor a package of rclone's")
	}
	return tokenPackage(plain)
}

// withoutFrame drops the lines that rclone prints before and after.
func withoutFrame(text string) string {
	lines := slices.DeleteFunc(strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n"), func(line string) bool {
		line = strings.TrimSpace(line)
		return strings.HasSuffix(line, "--->") || strings.HasPrefix(line, "<---")
	})
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// tokenPackage reads a token, or options with a token among them.
func tokenPackage(text []byte) (map[string]string, error) {
	var options map[string]any
	if json.Unmarshal(text, &options) != nil {
		return nil, badToken("it is not whole")
	}
	if inner, ok := options["token"].(string); ok {
		if _, err := tokenJSON(inner); err != nil {
			return nil, err
		}
		values := map[string]string{"token": inner}
		for _, key := range []string{"client_id", "client_secret"} {
			if v, ok := options[key].(string); ok {
				values[key] = v
			}
		}
		return values, nil
	}
	if _, err := tokenJSON(string(text)); err != nil {
		return nil, err
	}
	return map[string]string{"token": string(text)}, nil
}

// tokenJSON reads a token. One that doesn't say when it ends counts as ended:
// it would otherwise never be refreshed.
func tokenJSON(text string) (*oauth2.Token, error) {
	var token oauth2.Token
	if json.Unmarshal([]byte(text), &token) != nil || token.AccessToken == "" && token.RefreshToken == "" {
		return nil, badToken("it is no token")
	}
	if token.RefreshToken == "" {
		return nil, hint.New(HintSignInNoRefresh, errors.New("the token can't be refreshed"))
	}
	if token.Expiry.IsZero() {
		token.Expiry = time.Unix(1, 0)
	}
	return &token, nil
}

func badToken(why string) error {
	return hint.New(HintBadToken, errors.New("read token: "+why))
}
