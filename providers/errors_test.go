package providers

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/internal/hint"
)

func TestFail(t *testing.T) {
	for class, code := range hints {
		err := fmt.Errorf("put a/x: %w", Fail(class, os.ErrDeadlineExceeded, "remote", "local:/x"))
		if !errors.Is(err, class) || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%v is not %v and its cause", err, class)
		}
		if err.Error() != "put a/x: i/o timeout" {
			t.Errorf("text is %q", err)
		}
		h := hint.Find(err)
		if h == nil || h.Code != code || h.Args["remote"] != "local:/x" {
			t.Errorf("%v has hint %+v, want %s", class, h, code)
		}
		for other := range hints {
			if other != class && errors.Is(err, other) {
				t.Errorf("%v is also %v", class, other)
			}
		}
	}
	if len(hints) != 8 {
		t.Errorf("%d classes have a hint", len(hints))
	}
}

func TestFailWithoutCause(t *testing.T) {
	if err := Fail(ErrNotExist, nil); !errors.Is(err, ErrNotExist) || err.Error() != "no such object" {
		t.Errorf("Fail(ErrNotExist, nil) = %v", err)
	}
}

func TestRetryAfter(t *testing.T) {
	err := fmt.Errorf("stat: %w", Fail(ErrRate, &RetryAfterError{time.Minute, errors.New("slow down")}))
	if !errors.Is(err, ErrRate) || RetryAfter(err) != time.Minute || err.Error() != "stat: slow down" {
		t.Errorf("%v asks for %v", err, RetryAfter(err))
	}
	if got := RetryAfter(ErrRate); got != 0 {
		t.Errorf("an error without a wish asks for %v", got)
	}
}
