"""`docker` for builds in a rehearsal whose images are records.

No engine is asked. What is built is the description of an image: a digest that follows from the
Dockerfile, the files beside it and the build arguments. What is pushed goes to the ECR of the AWS on
this machine, by the registry's own protocol, with an empty layer.

    docker login …
    docker build [--build-arg A=B] [--file F] [--push] --tag NAME… FOLDER    (buildx build, too)
    docker tag FROM TO
    docker push NAME

Everything else fails, and says so.
"""

import argparse
import fnmatch
import gzip
import hashlib
import json
import os
import re
import sys
import urllib.error
import urllib.request

REGISTRY = os.environ["REDBUTTON_REGISTRY"]
IMAGES = os.environ["REDBUTTON_IMAGES"]
ECR = re.compile(r"^(\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com)/([^:@]+)(?::([\w.-]+))?$")
LAYER = gzip.compress(bytes(1024), mtime=0)
DOCKER = "application/vnd.docker."
# Options of `docker build` that have a value, besides those that count here.
IGNORED = ["--platform", "--label", "--target", "--cache-from", "--cache-to", "--network", "--progress",
           "--output", "-o", "--secret", "--ssh", "--build-context", "--provenance", "--sbom", "--builder"]


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def place(name):
    return os.path.join(IMAGES, hashlib.sha256(named(name).encode()).hexdigest())


def named(name):
    """With its tag, which is `latest` when none is written."""
    return name if ":" in name.rsplit("/", 1)[-1] else name + ":latest"


def build(words):
    options = argparse.ArgumentParser(prog="docker build", allow_abbrev=False)
    options.add_argument("-t", "--tag", action="append", default=[])
    options.add_argument("-f", "--file")
    options.add_argument("--build-arg", action="append", default=[])
    options.add_argument("--push", action="store_true")
    options.add_argument("folder")
    for name in IGNORED:
        options.add_argument(name, action="append", dest="ignored")
    given, unknown = options.parse_known_args(words)
    for word in unknown:
        print(f"docker build: {word} is not heeded here")
    dockerfile = given.file or os.path.join(given.folder, "Dockerfile")
    content = hashlib.sha256()
    try:
        with open(dockerfile, "rb") as file:
            content.update(file.read())
    except FileNotFoundError:
        sys.exit(f"docker build: failed to read dockerfile: open {dockerfile}: no such file or directory")
    left_out = patterns(given.folder)
    for folder, folders, files in os.walk(given.folder):
        folders.sort()
        for name in sorted(files):
            path = os.path.join(folder, name)
            seen = os.path.relpath(path, given.folder)
            if ignored(seen, left_out) or not os.path.isfile(path):
                continue
            content.update(seen.encode())
            with open(path, "rb") as file:
                content.update(file.read())
    arguments = [a if "=" in a else f"{a}={os.environ.get(a, '')}" for a in given.build_arg]
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": arguments, "Labels": {"content": content.hexdigest()}},
        "rootfs": {"type": "layers", "diff_ids": [sha256(bytes(1024))]},
    }
    for name in given.tag:
        with open(place(name), "w", encoding="utf-8") as file:
            json.dump(config, file)
        print(f"naming to {named(name)}: a record, since no Docker engine is asked")
    if given.push:
        for name in given.tag:
            push([name])


def patterns(folder):
    """The lines of .dockerignore."""
    try:
        with open(os.path.join(folder, ".dockerignore"), encoding="utf-8") as file:
            lines = [line.strip() for line in file]
    except FileNotFoundError:
        return []
    return [line for line in lines if line and not line.startswith("#")]


def ignored(path, lines):
    """Whether .dockerignore leaves a file out: the last line that is about it, or a folder above it, counts."""
    out = False
    for line in lines:
        pattern = line.lstrip("!").strip("/")
        if fnmatch.fnmatch(path, pattern) or path.startswith(pattern + "/"):
            out = not line.startswith("!")
    return out


def tag(words):
    old, new = words
    try:
        with open(place(old), encoding="utf-8") as file:
            config = file.read()
    except FileNotFoundError:
        sys.exit(f"docker tag: No such image: {old}")
    with open(place(new), "w", encoding="utf-8") as file:
        file.write(config)


def push(words):
    name = named([word for word in words if not word.startswith("-")][-1])
    found = ECR.match(name)
    if not found:
        sys.exit(f"docker push {name}: only ECR is there, such as "
                 "111111111111.dkr.ecr.eu-west-1.amazonaws.com/web:v1")
    host, repository, version = found.groups()
    try:
        with open(place(name), encoding="utf-8") as file:
            config = json.dumps(json.load(file)).encode()
    except FileNotFoundError:
        sys.exit(f"docker push {name}: an image does not exist locally with this name")
    for blob in (config, LAYER):
        started = call(host, "POST", f"/v2/{repository}/blobs/uploads/")
        where = started.headers["Location"]
        joint = "&" if "?" in where else "?"
        call(host, "PUT", f"{where}{joint}digest={sha256(blob)}", blob, "application/octet-stream")
    kind = DOCKER + "distribution.manifest.v2+json"
    manifest = json.dumps({
        "schemaVersion": 2,
        "mediaType": kind,
        "config": {"mediaType": DOCKER + "container.image.v1+json", "size": len(config),
                   "digest": sha256(config)},
        "layers": [{"mediaType": DOCKER + "image.rootfs.diff.tar.gzip", "size": len(LAYER),
                    "digest": sha256(LAYER)}],
    }).encode()
    call(host, "PUT", f"/v2/{repository}/manifests/{version}", manifest, kind)
    print(f"{version}: digest: {sha256(manifest)} size: {len(manifest)}")


def call(host, method, path, data=b"", kind="application/json"):
    address = path if path.startswith("http") else REGISTRY + path
    request = urllib.request.Request(address, data=data, method=method,
                                     headers={"Host": host, "Content-Type": kind})
    try:
        return urllib.request.urlopen(request, timeout=30)
    except urllib.error.HTTPError as error:
        sys.exit(f"docker push: {host} answers {error.code} to {method} {path}: "
                 f"{error.read().decode(errors='replace')[:500]}")


def main(words):
    if words[:2] == ["buildx", "build"] or words[:2] == ["image", "build"]:
        words = words[1:]
    command, rest = (words[0], words[1:]) if words else ("", [])
    if command == "login":
        if "--password-stdin" in rest and not sys.stdin.read().strip():
            sys.exit("docker login: the password is empty")
        print("Login Succeeded")
    elif command in ("build", "tag", "push"):
        {"build": build, "tag": tag, "push": push}[command](rest)
    elif command in ("version", "info", "--version"):
        print("docker of a rehearsal: images are records")
    else:
        sys.exit(f"docker {command}: images are records here, which can be built, tagged and pushed; "
                 "with --docker the rehearsal has an engine")


main(sys.argv[1:])
