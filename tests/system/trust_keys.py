#!/usr/bin/env python3
"""Keys and signatures of cosign's kind, made without coracle: openssl, libsodium, the registry's own protocol.

    trust_keys.py key PREFIX PASSPHRASE [EC|ED25519|RSA]     PREFIX.key (sealed), PREFIX.pub, PREFIX.pem (bare)
    trust_keys.py attach REGISTRY REPOSITORY DIGEST REFERENCE KEY.pem [REKOR.pem]
        an attached signature over DIGEST that claims REFERENCE; with a log's key, its promise as well
    trust_keys.py payload REGISTRY REPOSITORY DIGEST         "signature payload" of each that is attached, in base64
"""
import base64
import ctypes
import ctypes.util
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import urllib.request

OCI = "application/vnd.oci.image.manifest.v1+json"
COSIGN = "application/vnd.dev.cosign.simplesigning.v1+json"


def openssl(*args, data=b""):
    return subprocess.run(["openssl", *args], input=data, capture_output=True, check=True).stdout


def b64(data):
    return base64.b64encode(data).decode()


def make_key(prefix, passphrase, kind="EC"):
    extra = ["-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "EC" else []
    pem = openssl("genpkey", "-algorithm", kind, *extra)
    der = openssl("pkcs8", "-topk8", "-nocrypt", "-outform", "DER", data=pem)
    sodium = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")
    salt, nonce, cost = os.urandom(32), os.urandom(24), 32768
    key = hashlib.scrypt(passphrase.encode(), salt=salt, n=cost, r=8, p=1, maxmem=128 << 20, dklen=32)
    box = ctypes.create_string_buffer(len(der) + 16)
    sodium.crypto_secretbox_easy(box, der, ctypes.c_ulonglong(len(der)), nonce, key)
    text = b64(json.dumps({
        "kdf": {"name": "scrypt", "params": {"N": cost, "r": 8, "p": 1}, "salt": b64(salt)},
        "cipher": {"name": "nacl/secretbox", "nonce": b64(nonce)}, "ciphertext": b64(box.raw)}).encode())
    lines = "\n".join(text[i:i + 64] for i in range(0, len(text), 64))
    kind = "ENCRYPTED COSIGN PRIVATE KEY"
    with open(prefix + ".key", "w") as f:
        f.write(f"-----BEGIN {kind}-----\n{lines}\n-----END {kind}-----\n")
    with open(prefix + ".pem", "wb") as f:
        f.write(pem)
    with open(prefix + ".pub", "wb") as f:
        f.write(openssl("pkey", "-pubout", data=pem))


def sign(pem_file, data):
    with tempfile.NamedTemporaryFile() as f:
        f.write(data)
        f.flush()
        if b"ED25519" in openssl("pkey", "-in", pem_file, "-noout", "-text"):
            return openssl("pkeyutl", "-sign", "-inkey", pem_file, "-rawin", "-in", f.name)
        return openssl("dgst", "-sha256", "-sign", pem_file, f.name)


def request(method, url, data=None, **headers):
    r = urllib.request.Request(url, data=data, method=method, headers={k.replace("_", "-"): v for k, v in headers.items()})
    return urllib.request.urlopen(r)


def put_blob(base, data):
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    location = request("POST", base + "/blobs/uploads/", b"").headers["Location"]
    glue = "&" if "?" in location else "?"
    request("PUT", f"{location}{glue}digest={digest}", data, Content_Type="application/octet-stream")
    return {"digest": digest, "size": len(data)}


def rekor_bundle(log_key, payload, signature, pub):
    body = b64(json.dumps({"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {
        "data": {"hash": {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()}},
        "signature": {"content": b64(signature), "publicKey": {"content": b64(pub)}}}}).encode())
    entry = {"body": body, "integratedTime": 1700000000, "logID": "c0ffee", "logIndex": 7}
    canonical = json.dumps(entry, sort_keys=True, separators=(",", ":")).encode()
    return json.dumps({"SignedEntryTimestamp": b64(sign(log_key, canonical)), "Payload": entry})


def attach(registry, repository, digest, reference, key, log_key=None):
    base = f"http://{registry}/v2/{repository}"
    payload = json.dumps({"critical": {"identity": {"docker-reference": reference},
                                       "image": {"docker-manifest-digest": digest},
                                       "type": "cosign container image signature"}, "optional": None}).encode()
    signature = sign(key, payload)
    annotations = {"dev.cosignproject.cosign/signature": b64(signature)}
    if log_key:
        annotations["dev.sigstore.cosign/bundle"] = rekor_bundle(log_key, payload, signature,
                                                                 openssl("pkey", "-in", key, "-pubout"))
    manifest = {"schemaVersion": 2, "mediaType": OCI,
                "config": {"mediaType": "application/vnd.oci.image.config.v1+json"} | put_blob(base, b"{}"),
                "layers": [{"mediaType": COSIGN, "annotations": annotations} | put_blob(base, payload)]}
    request("PUT", f"{base}/manifests/{digest.replace(':', '-')}.sig", json.dumps(manifest).encode(), Content_Type=OCI)


def payloads(registry, repository, digest):
    base = f"http://{registry}/v2/{repository}"
    manifest = json.load(request("GET", f"{base}/manifests/{digest.replace(':', '-')}.sig", Accept=OCI))
    for layer in manifest["layers"]:
        data = request("GET", f"{base}/blobs/{layer['digest']}").read()
        print(layer["annotations"]["dev.cosignproject.cosign/signature"], b64(data))


{"key": make_key, "attach": attach, "payload": payloads}[sys.argv[1]](*sys.argv[2:])
