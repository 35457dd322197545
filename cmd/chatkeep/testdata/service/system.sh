# The system's service for one user, from the first day to the last.
unit=chatkeep@alice.service
units=/etc/systemd/system
dropins=$units/$unit.d
ctl() { systemctl "$@"; }
service() { chatkeep service "$@" --system --user alice; }
prepare

exits 2 alice chatkeep service install --system --user alice # not as root
exits 2 chatkeep service install --system
exits 2 chatkeep service install --system --user nobody-knows
alice mv "$home/.local/state/chatkeep/device.json" "$home/key"
exits 2 service install # there is nothing it could do
alice mv "$home/key" "$home/.local/state/chatkeep/device.json"

service install --credential
for file in "$units/chatkeep@.service" "$dropins"/{paths,sandbox,credential}.conf; do [ -f "$file" ] || fail "no $file"; done
errors=$(systemd-analyze verify --man=no --recursive-errors=no "$unit" 2>&1) || fail "verify: $errors"
same "verify" "$errors" ""
systemd-analyze security --offline=true --threshold=15 "$unit" | tail -1
systemd-analyze security --threshold=15 "$unit" | tail -1
same "enabled" "$(ctl is-enabled "$unit")" enabled
check_running

same "who may look where the keys are" "$(stat -c %a /etc/chatkeep /etc/chatkeep/credentials /etc/chatkeep/credentials/* | tr '\n' ' ')" "755 700 600 "

# from now on the keys are in the credential alone
cred=/run/credentials/$unit/chatkeep-device
cmp "$cred" "$home/.local/state/chatkeep/device.json" || fail "the credential is not the device's keys"
same "who reads the credential" "$(stat -c %a "$cred")" 400
if grep -qF "$(cut -c1-60 "$cred" | head -1)" /etc/chatkeep/credentials/alice.chatkeep-device.cred; then fail "the keys are not encrypted"; fi
mv "$home/.local/state/chatkeep/device.json" /root/device.json
ctl restart "$unit"
alice bash -c "echo even more >$chats/c.txt"
alice chatkeep backup --json >/run/backup.json
same "backup with the credential" "$(grep -o '"sequence": [0-9]*' /run/backup.json)" '"sequence": 3'
exits 0 service install # the credential stays
mv /root/device.json "$home/.local/state/chatkeep/device.json"

check_reload
check_sandbox
if inside cat "$home/private" 2>/dev/null; then fail "another file of the user's can be seen"; fi
same "what is to be seen of the home" "$(inside ls -A "$home" | tr '\n' ' ')" ".cache .config .local ChatExports "
same "what is to be seen of the configuration" "$(inside ls -A "$home/.config/chatkeep" | tr '\n' ' ')" "chatkeep.yaml recovery.key "
check_restarts
check_stop_and_resume

service uninstall --json >/run/uninstall.json
same "keys that stay" "$(grep -c alice.chatkeep-device.cred /run/uninstall.json)" 1
[ ! -e "$units/chatkeep@.service" ] && [ -f "$dropins/zz-test.conf" ] && [ ! -e "$dropins/paths.conf" ] || fail "not exactly what was written is gone"
rm -r "$dropins" && ctl daemon-reload
check_gone not-found
say done
