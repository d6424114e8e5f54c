#!/usr/bin/python3
"""An OCI layout with gzip layers that do not compress, one file in each: registry_image.py DIRECTORY SIZE… [foreign=URL]

With foreign=URL the last layer is one that is kept elsewhere: at URL followed by its digest.
"""

import gzip
import hashlib
import io
import json
import os
import random
import sys
import tarfile

OUT = sys.argv[1]
FOREIGN = next((a.removeprefix("foreign=") for a in sys.argv[2:] if a.startswith("foreign=")), None)
SIZES = [int(a) for a in sys.argv[2:] if a.isdigit()]
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
NOT_HERE = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"


def put(data):
    digest = hashlib.sha256(data).hexdigest()
    with open(f"{OUT}/blobs/sha256/{digest}", "wb") as f:
        f.write(data)
    return {"digest": "sha256:" + digest, "size": len(data)}


os.makedirs(OUT + "/blobs/sha256")
layers, diffs = [], []
for number, size in enumerate(SIZES):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        info = tarfile.TarInfo(f"file-{number}-{size}")
        info.size = size
        tar.addfile(info, io.BytesIO(random.Random(number + size).randbytes(size)))
    diffs.append("sha256:" + hashlib.sha256(raw.getvalue()).hexdigest())
    layers.append({"mediaType": LAYER} | put(gzip.compress(raw.getvalue(), 1, mtime=0)))
if FOREIGN:
    layers[-1] |= {"mediaType": NOT_HERE, "urls": [FOREIGN + layers[-1]["digest"]]}
arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
config = put(json.dumps({"os": "linux", "architecture": arch, "config": {}, "rootfs": {"type": "layers", "diff_ids": diffs}}).encode())
manifest = put(json.dumps({"schemaVersion": 2, "mediaType": MANIFEST,
                           "config": {"mediaType": "application/vnd.oci.image.config.v1+json"} | config, "layers": layers}).encode())
with open(OUT + "/index.json", "w") as f:
    json.dump({"schemaVersion": 2, "manifests": [{"mediaType": MANIFEST} | manifest]}, f)
with open(OUT + "/oci-layout", "w") as f:
    f.write('{"imageLayoutVersion": "1.0.0"}')
