package snapshot

import (
	"errors"
	"fmt"

	"github.com/chatkeep/chatkeep/internal/hint"
)

// CodeHeldBlind is the code of a backup of some categories that would lose the
// others: this device does not know any more what its last snapshot holds.
const CodeHeldBlind hint.Code = "held_blind"

// heldBlind is the error of a backup that may not send everything, of an account
// whose last state is not known here. What was not sent would be missing from
// the snapshot instead of standing as it was.
func heldBlind(account string) error {
	return hint.New(CodeHeldBlind, fmt.Errorf("back up some of %s: %w", account, errors.New("what its last snapshot holds is not known on this device")), "source", account)
}
