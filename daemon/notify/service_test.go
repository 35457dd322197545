package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

type trial struct {
	address string
	host    string // asked for at the proxy
	method  string
	reply   func(message []byte) string
}

// tried are the services as they are sent to by the unmodified library, each
// with what its server says to a message it took.
var tried = []trial{
	{"wecom://kkkkkkkk-1111-2222-3333-secretwecom", "qyapi.weixin.qq.com:443", "POST", says(`{"errcode":0,"errmsg":"ok"}`)},
	{"lark://open.feishu.cn/larktokensecret?secret=signsecret", "open.feishu.cn:443", "POST", says(`{"code":0,"msg":"success"}`)},
	{"telegram://123456789:secretAAAtelegramBBBtokenCCC_ddd-eee@telegram?chats=987654321", "api.telegram.org:443", "POST", says(`{"ok":true,"result":{"message_id":1}}`)},
	{"bark://:barksecretkey@api.day.app", "api.day.app:443", "POST", says(`{"code":200,"message":"success"}`)},
	{"ntfy://someone:ntfysecret@ntfy.sh/secrettopic", "ntfy.sh:443", "POST", says(`{"id":"1","event":"message"}`)},
	{"discord://discordsecrettoken@123456789012345678", "discord.com:443", "POST", says("")},
	{"slack://hook:AAAAAAAAA-BBBBBBBBB-secret789123456789123456@webhook", "hooks.slack.com:443", "POST", says("ok")},
	{"gotify://gotify.example/Aecret.bbb.ccc.", "gotify.example:443", "POST", says(`{"id":1,"message":"m"}`)},
	{"matrix://:matrixsecrettoken@matrix.example?rooms=!room:matrix.example", "matrix.example:443", "POST", says(`{"room_id":"!room:matrix.example","event_id":"$1"}`)},
	{"pushover://:pushoversecretapp@pushoversecretuser", "api.pushover.net:443", "POST", says(`{"status":1}`)},
	{"teams://11111111-4444-4444-8444-cccccccccccc@22222222-4444-4444-8444-cccccccccccc/33333333012222222222333333333344/44444444-4444-4444-8444-cccccccccccc/V2ESyij_gAljSoUQHvZoZYzlpAoAXExyOl26dlf1xHEx05?host=test.webhook.office.com", "test.webhook.office.com:443", "POST", says("1")},
	{"rocketchat://rocket.example/rocketsecreta/rocketsecretb", "rocket.example:443", "POST", says(`{"success":true}`)},
	{"googlechat://chat.googleapis.com/v1/spaces/FOOSPACE/messages?key=gchatsecretkey&token=gchatsecrettoken", "chat.googleapis.com:443", "POST", says("{}")},
	{"zulip://bot%40example.com:zulipsecretkeyzulipsecretkey1234@org.zulipchat.com?stream=foo&topic=bar", "org.zulipchat.com:443", "POST", says(`{"result":"success"}`)},
	{"pushbullet://tokentokentokentokentokentokentoke", "api.pushbullet.com:443", "POST", echoes},
	{"signal://user:signalsecret@signal.example:8443/+12345678901/+10987654321", "signal.example:8443", "POST", says(`{"timestamp":1}`)},
	{"generic+https://hook.example/webhooksecretpath?auth=webhooksecretvalue", "hook.example:443", "POST", says("")},
	{"ping+https://hc-ping.com/0a1b2c3d-secret-4e5f", "hc-ping.com:443", "GET", says("OK")},
}

func says(text string) func([]byte) string { return func([]byte) string { return text } }

// echoes is how Pushbullet answers.
func echoes(message []byte) string {
	var m map[string]any
	json.Unmarshal(message, &m)
	m["active"] = true
	b, _ := json.Marshal(m)
	return string(b)
}

