package fakecloud

import (
	"crypto/rand"
	"fmt"
	"strings"
	"unicode/utf16"
)

// usage answers how full the account is. Deleted files take no room.
func (c *dropboxCall) usage() *dropboxError {
	return c.reply(map[string]any{
		"used":       c.n.used(),
		"allocation": map[string]any{".tag": "individual", "allocated": c.a.Quota},
	})
}

func (c *dropboxCall) whoami() *dropboxError {
	return c.reply(map[string]any{
		"account_id": "dbid:" + guid("dropbox "+c.a.Name), "email": c.a.Name + "@example.com", "email_verified": true,
		"name": map[string]any{"given_name": c.a.Name, "surname": "", "familiar_name": c.a.Name,
			"display_name": "User " + c.a.Name, "abbreviated_name": c.a.Name[:1]},
		"account_type": map[string]any{".tag": "basic"}, "country": "CN", "locale": "en", "disabled": false,
		"root_info": map[string]any{".tag": "user", "root_namespace_id": "3235641", "home_namespace_id": "3235641"},
	})
}

// share makes a link to a file or folder, once.
func (c *dropboxCall) share() *dropboxError {
	var ask struct{ Path string }
	if err := c.arg(&ask); err != nil {
		return err
	}
	f, err := c.lookup(ask.Path, "path")
	if err != nil {
		return err
	}
	if c.a.Links[f.ID] != "" {
		return noPath("shared_link_already_exists")
	}
	c.a.Links[f.ID] = "https://www.dropbox.com/scl/fi/" + strings.ToLower(rand.Text()) + "?dl=0"
	return c.reply(c.link(f))
}

func (c *dropboxCall) links() *dropboxError {
	var ask struct{ Path string }
	if err := c.arg(&ask); err != nil {
		return err
	}
	f, err := c.lookup(ask.Path, "path")
	if err != nil {
		return err
	}
	list := []any{}
	if c.a.Links[f.ID] != "" {
		list = append(list, c.link(f))
	}
	return c.reply(map[string]any{"links": list, "has_more": false})
}

func (c *dropboxCall) link(f *node) map[string]any {
	m := c.describe(f)
	m["url"] = c.a.Links[f.ID]
	m["link_permissions"] = map[string]any{"can_revoke": true}
	return m
}

// asciiJSON escapes what can't stand in a header.
func asciiJSON(data []byte) string {
	var b strings.Builder
	for _, r := range string(data) {
		if r < 0x7f {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}
