package livedb

import (
	"database/sql"
	"fmt"
	"net/url"
	"strings"

	_ "modernc.org/sqlite"
)

// engine is a way to open databases, with the key.
type engine struct {
	driver string
	dsn    func(path string) string
	checks []string // pragmas that report damage, one row each
}

// engines by name; one more is there where there is a C compiler.
var engines = map[string]engine{
	"sqlite": {
		driver: "sqlite",
		dsn:    func(path string) string { return "file:" + (&url.URL{Path: path}).EscapedPath() },
		checks: []string{"integrity_check"},
	},
}

// open returns a database with one connection.
func (e engine) open(path string) (*sql.DB, error) {
	db, err := sql.Open(e.driver, e.dsn(path))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// damage returns what the engine's own checks find.
func (e engine) damage(db *sql.DB) error {
	for _, check := range e.checks {
		rows, err := db.Query("PRAGMA " + check)
		if err != nil {
			return fmt.Errorf("%s: %w", check, err)
		}
		var found []string
		for rows.Next() {
			var s string
			if err := rows.Scan(&s); err != nil {
				return err
			}
			if s != "ok" {
				found = append(found, s)
			}
		}
		if err := rows.Err(); err != nil {
			return fmt.Errorf("%s: %w", check, err)
		}
		if len(found) > 0 {
			return fmt.Errorf("%s: %s", check, strings.Join(found[:min(3, len(found))], "; "))
		}
	}
	return nil
}