// open returns a notifier over its own folder with these channels.
func open(t *testing.T, channels ...Channel) *Notifier {
	t.Helper()
	dir := t.TempDir()
	o := Options{Dir: dir, Say: plainWords}
	for _, c := range channels {
		if err := Add(dir, c, false); err != nil {
			t.Fatal(err)
		}
		o.Use = append(o.Use, c.Name)
	}
	n, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

// plainWords say problems by their codes.
func plainWords(kind Kind, problems []Problem) Message {
	var codes []string
	for _, p := range problems {
		codes = append(codes, strings.TrimSuffix(p.Code+" "+p.Key, " "))
	}
	return Message{Title: "备份 " + string(kind), Text: strings.Join(codes, "\n") + "\n今天 14:32 之前的都已备份 & <b>"}
}

func TestEveryServiceIsTried(t *testing.T) {
	var list []string
	for _, s := range tried {
		list = append(list, serviceOf(s.address))
	}
	list = append(list, "smtp") // in mail_test.go
	slices.Sort(list)
	if !slices.Equal(list, Services()) {
		t.Errorf("tried are %v, offered %v", list, Services())
	}
}

// The unmodified library delivers through the proxy of the environment, and
// what arrives has the words.
func TestServicesDeliver(t *testing.T) {
	for _, s := range tried {
		t.Run(serviceOf(s.address), func(t *testing.T) {
			address, err := Address(s.address)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			var methods []string
			internet.answers(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				got.Write(body)
				for _, v := range r.Header {
					got.WriteString(strings.Join(v, "\n"))
				}
				methods = append(methods, r.Method)
				if reply := s.reply(body); reply != "" {
					io.WriteString(w, reply)
				} else {
					w.WriteHeader(http.StatusNoContent)
				}
			})
			n := open(t, Channel{"mine", address})
			if err := n.Test(t.Context(), "mine"); err != nil {
				t.Fatal(err)
			}
			if len(methods) == 0 || methods[0] != s.method {
				t.Errorf("requests: %v", methods)
			}
			if hosts := internet.asked(); !slices.Contains(hosts, s.host) {
				t.Errorf("the proxy was asked for %v, want %s", hosts, s.host)
			}
			if serviceOf(s.address) == pingService {
				return
			}
			said := got.String()
			if form, err := url.QueryUnescape(said); err == nil {
				said += form
			}
			for _, want := range []string{"备份 test", "今天 14:32"} {
				if !strings.Contains(said, want) {
					t.Errorf("%q is not in what arrived: %s", want, got.String())
				}
			}
		})
	}
}

// A message that was not taken is an error, and nothing of the address is in
// it, whatever the service says.
func TestServicesFail(t *testing.T) {
	ways := []struct {
		name    string
		offline bool
		answer  http.HandlerFunc
		code    string // "": either
	}{
		{"offline", true, nil, string(CodeUnreachable)},
		{"hangs up", false, func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }, ""},
		{"refuses, with the address", false, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, `{"ok":false,"errcode":93000,"code":403,"error_code":403,"message":%q,"description":%q,"errmsg":%q,"error":%q,"url":%q}`,
				r.URL, r.URL, r.URL, r.Header, r.URL)
		}, string(CodeRefused)},
		{"breaks down, with the address", false, func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, fmt.Sprint(r.Host, r.URL, r.Header), http.StatusInternalServerError)
		}, ""},
	}
	for _, way := range ways {
		for _, s := range tried {
			t.Run(way.name+" "+serviceOf(s.address), func(t *testing.T) {
				address, err := Address(s.address)
				if err != nil {
					t.Fatal(err)
				}
				answer := way.answer
				if answer == nil {
					answer = http.NotFound
				}
				internet.answers(t, answer)
				internet.offline.Store(way.offline)
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second) // Discord is asked again for half a minute
				defer cancel()
				said := overheard(t, func() {
					n := open(t, Channel{"mine", address})
					err = n.Test(ctx, "mine")
					if err == nil {
						t.Error("no error")
						return
					}
					fmt.Printf("%v %+v %#v\n", err, err, err)
					slogged, _ := json.Marshal(map[string]any{"err": err, "text": err.Error()})
					fmt.Println(string(slogged), Channel{"mine", address}, fmt.Sprintf("%#v", Channel{"mine", address}))
				})
				silent := serviceOf(s.address) == "zulip" // the library keeps to itself what went wrong
				if way.code != "" && err != nil && codeOf(err) != way.code && !silent {
					t.Errorf("code %s: %v", codeOf(err), err)
				}
				t.Log(err)
				for _, secret := range secretsOf(s.address) {
					if strings.Contains(said, secret) {
						t.Errorf("%q was said: %s", secret, said)
					}
				}
			})
		}
	}
}

// secretsOf are the parts of an address.
func secretsOf(address string) (list []string) {
	parts := strings.FieldsFunc(strings.SplitN(address, ":", 2)[1], func(r rune) bool { return strings.ContainsRune("/:@?=&,!", r) })
	for _, p := range parts {
		if plain, err := url.PathUnescape(p); err == nil && plain != p {
			list = append(list, plain)
		}
		if len(p) > 4 && p != "telegram" && p != "webhook" {
			list = append(list, p)
		}
	}
	return list
}

// overheard is all that is written to the program's outputs and its log.
func overheard(t *testing.T, fn func()) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out, errs := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = f, f
	log.SetOutput(f)
	fn()
	os.Stdout, os.Stderr = out, errs
	log.SetOutput(errs)
	b, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A page where an answer of the service should be, such as that of a hotel's
