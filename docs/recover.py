#!/usr/bin/env python3
"""recover.py REMOTE_FOLDER KEY_FILE OUT_FOLDER [SNAPSHOT]
Brings a chatkeep snapshot back without chatkeep, as OUT_FOLDER/<source>/<path>. REMOTE_FOLDER is a copy of the cloud folder, KEY_FILE
holds the newest recovery key, OUT_FOLDER is new or empty. SNAPSHOT is DEVICE/latest or DEVICE/NUMBER (name or id of the device), or
latest where only one has any. Needs Linux or macOS, Python 3.8, zstd and age 1.3 (in PATH or $AGE). Format: repo/FORMAT.md.
Proven: object names (SHA-256), records (HMAC), lengths, database images. NOT proven, as Python has neither: chunk ids (BLAKE3) and who
wrote what (Ed25519): a member, even one shut out since, can pass off keys, lists of devices and snapshots as another's, which chatkeep
refuses. Of lists that don't follow each other it takes that of the latest epoch and highest version, right or wrong, and says so.
Exit: 0 all is back but owners and attributes, 1 failed, 2 wrong use, 4 what is named is damaged, contested, or not opened or written."""
import functools, glob, hashlib, hmac, io, os, pathlib, re, shutil, struct, subprocess, sys, tempfile, time
BAD = (OSError, LookupError, TypeError, ValueError, struct.error, subprocess.SubprocessError)
damaged, closed, place, jobs, first = [], [], {}, [], {}  # place: chunk id → pack; first: link group → path
def complain(what, why): damaged.append(print(f"recover.py: {os.fsdecode(what)}: {why}", file=sys.stderr))
def uvarint(f): return (c[0] % 128 + (c[0] > 127 and uvarint(f) << 7)) if (c := f.read(1)) else None  # None at the end
class Record(dict):  # {tag: [values]}; unknown odd tags are skipped, even ones refused
    def __init__(self, b, *known):
        f = io.BytesIO(b)
        while (tag := uvarint(f)) is not None:
            if tag % 2 == 0 and tag not in known: raise ValueError("written by a newer version of chatkeep")
            self.setdefault(tag, []).append(f.read(n := uvarint(f)))
            if len(self[tag][-1]) < n: raise ValueError("a record is cut short")
    def raw(self, tag): return self.get(tag, [b""])[-1]
    def num(self, tag): return uvarint(io.BytesIO(self.raw(tag))) or 0
    def time(self, tag): return self.num(tag) >> 1 ^ -(self.num(tag) & 1)
    def all(self, tag, *known): return [Record(b, *known) for b in self.get(tag, [])]
    def digests(self, tag): return [self.raw(tag)[i:i + 32] for i in range(0, len(self.raw(tag)), 32)]
def unseal(name, keys):  # (file of what the zstd frames hold, {magic: skippable frame})
    if hashlib.sha256(pathlib.Path(name).read_bytes()).hexdigest() != name[-68:-4]: raise ValueError("its bytes are not those of its name")
    with tempfile.TemporaryFile(dir=out) as plain:
        run = subprocess.run([age, "-d", "-i", "-", name], input=keys, stdout=plain, stderr=subprocess.PIPE)
        if run.returncode: raise ValueError(run.stderr.decode().partition("\n")[0])
        plain.seek(struct.unpack("<Q", plain.seek(-8, 2) and plain.read())[0])  # the end frame says where the zstd frames end
        frames, data = {}, tempfile.TemporaryFile(dir=out)
        while head := plain.read(8): frames.setdefault(head[:4], plain.read(struct.unpack("<I", head[4:])[0]))
        plain.seek(0)
        subprocess.run(["zstd", "-dcq"], stdin=plain, stdout=data, check=True)
    return data.seek(0) or data, frames
