#!/usr/bin/env python3
"""Make an OCI archive (the images that ship with coracle), the same bytes from the same input.

make-image.py --output FILE --name NAME --arch ARCH (--busybox PATH | --program PATH)
"""
import argparse
import gzip
import hashlib
import io
import json
import os
import stat
import struct
import subprocess
import sys
import tarfile
import time

# Files carry this date unless SOURCE_DATE_EPOCH says otherwise: https://reproducible-builds.org/specs/source-date-epoch/
DEFAULT_DATE = 1735689600

PASSWD = """root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
bin:x:2:2:bin:/bin:/bin/false
sys:x:3:3:sys:/dev:/bin/false
mail:x:8:8:mail:/var/spool/mail:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
operator:x:37:37:operator:/var:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
"""
GROUP = """root:x:0:
daemon:x:1:
bin:x:2:
sys:x:3:
adm:x:4:
tty:x:5:
disk:x:6:
mail:x:8:
wheel:x:10:root
audio:x:29:
www-data:x:33:
operator:x:37:
users:x:100:
nogroup:x:65534:
"""
SHADOW = "root:*:::::::\nnobody:*:::::::\n"


class Tree:
    """A root file system, in memory."""

    def __init__(self) -> None:
        self.entries: dict[str, tuple[tarfile.TarInfo, bytes]] = {}

    def _add(self, path: str, kind: bytes, mode: int, data: bytes = b"", target: str = "") -> None:
        parent = os.path.dirname(path)
        if parent and parent not in self.entries:
            self.directory(parent)
        info = tarfile.TarInfo(path)
        info.type, info.mode, info.size, info.linkname = kind, mode, len(data), target
        self.entries[path] = (info, data)

    def directory(self, path: str, mode: int = 0o755) -> None:
        self._add(path, tarfile.DIRTYPE, mode)

    def file(self, path: str, data: bytes, mode: int = 0o644) -> None:
        self._add(path, tarfile.REGTYPE, mode, data)

    def link(self, path: str, target: str) -> None:
        self._add(path, tarfile.SYMTYPE, 0o777, target=target)

    def tar(self, date: int) -> bytes:
        return make_tar([self.entries[path] for path in sorted(self.entries)], date)


def make_tar(entries: list[tuple[tarfile.TarInfo, bytes]], date: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for info, data in entries:
            info.mtime, info.uid, info.gid, info.uname, info.gname = date, 0, 0, "root", "root"
            tar.addfile(info, io.BytesIO(data) if info.isreg() else None)
    return out.getvalue()


def read_static_program(path: str) -> bytes:
    """The bytes of an ELF program; one that needs a loader would not start in an image without libraries."""
    with open(path, "rb") as f:
        data = f.read()
    if data[:4] != b"\x7fELF":
        sys.exit(f"{path}: not an ELF program")
    wide, order = data[4] == 2, "<" if data[5] == 1 else ">"
    table, = struct.unpack_from(order + ("Q" if wide else "I"), data, 32 if wide else 28)
    size, count = struct.unpack_from(order + "HH", data, 54 if wide else 42)
    for i in range(count):
        kind, = struct.unpack_from(order + "I", data, table + i * size)
        if kind == 3:  # PT_INTERP
            sys.exit(f"{path}: it is linked dynamically; a static one is needed (Debian: busybox-static)")
    return data


def add_accounts(tree: Tree) -> None:
    tree.file("etc/passwd", PASSWD.encode())
    tree.file("etc/group", GROUP.encode())
    tree.file("etc/shadow", SHADOW.encode(), 0o640)
    tree.directory("tmp", 0o1777)
    tree.directory("root", 0o700)


def busybox_tree(program: str) -> Tree:
    tree = Tree()
    tree.file("bin/busybox", read_static_program(program), 0o755)
    listing = subprocess.run([program, "--list-full"], check=True, capture_output=True, text=True).stdout
    for applet in sorted(set(listing.split())):
        if applet not in ("bin/busybox", "linuxrc") and ".." not in applet and not applet.startswith("/"):
            tree.link(applet, "/bin/busybox")
    add_accounts(tree)
    for name in ("dev", "home", "proc", "run", "sys", "usr/bin", "usr/sbin", "var/spool/mail", "var/www"):
        tree.directory(name)
    tree.directory("var/tmp", 0o1777)
    tree.file("etc/hostname", b"")
    tree.file("etc/nsswitch.conf", b"hosts: files dns\n")
    return tree


def program_tree(program: str) -> Tree:
    tree = Tree()
    tree.file("hello", read_static_program(program), 0o755)
    add_accounts(tree)
    return tree


class Layout:
    """An OCI image layout: https://github.com/opencontainers/image-spec/blob/main/image-layout.md"""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}

    def blob(self, media_type: str, data: bytes) -> dict:
        digest = hashlib.sha256(data).hexdigest()
        self.files[f"blobs/sha256/{digest}"] = data
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    def document(self, media_type: str, value: dict) -> dict:
        return self.blob(media_type, json.dumps(value, separators=(",", ":")).encode())

    def write(self, path: str, date: int) -> None:
        tree = Tree()
        for name, data in self.files.items():
            tree.file(name, data)
        temporary = path + ".tmp"
        with open(temporary, "wb") as f:
            f.write(tree.tar(date))
        os.chmod(temporary, stat.S_IRUSR | stat.S_IWUSR | stat.S_IRGRP | stat.S_IROTH)
        os.replace(temporary, path)


def make_layout(tree: Tree, name: str, arch: str, command: list[str], date: int) -> Layout:
    layout = Layout()
    tar = tree.tar(date)
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(date))
    arch, _, variant = arch.partition("/")
    platform = {"architecture": arch, "os": "linux", **({"variant": variant} if variant else {})}
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    title = name.split("/", 1)[1].split(":")[0]
    config = layout.document("application/vnd.oci.image.config.v1+json", {
        "created": created,
        **platform,
        "config": {"Env": [path], "Cmd": command, "Labels": {"org.opencontainers.image.title": title}},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(tar).hexdigest()]},
        "history": [{"created": created, "created_by": "made with coracle", "comment": "comes with coracle"}],
    })
    layer = layout.blob("application/vnd.oci.image.layer.v1.tar+gzip", gzip.compress(tar, 9, mtime=0))
    manifest = layout.document("application/vnd.oci.image.manifest.v1+json", {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config,
        "layers": [layer],
    })
    manifest["platform"] = platform
    manifest["annotations"] = {"org.opencontainers.image.ref.name": name}
    layout.files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [manifest]}).encode()
    return layout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--arch", required=True, help="Go's name, with /variant")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--busybox", help="a static busybox")
    source.add_argument("--program", help="a static program, becomes /hello")
    args = parser.parse_args()
    date = int(os.environ.get("SOURCE_DATE_EPOCH", DEFAULT_DATE))
    if args.busybox:
        tree, command = busybox_tree(args.busybox), ["sh"]
    else:
        tree, command = program_tree(args.program), ["/hello"]
    make_layout(tree, args.name, args.arch, command, date).write(args.output, date)


main()
