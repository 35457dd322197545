package cloud

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/fserrors"
	"github.com/rclone/rclone/lib/file"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
)

// failed says what was done to which object when err happened, and of which
// class it is. A call whose ctx ended returns ctx.Err().
func (r *remote) failed(ctx context.Context, operation string, name providers.Name, err error) error {
	if err == nil {
		return nil
	}
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	if name == "" {
		return fmt.Errorf("%s: %w", operation, r.spare(r.classify(err)))
	}
	return fmt.Errorf("%s %s: %w", operation, name, r.spare(r.classify(err)))
}

// classify is the function of that name, and keeps a service's wish to be left
// alone for whoever asks it next.
func (r *remote) classify(err error) error {
	if told := tellingOf(err); told.after > 0 {
		now := r.gate.now()
		r.gate.blocked(now.Add(told.after))
	}
	return classify(err, r.String())
}

// textOnly is an error's text without its class.
func textOnly(err error) error { return errors.New(err.Error()) }

// sourceError is a failure of the caller's source, not of the remote. It has
// no class, however much its cause looks like one.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return "read source: " + e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// classify ties an error of rclone, a service or the operating system to its
// class, and says what the user can do about it.
func classify(err error, place string) error {
	if _, ok := errors.AsType[*sourceError](err); ok {
		return err
	}
	told := tellingOf(err)
	if errors.Is(err, context.Canceled) {
		return told.short(err)
	}
	if isClassed(err) { // by ourselves, who knew better
		return told.short(err)
	}
	for _, c := range classes {
		if c.fits(err, &told) {
			return c.of(told.short(err), place, told.after)
		}
	}
	return told.short(err)
}

// of makes cause an error of the class.
func (c class) of(cause error, place string, after time.Duration) error {
	if c.class == providers.ErrLimit {
		return dayLimit(cause, time.Now())
	}
	if after > 0 {
		cause = &providers.RetryAfterError{After: after, Err: cause}
	}
	err := providers.Fail(c.class, cause, "remote", place)
	if c.code != "" {
		err = hint.New(c.code, err, "remote", place)
	}
	return err
}

var isClassed = oneOf(
	providers.ErrNotExist, providers.ErrAuth, providers.ErrQuota, providers.ErrRate, providers.ErrLimit,
	providers.ErrTemporary, providers.ErrPermission, providers.ErrCorrupt,
)

// isMissing tells whether err says that an object or folder is not there.
func isMissing(err error) bool { return isNowhere(err) || isBelowFile(err) }

var isNowhere = oneOf(fs.ErrorObjectNotFound, fs.ErrorDirNotFound, fs.ErrorIsDir, iofs.ErrNotExist, syscall.ENOTDIR)

// class is one class of errors and how it is told.
type class struct {
	class error
	code  hint.Code // a hint that says more than the class's own
	fits  func(error, *telling) bool
}

// classes are tried in order: rclone marks many errors as worth a retry that
// we know better.
var classes = []class{
	{providers.ErrNotExist, "", told(isMissing)},
	{providers.ErrAuth, "", told(smbSignedOut)},
	{providers.ErrQuota, "", told(smbFull)},
	{providers.ErrPermission, "", told(smbNoShare)},
	{providers.ErrTemporary, "", told(isSMBAway)},
	{providers.ErrQuota, "", causes(file.ErrDiskFull, syscall.ENOSPC, syscall.EDQUOT)},
	{providers.ErrPermission, "", causes(fs.ErrorPermissionDenied, iofs.ErrPermission, syscall.EROFS)},
	{providers.ErrAuth, providers.HintRegion, isForeign},
	{providers.ErrAuth, "", isSignedOut},
	{providers.ErrLimit, "", isDayLimit},
	{providers.ErrQuota, "", reasons([]int{507}, "storagequotaexceeded", "quotaexceeded", "quotalimitreached", "insufficientstorage", "insufficient_space", "disk_full")},
	{providers.ErrQuota, providers.HintTooMany, reasons(nil, "teamdrivefilelimitexceeded", "numchildreninnonrootlimitexceeded", "activeitemcreationlimitexceeded", "too_many_files")},
	{providers.ErrRate, "", reasons([]int{429, 423}, "ratelimitexceeded", "userratelimitexceeded", "activitylimitreached", "slowdown", "too_many_requests", "too_many_write_operations", "blockedtemporarily", "throttledrequest")},
	{providers.ErrPermission, providers.HintRegion, reasons([]int{301}, "permanentredirect", "authorizationheadermalformed", "invalidregion", "illegallocationconstraintexception")},
	{providers.ErrPermission, providers.HintClock, reasons(nil, "requesttimetooskewed", "requestexpired")},
	{providers.ErrAuth, "", reasons([]int{401}, "invalidaccesskeyid", "signaturedoesnotmatch", "expiredtoken", "expired_access_token", "invalid_access_token", "invalidauthenticationtoken", "unauthenticated")},
	{providers.ErrPermission, providers.HintBucket, reasons(nil, "nosuchbucket")},
	{providers.ErrNotExist, "", reasons([]int{404}, "itemnotfound", "nosuchkey", "not_found")},
	{providers.ErrPermission, providers.HintAPI, reasons(nil, "accessnotconfigured", "service_disabled")},
	{providers.ErrPermission, "", reasons([]int{403, 402}, "accessdenied", "notallowed", "insufficientpermissions", "insufficientfilepermissions")},
	{providers.ErrTemporary, "", reasons([]int{408, 409, 410, 412, 416, 500, 502, 503, 504, 509})},
	{providers.ErrPermission, providers.HintHostKeyChanged, isHostKeyChanged},
	{providers.ErrPermission, providers.HintHostKey, isHostKeyUnknown},
	{providers.ErrTemporary, providers.HintCertificate, isCertificate},
	{providers.ErrTemporary, providers.HintProxy, isProxy},
	{providers.ErrTemporary, providers.HintPortal, isPortal},
	{providers.ErrTemporary, "", isSSHAway},
	{providers.ErrTemporary, "", isSFTPAway},
	{providers.ErrRate, "", func(_ error, t *telling) bool { return t.after > 0 }},
	{providers.ErrTemporary, "", causes(unsteady...)},
	{providers.ErrTemporary, "", func(err error, _ *telling) bool { return worthRetry(err) }},
	{providers.ErrTemporary, "", isTransport},
}