def identities(text): return b"\n".join(dict.fromkeys(re.findall(rb"AGE-SECRET-KEY-PQ-1\w{58}", text)))  # each once
def records(names, keys, context, epochs, *known):  # all that are intact
    for name in names:
        try:
            data, frames = unseal(name, keys)
            f = Record(body := data.read(), *known)
            [s] = [s for s in Record(frames[b"\x52\x2a\x4d\x18"], 2).all(3, 2, 4, 6) if s.num(2) == 2]  # HMAC-SHA256
            tags = [hmac.digest(e.raw(4), context + body, "sha256") for e in epochs or f.all(6, 2, 4, 6, 8) if e.num(2) == s.num(6)]
            if s.raw(4) not in tags: raise ValueError("its authentication tag is wrong")  # after a fork, two epochs may have one number
            f.name, f.epoch = name, s.num(6)
            yield f
        except BAD as e:
            if "any of the recipients" not in str(e): complain(name, e)
            elif epochs and not closed: closed.append(complain(name, "no key here opens it, nor perhaps others: is there a newer recovery key?"))
def contents(f):  # what a pack holds: (id, length) of each chunk, in order
    while chunk := f.read(33): yield chunk[:32], (uvarint(f), uvarint(f))[1]
def refs(b):  # (id, length) of each; hints of where it lies are passed over
    f = io.BytesIO(b)
    while chunk := f.read(32): yield (chunk, uvarint(f), uvarint(f) and (uvarint(f), uvarint(f)))[:2]
@functools.lru_cache(maxsize=8)
def unpacked(pack):  # (file of all its chunks, {chunk id: (length, offset)})
    data, table, at = None, {}, 0
    try:
        data, frames = unseal(pack, data_keys)
        for chunk, n in contents(io.BytesIO(Record(frames[b"\x51\x2a\x4d\x18"], 2, 4).raw(4))): table[chunk], at = (n, at), at + n
        if at != data.seek(0, 2): raise ValueError("its chunks don't add up")
    except BAD as e: complain(pack, e)
    return data, table
def get(chunk):
    data, table = unpacked(place[chunk]) if chunk in place else (None, {})
    if not data or chunk not in table: raise ValueError("a chunk of it is lost")
    return os.pread(data.fileno(), *table[chunk])
def below(path):  # in the out folder, whatever the record says
    if any(x in (b"", b".", b"..") or b"\0" in x for x in path.split(b"/")): raise ValueError("a path leads elsewhere")
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
    for chunk, n in (r for ref in refs(c.raw(8)) for r in (refs(Record(get(ref[0]), 4, 8).raw(8)) if c.num(6) else [ref])):
        if f.write(get(chunk)) != n: raise ValueError("a chunk has another length")
    for r in [Record(get(chunk), 2, 4, 6, 8) for chunk, _ in refs(c.raw(10))]:
        extents, literal, at = io.BytesIO(r.raw(6)), io.BytesIO(r.raw(8)), 0
        f.truncate(r.num(2))
        while (gap := uvarint(extents)) is not None:
            n, source, start = uvarint(extents), (k := uvarint(extents)), uvarint(extents) if k else 0
            f.seek(at + gap)
            at += gap + f.write(get(r.digests(4)[source - 1])[start:start + n] if source else literal.read(n))
    if f.seek(0, 2) != c.num(4) or f.seek(0): raise ValueError("its length is wrong")
    blocks = b"".join(hashlib.sha256(b).digest() for b in iter(lambda: f.read(4096), b"") if c.num(2))
    if c.num(2) and hashlib.sha256(blocks).digest() != c.raw(14): raise ValueError("it is not what its proof says")
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
key = identities(pathlib.Path(key).read_bytes().upper())
os.umask(0o077)  # until each file gets its own mode
if os.makedirs(out := os.path.abspath(os.fsencode(out)), exist_ok=True) or os.listdir(out): sys.exit(complain(out, "is not empty") or 2)
os.chdir(remote)
key_files = records(glob.glob("keys/recovery-*.age"), key, b"chatkeep keys v1\0", None, 2, 4, 6, 8, 10)
epochs = list({tuple(map(e.raw, (2, 4, 6, 8))): e for f in key_files for e in f.all(6, 2, 4, 6, 8)}.values())
if not epochs: sys.exit("recover.py: the key fits nothing here: no intact keys/recovery-*.age is for this identity")
meta, data_keys = [identities(b"\n".join(e.raw(tag) for e in epochs)) for tag in (6, 8)]
lists = list(records(glob.glob("roster/*.age"), meta, b"chatkeep roster v1\0", epochs, *range(2, 21, 2)))
ends = [r for r in lists if not any(bytes.fromhex(p.name[-68:-4]) in q.digests(8) for p in lists if p == r for q in lists)]
roster = max(ends, key=lambda r: (r.epoch, r.num(4), r.name), default=Record(b""))
for r in ends: r == roster or complain(roster.name, f"is taken for the list of devices, but does not follow {r.name}")
if roster.num(18) > 1: sys.exit("recover.py: this repository needs a newer program")
members = roster.all(10, *range(2, 15, 2))
called = {d.raw(2).hex(): str(d.raw(3), errors="replace") for d in members  # where a name isn't enough, the id is
          if all(m == d or m.raw(3) != d.raw(3) or m.num(10) > d.num(10) for m in members)}
