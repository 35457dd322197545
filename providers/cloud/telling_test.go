package cloud

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/api/googleapi"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
)

// What an error says is what happened, and not who, where exactly, or how to
// get in.
func TestDiscreetErrors(t *testing.T) {
	for text, want := range map[string]string{
		`Put "https://sn3302.up.1drv.com/up/fe6987415ace7X4e1eF866337?tempauth=v1.eyJ0": EOF`:                              `Put "https://sn3302.up.1drv.com": EOF`,
		`Post "https://www.googleapis.com/upload/drive/v3/files?uploadType=resumable&upload_id=AHmUCY0k": broken pipe`:     `Post "https://www.googleapis.com": broken pipe`,
		`proxyconnect tcp: dial http://user:pass@proxy.example:3128 refused`:                                               `proxyconnect tcp: dial http://proxy.example:3128 refused`,
		`googleapi: Error 404: File not found: 1aBcD3fGhIjKlMnOpQrStUvWxYz012345., notFound`:                               `googleapi: Error 404: File not found: …., notFound`,
		`the mailbox of jane.doe+x@outlook.com is full`:                                                                    `the mailbox of … is full`,
		`item 0123456789ABCDEF!107 in b!K5QW4Z3TMFZG6Z3BNRWG6Z3B`:                                                          `item … in …`,
		`Drive API has not been used in project 123456789012 before`:                                                       `Drive API has not been used in project … before`,
		`storageQuotaExceeded: userRateLimitExceeded`:                                                                      `storageQuotaExceeded: userRateLimitExceeded`,
		`couldn't fetch token: invalid_grant: maybe token expired? - try refreshing with "rclone config reconnect drive:"`: `couldn't fetch token: invalid_grant`,
		`token expired and there's no refresh token - manually refresh with "rclone config reconnect onedrive:"`:           `token expired and there's no refresh token`,
		`couldn't list: invalid character '<' looking for beginning of value`:                                              `couldn't list: a web page came instead of an answer`,
		"HTTP error 503 (503 Busy) returned body: \"\n<html><body>token=abc</body></html>\"":                               `HTTP error 503 (503 Busy) returned body: " (status 503) …`,
	} {
		cause := errors.New(text)
		err := classify(cause, "drive:x")
		if err.Error() != want {
			t.Errorf("%q became\n%q, want\n%q", text, err, want)
		}
		if !errors.Is(err, cause) {
			t.Errorf("%q is no longer its cause", text)
		}
	}
	long := classify(errors.New(strings.Repeat("much to say ", 200)), "drive:x")
	if len(long.Error()) > 200 {
		t.Errorf("it says %q", long)
	}
	own := &os.PathError{Op: "open", Path: "/home/jane@work/0123456789abcdef0123", Err: errors.New("odd")}
	if err := classify(own, "local:/x"); err.Error() != own.Error() {
		t.Errorf("a file of this computer became %q", err)
	}
}

// s3Error is an answer of S3 as its library gives it.
type s3Error string

func (e s3Error) Error() string     { return "api error " + string(e) + ": no" }
func (e s3Error) ErrorCode() string { return string(e) }

// Ordinary words of services and of the way there have their class and hint.
func TestClassifyWords(t *testing.T) {
	google := func(code int, reason, message string) error {
		return &googleapi.Error{Code: code, Message: message, Errors: []googleapi.ErrorItem{{Reason: reason, Message: message}}}
	}
	for _, test := range []struct {
		err   error
		class error
		code  hint.Code
	}{
		{google(403, "userRateLimitExceeded", "User Rate Limit Exceeded"), providers.ErrRate, providers.HintRate},
		{google(403, "userRateLimitExceeded", "User rate limit exceeded."), providers.ErrLimit, providers.HintDayLimit},
		{google(403, "accessNotConfigured", "off"), providers.ErrPermission, providers.HintAPI},
		{google(403, "insufficientFilePermissions", "no"), providers.ErrPermission, providers.HintPermission},
		{s3Error("RequestTimeTooSkewed"), providers.ErrPermission, providers.HintClock},
		{fmt.Errorf("x: %w", &url.Error{Op: "Get", URL: "https://x.example/y", Err: errors.New("Bad Gateway")}), providers.ErrTemporary, providers.HintProxy},
		{fmt.Errorf("x: %w", &url.Error{Op: "Get", URL: "https://x.example/y", Err: errors.New("Proxy Authentication Required")}), providers.ErrTemporary, providers.HintProxy},
		{fmt.Errorf("x: %w", &url.Error{Op: "Get", URL: "https://x.example/y", Err: errors.New("tls: odd")}), providers.ErrTemporary, providers.HintUnreachable},
		{errors.New(`Get "https://graph.microsoft.com/v1.0": couldn't fetch token: unauthorized_client: if you're using`), providers.ErrAuth, providers.HintRegion},
		{errors.New(`Get "https://www.googleapis.com/x": couldn't fetch token: unauthorized_client: if you're using`), providers.ErrAuth, providers.HintAuth},
		{errors.New(`couldn't fetch token: (can't decode error info) - try refreshing token with "rclone config reconnect x:"`), providers.ErrTemporary, providers.HintPortal},
		{errors.New(`couldn't fetch token: oauth2: server response missing access_token`), providers.ErrTemporary, providers.HintUnreachable},
		{errPage, providers.ErrTemporary, providers.HintPortal},
		{errMoving, providers.ErrTemporary, providers.HintUnreachable},
	} {
		err := classify(test.err, "x:y")
		if !errors.Is(err, test.class) {
			t.Errorf("%v is no %v", test.err, test.class)
		}
		if h := hint.Find(err); h == nil || h.Code != test.code {
			t.Errorf("%v has hint %+v, want %s", test.err, h, test.code)
		}
	}
}

// A limit that a day ends says when that is.
func TestDayLimitEnds(t *testing.T) {
	err := classify(&googleapi.Error{Code: 403, Errors: []googleapi.ErrorItem{{Reason: "userRateLimitExceeded", Message: "User rate limit exceeded."}}}, "drive:x")
	if after := providers.RetryAfter(err); after <= 0 || after > 25*time.Hour {
		t.Errorf("come back after %v", after)
	}
}

func TestRetryAfterHeader(t *testing.T) {
	for text, want := range map[string]time.Duration{"": 0, "7": 7 * time.Second, "600": 10 * time.Minute, "-1": 0, "soon": 0, "Mon, 02 Jan 2006 15:04:05 GMT": 0} {
		if got := retryAfter(http.Header{"Retry-After": {text}}); got != want {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
	}
	soon := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	if got := retryAfter(http.Header{"Retry-After": {soon}}); got < 50*time.Minute || got > time.Hour {
		t.Errorf("a date in an hour is %v", got)
	}
}

// A call that ended says so, and nothing else.
func TestClassifyCanceled(t *testing.T) {
	if err := classify(fmt.Errorf("x: %w", context.Canceled), "x:y"); errors.Is(err, providers.ErrTemporary) || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
