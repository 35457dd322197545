package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/internal/hint"
)

// loginPatience bounds one request of a sign-in.
const loginPatience = time.Minute

// remoteClient takes the remote's way to the network: its proxy and its CA,
// else those of the environment.
func remoteClient(where config.Remote) (*http.Client, error) {
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: 30 * time.Second, IdleConnTimeout: time.Minute,
	}
	if where.Proxy != "" {
		proxy, err := url.Parse(where.Proxy)
		if err != nil {
			return nil, errors.New("use proxy: it is no address")
		}
		t.Proxy = http.ProxyURL(proxy)
	}
	if where.CACert != "" {
		pool, err := readCA(where.CACert)
		if err != nil {
			return nil, hint.New("login_ca", err, "path", where.CACert)
		}
		t.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	return &http.Client{Transport: t, Timeout: loginPatience}, nil
}

// readCA reads certificates.
func readCA(path string) (*x509.CertPool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("read certificates %s: there are none in it", path)
	}
	return pool, nil
}
