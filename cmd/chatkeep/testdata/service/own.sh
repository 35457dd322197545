# A user's own service, from the first day to the last.
unit=chatkeep.service
units=$home/.config/systemd/user
dropins=$units/$unit.d
ctl() { alice systemctl --user "$@"; }
service() { alice chatkeep service "$@"; }
prepare

exits 2 chatkeep service install # as root
exits 1 alice chatkeep service install # nobody is signed in
systemctl start user@1700
session=XDG_RUNTIME_DIR=/run/user/1700
exits 1 service status # there is none
exits 0 service uninstall
mv "$yaml" /run/aside
exits 2 service install
mv /run/aside "$yaml"

service install --linger
for file in "$units/$unit" "$dropins/paths.conf" "$dropins/sandbox.conf"; do [ -f "$file" ] || fail "no $file"; done
errors=$(alice env XDG_RUNTIME_DIR=/run/user/1700 systemd-analyze --user verify --man=no --recursive-errors=no "$unit" 2>&1) || fail "verify: $errors"
same "verify" "$errors" ""
same "enabled" "$(ctl is-enabled "$unit")" enabled
same "linger" "$(loginctl show-user alice --property=Linger --value)" yes
check_running
check_reload
check_sandbox
same "other files at home" "$(inside cat "$home/private")" private
check_restarts
same "restarts in service status" "$(service status --json | grep -c '"restarts": 0')" 1
check_stop_and_resume

# done again, everything is as new, and nothing more
service install --json >/run/install.json
same "installed again" "$(grep -c -e '"started": true' -e '"linger": true' -e '"sandbox": true' /run/install.json)" 3
service install --no-sandbox >/dev/null
[ ! -e "$dropins/sandbox.conf" ] || fail "the sandbox is still there"
inside touch "$home/x"
service install >/dev/null
if inside touch "$home/x" 2>/dev/null; then fail "the sandbox did not come back"; fi

echo "[Service]" >"$units/$unit.new" && mv "$units/$unit" /run/ours && mv "$units/$unit.new" "$units/$unit"
exits 1 service install # it is somebody else's now
exits 1 service uninstall
same "state" "$(p ActiveState)" active
cat /run/ours >"$units/$unit"

service uninstall
[ -f "$dropins/zz-test.conf" ] || fail "somebody else's drop-in is gone"
[ ! -e "$dropins/paths.conf" ] && [ ! -e "$units/$unit" ] || fail "files are left"
[ ! -e "$units/default.target.wants/$unit" ] || fail "it is still enabled"
rm -r "$dropins" && ctl daemon-reload
check_gone not-found
service uninstall | grep -qF "no service"
say done
