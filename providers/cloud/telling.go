package cloud

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	graph "github.com/rclone/rclone/backend/onedrive/api"
	dav "github.com/rclone/rclone/backend/webdav/api"
	"github.com/rclone/rclone/lib/pacer"
	"google.golang.org/api/googleapi"
)

// telling is what a service's answer says, whichever library it came through.
type telling struct {
	status  int           // HTTP
	words   []string      // the service's own names of what is wrong, in lower case
	message string        // as the service wrote it
	after   time.Duration // it asks to be left alone for
}

func (t *telling) hasWordOf(words []string) bool {
	return slices.ContainsFunc(t.words, func(w string) bool { return slices.Contains(words, w) })
}

func (t *telling) say(words ...string) {
	for _, w := range words {
		if w != "" {
			t.words = append(t.words, strings.ToLower(w))
		}
	}
}

// tellingOf reads what err carries of a service's answer.
func tellingOf(err error) telling {
	var t telling
	readGoogle(err, &t)
	readGraph(err, &t)
	readDAV(err, &t)
	readCoded(err, &t)
	if t.status == 0 {
		readText(err.Error(), &t)
	}
	if after, ok := pacer.IsRetryAfter(err); ok {
		t.after = after
	}
	return t
}

func readGoogle(err error, t *telling) {
	e, ok := errors.AsType[*googleapi.Error](err)
	if !ok {
		return
	}
	t.status, t.message = e.Code, e.Message
	for _, item := range e.Errors {
		t.say(item.Reason)
		if item.Message != "" {
			t.message = item.Message
		}
	}
	t.after = retryAfter(e.Header)
}

// retryAfter reads a Retry-After of seconds or of a date.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil && seconds > 0 {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}

func readGraph(err error, t *telling) {
	e, ok := errors.AsType[*graph.Error](err)
	if !ok {
		return
	}
	t.message = e.ErrorInfo.Message
	t.say(e.ErrorInfo.Code, e.ErrorInfo.InnerError.Code)
	readStatus(e.ErrorInfo.Code, t) // rclone's word where the answer was no JSON
	if status, ok := graphStatus[strings.ToLower(e.ErrorInfo.Code)]; ok && t.status == 0 {
		t.status = status
	}
}

// graphStatus are the statuses of Graph's words, which rclone leaves out.
var graphStatus = map[string]int{
	"generalexception": 500, "servicenotavailable": 503, "resourcemodified": 409, "namealreadyexists": 409,
	"resyncrequired": 410, "unauthenticated": 401, "invalidauthenticationtoken": 401, "invalidrange": 416, "timeout": 504,
	"resourcelocked": 423, "locked": 423, "toomanyrequests": 429, "serviceunavailable": 503,
}

func readDAV(err error, t *telling) {
	if e, ok := errors.AsType[*dav.Error](err); ok {
		t.status, t.message = e.StatusCode, e.Message
		t.say(e.Exception[strings.LastIndexAny(e.Exception, `\.`)+1:], e.Message)
	}
}

// coded is what the errors of S3 are, and httpError those of its transport.
type (
	coded interface {
		error
		ErrorCode() string
	}
	httpError interface {
		error
		HTTPStatusCode() int
	}
)

func readCoded(err error, t *telling) {
	if e, ok := errors.AsType[httpError](err); ok {
		t.status = e.HTTPStatusCode()
	}
	if e, ok := errors.AsType[coded](err); ok {
		t.say(e.ErrorCode())
	}
}

var (
	statusText  = regexp.MustCompile(`(?:HTTP error|status code|status:?|unexpected status) (\d{3})\b|^(\d{3}) [A-Z]`)
	dropboxWord = regexp.MustCompile(`\b(insufficient_space|too_many_write_operations|too_many_requests|expired_access_token|invalid_access_token|not_found|too_many_files|disk_full)\b`)
)

// readText is for libraries that keep an answer only as text.
func readText(text string, t *telling) {
	t.say(dropboxWord.FindAllString(text, -1)...)
	readStatus(text, t)
}

func readStatus(text string, t *telling) {
	if m := statusText.FindStringSubmatch(text); m != nil {
		t.status, _ = strconv.Atoi(m[1] + m[2])
	}
}

// short returns err, or where it says too much, what it comes down to: an
// answer may be a page, and its text name accounts and files, or an address that
// lets anybody in.
func (t *telling) short(err error) error {
	text := t.shorten(discreet(err))
	if text == err.Error() {
		return err
	}
	return &shortened{text, err}
}

func (t *telling) shorten(text string) string {
	const most = 300
	if len(text) <= most && !page.MatchString(text) {
		return text
	}
	what := text[:min(len(text), 120)]
	if i := strings.IndexAny(what, "<\n"); i >= 0 {
		what = what[:i]
	}
	if t.status != 0 {
		what = fmt.Sprintf("%s (status %d)", what, t.status)
	}
	return strings.ToValidUTF8(strings.TrimSpace(what), "") + " …"
}

var (
	page    = regexp.MustCompile(`(?i)<(html|!doctype|body)`)
	address = regexp.MustCompile(`\b(https?)://(?:[^\s"'<>@/]*@)?([^\s"'<>/?#]+)[^\s"'<>]*`)
	mail    = regexp.MustCompile(`[\w.+%-]+@[\w-]+(?:\.[\w-]+)+`)
	advice  = regexp.MustCompile(`:? ?-? ?(?:maybe token expired\? - )?(?:try|manually) refresh(?:ing)? (?:token )?with \\?"rclone config[^"]*"`)
	// ids of files, drives, projects, requests and sessions
	id = regexp.MustCompile(`\b(?:b!)?[A-Za-z0-9_-]{16,}(?:![0-9]+)?|\bproject [0-9]+`)
)

// discreet returns the text of an error without what is nobody's business: the
// rest of an address, ids, and who it is. What the operating system said of a
// file of this computer stays.
func discreet(err error) string {
	text := err.Error()
	_, ofPath := errors.AsType[*iofs.PathError](err)
	_, ofLink := errors.AsType[*os.LinkError](err)
	if ofPath || ofLink {
		return text
	}
	text = address.ReplaceAllString(text, "$1://$2")
	text = mail.ReplaceAllString(text, "…")
	text = advice.ReplaceAllString(text, "")
	text = strings.ReplaceAll(text, "invalid character '<' looking for beginning of value", "a web page came instead of an answer")
	return id.ReplaceAllStringFunc(text, func(s string) string {
		if strings.HasPrefix(s, "project ") {
			return "project …"
		}
		if strings.ContainsAny(s, "0123456789") {
			return "…"
		}
		return s // a long word, such as a reason
	})
}

// shortened is an error with less text.
type shortened struct {
	text string
	err  error
}

func (e *shortened) Error() string { return e.text }
func (e *shortened) Unwrap() error { return e.err }
