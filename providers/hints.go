package providers

import "github.com/chatkeep/chatkeep/internal/hint"

// Hint codes that say more than their class does. Each has the value "remote".
const (
	HintTooMany        hint.Code = "remote_too_many"         // the service takes no more files, though there is room
	HintRegion         hint.Code = "remote_region"           // the account or bucket is in another region
	HintClock          hint.Code = "remote_clock"            // this computer's clock is too far off
	HintCertificate    hint.Code = "remote_certificate"      // somebody between here and there signs with a certificate of their own
	HintProxy          hint.Code = "remote_proxy"            // the proxy does not answer or refuses
	HintPortal         hint.Code = "remote_portal"           // a page answers where the service should: a network's own sign-in
	HintTrashed        hint.Code = "remote_trashed"          // the folder lies in the service's trash
	HintNoSignIn       hint.Code = "remote_no_signin"        // nobody has signed in on this device
	HintBucket         hint.Code = "remote_bucket"           // the object store has no bucket of the name
	HintHostKey        hint.Code = "remote_host_key"         // nobody has said which key an SSH server has
	HintHostKeyChanged hint.Code = "remote_host_key_changed" // an SSH server has another key than it had
	HintAPI            hint.Code = "remote_api"              // the user's Google project has the Drive API switched off
)
