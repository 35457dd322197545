package systemd

import (
	"fmt"
	"maps"
	"path"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/internal/sdbox"
)

// odd is a folder with all that means something in units.
const odd = `/srv/odd "dir" it's 50% %i a\b:c $HOME;d 好`

// program is odd as far as systemd allows it.
const program = "/opt/odd dir 50% %i a:b $HOME;d 好/chatkeep"

// home is nowhere that ProtectHome= looks.
const home = "/srv/my people/alice"

// standIn is a daemon that only looks around.
const standIn = `#!/bin/bash
cd /
see() { if cat "$2" >/dev/null 2>&1; then echo "$1 seen"; else echo "$1 hidden"; fi; }
write() { if echo x 2>/dev/null >>"$2"; then echo "$1 written"; else echo "$1 kept"; fi; }
if [ "$1" = daemon ]; then
  here=${CHATKEEP_STATE%/state}
  {
    write state "$CHATKEEP_STATE/x"; write cache "$here/cache/x"; write remote "$here/remote/x"
    see chats "$here/chats/a"; write chats "$here/chats/a"
    see config "$here/config/c"; see recovery "$here/config/recovery.key"
    see private "$HOME/private"
    write home "$HOME/x"; write etc /etc/x; write system /usr/x
    echo "credential $(cat "$CREDENTIALS_DIRECTORY/chatkeep-device" 2>/dev/null)"
    echo "core $(grep -oE 'Max core file size +[0-9]+' /proc/self/limits | grep -oE '[0-9]+$')"
  } >"$CHATKEEP_STATE/report" 2>&1
  systemd-notify --ready
  exec sleep 1000
fi
echo reloaded >>"$CHATKEEP_STATE/report"
`

// prepare makes the user and the odd folders.
const prepare = `
odd=$(cat /etc/odd)
home="/srv/my people/alice"
mkdir -p "/srv/my people"
useradd --uid 1700 --home-dir "$home" --create-home alice
mkdir -p "$odd"/{state,remote,chats,config}
for file in "$odd"/{chats/a,config/c,config/recovery.key} "$home/private"; do echo text >"$file"; done
chown -R alice: "$odd" "$home" && chmod 700 "$odd" "$home"
check() { # line…
  for line; do
    grep -qxF "$line" "$odd/state/report" || { echo "the report has no: $line"; cat "$odd/state/report"; exit 1; }
  done
}
`

func oddBox(s Service, units, script string) sdbox.Box {
	files, err := s.Files()
	if err != nil {
		panic(err)
	}
	b := sdbox.Box{Files: map[string]string{"/etc/odd": odd, s.Program: standIn}, Script: prepare + script}
	maps.Copy(b.Files, map[string]string{path.Join(units, s.DropIns(), "zz-test.conf"): "[Service]\nNotifyAccess=all\n"})
	for _, f := range files {
		b.Files[path.Join(units, f.Path)] = f.Text
	}
	return b
}

func oddService(user string) Service {
	return Service{User: user, Group: "1700", Home: home, Program: program, State: odd + "/state", Cache: odd + "/cache",
		Env:   []Variable{{"CHATKEEP_STATE", odd + "/state"}},
		Write: []string{odd + "/remote", odd + "/missing"}, Read: []string{odd + "/chats", odd + "/config", odd + "/gone"}, Hide: []string{odd + "/config/recovery.key"}}
}

// The template under a real systemd, where no path is as usual: it starts, sees
// and writes what it should and nothing else, reloads and stops. Its sandbox is
// as tight as promised.
func TestTemplateUnderSystemd(t *testing.T) {
	s := oddService("alice")
	s.Sealed = "/etc/50% sealed.cred"
	out := sdbox.Run(t, oddBox(s, "/etc/systemd/system", `
echo -n the keys | systemd-creds encrypt --name=chatkeep-device --with-key=host - '/etc/50% sealed.cred' 2>/dev/null
systemctl daemon-reload
errors=$(systemd-analyze verify --man=no --recursive-errors=no chatkeep@alice.service 2>&1) || { echo "verify: $errors"; exit 1; }
[ -z "$errors" ] || { echo "verify says: $errors"; exit 1; }
# the unit as it stands in the repository, without what an installation adds
mkdir /run/alone && cp /etc/systemd/system/chatkeep@.service /run/alone/chatkeep@alice.service
systemd-analyze security --offline=true --threshold=15 /run/alone/chatkeep@alice.service | tail -1
systemctl enable chatkeep@alice
systemctl start chatkeep@alice
check "state written" "cache written" "remote written" "chats seen" "chats kept" "config seen" "recovery hidden" \
  "private hidden" "home kept" "etc kept" "system kept" "credential the keys" "core 1"
[ "$(stat -c %U:%a "$odd/cache")" = alice:700 ]
systemctl reload chatkeep@alice
check reloaded
[ "$(stat -c %U:%a /run/chatkeep/alice)" = alice:700 ]
# a cache that somebody deletes comes back with the next start
rm -rf "$odd/cache" && systemctl restart chatkeep@alice
check "cache written"
systemctl stop chatkeep@alice
echo "left $(systemctl show -P Result chatkeep@alice)"
`))
	if !strings.Contains(out, "left success\n") || !strings.Contains(out, "→ Overall exposure level for chatkeep@alice.service: ") {
		t.Error("the script did not come to its end")
	}
}

// The user's own unit under a real user's manager.
func TestUserUnitUnderSystemd(t *testing.T) {
	s := oddService("")
	out := sdbox.Run(t, oddBox(s, home+"/.config/systemd/user", fmt.Sprintf(`
systemctl start user@1700
own() { setpriv --reuid=1700 --regid=1700 --init-groups env -i HOME="$home" USER=alice PATH="$PATH" XDG_RUNTIME_DIR=/run/user/1700 "$@"; }
errors=$(own systemd-analyze --user verify --man=no --recursive-errors=no %[1]s 2>&1) || { echo "verify: $errors"; exit 1; }
[ -z "$errors" ] || { echo "verify says: $errors"; exit 1; }
own systemctl --user enable %[1]s
own systemctl --user start %[1]s
check "state written" "cache written" "remote written" "chats seen" "chats kept" "config seen" "recovery hidden" \
  "private seen" "home kept" "etc kept" "system kept" "core 1"
own systemctl --user reload %[1]s
check reloaded
[ "$(stat -c %%U:%%a /run/user/1700/chatkeep)" = alice:700 ]
own rm -rf "$odd/cache"
own systemctl --user restart %[1]s
check "cache written"
# where a distribution forbids the sandbox, it is left out
own rm "$home/.config/systemd/user/%[2]s/sandbox.conf"
own systemctl --user daemon-reload
own systemctl --user restart %[1]s
check "state written" "chats written"
own systemctl --user stop %[1]s
echo "left $(own systemctl --user show -P Result %[1]s)"
`, s.Unit(), s.DropIns())))
	if !strings.Contains(out, "left success\n") {
		t.Error("the script did not come to its end")
	}
}
