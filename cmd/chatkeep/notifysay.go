package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chatkeep/chatkeep/daemon/notify"
	"github.com/chatkeep/chatkeep/internal/i18n"
)

// mostSaid is how many problems one message goes into.
const mostSaid = 5

// notice says a message in the user's language: what is, and what to do. It
// goes through a stranger's hands, so it names no path, no source and no
// account.
func (a *app) notice(kind notify.Kind, problems []notify.Problem) notify.Message {
	title, text := "", ""
	switch kind {
	case notify.Test:
		title, text = a.say("notify.test.title"), a.say("notify.test.text")
	case notify.Digest:
		title, text = a.say("notify.digest.title"), a.digestText(problems)
	case notify.Recovery:
		title, text = a.several("notify.over.title", problems, func(p notify.Problem) (string, string) { return a.overWords(p), "" })
	default:
		title, text = a.several("notify.trouble.title", problems, a.troubleWords)
	}
	if kind != notify.Test {
		text = strings.TrimPrefix(text+"\n\n"+a.say("notify.look"), "\n\n")
	}
	return notify.Message{Title: a.say("notify.from", "device", a.deviceName(), "title", title), Text: text}
}

// several says one problem with a title of its own, or several as a list.
func (a *app) several(key string, problems []notify.Problem, words func(notify.Problem) (title, text string)) (string, string) {
	if len(problems) == 1 {
		return words(problems[0])
	}
	var b strings.Builder
	for i, p := range problems {
		if i == mostSaid {
			b.WriteString(a.say("notify.more", "count", len(problems)-mostSaid))
			break
		}
		title, text := words(p)
		fmt.Fprintf(&b, "%d. %s\n", i+1, strings.TrimSuffix(title+"\n"+text, "\n"))
	}
	return a.say(key, "count", len(problems)), strings.TrimRight(b.String(), "\n")
}

// troubleWords are the title and the text of something that is wrong.
func (a *app) troubleWords(p notify.Problem) (title, text string) {
	args := a.publicArgs(p.Args)
	switch p.Code {
	case "failed":
		what, todo := a.codeWords(codeArg(p), p.Args)
		return a.jobSentence(p, "title"), what + "\n" + todo
	case "alarm":
		what, todo := a.codeWords(codeArg(p), p.Args)
		return a.say("notify.alarm.title"), what + "\n" + todo
	case "stale":
		return a.staleTitle(args), a.say("notify.stale.text", args)
	case "quota", "login_expires":
		key := "notify." + p.Code
		if days, ok := args["days"]; !ok && p.Code == "quota" {
			key = "notify.quota_free"
		} else if days == 0 {
			key += "_today"
		}
		return a.say(key+".title", counted(args, "days")), a.say("notify."+p.Code+".text", args)
	case "shrunk", "phone_backup_old", "config_bad":
		return a.say("notify."+p.Code+".title", counted(args, "days")), a.say("notify."+p.Code+".text", args)
	}
	return a.codeWords(p.Code, p.Args)
}

// overWords say that something is right again.
func (a *app) overWords(p notify.Problem) string {
	switch p.Code {
	case "failed":
		return a.jobSentence(p, "over")
	case "stale", "quota", "login_expires", "shrunk", "phone_backup_old", "config_bad", "alarm":
		return a.say("notify."+p.Code+".over", a.publicArgs(p.Args))
	}
	what, _ := a.codeWords(p.Code, p.Args)
	return a.say("notify.over", "what", what)
}

// staleTitle counts hours, and after two days days.
func (a *app) staleTitle(args map[string]any) string {
	if hours, ok := whole(args["hours"]); ok && hours >= 48 {
		return a.say("notify.stale_days.title", "count", hours/24)
	}
	return a.say("notify.stale.title", counted(args, "hours"))
}

// jobSentence is about the job that failed.
func (a *app) jobSentence(p notify.Problem, what string) string {
	job, _ := p.Args["job"].(string)
	if !slices.Contains([]string{"backup", "pull", "verify"}, job) {
		job = "other"
	}
	return a.say("notify.failed_" + job + "." + what)
}

func codeArg(p notify.Problem) string {
	if code, ok := p.Args["code"].(string); ok && code != "" {
		return code
	}
	return "failed"
}