// network or of a broken proxy, is no success.
func TestAPageIsNoAnswer(t *testing.T) {
	internet.answers(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<html>Welcome</html>") })
	for _, s := range tried {
		if name := serviceOf(s.address); slices.Contains([]string{"telegram", "wecom", "lark", "bark", "ntfy", "slack", "gotify", "matrix", "pushbullet"}, name) {
			n := open(t, Channel{"mine", s.address})
			if err := n.Test(t.Context(), "mine"); codeOf(err) != string(CodeRefused) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// A success that says no is none.
func TestNoInASuccess(t *testing.T) {
	for service, reply := range map[string]string{
		"telegram": `{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}`,
		"wecom":    `{"errcode":93000,"errmsg":"invalid webhook url"}`,
		"lark":     `{"code":19021,"msg":"sign match fail"}`,
		"bark":     `{"code":400,"message":"failed to get device token"}`,
	} {
		internet.answers(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, reply) })
		i := slices.IndexFunc(tried, func(s trial) bool { return serviceOf(s.address) == service })
		n := open(t, Channel{"mine", tried[i].address})
		err := n.Test(t.Context(), "mine")
		if codeOf(err) != string(CodeRefused) {
			t.Errorf("%s: %v", service, err)
		}
		t.Log(err)
	}
}

// A service that takes the message and never answers holds on to a few
// goroutines, not to one more for each message, and works again afterwards.
func TestServiceThatHangs(t *testing.T) {
	release := make(chan struct{})
	internet.answers(t, func(w http.ResponseWriter, r *http.Request) {
		<-release
		io.WriteString(w, `{"code":200,"message":"success"}`)
	})
	n := open(t, Channel{"mine", "bark://:k@api.day.app"})
	for i := range mostStuck + 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		err := n.Test(ctx, "mine")
		cancel()
		if codeOf(err) != string(CodeUnreachable) || strings.Contains(err.Error(), "on their way") != (i >= mostStuck) {
			t.Errorf("message %d: %v", i, err)
		}
	}
	close(release)
	free := func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		return n.stuck["mine"] == 0
	}
	for !free() {
		runtime.Gosched()
	}
	must(t, n.Test(t.Context(), "mine"))
}

func TestLongMessagesAreCut(t *testing.T) {
	for name, s := range services {
		long := strings.Repeat("备份", 5000)
		if got := cut(long, s.most); len(got) > s.most || !strings.HasSuffix(got, "…") || strings.ContainsRune(got, '\uFFFD') {
			t.Errorf("%s: %d bytes", name, len(got))
		}
	}
	if got := oneLine("a\r\nBcc: x\x00y"); strings.ContainsAny(got, "\r\n\x00") {
		t.Errorf("%q", got)
	}
}

// How a run went is told as healthchecks has it.
func TestPingPages(t *testing.T) {
	var got []string
	internet.answers(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, r.Method+" "+r.Host+r.URL.String()+" "+string(body))
	})
	n := open(t, Channel{"a", "ping+https://hc-ping.com/key/slug?create=1"}, Channel{"b", "wecom://k"})
	must(t, n.Ping(t.Context(), true))
	must(t, n.Ping(t.Context(), false))
	want := []string{"GET hc-ping.com/key/slug?create=1 ", "GET hc-ping.com/key/slug/fail?create=1 "}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// Nothing is left of a message once it is sent.
func TestNoGoroutineIsLeft(t *testing.T) {
	internet.answers(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"ok":true,"errcode":0,"code":200,"id":1,"status":1,"result":{"message_id":1}}`)
	})
	round := func() {
		for _, s := range tried {
			n := open(t, Channel{"mine", s.address})
			_ = n.Test(t.Context(), "mine")
			must(t, n.Close())
		}
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		http.DefaultClient.CloseIdleConnections()
	}
	round()
	before := settled(0)
	for range 3 {
		round()
	}
	if after := settled(before); after > before {
		b := make([]byte, 1<<20)
		t.Errorf("%d goroutines became %d\n%s", before, after, b[:runtime.Stack(b, true)])
	}
}

// settled counts goroutines once no more of them end, or few enough are left.
func settled(enough int) int {
	least := runtime.NumGoroutine()
	for calm := 0; calm < 300 && least > enough; calm++ {
		runtime.GC() // which lets the others run
		if n := runtime.NumGoroutine(); n < least {
			least, calm = n, 0
		}
	}
	return least
}

func TestWebhookInJSON(t *testing.T) {
	var got map[string]string
	internet.answers(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "auth=x" {
			t.Errorf("asked %s", r.URL)
		}
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
	})
	address, err := Address("generic+https://hook.example/in?template=json&auth=x")
	must(t, err)
	n := open(t, Channel{"mine", address})
	must(t, n.Test(t.Context(), "mine"))
	if got["title"] != "备份 test" || !strings.HasPrefix(got["message"], "\n今天 14:32") {
		t.Errorf("%q", got)
	}
}
