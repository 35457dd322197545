package signin

import (
	"net/url"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/internal/hint"
)

const (
	testState  = "QWERTYUIOPASDFGHJKLZXCVBNM"
	googleCode = "4/0AVGzR1BqWJk_x-y7zZ"
)

func TestParsePaste(t *testing.T) {
	back := "http://127.0.0.1:51234/?state=" + testState + "&code=" + url.QueryEscape(googleCode)
	microsoftCode := "M.C512_BL2.2.U.43fd1a6e-8d11-4f0c-9f2e-aabbccddeeff!x*y$z"
	for _, tt := range []struct {
		name, text, code string
		err              hint.Code
	}{
		{"address", back + "&scope=https://www.googleapis.com/auth/drive.file", googleCode, ""},
		{"slash left out", "http://localhost:51234?code=" + microsoftCode + "&state=" + testState, microsoftCode, ""},
		{"IPv6", "http://[::1]:51234/?code=" + googleCode + "&state=" + testState, googleCode, ""},
		{"scheme left out", strings.TrimPrefix(back, "http://"), googleCode, ""},
		{"localhost without scheme", "localhost:51234/?code=" + googleCode + "&state=" + testState, googleCode, ""},
		{"wrapped by the terminal", "  " + back[:40] + "\r\n  " + back[40:] + "\n", googleCode, ""},
		{"in quotes", `"` + back + `"`, googleCode, ""},
		{"in Chinese quotes", "“" + back + "”", googleCode, ""},
		{"with a fragment", back + "#", googleCode, ""},
		{"byte order mark", "\ufeff" + back, googleCode, ""},
		{"query", "?code=" + googleCode + "&state=" + testState, googleCode, ""},
		{"query without mark", "code=" + googleCode + "&state=" + testState, googleCode, ""},
		{"state first", "state=" + testState + "&code=" + googleCode, googleCode, ""},
		{"code of Google", googleCode, googleCode, ""},
		{"code of Google as in the address", url.QueryEscape(googleCode), googleCode, ""},
		{"code of Microsoft", microsoftCode, microsoftCode, ""},
		{"code of Microsoft without odd characters", "M.R3.BAY.43fd1a6e-8d11-4f0c-9f2e-aabbccddeeff", "M.R3.BAY.43fd1a6e-8d11-4f0c-9f2e-aabbccddeeff", ""},
		{"code of Dropbox", "uV3kM0aOZSAAAAAAAAAAGmZ_9e-Tq1Y2lXo7bR8sKcw", "uV3kM0aOZSAAAAAAAAAAGmZ_9e-Tq1Y2lXo7bR8sKcw", ""},

		{"nothing", "", "", HintSignInNoCode},
		{"space", " \t\r\n", "", HintSignInNoCode},
		{"a word", "yes", "", HintSignInNoCode},
		{"a sentence in Chinese", "已经同意了，接下来怎么办呢", "", HintSignInNoCode},
		{"markup", "<script>alert(1)</script>", "", HintSignInNoCode},
		{"far too long", strings.Repeat("a", maxPaste+1), "", HintSignInNoCode},
		{"our own address without an answer", "http://127.0.0.1:51234/", "", HintSignInNoCode},
		{"broken query", "http://127.0.0.1:51234/?code=%zz&state=" + testState, "", HintSignInNoCode},
		{"no code in it", "http://127.0.0.1:51234/?state=" + testState, "", HintSignInNoCode},
		{"empty code", "http://127.0.0.1:51234/?code=&state=" + testState, "", HintSignInNoCode},

		{"other state", "http://127.0.0.1:51234/?code=" + googleCode + "&state=OTHER", "", HintSignInOtherTry},
		{"state in other case", "http://127.0.0.1:51234/?code=" + googleCode + "&state=" + strings.ToLower(testState), "", HintSignInOtherTry},
		{"no state", "http://127.0.0.1:51234/?code=" + googleCode, "", HintSignInOtherTry},
		{"query of another attempt", "code=" + googleCode + "&state=OTHER", "", HintSignInOtherTry},
		{"refusal of another attempt", "http://127.0.0.1:51234/?error=access_denied&state=OTHER", "", HintSignInOtherTry},

		{"consent page of Google", "https://accounts.google.com/o/oauth2/v2/auth?client_id=x&state=" + testState, "", HintSignInOtherURL},
		{"consent page without scheme", "accounts.google.com/o/oauth2/v2/auth?state=" + testState, "", HintSignInOtherURL},
		{"another site with our answer", "https://evil.example/?code=" + googleCode + "&state=" + testState, "", HintSignInOtherURL},
		{"our name as a user", "http://127.0.0.1@evil.example/?code=" + googleCode + "&state=" + testState, "", HintSignInOtherURL},
		{"our name as a beginning", "http://127.0.0.1.evil.example/?code=" + googleCode + "&state=" + testState, "", HintSignInOtherURL},
		{"another scheme", "https://127.0.0.1:51234/?code=" + googleCode + "&state=" + testState, "", HintSignInOtherURL},
		{"name of a site", "www.google.com", "", HintSignInOtherURL},
		{"no address at all", "http://[::1/?code=" + googleCode, "", HintSignInOtherURL},

		{"refused by the person", "http://127.0.0.1:51234/?error=access_denied&state=" + testState, "", HintSignInDenied},
		{"refused by Microsoft", "http://localhost:51234/?error=server_error&error_description=AADSTS900561%3a+x&state=" + testState, "", HintSignInRefused},
		{"refused, and a code as well", "http://127.0.0.1:51234/?error=access_denied&code=" + googleCode + "&state=" + testState, "", HintSignInDenied},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, err := parsePaste(tt.text, testState)
			if code != tt.code || (err == nil) != (tt.err == "") || err != nil && hint.Find(err).Code != tt.err {
				t.Errorf("got %q, %v; want %q, %s", code, err, tt.code, tt.err)
			}
		})
	}
}

// What a service answers reaches the screen as an error code and nothing else.
func TestRefusedSaysNoMoreThanItsCode(t *testing.T) {
	for in, want := range map[[2]string]string{
		{"server_error", "AADSTS50058: li@example.com has no session"}: "server_error AADSTS50058",
		{"temporarily_unavailable", "li@example.com"}:                  "temporarily_unavailable",
		{"li@example.com", ""}:                                         "an error it does not name",
		{"\x1b[2J", ""}:                                                "an error it does not name",
	} {
		err := refused(in[0], in[1])
		if got := hint.Find(err).Args["reason"]; got != want || strings.Contains(err.Error(), "@") {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
}

func FuzzParsePaste(f *testing.F) {
	for _, seed := range []string{
		"", "4/0AVG", googleCode, "http://127.0.0.1:1/?code=abcdefghij&state=" + testState, "localhost:1?error=x&state=" + testState,
		"?code=%00&state=", "https://example.com/", "“http://[::1]/”", "code=a&state=b&code=c", "a.b.cn", "%%%", "http://user@localhost/?code=x",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		code, err := parsePaste(text, testState)
		switch {
		case err == nil && code == "":
			t.Error("neither a code nor an error")
		case err != nil && code != "":
			t.Error("both a code and an error")
		case err != nil && hint.Find(err) == nil:
			t.Errorf("no hint: %v", err)
		}
		if err == nil && strings.Contains(text, "state=") && !strings.Contains(text, testState) && strings.Contains(text, "://") {
			t.Errorf("the state was not looked at: %q", text)
		}
	})
}
