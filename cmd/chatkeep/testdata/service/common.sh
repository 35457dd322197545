# What both stories begin with: alice, whose chats are backed up to /srv/remote.
exec 2>&1
say() { printf '%5d ms  %s\n' $((($(date +%s%N) - begun) / 1000000)) "$*"; }
begun=$(date +%s%N)
fail() { echo "FAILED: $*"; exit 1; }
same() { [ "$2" = "$3" ] || fail "$1: $2, want $3"; say "$1: $2"; }
exits() { # CODE COMMAND…
  local want=$1 got=0
  shift
  "$@" || got=$?
  same "exit code of ${*: -3}" "$got" "$want"
}
until_is() { # WHAT WANT COMMAND…: within 20 s
  local what=$1 want=$2 got=
  shift 2
  for _ in $(seq 400); do
    got=$("$@" 2>/dev/null) || true
    if [ "$got" = "$want" ]; then say "$what: $got"; return; fi
    sleep 0.05
  done
  fail "$what: $got, want $want"
}

home=/home/alice
chats=$home/ChatExports
yaml=$home/.config/chatkeep/chatkeep.yaml
useradd --uid 1700 --create-home --home-dir "$home" --shell /bin/bash alice
chmod 700 "$home"
alice() { setpriv --reuid=1700 --regid=1700 --init-groups env -i HOME="$home" USER=alice PATH="$PATH" LANG=C.UTF-8 ${session:-NOTHING=} "$@"; }
alice mkdir "$chats"
alice bash -c "echo hello >$chats/a.txt; echo private >$home/private"
install -d -o alice -g alice -m 700 /srv/remote
mkdir -p /var/log/journal
systemctl start systemd-journal-flush systemd-logind

# The same journal and the same checks for both: ctl is systemctl, p a property.
p() { ctl show "$unit" --property="$1" --value; }
restarts() { echo "$(p NRestarts) $(p ActiveState)"; }
snapshots() { alice chatkeep snapshots --json | grep -c '"sequence"'; }
said() { journalctl --sync; service logs | grep -cF -- "$1"; }
ask() { alice curl --silent --show-error --unix-socket "$(cat "$home/.local/state/chatkeep/control")" "http://daemon$1"; }
inside() { nsenter --target "$(p MainPID)" --mount -- setpriv --reuid=1700 --regid=1700 --init-groups "$@"; }

prepare() {
  alice mkdir -p "${yaml%/*}"
  alice tee "$yaml" >/dev/null <<'YAML'
device: desk
sources: [~/ChatExports]
remote: {type: local, folder: /srv/remote}
schedule: {backup: "@every 30m", on_change: off}
YAML
  alice chatkeep init >/dev/null
  [ -f "$home/.config/chatkeep/recovery.key" ] || fail "no recovery key beside the configuration"
}

# fed N: systemd hears N more times that all is well, within 20 s.
fed() {
  local heard last= now=
  for heard in $(seq "$1"); do
    for _ in $(seq 400); do
      now=$(p WatchdogTimestampMonotonic)
      [ "$now" = "$last" ] || break
      sleep 0.05
    done
    [ "$now" != "$last" ] || fail "systemd heard only $heard times that all is well"
    last=$now
  done
}

# Started, it is ready, says so, and makes the backup that is due.
check_running() {
  same "state" "$(p ActiveState) $(p SubState) $(p Type)" "active running notify"
  until_is "snapshots by the schedule" 1 snapshots
  same "status" "$(service status --json | grep -o '"active": "[a-z]*"')" '"active": "active"'
  alice bash -c "echo more >$chats/b.txt"
  alice chatkeep backup --json | tee /run/backup.json >/dev/null
  same "backup through the daemon" "$(grep -o '"sequence": [0-9]*' /run/backup.json)" '"sequence": 2'
  same "jobs in the journal" "$(($(said 'backup') > 0))" 1
}

check_reload() {
  local pid before
  pid=$(p MainPID)
  sed -i 's/@every 30m/@every 40m/' "$yaml" && chown alice: "$yaml" # a new file, as editors make it
  ctl reload "$unit"
  same "pid after a reload" "$(p MainPID)" "$pid"
  same "schedule after a reload" "$(ask /v1/status | grep -o '@every 40m')" "@every 40m"
  before=$(cat "$yaml")
  echo "shedule: {}" >>"$yaml"
  exits 1 ctl reload "$unit"
  same "pid after a bad reload" "$(p MainPID) $(p ActiveState)" "$pid active"
  same "bad configuration in the status" "$(ask /v1/status | grep -o -e bad_config -e '@every 40m' | sort -u | tr '\n' ' ')" "@every 40m bad_config "
  same "bad configuration in the journal" "$(($(said shedule) > 0))" 1
  echo "$before" >"$yaml"
  ctl reload "$unit"
  same "pid after the mistake is mended" "$(p MainPID) $(p ActiveState)" "$pid active"
}

