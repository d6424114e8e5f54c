"""Many readers of one packed image, beside the same files unpacked (readers.py, in a container that has both)."""

import json
import os
import shutil

READERS = 64
HERE = os.path.dirname(os.path.abspath(__file__))
SHOWN = ["-v", "/usr:/usr:ro", "-v", "/lib:/lib:ro", "-v", "/lib64:/lib64:ro"]  # python, from the host
ARCHIVE = "/var/tmp/coracle-test/images/debian.tar"
IMAGE = "localhost/debian:bookworm"


def bench_packed(table, coracle, directory, quick):
    place = os.path.join(directory, "packed")
    os.mkdir(place)
    shutil.copy(os.path.join(HERE, "readers.py"), place)
    coracle.output("load", "-q", "-i", ARCHIVE)
    coracle.output("image", "pack", IMAGE, os.path.join(place, "image.packed"))
    mounts = ["--mount", f"type=image,src=packed:{place}/image.packed,dst=/packed", "--mount", f"type=image,src={IMAGE},dst=/plain"]
    said = coracle.output("run", "--rm", "--network", "none", *SHOWN, "-v", place + ":/h", *mounts, coracle.image,
                          "/usr/bin/python3", "/h/readers.py", str(READERS), "2" if quick else "5", "/packed/usr", "/plain/usr",
                          "/h/image.packed")
    best = json.loads(said)
    for state, limit in (("warm", 0.9), ("cold", 0.8)):
        packed, plain = best["packed " + state], best["plain " + state]
        table.verdict(f"{READERS} readers, packed, {state}", {"coracle": f"{packed * 1000:.0f} ms"}, f"≥ {limit} × unpacked",
                      plain / packed, limit, at_least=True)
