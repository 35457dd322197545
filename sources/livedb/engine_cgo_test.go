//go:build cgo

package livedb

import _ "github.com/mutecomm/go-sqlcipher/v4"

const rawKey = "2DD29CA851E7B56E4697B0E1F08507293D761A05CE4D1B628663F411A8086D99"

func init() {
	engines["sqlcipher"] = engine{
		driver: "sqlite3",
		dsn: func(path string) string {
			return path + "?_pragma_key=x'" + rawKey + "'&_pragma_cipher_page_size=4096&_busy_timeout=0"
		},
		checks: []string{"cipher_integrity_check", "integrity_check"},
	}
}
