package signin

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode"

	"github.com/chatkeep/chatkeep/internal/hint"
)

// Hints of what comes back from a consent page.
const (
	HintSignInDenied   hint.Code = "signin_denied"    // the person said no
	HintSignInRefused  hint.Code = "signin_refused"   // the service said no; reason
	HintSignInOtherURL hint.Code = "signin_other_url" // not the address it ends at
	HintSignInOtherTry hint.Code = "signin_other_try" // of an earlier attempt
	HintSignInNoCode   hint.Code = "signin_no_code"   // nothing to sign in with
)

// maxPaste bounds what is looked at. The longest codes have two thousand
// characters.
const maxPaste = 16 << 10

// parsePaste returns the code in what a person pasted: the address the browser
// ended at, its query, or the code alone. The state ties an address to this
// attempt; of a code alone, its verifier does.
func parsePaste(text, state string) (string, error) {
	text = cleanPaste(text)
	switch {
	case text == "" || len(text) > maxPaste:
		return "", hint.New(HintSignInNoCode, errors.New("nothing that could be a code was pasted"))
	case strings.HasPrefix(text, "?"):
		return answerIn(text[1:], state)
	case strings.HasPrefix(text, "code=") || strings.HasPrefix(text, "state=") || strings.HasPrefix(text, "error="):
		return answerIn(text, state)
	case strings.Contains(text, "://") || webAddress.MatchString(text):
		return pastedAddress(text, state)
	}
	return pastedCode(text)
}

// cleanPaste undoes what terminals and chat apps do to a long line.
func cleanPaste(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) || r == '\ufeff' || r == '\u200b' {
			return -1
		}
		return r
	}, text)
	return strings.Trim(text, "\"'<>`“”‘’《》")
}

// webAddress matches an address that lost its scheme.
var webAddress = regexp.MustCompile(`^(localhost|\[::1\]|[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+)(:[0-9]+)?([/?]|$)`)

func pastedAddress(text, state string) (string, error) {
	if !strings.Contains(text, "://") {
		if !strings.ContainsAny(text, "/?:") && !siteName.MatchString(text) && text != "localhost" {
			return pastedCode(text) // some codes have dots
		}
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || !loopback(u) {
		return "", hint.New(HintSignInOtherURL, errors.New("the pasted address is not the one the sign-in ends at"))
	}
	return answerIn(u.RawQuery, state)
}

// siteName matches what ends like a name in the internet.
var siteName = regexp.MustCompile(`\.[a-z]{2,6}$`)

// loopback reports whether an address is one of this computer, where every
// sign-in ends.
func loopback(u *url.URL) bool {
	switch u.Hostname() {
	case "127.0.0.1", "localhost", "::1":
		return u.Scheme == "http" && u.User == nil
	}
	return false
}

// codeAlone is what the services' codes are made of.
var codeAlone = regexp.MustCompile(`^[A-Za-z0-9._~/*!$+=-]{10,}$`)

func pastedCode(text string) (string, error) {
	if strings.Contains(text, "%") { // copied out of an address
		if plain, err := url.QueryUnescape(text); err == nil {
			text = plain
		}
	}
	if !codeAlone.MatchString(text) {
		return "", hint.New(HintSignInNoCode, errors.New("what was pasted is neither an address nor a code"))
	}
	return text, nil
}

// answerIn returns the code of a consent page's answer.
func answerIn(query, state string) (string, error) {
	q, err := url.ParseQuery(query)
	if err != nil || len(q) == 0 {
		return "", hint.New(HintSignInNoCode, errors.New("the address holds no code"))
	}
	if q.Get("state") != state {
		return "", hint.New(HintSignInOtherTry, errors.New("the address belongs to another attempt to sign in"))
	}
	if reason := q.Get("error"); reason != "" {
		return "", refused(reason, q.Get("error_description"))
	}
	code := q.Get("code")
	if code == "" {
		return "", hint.New(HintSignInNoCode, errors.New("the address holds no code"))
	}
	return code, nil
}

// detail finds Microsoft's number in a description, which otherwise may hold
// the name of an account.
var detail = regexp.MustCompile(`AADSTS[0-9]{3,10}`)

// refused is an answer of a service that is no code and no token.
func refused(reason, description string) error {
	reason = plainReason(reason)
	if number := detail.FindString(description); number != "" {
		reason += " " + number
	}
	err := fmt.Errorf("the service answered %s", reason)
	if strings.HasPrefix(reason, "access_denied") {
		return hint.New(HintSignInDenied, err)
	}
	return hint.New(HintSignInRefused, err, "reason", reason)
}

var reasonLike = regexp.MustCompile(`^[A-Za-z_.-]{1,64}$`)

// plainReason keeps what is no error code off the screen.
func plainReason(reason string) string {
	if reasonLike.MatchString(reason) {
		return reason
	}
	return "an error it does not name"
}
