#!/usr/bin/env python3
"""recover.py REMOTE_FOLDER KEY_FILE OUT_FOLDER [SNAPSHOT]
Brings a chatkeep snapshot back without chatkeep, as OUT_FOLDER/<source>/<path>. REMOTE_FOLDER is a copy of the cloud
folder, KEY_FILE holds the recovery key, OUT_FOLDER is new or empty. SNAPSHOT is DEVICE/latest or DEVICE/NUMBER (name or
id of the device), or latest where only one has any. Needs Linux or macOS, Python 3.8, zstd and age 1.3 (in PATH or $AGE).
Proven: object names (SHA-256), records (HMAC), lengths, database images. NOT proven, as Python has neither: chunk ids
(BLAKE3) and which member wrote what (Ed25519). Owners and attributes are not restored. Format: repo/FORMAT.md.
Exit: 0 all is back, 1 failed, 2 wrong use, 4 something is damaged or could not be written; it is named."""
import functools, glob, hashlib, hmac, io, os, pathlib, re, shutil, struct, subprocess, sys, tempfile, time
class Damaged(Exception): pass
BAD = (Damaged, OSError, LookupError, TypeError, ValueError, struct.error, subprocess.SubprocessError)
damaged, place, jobs, first = [], {}, [], {}  # place: chunk id → pack; first: link group → path
def complain(what, why): damaged.append(print(f"recover.py: {os.fsdecode(what)}: {why}", file=sys.stderr))
def uvarint(f):  # None at the end
    c = f.read(1)
    return (c[0] if c[0] < 128 else c[0] - 128 + (uvarint(f) << 7)) if c else None
class Record(dict):  # {tag: [values]}; unknown odd tags are skipped, even ones refused
    def __init__(self, b, *known):
        f = io.BytesIO(b)
        while (tag := uvarint(f)) is not None:
            if tag % 2 == 0 and tag not in known: raise Damaged("written by a newer version of chatkeep")
            self.setdefault(tag, []).append(f.read(n := uvarint(f)))
            if len(self[tag][-1]) < n: raise Damaged("a record is cut short")
    def raw(self, tag): return self.get(tag, [b""])[-1]
    def num(self, tag): return uvarint(io.BytesIO(self.raw(tag))) or 0
    def time(self, tag): return self.num(tag) >> 1 ^ -(self.num(tag) & 1)
    def all(self, tag, *known): return [Record(b, *known) for b in self.get(tag, [])]
    def digests(self, tag): return [self.raw(tag)[i:i + 32] for i in range(0, len(self.raw(tag)), 32)]
def unseal(name, keys):  # (file of what the zstd frames hold, {magic: skippable frame})
    if hashlib.sha256(pathlib.Path(name).read_bytes()).hexdigest() != name[-68:-4]: raise Damaged("its bytes are not those of its name")
    with tempfile.TemporaryFile(dir=out) as plain:
        run = subprocess.run([age, "-d", "-i", "-", name], input=keys, stdout=plain, stderr=subprocess.PIPE)
        if run.returncode: raise Damaged(run.stderr.decode().partition("\n")[0])
        plain.seek(-8, 2)  # the end frame says where the zstd frames end
        plain.seek(struct.unpack("<Q", plain.read())[0])
        frames, data = {}, tempfile.TemporaryFile(dir=out)
        while head := plain.read(8): frames.setdefault(head[:4], plain.read(struct.unpack("<I", head[4:])[0]))
        plain.seek(0)
        subprocess.run(["zstd", "-dcq"], stdin=plain, stdout=data, check=True)
    data.seek(0)
    return data, frames
def records(pattern, keys, context, macs, *known):  # all that are intact, the last name first
    for name in sorted(glob.glob(pattern), key=os.path.basename, reverse=True):
        try:
            data, frames = unseal(name, keys)
            f = Record(body := data.read(), *known)
            [s] = [s for s in Record(frames[b"\x52\x2a\x4d\x18"], 2).all(3, 2, 4, 6) if s.num(2) == 2]  # HMAC-SHA256
            mac = (macs or {e.num(2): e.raw(4) for e in f.all(6, 2, 4, 6, 8)})[s.num(6)]
            if hmac.digest(mac, context + b"\0" + body, "sha256") != s.raw(4): raise Damaged("its authentication tag is wrong")
            yield name, f
        except BAD as e: complain(name, e)
