package notify

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"mime"
	"net"
	"net/mail"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"
)

// mailServer is a small SMTP server on this computer.
type mailServer struct {
	l      net.Listener
	secure bool // offers STARTTLS, and takes a password only after it
	refuse string

	mu       sync.Mutex
	received []string
	password string
	private  bool // the message came encrypted
}

func startMail(t *testing.T, s *mailServer) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.l = l
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { s.talk(conn) })
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return l.Addr().String()
}

func (s *mailServer) talk(conn net.Conn) {
	defer func() { conn.Close() }()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	r := bufio.NewReader(conn)
	say := func(text string) { fmt.Fprintf(conn, "%s\r\n", text) }
	say("220 mail.example ESMTP")
	private := false
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch strings.ToUpper(verb) {
		case "EHLO", "HELO":
			if s.secure && !private {
				say("250-mail.example\r\n250 STARTTLS")
			} else {
				say("250-mail.example\r\n250-8BITMIME\r\n250 AUTH PLAIN")
			}
		case "STARTTLS":
			say("220 go ahead")
			secured := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{*mint("127.0.0.1")}})
			if secured.Handshake() != nil {
				return
			}
			conn, r, private = secured, bufio.NewReader(secured), true
		case "AUTH":
			plain, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(rest, "PLAIN "))
			s.mu.Lock()
			s.password = string(plain)
			s.mu.Unlock()
			if s.refuse != "" {
				say("535 5.7.8 " + s.refuse + " " + string(plain[1:]))
				continue
			}
			say("235 ok")
		case "DATA":
			say("354 go on")
			text, err := textproto.NewReader(r).ReadDotBytes()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.received = append(s.received, string(text))
			s.private = private
			s.mu.Unlock()
			say("250 kept")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func TestMailArrives(t *testing.T) {
	for _, secure := range []bool{false, true} {
		s := &mailServer{secure: secure}
		address, err := Mail(startMail(t, s), "me@example.com", "mailsecret:1/2", "me@example.com", "you+chat@example.com")
		must(t, err)
		if secure {
			address += "&skiptlsverify=yes" // the library trusts the system's certificates alone
		} else {
			address = strings.Replace(address, "requirestarttls=yes", "requirestarttls=no", 1)
		}
		n := open(t, Channel{"mail", address})
		must(t, n.Test(t.Context(), "mail"))
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.received) != 1 || s.private != secure || s.password != "\x00me@example.com\x00mailsecret:1/2" {
			t.Fatalf("%d mails, private %v, password %q", len(s.received), s.private, s.password)
		}
		m, err := mail.ReadMessage(strings.NewReader(s.received[0]))
		must(t, err)
		subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
		if subject != "备份 test" || err != nil || strings.Contains(m.Header.Get("Subject"), "备") {
			t.Errorf("subject %q, %v", m.Header.Get("Subject"), err)
		}
		if to := m.Header.Get("To"); to != "you+chat@example.com" {
			t.Errorf("to %q", to)
		}
		body := make([]byte, 1000)
		k, _ := m.Body.Read(body)
		if !strings.Contains(string(body[:k]), "今天 14:32 之前的都已备份 & <b>") {
			t.Errorf("body %q", body[:k])
		}
	}
}

// A password never goes over a connection that others can read, nor to a
// server that can't prove who it is.
func TestMailPasswordIsPrivate(t *testing.T) {
	for name, s := range map[string]*mailServer{"no encryption": {}, "a strange certificate": {secure: true}} {
		address, err := Mail(startMail(t, s), "me", "mailsecret", "me@example.com", "me@example.com")
		must(t, err)
		n := open(t, Channel{"mail", address})
		err = n.Test(t.Context(), "mail")
		if err == nil || strings.Contains(err.Error(), "mailsecret") || strings.Contains(err.Error(), "example.com") || strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("%s: %v", name, err)
		}
		s.mu.Lock()
		if s.password != "" || len(s.received) != 0 {
			t.Errorf("%s: the server got %q", name, s.password)
		}
		s.mu.Unlock()
	}
}

func TestMailRefused(t *testing.T) {
	s := &mailServer{secure: true, refuse: "wrong"}
	address, err := Mail(startMail(t, s), "me", "mailsecret", "me@example.com", "me@example.com")
	must(t, err)
	n := open(t, Channel{"mail", address + "&skiptlsverify=yes"})
	said := overheard(t, func() { err = n.Test(t.Context(), "mail"); fmt.Println(err) })
	if codeOf(err) != string(CodeRefused) || strings.Contains(said, "mailsecret") || strings.Contains(said, "example.com") {
		t.Errorf("%v; said %s", err, said)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	dead := l.Addr().String()
	l.Close()
	n = open(t, Channel{"mail", "smtp://" + dead + "/?from=me@example.com&to=me@example.com"})
	if err := n.Test(t.Context(), "mail"); codeOf(err) != string(CodeUnreachable) || strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("nobody there: %v", err)
	}
}
