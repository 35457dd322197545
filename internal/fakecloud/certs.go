package fakecloud

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/chatkeep/chatkeep/internal/durable"
)

// authority signs a certificate for every host that is asked for.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey

	mu     sync.Mutex
	minted map[string]*tls.Certificate // by host
}

// openAuthority reads the authority kept in folder, or makes one there.
func openAuthority(folder string) (*authority, error) {
	certFile, keyFile := filepath.Join(folder, "ca.pem"), filepath.Join(folder, "ca.key")
	a := &authority{minted: map[string]*tls.Certificate{}}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err == nil {
		a.key, a.cert = pair.PrivateKey.(*ecdsa.PrivateKey), pair.Leaf
		return a, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read authority: %w", err)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	if err := a.make(); err != nil {
		return nil, err
	}
	key, err := x509.MarshalECPrivateKey(a.key)
	if err != nil {
		return nil, err
	}
	if err := writePEM(certFile, "CERTIFICATE", a.cert.Raw); err != nil {
		return nil, err
	}
	return a, writePEM(keyFile, "EC PRIVATE KEY", key)
}

func (a *authority) make() (err error) {
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return err
	}
	t := template("fake cloud")
	t.IsCA, t.BasicConstraintsValid, t.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, t, t, &a.key.PublicKey, a.key)
	if err != nil {
		return err
	}
	a.cert, err = x509.ParseCertificate(der)
	return err
}

// config answers with a certificate for each known host, over HTTP/2 or 1.1.
func (a *authority) config(known func(host string) bool) *tls.Config {
	return &tls.Config{
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if !known(hello.ServerName) {
				return nil, fmt.Errorf("no service answers for %q", hello.ServerName)
			}
			return a.leaf(hello.ServerName)
		},
	}
}

func (a *authority) leaf(host string) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.minted[host]; c != nil {
		return c, nil
	}
	t := template(host)
	t.DNSNames = []string{host}
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	// The authority's own key does for every host: nobody else is fooled.
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, &a.key.PublicKey, a.key)
	if err != nil {
		return nil, err
	}
	c := &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: a.key}
	a.minted[host] = c
	return c, nil
}

// template is valid by the real clock, which is the one TLS clients look at.
func template(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().AddDate(-1, 0, 0),
		NotAfter:     time.Now().AddDate(10, 0, 0),
	}
}

func writePEM(path, kind string, der []byte) error {
	return durable.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
