# The outside of a box, in a mount namespace of its own. Whatever happens, it
# leaves nothing: all its files lie on a tmpfs that nobody else sees, and the
# box's processes die with it. Only a cgroup can outlive a SIGKILL, and the
# next box removes it.
#
# stdin: a tar archive for the box. SDBOX_INNER: what builds the box.
set -euo pipefail

# Nobody keeps files in /sys that a box could be asked to show.
here=/sys
mount -t tmpfs -o mode=755,size=2g tmpfs "$here"
mkdir "$here/cgroup" "$here/box"

# Root may mount cgroup2 again, wherever this system has it, if anywhere.
mount -t cgroup2 none "$here/cgroup"
for old in "$here"/cgroup/sdbox.*; do
  [ ! -d "$old" ] || kill -0 "${old##*.}" 2>/dev/null || find "$old" -depth -type d -exec rmdir {} + 2>/dev/null || true
done
group=$here/cgroup/sdbox.$$
mkdir "$group"

child=
leave() {
  trap '' TERM INT HUP # a dying parent may tell us several times
  exec >/dev/null 2>&1 # nobody may read any more, and a word too many would end us
  [ -z "$child" ] || kill -KILL "$child" || true
  echo 1 >"$group/cgroup.kill" || true
  for _ in {1..200}; do # processes take a moment to die, and their cgroups wait for them
    find "$group" -depth -type d -exec rmdir {} + || true
    [ -d "$group" ] || break
    sleep 0.02
  done
}
trap leave EXIT
trap 'exit 143' TERM
trap 'exit 130' INT
trap 'exit 129' HUP

# What the script writes comes through a pipe that is read out here, so that
# nothing of it is lost when the box goes down.
mkfifo "$here/out"
cat "$here/out" &
reader=$!
exec 8<&0 9>"$here/out"
(
  exec 9>&-
  echo "$BASHPID" >"$group/cgroup.procs" # before the cgroup namespace, whose top it becomes
  exec setpriv --pdeathsig KILL unshare --cgroup --pid --mount --uts --ipc --net --fork --kill-child \
    --propagation private -- bash -c 'eval "$SDBOX_INNER"' sdbox <&8 8<&-
) &
child=$!
exec 8<&-
status=0
wait "$child" || status=$?
child=
exec 9>&-
wait "$reader" || true
exit "$status"
