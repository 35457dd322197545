package notify

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/internal/hint"
)

func TestAddress(t *testing.T) {
	for pasted, want := range map[string]string{
		"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=693a91f6-7xxx-4bc4":       "wecom://693a91f6-7xxx-4bc4",
		" https://api.day.app/AbCdEf123\n":                                              "bark://:AbCdEf123@api.day.app",
		"https://api.day.app/AbCdEf123/推送标题/这里改成你自己的推送内容":                               "bark://:AbCdEf123@api.day.app",
		"https://ntfy.sh/my-topic":                                                      "ntfy://ntfy.sh/my-topic",
		"https://hc-ping.com/8b1a2c3d-0000":                                             "ping+https://hc-ping.com/8b1a2c3d-0000",
		"https://hc-ping.com/pingkey/slug?create=1":                                     "ping+https://hc-ping.com/pingkey/slug?create=1",
		"https://open.feishu.cn/open-apis/bot/v2/hook/aaaa-bbbb":                        "lark://open.feishu.cn/aaaa-bbbb",
		"https://open.larksuite.com/open-apis/bot/v2/hook/aaaa-bbbb":                    "lark://open.larksuite.com/aaaa-bbbb",
		"https://discord.com/api/webhooks/123456789/t0k-en_":                            "discord://t0k-en_@123456789",
		"https://hooks.slack.com/services/AAAAAAAAA/BBBBBBBBB/123456789123456789123456": "slack://hook:AAAAAAAAA-BBBBBBBBB-123456789123456789123456@webhook",
		"ping+http://127.0.0.1:8000/ping/x":                                             "ping+http://127.0.0.1:8000/ping/x",
		"generic+https://home.example/hook?x=y":                                         "generic+https://home.example/hook?x=y",
		"telegram://110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw@telegram?chats=1":      "telegram://110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw@telegram?chats=1",
		"matrix://user:pass@matrix.example":                                             "matrix://user:pass@matrix.example", // nobody is asked
	} {
		got, err := Address(pasted)
		if got != want || err != nil {
			t.Errorf("%s: %s, %v, want %s", pasted, got, err, want)
		}
		if again, err := Address(got); again != got || err != nil {
			t.Errorf("%s, once more: %s, %v", got, again, err)
		}
	}
}

func TestAddressRefuses(t *testing.T) {
	internet.answers(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("somebody was asked: %s", r.URL) })
	for pasted, service := range map[string]string{
		"":                                    "",
		"secretword":                          "",
		"secret word":                         "",
		"wecom://":                            "wecom",
		"wecom://a.b":                         "wecom",
		"bark://api.day.app":                  "bark",
		"bark://key@api.day.app":              "bark",
		"https://api.day.app/":                "https",
		"https://ntfy.sh/":                    "https",
		"https://example.com/secretpath":      "https",
		"https://discord.com/api/secretpath":  "https",
		"telegram://secrettoken@telegram":     "telegram",
		"telegram://1:secrettoken@telegram":   "telegram",
		"smtp://user:secretpass@mail.example": "smtp",
		"ntfy://ntfy.sh":                      "ntfy",
		"telegram://dummy@dummy.com":          "telegram",
		"logger://x":                          "",
		"ifttt://secretkey/?events=e":         "",
		"ping://hc-ping.com/x":                "ping",
		"ping+ftp://hc-ping.com/x":            "ping",
		"ping+https:///x":                     "ping",
		"ntfy+https://ntfy.sh/x":              "ntfy",
		"javascript:alert(1)":                 "",
		"secretscheme://x":                    "",
		"generic+https://" + strings.Repeat("x", longestAddress): "",
		"ntfy://ntfy.sh/x\x00y":                                  "",
		"ntfy://ntfy.sh/%zzsecret":                               "",
		"ntfy://ntfy.sh/t?priority=secretvalue":                  "ntfy",
	} {
		_, err := Address(pasted)
		if codeOf(err) != string(CodeAddress) {
			t.Errorf("%.60s: %v", pasted, err)
			continue
		}
		if got := hint.Find(err).Args["service"]; got != service {
			t.Errorf("%.60s: service %q", pasted, got)
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s is in the error: %v", pasted, err)
		}
	}
	if hosts := internet.asked(); len(hosts) != 0 {
		t.Errorf("somebody was asked: %v", hosts)
	}
}

func TestMailAddress(t *testing.T) {
	for _, c := range []struct{ server, user, password, want string }{
		{"smtp.example.com", "me@example.com", "p:a/s@s?", "smtp://me%40example.com:p%3Aa%2Fs%40s%3F@smtp.example.com:465/?from=me%40example.com&to=you%40example.com"},
		{"smtp.example.com:587", "me", "p", "smtp://me:p@smtp.example.com:587/?from=me%40example.com&requirestarttls=yes&to=you%40example.com"},
		{"localhost:25", "", "", "smtp://localhost:25/?from=me%40example.com&to=you%40example.com"},
		{"[::1]", "", "", "smtp://[::1]:465/?from=me%40example.com&to=you%40example.com"},
	} {
		got, err := Mail(c.server, c.user, c.password, "me@example.com", "you@example.com")
		if got != c.want || err != nil {
			t.Errorf("%s: %s, %v", c.server, got, err)
		}
	}
	if _, err := Mail("a b", "me", "secretpass", "x", "y"); err == nil || strings.Contains(err.Error(), "secretpass") {
		t.Errorf("a host with a space: %v", err)
	}
}

// Whatever is pasted: no panic, nothing of it in an error, nobody asked, and
// what is accepted is accepted once more, unchanged.
func FuzzAddress(f *testing.F) {
	for _, s := range tried {
		f.Add(s.address)
	}
	f.Add("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=k")
	f.Add("https://api.day.app/k/t/b")
	f.Add("https://hooks.slack.com/services/AAAAAAAAA/BBBBBBBBB/123456789123456789123456")
	f.Add("smtp://u:p@h:465/?from=a@b&to=c@d")
	f.Add("ping+https://[::1]/x?y#z")
	f.Fuzz(func(t *testing.T, pasted string) {
		got, err := Address(pasted)
		if err != nil {
			if codeOf(err) != string(CodeAddress) {
				t.Fatalf("%q: no code: %v", pasted, err)
			}
			if u, uerr := url.Parse(pasted); uerr == nil && u.User != nil {
				if p, _ := u.User.Password(); len(p) > 8 && strings.Contains(err.Error(), p) {
					t.Fatalf("%q: the password is in %v", pasted, err)
				}
			}
			return
		}
		again, err := Address(got)
		if again != got || err != nil {
			t.Fatalf("%q is %q, and once more %q, %v", pasted, got, again, err)
		}
		data, err := json.Marshal(map[string]any{"channels": []Channel{{"c", got}}})
		if err != nil {
			t.Fatal(err)
		}
		list, err := parseChannels(data)
		if err != nil || len(list) != 1 || list[0].URL != got {
			t.Fatalf("%q, kept and read: %v, %v", got, list, err)
		}
	})
}
