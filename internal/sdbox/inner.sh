# The inside of a box: PID 1 of a new PID namespace builds a root from this
# machine's own, with everything that is written kept in memory, and becomes
# systemd.
set -euo pipefail
root=/sys/box/root
mkdir /sys/box/{upper,work,root}
mount -t overlay -o lowerdir=/,upperdir=/sys/box/upper,workdir=/sys/box/work overlay "$root"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys" # read-only: no udev
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs "$root/run"
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/tmp"
mount -t tmpfs -o mode=755,nosuid tmpfs "$root/dev"
for device in null zero full random urandom tty; do
  : >"$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"
ln -s fd/1 "$root/dev/stdout"
ln -s fd/2 "$root/dev/stderr"

tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
echo sdbox >"$root/etc/hostname"
rm -f "$root/etc/fstab"
: >"$root/etc/fstab"
# Of all that a boot starts by itself (disks, clocks, networks, …) only what
# services need is left, and whatever is started later finds its targets.
for dir in "$root"/{etc,usr/lib}/systemd/system; do
  for target in sysinit basic local-fs sockets timers paths; do rm -rf "$dir/$target.target.wants"; done
done
units=$root/run/systemd/system
mkdir -p "$units"
cat >"$units/sdbox.target" <<UNIT
[Unit]
Requires=basic.target sdbox.service
Wants=systemd-journald.service systemd-journald.socket systemd-journald-dev-log.socket systemd-tmpfiles-setup.service dbus.socket
After=basic.target
UNIT
cat >"$units/sdbox.service" <<UNIT
[Unit]
After=basic.target systemd-journald.service systemd-tmpfiles-setup.service dbus.socket
SuccessAction=exit
FailureAction=exit
[Service]
Type=oneshot
Environment=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
ExecStart=/bin/bash /run/sdbox/run
StandardOutput=append:/run/sdbox/out
StandardError=inherit
TimeoutStartSec=$SDBOX_TIMEOUT
UNIT

tar -x -C "$root" # stdin
cat >"$root/run/sdbox/run" <<'RUN'
status=0
bash -eu /run/sdbox/script || status=$?
if [ "$status" != 0 ]; then
  echo "---- exit status $status; the end of the journal:"
  journalctl --quiet --no-pager --boot --lines=120 --output=short-monotonic
fi
exit "$status"
RUN
: >"$root/run/sdbox/out"
mount --bind /sys/out "$root/run/sdbox/out"
while IFS=$'\t' read -r from to; do
  [ -n "$from" ] || continue
  if [ -d "$from" ]; then mkdir -p "$root$to"; else mkdir -p "$(dirname "$root$to")" && : >"$root$to"; fi
  mount --bind "$from" "$root$to"
  mount -o remount,bind,ro "$root$to"
done <<<"$SDBOX_BINDS"

cd "$root"
mkdir run/old
pivot_root . run/old
umount -l /run/old
rmdir /run/old
# With container= set, systemd leaves this out, and the folders of credentials
# would be empty without a word.
mount --make-rshared /
exec env -i container=sdbox PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=sdbox.target \
  --log-target=journal --show-status=false </dev/null
