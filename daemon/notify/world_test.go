package notify

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// world stands for the internet: a proxy, as HTTPS_PROXY names one, leads every
// host to one server. No test can reach anybody else.
type world struct {
	cert    tls.Certificate // of whatever host
	server  *httptest.Server
	proxy   *httptest.Server
	answer  atomic.Pointer[http.HandlerFunc]
	offline atomic.Bool

	mu    sync.Mutex
	hosts []string // asked for at the proxy
}

var internet *world

func TestMain(m *testing.M) {
	internet = newWorld()
	code := m.Run()
	internet.server.Close()
	internet.proxy.Close()
	os.Exit(code)
}

func newWorld() *world {
	w := &world{}
	roots := w.certify()
	w.server = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { (*w.answer.Load())(rw, r) }))
	w.server.TLS = &tls.Config{Certificates: []tls.Certificate{w.cert}, GetCertificate: w.certificate}
	w.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	w.server.StartTLS()
	w.proxy = httptest.NewServer(http.HandlerFunc(w.connect))
	os.Setenv("HTTPS_PROXY", w.proxy.URL)
	os.Setenv("HTTP_PROXY", w.proxy.URL)
	os.Setenv("NO_PROXY", "")
	http.DefaultTransport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return w
}

// signer signs a certificate for each host.
var (
	signer    *x509.Certificate
	signerKey *ecdsa.PrivateKey
)

func (w *world) certify() *x509.CertPool {
	var err error
	if signerKey, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		panic(err)
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &signerKey.PublicKey, signerKey)
	if err != nil {
		panic(err)
	}
	if signer, err = x509.ParseCertificate(der); err != nil {
		panic(err)
	}
	w.cert = *mint("127.0.0.1")
	pool := x509.NewCertPool()
	pool.AddCert(signer)
	return pool
}

func mint(host string) *tls.Certificate {
	t := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if ip := net.ParseIP(host); ip != nil {
		t.IPAddresses = []net.IP{ip}
	} else {
		t.DNSNames = []string{host}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, t, signer, &key.PublicKey, signerKey)
	if err != nil {
		panic(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (w *world) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	return mint(hello.ServerName), nil
}

func (w *world) connect(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	w.hosts = append(w.hosts, r.Host)
	w.mu.Unlock()
	if r.Method != http.MethodConnect || w.offline.Load() {
		http.Error(rw, "offline: "+r.Host, http.StatusBadGateway)
		return
	}
	server, err := net.Dial("tcp", w.server.Listener.Addr().String())
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadGateway)
		return
	}
	client, buffered, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		server.Close()
		return
	}
	io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() { io.Copy(server, buffered); server.Close() }()
	go func() { io.Copy(client, server); client.Close() }()
}

// answers lets the internet answer like this, until the test ends.
func (w *world) answers(t *testing.T, h http.HandlerFunc) {
	t.Helper()
	w.answer.Store(&h)
	w.mu.Lock()
	w.hosts = nil
	w.mu.Unlock()
	t.Cleanup(func() {
		w.offline.Store(false)
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	})
}

func (w *world) asked() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.hosts...)
}