// codeWords are the sentences of a hint code, as a command would say them. What
// they would name on this computer stays here.
func (a *app) codeWords(code string, args map[string]any) (what, todo string) {
	if !i18n.For(i18n.English).Has("error." + code) {
		code = "failed"
	}
	public := a.publicArgs(args)
	what = placeholder.ReplaceAllString(a.say("error."+code, public), hidden) // a value may be missing in what was kept
	what = strings.ReplaceAll(what, hidden, a.say("notify.hidden"))
	todo = placeholder.ReplaceAllString(a.say("hint."+code, public), hidden)
	if code == "failed" || strings.Contains(todo, hidden) {
		todo = a.say("notify.hidden_hint")
	}
	return sentenceCase(what), sentenceCase(todo)
}

var placeholder = regexp.MustCompile(`\{[a-z][a-z0-9_]*\}`)

// hidden stands for a value that is not sent.
const hidden = "\x00"

// publicValues are the values of sentences that may be sent: numbers apart, the
// names of devices, and words of ours.
var publicValues = []string{"device", "devices", "free", "need", "used", "time", "until", "type", "job", "option", "channel", "service"}

// numbers are the values that are numbers also where they come as texts.
var numbers = []string{"free", "need", "used", "days", "hours", "count", "from", "to", "most", "least", "want", "status"}

// publicArgs leaves out what may name a chat, an account or a path.
func (a *app) publicArgs(args map[string]any) map[string]any {
	public := map[string]any{}
	for name, v := range args {
		n, isNumber := whole(v)
		if text, ok := v.(string); ok && slices.Contains(numbers, name) { // of a trouble that was kept as texts
			n, isNumber = whole(json.Number(text))
		}
		switch list, isList := v.([]string); {
		case isNumber && slices.Contains([]string{"free", "need", "used"}, name):
			public[name] = size(uint64(max(n, 0)))
		case isNumber:
			public[name] = n
		case !slices.Contains(publicValues, name):
			public[name] = hidden
		case isList:
			public[name] = printables(list)
		default:
			public[name] = printable(fmt.Sprint(v))
		}
	}
	return public
}

// counted chooses the form for one or for several.
func counted(args map[string]any, by string) map[string]any {
	out := maps.Clone(args)
	if n, ok := args[by]; ok {
		out["count"] = n
	}
	return out
}

// whole reads a number, also of one that was JSON since.
func whole(v any) (int, bool) {
	switch v := v.(type) {
	case int:
		return v, true
	case int64:
		return int(v), true
	case uint64:
		return int(v), true
	case json.Number:
		n, err := strconv.Atoi(v.String())
		return n, err == nil
	}
	return 0, false
}

// sentenceCase lets a clause that follows "error: " elsewhere stand by itself.
func sentenceCase(text string) string {
	if text != "" && 'a' <= text[0] && text[0] <= 'z' && !strings.HasPrefix(text, "chatkeep") {
		return strings.ToUpper(text[:1]) + text[1:]
	}
	return text
}

// digestText is the weekly summary, a line for each thing that is known.
func (a *app) digestText(problems []notify.Problem) string {
	if len(problems) == 0 {
		return ""
	}
	args := problems[0].Args
	var lines []string
	for _, name := range []string{"through", "verified"} {
		if t, ok := timeOf(args[name]); ok {
			lines = append(lines, a.say("notify.digest."+name, "time", t))
		}
	}
	if n, ok := whole(args["uploaded"]); ok {
		lines = append(lines, a.say("notify.digest.uploaded", "size", size(uint64(max(n, 0)))))
	}
	for _, name := range []string{"snapshots", "flagged"} {
		if n, ok := whole(args[name]); ok {
			lines = append(lines, a.say("notify.digest."+name, "count", n))
		}
	}
	return strings.Join(lines, "\n")
}

// timeOf reads a moment, also of one that was JSON since.
func timeOf(v any) (string, bool) {
	var t time.Time
	switch v := v.(type) {
	case time.Time:
		t = v
	case string:
		t, _ = time.Parse(time.RFC3339Nano, v)
	}
	return t.Local().Format("2006-01-02 15:04"), !t.IsZero()
}

// deviceName says whose message it is: people have several computers.
func (a *app) deviceName() string {
	if cfg, err := a.loadConfig(); err == nil && cfg.Device != "" {
		return printable(cfg.Device)
	}
	if host, err := os.Hostname(); err == nil {
		return printable(host)
	}
	return "chatkeep"
}