last = {d.raw(2).hex(): Record(d.raw(14), 2, 4, 6) for d in members if d.num(10)}  # of revoked ones
names = re.findall(r"^(snapshots/(.*)/.*/(\d+)-(.*)\.age)$", "\n".join(glob.glob("snapshots/*/*/*.age")), re.M)
snaps = [(int(k), n, d) for n, d, k, x in names if d not in last or int(k) < last[d].num(4) or x == last[d].raw(6).hex()]
ids = list({d for _, _, d in snaps if not who or who in (d, called.get(d))})
if len(ids) != 1: sys.exit(complain(which, "of which device? " + ", ".join(sorted({f"{called.get(d, d)}/{which}" for _, _, d in snaps}))) or 2)
device, names = ids[0], [n for k, n, d in sorted(snaps, reverse=True) if d == ids[0] and which.lstrip("0") in ("latest", str(k))]
for snap in records(names, meta, b"chatkeep snapshot v1\0", epochs, *range(2, 21, 2)):
    if (snap.raw(6).hex(), snap.num(8)) == (device, int(os.path.basename(snap.name)[:-69])) and snap.num(20) < 2: break
    complain(snap.name, "it is not what its name says")
else: sys.exit(4 if damaged else "recover.py: there is no such snapshot that counts")
print(f"{called.get(device, device)}/{snap.num(8)}, taken {time.ctime(snap.time(12) // 10**9)}; a hidden newer one can't be noticed")
names = [f"index/{device}/{d.hex()}.age" for d in snap.digests(16)]
index = [*records(filter(os.path.exists, names), data_keys, b"chatkeep index v1\0", epochs, 2, 4, 8, 10)]
for p in (p for x in index for p in x.all(10, 2, 4, 6)):
    for c, _ in contents(io.BytesIO(p.raw(6))): place.setdefault(c, f"packs/{p.raw(2).hex()[:1]}/{device}-{p.raw(2).hex()}.age")
for name in glob.glob(f"packs/?/{device}-*.age") if len(index) < len(names) else []:  # an index is lost;
    for c in unpacked(name)[1]: place.setdefault(c, name)  # the packs themselves know what they hold
try:
    for s in Record(get(Record(snap.raw(14), 2, 4).raw(2)), 4, 6).all(6, 2, 6): [tree(s.raw(2), child) for child in s.all(6, 2, 4, 6)]
except BAD as e: complain("the top of the tree", e)
for job in sorted(jobs, key=lambda j: j[:3], reverse=True): restore(*job[2:])  # files, links, symlinks, folders deepest first
sys.exit(print(f"{len(jobs)} entries, {len(damaged)} complaints") or 4 * bool(damaged))