// unsteady is what a disk that was pulled out or a network folder whose
// server is away answers.
var unsteady = []error{
	syscall.EIO, syscall.EAGAIN, syscall.EBUSY, syscall.EINTR, syscall.ETIMEDOUT, syscall.ESTALE,
	syscall.ENODEV, syscall.ENXIO, syscall.ENOTCONN, syscall.EHOSTDOWN, syscall.EHOSTUNREACH, syscall.ENETUNREACH,
	syscall.ECONNRESET, syscall.ECONNREFUSED, syscall.ECONNABORTED, syscall.EPIPE, syscall.EMFILE, syscall.ENFILE,
	context.DeadlineExceeded, os.ErrDeadlineExceeded, io.ErrUnexpectedEOF,
}

func oneOf(list ...error) func(error) bool {
	return func(err error) bool {
		return slices.ContainsFunc(list, func(cause error) bool { return errors.Is(err, cause) })
	}
}

func told(is func(error) bool) func(error, *telling) bool {
	return func(err error, _ *telling) bool { return is(err) }
}

func causes(list ...error) func(error, *telling) bool {
	is := oneOf(list...)
	return func(err error, _ *telling) bool { return is(err) }
}

// reasons fits errors by HTTP status or by the service's own word, in lower
// case.
func reasons(status []int, words ...string) func(error, *telling) bool {
	return func(_ error, t *telling) bool {
		return slices.Contains(status, t.status) && !t.hasWordOf(words) || slices.ContainsFunc(t.words, func(w string) bool { return slices.Contains(words, w) })
	}
}

// signedOut is what a failed refresh of a token says. rclone keeps only the
// text of it.
var signedOut = regexp.MustCompile(`(?i)couldn't fetch token: (invalid_grant|invalid_client|unauthorized_client|invalid_scope|unsupported_grant_type|invalid_request|access_denied|interaction_required|consent_required|login_required)|oauth2: "?(invalid_grant|invalid_client|unauthorized_client|interaction_required)|there's no refresh token|empty token found|unable to authenticate|NT_STATUS_LOGON_FAILURE|logon failure|bad username or password|username is incorrect`)

func isSignedOut(err error, _ *telling) bool { return signedOut.MatchString(err.Error()) }

// foreign is what Microsoft's sign-in says of an application, and so of an
// account, that lives in another of its clouds.
var foreign = regexp.MustCompile(`(?s)microsoft.*couldn't fetch token: unauthorized_client`)

func isForeign(err error, _ *telling) bool { return foreign.MatchString(err.Error()) }

// isDayLimit tells Google's 750 GB a day from ordinary throttling, which has the
// same reason and differs in the case of two letters.
func isDayLimit(err error, t *telling) bool {
	return t.message == "User rate limit exceeded." || t.hasWordOf([]string{"dailylimitexceeded", "downloadquotaexceeded", "dailylimitexceededunreg"})
}

func isCertificate(err error, _ *telling) bool {
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var verify *tls.CertificateVerificationError
	return errors.As(err, &unknown) || errors.As(err, &host) || errors.As(err, &invalid) || errors.As(err, &verify)
}

func isProxy(err error, _ *telling) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && (op.Op == "proxyconnect" || strings.HasPrefix(op.Op, "socks")) || strings.Contains(err.Error(), "proxyconnect") || isProxyRefusal(err)
}

// isProxyRefusal fits the answer of a proxy that was asked for a tunnel and
// made none. net/http keeps nothing of it but the words of its status.
func isProxyRefusal(err error) bool {
	u, ok := errors.AsType[*url.Error](err)
	if !ok || u.Err == nil {
		return false
	}
	for _, status := range []int{403, 407, 500, 502, 503, 504} {
		if u.Err.Error() == http.StatusText(status) {
			return true
		}
	}
	return false
}

// isPortal fits a page where an answer was expected: a network's own sign-in
// page comes with status 200, and at the end where tokens come from with any.
func isPortal(err error, _ *telling) bool {
	text := err.Error()
	return errors.Is(err, errPage) || notXML(err) || strings.Contains(text, "invalid character '<' looking for beginning of value") || strings.Contains(text, "couldn't fetch token: (can't decode")
}

// errPage says that a page came where an object's bytes should.
var errPage = errors.New("a web page came instead of the object")

// isTransport fits what never got an answer, for whatever reason.
func isTransport(err error, _ *telling) bool {
	u, ok := errors.AsType[*url.Error](err)
	_, cut := errors.AsType[*net.OpError](err)
	_, unknown := errors.AsType[*net.DNSError](err)
	return ok && u.Op != "parse" || cut || unknown || strings.Contains(err.Error(), "couldn't fetch token")
}

// isSSHAway fits a connection that rclone's sftp could not make; what is wrong
// with the key or the host's identity is not worth a retry.
func isSSHAway(err error, _ *telling) bool {
	return strings.Contains(err.Error(), "couldn't connect SSH") && !strings.Contains(err.Error(), "knownhosts")
}

func worthRetry(err error) bool {
	return fserrors.IsRetryError(err) || fserrors.ShouldRetry(err)
}
