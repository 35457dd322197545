package main

import (
	"crypto/ed25519"
	"errors"
	"net"

	"github.com/pkg/sftp"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/crypto/ssh"
)

// startSFTP starts an SFTP server with one user, whose home is the story's
// folder. $SFTP_PORT is where it listens, $SFTP_KEY the fingerprint of its key.
func startSFTP(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: sftp USER PASSWORD")
	}
	signer, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	ts.Check(err)
	config := &ssh.ServerConfig{PasswordCallback: func(c ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
		if c.User() != args[0] || string(password) != args[1] {
			return nil, errors.New("who are you?")
		}
		return nil, nil
	}}
	config.AddHostKey(signer)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	home := ts.MkAbs(".")
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serveSFTP(conn, config, home)
		}
	}()
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	ts.Setenv("SFTP_PORT", port)
	ts.Setenv("SFTP_KEY", ssh.FingerprintSHA256(signer.PublicKey()))
}

func serveSFTP(conn net.Conn, config *ssh.ServerConfig, home string) {
	defer conn.Close()
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		channel, requests, err := offered.Accept()
		if err != nil {
			return
		}
		go func() {
			for r := range requests {
				_ = r.Reply(r.Type == "subsystem", nil)
			}
		}()
		go func() {
			defer channel.Close()
			if server, err := sftp.NewServer(channel, sftp.WithServerWorkingDirectory(home)); err == nil {
				_ = server.Serve()
			}
		}()
	}
}
