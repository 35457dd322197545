package cloud

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/rclone/rclone/fs"

	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/internal/hint"
)

// network returns rclone's settings with what the user said of the way there.
func (r *remote) network(ctx context.Context, opt Options) (context.Context, error) {
	ctx = privateConfig(context.WithoutCancel(ctx))
	ci := fs.GetConfig(ctx)
	if opt.Proxy != "" {
		if _, err := url.Parse(opt.Proxy); err != nil {
			return nil, errors.New("its proxy is not an address") // the text of err would hold its password
		}
		ci.HTTPProxy = opt.Proxy
	}
	if opt.CACert == "" {
		return ctx, nil
	}
	bundle, err := r.bundle(opt.CACert)
	if err != nil {
		return nil, hint.New(HintCACert, fmt.Errorf("read certificates: %w", err), "path", opt.CACert)
	}
	ci.CaCert = []string{bundle}
	return ctx, nil
}

// keepBundle sees to it that the file of certificates can be read. rclone reads
// it for every new connection to a service, and ends the process if it is gone.
func (r *remote) keepBundle() error {
	if r.certificates == nil {
		return nil
	}
	path := filepath.Join(r.home, bundleFile)
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, r.certificates) {
		return nil
	}
	err := durable.MkdirAll(r.home, 0o700)
	if err == nil {
		err = durable.WriteFile(path, r.certificates, 0o600)
	}
	if err != nil {
		return hint.New(HintCACert, fmt.Errorf("keep certificates: %w", err), "path", path)
	}
	return nil
}

const bundleFile = "ca.pem"

// bundle joins the user's certificates to the system's, for rclone takes one
// set or the other. It is a file of our own, since rclone ends the process over
// one that it can't read.
func (r *remote) bundle(path string) (string, error) {
	own, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if !x509.NewCertPool().AppendCertsFromPEM(own) {
		return "", fmt.Errorf("%s holds no certificate in PEM form", path)
	}
	if r.home == "" {
		return "", errors.New("there is no folder to keep them in")
	}
	r.certificates = append(append(own, '\n'), systemCertificates()...)
	return filepath.Join(r.home, bundleFile), r.keepBundle()
}

// systemCertificates returns the file that most systems keep their
// certificates in; where there is none, only the user's count.
func systemCertificates() []byte {
	for _, path := range []string{
		os.Getenv("SSL_CERT_FILE"),
		"/etc/ssl/certs/ca-certificates.crt", // Debian, Arch
		"/etc/pki/tls/certs/ca-bundle.crt",   // Fedora
		"/etc/ssl/ca-bundle.pem",             // openSUSE
		"/etc/ssl/cert.pem",                  // Alpine, macOS
		"/data/data/com.termux/files/usr/etc/tls/cert.pem",
	} {
		if b, err := os.ReadFile(path); err == nil && path != "" {
			return b
		}
	}
	return nil
}