def contents(f):  # what a pack holds: (id, length) of each chunk, in order
    while chunk := f.read(33): yield chunk[:32], (uvarint(f), uvarint(f))[1]
def refs(b):  # (id, length) of each; hints of where it lies are passed over
    f = io.BytesIO(b)
    while chunk := f.read(32):
        yield chunk, uvarint(f)
        if uvarint(f): uvarint(f), uvarint(f)
@functools.lru_cache(maxsize=8)
def unpacked(pack):  # (file of all its chunks, {chunk id: (offset, length)})
    data, table, at = None, {}, 0
    try:
        data, frames = unseal(pack, data_keys)
        for chunk, n in contents(io.BytesIO(Record(frames[b"\x51\x2a\x4d\x18"], 2, 4).raw(4))): table[chunk], at = (at, n), at + n
        if at != data.seek(0, 2): raise Damaged("its chunks don't add up")
    except BAD as e: complain(pack, e)
    return data, table
def get(chunk):
    data, table = unpacked(place[chunk]) if chunk in place else (None, {})
    if not data or chunk not in table: raise Damaged("a chunk of it is lost")
    data.seek(table[chunk][0])
    return data.read(table[chunk][1])
def below(path):  # in the out folder, whatever the record says
    if any(x in (b"", b".", b"..") or b"\0" in x for x in path.split(b"/")): raise Damaged("a path leads elsewhere")
    return os.path.join(out, path)
def tree(source, child):  # plans what a node holds
    try:
        node = Record(get(child.raw(4)[:32]), 2, 4, 6, 8)
        for c in node.all(8, 2, 4, 6): tree(source, c)
        for e in node.all(6, 2, 4, 6, 8, 10, 12):
            kind, path = e.num(4), below(source + b"/" + e.raw(2))
            os.makedirs(path if kind == 1 else os.path.dirname(path), exist_ok=True)
            link = path if kind else first.setdefault((source, e.num(10) or path), path)
            e.content = Record((e.get(6) or e[12])[-1], 2, 4, 6, 8, 10, 12, 14) if kind == 0 else Record(b"")
            jobs.append(((3, 0, 1)[kind] - (link != path), place.get(e.content.raw(8)[:32], ""), path, e, link))
    except BAD as x: complain(source + b"/" + child.raw(2), f"names up to this one are lost: {x}")
def write(f, c):  # a file: its chunks; for an image its layers and its proof
    body = list(refs(c.raw(8)))
    for chunk, n in [r for b, _ in body for r in refs(Record(get(b), 4, 8).raw(8))] if c.num(6) else body:
        if f.write(get(chunk)) != n: raise Damaged("a chunk has another length")
    for r in [Record(get(chunk), 2, 4, 6, 8) for chunk, _ in refs(c.raw(10))]:
        extents, literal, at = io.BytesIO(r.raw(6)), io.BytesIO(r.raw(8)), 0
        f.truncate(r.num(2))
        while (gap := uvarint(extents)) is not None:
            n, source, start = uvarint(extents), (k := uvarint(extents)), uvarint(extents) if k else 0
            f.seek(at + gap)
            at += gap + f.write(get(r.digests(4)[source - 1])[start:start + n] if source else literal.read(n))
    if f.seek(0, 2) != c.num(4): raise Damaged("its length is wrong")
    f.seek(0)
    blocks = b"".join(hashlib.sha256(b).digest() for b in iter(lambda: f.read(4096), b"") if c.num(2))
    if c.num(2) and hashlib.sha256(blocks).digest() != c.raw(14): raise Damaged("it is not what its proof says")
def restore(path, e, link):
    try:
        if link != path: os.link(link, path)
        elif e.num(4) == 2: os.symlink(e.raw(8), path)
        elif e.num(4) == 0:
            with open(path, "x+b") as f: write(f, e.content)
        if 12 in e: print(f"recover.py: {os.fsdecode(path)}: not its newest state, which is not proven consistent", file=sys.stderr)
        if e.num(4) != 2: os.chmod(path, e.num(1) & 0o777)
        os.utime(path, ns=(e.time(3), e.time(3)), follow_symlinks=e.num(4) != 2)
    except BAD as x:
        complain(path, x)
        if e.num(4) == 0 and os.path.exists(path) and not isinstance(x, FileExistsError): os.remove(path)