# It comes back after a kill, a crash and a hang, but not from bad configuration.
check_restarts() {
  local kill
  mkdir -p "$dropins"
  printf '[Service]\nRestartSec=100ms\nWatchdogSec=2s\nStartLimitBurst=100\n' >"$dropins/zz-test.conf"
  ctl daemon-reload
  ctl restart "$unit"
  same "restarts" "$(restarts)" "0 active"
  kill -KILL "$(p MainPID)"
  until_is "restarts after SIGKILL" "1 active" restarts
  kill -ABRT "$(p MainPID)"
  until_is "restarts after a crash" "2 active" restarts
  kill -STOP "$(p MainPID)"
  until_is "restarts after it hung" "3 active" restarts
  same "hang in the journal" "$(($(journalctl -b -q -o cat --grep='Watchdog timeout' | wc -l) > 0))" 1
  fed 5 # for longer than the watchdog waits
  same "restarts while it is well" "$(restarts)" "3 active"
  cp "$yaml" /run/good.yaml
  echo "nonsense" >"$yaml"
  exits 1 ctl restart "$unit"
  same "start with bad configuration" "$(p ExecMainStatus) $(p NRestarts) $(p ActiveState)" "2 0 failed"
  cat /run/good.yaml >"$yaml"
  ctl reset-failed "$unit"
  ctl start "$unit"
}

# What it must not write, it can't, whatever goes wrong in it.
check_sandbox() {
  install -d -o alice /srv/alices
  for path in "$chats/a.txt" "$chats/x" "$home/x" "$home/.config/chatkeep/x" /srv/alices/x; do
    alice touch "$path" || fail "alice herself can't write $path"
    [ "$path" = "$chats/a.txt" ] || rm "$path"
    if inside touch "$path" 2>/dev/null; then fail "$path could be written"; fi
  done
  if inside cat "$home/.config/chatkeep/recovery.key" 2>/dev/null; then fail "the recovery key can be read"; fi
  same "chats in the sandbox" "$(inside cat "$chats/a.txt")" hello
  inside touch "$home/.local/state/chatkeep/x" "$home/.cache/chatkeep/x" /srv/remote/x
  rm "$home/.local/state/chatkeep/x" "$home/.cache/chatkeep/x" /srv/remote/x
  same "system calls and rights" "$(grep -E '^(Seccomp|NoNewPrivs):' "/proc/$(p MainPID)/status" | tr -d '\t\n')" "NoNewPrivs:1Seccomp:2"
  same "rights of root" "$(grep CapEff "/proc/$(p MainPID)/status" | tr -d 0:)" "CapEff	"
}

# Stopped in the middle of an upload, it goes on where it was.
check_stop_and_resume() {
  local packs
  sed -i 's|^remote:.*|remote: {type: local, folder: /srv/remote, pack_size: 1MiB}|' "$yaml" && chown alice: "$yaml"
  ctl reload "$unit"
  packs() { find /srv/remote/packs -name '*.age' | wc -l; }
  alice bash -c "for i in 1 2 3 4 5 6; do head -c 50000000 /dev/urandom >$chats/big\$i; done"
  before=$(packs)
  alice chatkeep backup >/run/interrupted 2>&1 &
  asker=$!
  until [ "$(packs)" -gt $((before + 5)) ]; do kill -0 "$asker" || fail "the backup was too fast to stop it"; sleep 0.01; done
  stop_began=$(date +%s%N)
  ctl stop "$unit"
  same "stopped within 5 s" "$((($(date +%s%N) - stop_began) / 1000000 < 5000)) $(p Result)" "1 success"
  wait "$asker" && fail "the backup said that it was done: $(cat /run/interrupted)"
  sent=$(packs)
  [ "$sent" -lt 200 ] || fail "$sent packs: it was not stopped in the middle"
  find /srv/remote/packs -name '*.age' -printf '%p %T@\n' | sort >/run/sent
  ctl start "$unit"
  alice chatkeep backup >/dev/null
  find /srv/remote/packs -name '*.age' -printf '%p %T@\n' | sort >/run/now
  same "packs that were sent again" "$(comm -23 /run/sent /run/now | wc -l)" 0
  say "packs: $before, stopped at $sent, at the end $(packs)"
  alice rm "$chats"/big*
}

check_gone() {
  same "unit afterwards" "$(p LoadState)" "$1"
  for path in "$yaml" "$home/.local/state/chatkeep" /srv/remote/packs; do [ -e "$path" ] || fail "$path is gone"; done
}
