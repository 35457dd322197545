package notify

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/chatkeep/chatkeep/internal/hint"
)

// longestAddress bounds what is pasted.
const longestAddress = 4096

// Address turns what somebody pasted into the address of a channel, and proves
// that its service understands it; nobody is asked. Addresses are shoutrrr's,
// ping+https://… for a service that expects signs of life, or web addresses as
// the services show them:
//
//	https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…   a WeCom bot
//	https://open.feishu.cn/open-apis/bot/v2/hook/…           a Feishu or Lark bot
//	https://api.day.app/KEY/                                 Bark
//	https://ntfy.sh/TOPIC                                    ntfy
//	https://hc-ping.com/UUID                                 healthchecks.io
//	https://discord.com/api/webhooks/ID/TOKEN                Discord
//	https://hooks.slack.com/services/A/B/C                   Slack
func Address(pasted string) (string, error) {
	text := strings.TrimSpace(pasted)
	odd := func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\uFFFD' }
	if text == "" || len(text) > longestAddress || strings.ContainsFunc(text, odd) {
		return "", badAddress("", errors.New("it is empty, too long, or has spaces in it"))
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" {
		return "", badAddress("", errors.New("it is no address"))
	}
	if u.Scheme == "http" || u.Scheme == "https" {
		if u = recognise(u); u == nil {
			return "", badAddress("https", errors.New("it may be a webhook or a ping"))
		}
	}
	address := u.String()
	if err := understood(address); err != nil {
		return "", badAddress(serviceOf(address), err)
	}
	return address, nil
}

func badAddress(service string, err error) error {
	if !slices.Contains(append(Services(), "http", "https"), service) {
		service = "" // it may be half a secret
	}
	return hint.New(CodeAddress, fmt.Errorf("read address: %w", err), "service", service)
}

// recognise turns the web addresses of known services into those of channels; nil:
// it is none.
func recognise(u *url.URL) *url.URL {
	path := strings.FieldsFunc(u.EscapedPath(), func(r rune) bool { return r == '/' })
	for i, part := range path {
		plain, err := url.PathUnescape(part)
		if err != nil {
			return nil
		}
		path[i] = plain
	}
	at := func(prefix ...string) []string {
		if len(path) < len(prefix) || !slices.Equal(path[:len(prefix)], prefix) {
			return nil
		}
		return path[len(prefix):]
	}
	switch host := strings.ToLower(u.Host); host {
	case "qyapi.weixin.qq.com":
		if key := u.Query().Get("key"); key != "" && len(at("cgi-bin", "webhook", "send")) == 0 {
			return &url.URL{Scheme: "wecom", Host: key}
		}
	case "open.feishu.cn", "open.larksuite.com":
		if rest := at("open-apis", "bot", "v2", "hook"); len(rest) == 1 {
			return &url.URL{Scheme: "lark", Host: host, Path: "/" + rest[0]}
		}
	case "api.day.app":
		if len(path) > 0 { // the app shows examples with a text after the key
			return &url.URL{Scheme: "bark", Host: host, User: url.UserPassword("", path[0])}
		}
	case "ntfy.sh":
		if len(path) == 1 {
			return &url.URL{Scheme: "ntfy", Host: host, Path: "/" + path[0], User: u.User}
		}
	case "hc-ping.com":
		if len(path) > 0 {
			return &url.URL{Scheme: "ping+https", Host: host, Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}
		}
	case "discord.com", "discordapp.com":
		if rest := at("api", "webhooks"); len(rest) == 2 {
			return &url.URL{Scheme: "discord", Host: rest[0], User: url.User(rest[1])}
		}
	case "hooks.slack.com":
		if rest := at("services"); len(rest) == 3 {
			return &url.URL{Scheme: "slack", Host: "webhook", User: url.UserPassword("hook", strings.Join(rest, "-"))}
		}
	}
	return nil
}

// Mail makes the address of a channel that sends mail from an address to
// itself. Without a port it is 465, where the connection is private from its
// first byte; a password is never sent over one that isn't.
func Mail(server, user, password, from, to string) (string, error) {
	host, port, err := net.SplitHostPort(server)
	if err != nil {
		host, port = strings.Trim(server, "[]"), "465"
	}
	q := url.Values{"from": {from}, "to": {to}}
	if port != "465" && password != "" {
		q.Set("requirestarttls", "yes")
	}
	u := url.URL{Scheme: "smtp", Host: net.JoinHostPort(host, port), Path: "/", RawQuery: q.Encode()}
	if user != "" {
		u.User = url.UserPassword(user, password)
	}
	return Address(u.String())
}