if len(sys.argv) not in (4, 5): sys.exit(print(__doc__, file=sys.stderr) or 2)
sys.excepthook = lambda kind, e, _: print(f"recover.py: {kind.__name__}: {e}", file=sys.stderr)
remote, key, out, (who, _, which) = *sys.argv[1:4], (sys.argv + ["latest"])[4].rpartition("/")
age = os.path.abspath(shutil.which(os.environ.get("AGE", "age")) or sys.exit("recover.py: needs age, see age-encryption.org"))
key = b"\n".join(re.findall(rb"AGE-SECRET-KEY-PQ-1\w{58}", pathlib.Path(key).read_bytes().upper()))
os.umask(0o077)  # until each file gets its own mode
os.makedirs(out := os.path.abspath(os.fsencode(out)), exist_ok=True)
if os.listdir(out): sys.exit(complain(out, "is not empty") or 2)
os.chdir(remote)
key_files = records("keys/recovery-*.age", key, b"chatkeep keys v1", None, 2, 4, 6, 8, 10)
epochs = max((f.all(6, 2, 4, 6, 8) for _, f in key_files), key=len, default=0) or sys.exit("recover.py: the key fits nothing here")
macs, meta, data_keys = {e.num(2): e.raw(4) for e in epochs}, *[b"\n".join(e.raw(tag) for e in epochs) for tag in (6, 8)]
rosters = [r for _, r in records("roster/*.age", meta, b"chatkeep roster v1", macs, *range(2, 21, 2))]
roster = max(rosters, key=lambda r: r.num(4), default=Record(b""))
if roster.num(18) > 1: sys.exit("recover.py: this repository needs a newer program")
called = {d.raw(2).hex(): d.raw(3).decode(errors="replace") for d in roster.all(10, *range(2, 15, 2))}
devices = [d for d in {n.split("/")[1] for n in glob.glob("snapshots/*/*/*.age")} if not who or who in (d, called.get(d))]
if len(devices) != 1: sys.exit(complain(which, "of which device? " + ", ".join(f"{n}/{which}" for n in called.values())) or 2)
device, number = devices[0], "*" if which == "latest" else glob.escape(which.zfill(8))
for name, snap in records(f"snapshots/{device}/*/{number}-*.age", meta, b"chatkeep snapshot v1", macs, *range(2, 21, 2)):
    if (snap.raw(6).hex(), snap.num(8)) == (device, int(os.path.basename(name)[:-69])) and snap.num(20) < 2: break
    complain(name, "it is not what its name says")
else: sys.exit(4 if damaged else "recover.py: there is no such snapshot")
print(f"{called.get(device, device)}/{snap.num(8)}, taken {time.ctime(snap.time(12) // 10**9)}; a hidden newer one can't be noticed")
names = [f"index/{device}/{d.hex()}.age" for d in snap.digests(16)]
index = [x for name in names for _, x in records(name, data_keys, b"chatkeep index v1", macs, 2, 4, 8, 10)]
for p in (p for x in index for p in x.all(10, 2, 4, 6)):
    for c, _ in contents(io.BytesIO(p.raw(6))): place.setdefault(c, f"packs/{p.raw(2).hex()[:1]}/{device}-{p.raw(2).hex()}.age")
for name in glob.glob(f"packs/?/{device}-*.age") if len(index) < len(names) else []:  # an index is lost;
    for c in unpacked(name)[1]: place.setdefault(c, name)  # the packs themselves know what they hold
try:
    for s in Record(get(Record(snap.raw(14), 2, 4).raw(2)), 4, 6).all(6, 2, 6):
        for child in s.all(6, 2, 4, 6): tree(s.raw(2), child)
except BAD as e: complain("the top of the tree", e)
for job in sorted(jobs, key=lambda j: j[:3], reverse=True): restore(*job[2:])  # files, links, symlinks, folders deepest first
sys.exit(print(f"{len(jobs)} entries, {len(damaged)} complaints") or 4 * bool(damaged))
