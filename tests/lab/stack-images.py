#!/usr/bin/env python3
"""Makes one `docker load` archive of the stack's images: the real software, from Debian 12's packages, under the names
that the compose file uses. They stand in for the official images where no registry can be reached.

Needs root, mmdebstrap, dpkg-deb, a static busybox, and cargo with the musl target. Neither dockerd nor a registry.
The same input makes the same bytes, so image IDs change only with what is in the images."""

import argparse
import fnmatch
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SUITE = "bookworm"
CREATED = "2024-01-01T00:00:00Z"

# Packages of each layer. Dependencies are listed by hand: the images hold what the daemons need and no more.
BASE = """libc6 libgcc-s1 libstdc++6 libcrypt1 zlib1g libssl3 libpcre2-8-0 liblzma5 libzstd1 liblz4-1 busybox-static dash
    netcat-openbsd libbsd0 libmd0 libsystemd0 libcap2 libgcrypt20 libgpg-error0 libuuid1 base-files netbase"""
NGINX = "nginx nginx-common gettext-base"
POSTGRES = """postgresql-15 postgresql-client-15 libpq5 libicu72 libxml2 libldap-2.5-0 libsasl2-2 libgssapi-krb5-2
    libkrb5-3 libk5crypto3 libkrb5support0 libcom-err2 libkeyutils1 libpam0g libaudit1 libcap-ng0 libselinux1 libreadline8
    libtinfo6 bash tzdata libgnutls30 libp11-kit0 libidn2-0 libunistring2 libtasn1-6 libnettle8 libhogweed6 libgmp10
    libffi8"""
REDIS = "redis-server redis-tools libatomic1 libhiredis0.14 libjemalloc2 liblua5.1-0 liblzf1 lua-cjson lua-bitop"
CERTBOT = """python3.11-minimal libpython3.11-minimal libpython3.11-stdlib python3-minimal python3.11 libexpat1 libffi8
    libbz2-1.0 libsqlite3-0 libncursesw6 libtinfo6 libreadline8 media-types libdb5.3 libnsl2 libtirpc3 certbot
    python3-certbot python3-acme python3-josepy python3-cryptography python3-cffi-backend python3-openssl python3-requests
    python3-requests-toolbelt python3-urllib3 python3-idna python3-chardet python3-charset-normalizer python3-certifi
    python3-configargparse python3-configobj python3-distro python3-parsedatetime python3-rfc3339 python3-tz python3-six
    python3-pkg-resources python3-setuptools python3-lib2to3 python3-distutils python3-yaml libyaml-0-2 ca-certificates
    openssl tzdata libgssapi-krb5-2 libkrb5-3 libk5crypto3 libkrb5support0 libcom-err2 libkeyutils1"""

# What no container needs.
DROP = """usr/share/doc/* usr/share/man/* usr/share/locale/* usr/share/lintian/* usr/share/bug/* usr/share/bash-completion/*
    usr/share/perl* usr/share/icu/* usr/share/X11/* usr/share/readline/* usr/share/gettext* usr/share/vim/*
    usr/share/zoneinfo/right/* usr/share/zoneinfo/posix/* usr/share/postgresql/*/extension/*--*--* */bitcode/* *llvmjit*
    usr/lib/x86_64-linux-gnu/gconv/* usr/lib/x86_64-linux-gnu/perl* usr/lib/x86_64-linux-gnu/audit/* lib/systemd/*
    usr/lib/systemd/* etc/init.d/* etc/cron* etc/logrotate* etc/default/* etc/ufw/* etc/update-motd* etc/nginx/sites*
    etc/nginx/modules* etc/nginx/snippets/* usr/lib/python3*/test/* usr/lib/python3.11/lib2to3/*
    usr/lib/python3.11/pydoc_data/* *.pyc""".split()
MERGED = ("bin", "sbin", "lib", "lib64")
USERS = [("root", 0, 0), ("postgres", 70, 70), ("nginx", 101, 101), ("redis", 999, 1000), ("app", 1001, 1001), ("nobody", 65534, 65534)]

NGINX_CONF = """user nginx;
worker_processes auto;
error_log /var/log/nginx/error.log notice;
pid /run/nginx.pid;
events { worker_connections 1024; }
http {
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    access_log /var/log/nginx/access.log;
    sendfile on;
    keepalive_timeout 65;
    include /etc/nginx/conf.d/*.conf;
}
"""


def cache_dir():
    lab = os.environ.get("LUSTORES_LAB_DIR")
    if not lab:
        cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.environ["HOME"], ".cache")
        lab = os.path.join(cache, "lustores-provision/lab")
    return Path(lab).absolute()


def run(*command, **options):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    if result.returncode:
        said = (result.stderr + result.stdout).decode(errors="replace").splitlines()
        sys.exit(f"error: `{command[0]}` failed\n" + "\n".join(f"  {line}" for line in said[-12:]))
    return result.stdout


def require():
    if os.geteuid() != 0:
        sys.exit("error: must run as root (mmdebstrap fetches the packages)\nhint: run the same command with sudo")
    packages = {"mmdebstrap": "mmdebstrap", "dpkg-deb": "dpkg", "busybox": "busybox-static"}
    missing = [package for program, package in packages.items() if not shutil.which(program)]
    if missing:
        sys.exit(f"error: missing {', '.join(missing)}\nhint: apt-get install -y {' '.join(missing)}")
    if not shutil.which("cargo"):
        sys.exit("error: `cargo` is missing\nhint: see https://rustup.rs")


def fetch(names):
    """The packages' files by name, downloaded once."""
    folder = cache_dir() / "stack" / SUITE
    folder.mkdir(parents=True, exist_ok=True)
    have = lambda: {file.name.split("_")[0]: file for file in sorted(folder.glob("*.deb"))}
    missing = sorted(set(names) - set(have()))
    if missing:
        print(f"stack-images: downloading {len(missing)} packages ...", file=sys.stderr)
        with tempfile.TemporaryDirectory(dir=folder) as new:
            # mmdebstrap knows a mirror and its keys on any machine; the hook runs apt against that, not against this host.
            hook = f'cd "{new}/debs" && APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get -q -o APT::Sandbox::User=root download {" ".join(missing)}'
            os.mkdir(f"{new}/debs")
            mirror = [os.environ["LUSTORES_LAB_MIRROR"]] if os.environ.get("LUSTORES_LAB_MIRROR") else []
            run("mmdebstrap", "--mode=root", "--variant=extract", "--format=directory", "--include=base-files",
                f"--extract-hook={hook}", SUITE, f"{new}/root", *mirror)
            for file in Path(new, "debs").glob("*.deb"):
                file.rename(folder / file.name)
    found = have()
    return {name: found[name] for name in names}


class Layer:
    """Files of one image layer: path to (tarfile entry, content)."""

    def __init__(self, packages="", below=None):
        self.files = {}
        for deb in fetch(packages.split()).values():
            self.unpack(deb)
        if below:
            self.files = {path: file for path, file in self.files.items() if path not in below.files}

    def unpack(self, deb):
        archive = tarfile.open(fileobj=io.BytesIO(run("dpkg-deb", "--fsys-tarfile", str(deb))))
        for entry in archive:
            path = merged(entry.name)
            if entry.isdir() or any(fnmatch.fnmatch(path, pattern) for pattern in DROP):
                continue
            if entry.islnk():
                entry.linkname = merged(entry.linkname)
            self.files[path] = (entry, archive.extractfile(entry).read() if entry.isreg() else None)

    def put(self, path, content, mode=0o644):
        entry = tarfile.TarInfo(path)
        content = content.encode() if isinstance(content, str) else content
        entry.mode, entry.size = mode, len(content)
        self.files[path] = (entry, content)

    def link(self, path, target):
        entry = tarfile.TarInfo(path)
        entry.type, entry.linkname = tarfile.SYMTYPE, target
        self.files[path] = (entry, None)

    def folder(self, path, mode=0o755, uid=0, gid=0):
        entry = tarfile.TarInfo(path)
        entry.type, entry.mode, entry.uid, entry.gid = tarfile.DIRTYPE, mode, uid, gid
        self.files[path] = (entry, None)

    def script(self, path, source):
        self.put(path, (HERE / "images" / source).read_bytes(), 0o755)

    def pack(self):
        """The layer as tar, the same bytes for the same files; parents come before what they hold."""
        for path in list(self.files):
            for parent in list(Path(path).parents)[:-1]:
                if str(parent) not in self.files:
                    self.folder(str(parent))
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
            # Hard links last: what they point at must be there.
            for path in sorted(self.files, key=lambda path: (self.files[path][0].islnk(), path)):
                entry, content = self.files[path]
                entry.name, entry.mtime, entry.uname, entry.gname = path, 0, "", ""
                archive.addfile(entry, io.BytesIO(content) if content is not None else None)
        data = buffer.getvalue()
        return hashlib.sha256(data).hexdigest(), data


def merged(path):
    """A path in a file system where /bin, /lib and their like are links into /usr."""
    path = path.removeprefix("./").lstrip("/")
    return f"usr/{path}" if path.split("/")[0] in MERGED else path


def base_layer(labapp):
    base = Layer(BASE)
    keep = lambda path: not path.startswith("usr/share/") or "os-release" in path
    base.files = {path: file for path, file in base.files.items() if keep(path)}
    for folder in MERGED:
        base.link(folder, f"usr/{folder}")
    # The applets of the busybox in the image, not of this machine's.
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "busybox")
        program.write_bytes(base.files["usr/bin/busybox"][1])
        program.chmod(0o755)
        applets = run(str(program), "--list").decode().split()
    for applet in applets:
        if applet not in ("nc", "busybox", "sh", "ash") and f"usr/bin/{applet}" not in base.files:
            base.link(f"usr/bin/{applet}", "busybox")
    base.link("usr/bin/nc", "nc.openbsd")
    base.link("usr/bin/sh", "dash")
    base.put("usr/bin/labapp", labapp, 0o755)
    base.put("etc/passwd", "".join(f"{name}:x:{uid}:{gid}::/:/bin/sh\n" for name, uid, gid in USERS))
    base.put("etc/group", "".join(f"{name}:x:{gid}:\n" for name, _, gid in USERS))
    base.put("etc/nsswitch.conf", "hosts: files dns\npasswd: files\ngroup: files\n")
    base.folder("tmp", 0o1777)
    base.folder("root", 0o700)
    base.folder("run")
    base.link("var/run", "/run")
    return base


def nginx_layer(base):
    layer = Layer(NGINX, base)
    layer.put("etc/nginx/nginx.conf", NGINX_CONF)
    layer.put("etc/nginx/conf.d/default.conf", "server { listen 80; location / { return 200 'nginx\\n'; } }\n")
    layer.script("docker-entrypoint.sh", "nginx-entrypoint.sh")
    layer.link("var/log/nginx/access.log", "/dev/stdout")
    layer.link("var/log/nginx/error.log", "/dev/stderr")
    layer.folder("var/lib/nginx")
    return layer


def postgres_layer(base):
    layer = Layer(POSTGRES, base)
    programs = "psql pg_dump pg_dumpall pg_restore pg_isready initdb postgres pg_ctl createdb dropdb pg_basebackup pg_controldata"
    for program in programs.split():
        layer.link(f"usr/local/bin/{program}", f"/usr/lib/postgresql/15/bin/{program}")
    layer.script("usr/local/bin/docker-entrypoint.sh", "postgres-entrypoint.sh")
    layer.folder("docker-entrypoint-initdb.d")
    layer.folder("var/lib/postgresql", uid=70, gid=70)
    layer.folder("var/lib/postgresql/data", 0o1777, 70, 70)
    return layer


def redis_layer(base):
    layer = Layer(REDIS, base)
    layer.script("usr/local/bin/docker-entrypoint.sh", "redis-entrypoint.sh")
    layer.folder("data", uid=999, gid=1000)
    return layer


def certbot_layer(base):
    layer = Layer(CERTBOT, base)
    layer.link("usr/bin/python3", "python3.11")
    sources = sorted(path for path in layer.files if path.startswith("usr/share/ca-certificates/"))
    layer.put("etc/ssl/certs/ca-certificates.crt", b"".join(layer.files.pop(path)[1] for path in sources))
    layer.put("etc/python3.11/sitecustomize.py", "")
    return layer


def app_layer():
    """The folder of the app, writable by the user it runs as."""
    layer = Layer()
    layer.folder("app", uid=1001, gid=1001)
    layer.folder("app/logs", uid=1001, gid=1001)
    return layer


def images(version, broken):
    """Every image: name, layers, configuration."""
    app = [f"LAB_VERSION={version}"] + (["LAB_BROKEN=1"] if broken else [])
    service = {"User": "1001", "WorkingDir": "/app"}
    tower = {"Cmd": ["labapp", "sleep"], "Labels": {"com.centurylinklabs.watchtower": "true"}}
    return [
        ("nginx:alpine", ["base", "nginx"], {
            "Entrypoint": ["/docker-entrypoint.sh"], "Cmd": ["nginx", "-g", "daemon off;"],
            "ExposedPorts": {"80/tcp": {}}, "StopSignal": "SIGQUIT"}),
        ("postgres:15-alpine", ["base", "postgres"], {
            "Entrypoint": ["docker-entrypoint.sh"], "Cmd": ["postgres"], "ExposedPorts": {"5432/tcp": {}},
            "Volumes": {"/var/lib/postgresql/data": {}}, "StopSignal": "SIGINT",
            "Env": ["PGDATA=/var/lib/postgresql/data", "LANG=C.UTF-8"]}),
        ("redis:7-alpine", ["base", "redis"], {
            "Entrypoint": ["docker-entrypoint.sh"], "Cmd": ["redis-server"], "ExposedPorts": {"6379/tcp": {}},
            "Volumes": {"/data": {}}, "WorkingDir": "/data"}),
        ("certbot/certbot:latest", ["base", "certbot"], {"Entrypoint": ["certbot"], "Env": ["PYTHONDONTWRITEBYTECODE=1"]}),
        ("st7ma784/lustores:latest", ["base", "app"], {
            "Cmd": ["labapp", "app"], "ExposedPorts": {"5000/tcp": {}}, "Env": app, **service}),
        ("st7ma784/replitauth:latest", ["base", "app"], {
            "Cmd": ["labapp", "auth"], "ExposedPorts": {"3001/tcp": {}}, "Env": [f"LAB_VERSION={version}"], **service}),
        ("nickfedor/watchtower:latest", ["base"], tower),
        ("containrrr/watchtower:latest", ["base"], tower),
    ]


def write(out, layers, wanted):
    packed = {name: layer.pack() for name, layer in layers.items()}
    manifest = []
    with tarfile.open(out, "w", format=tarfile.GNU_FORMAT) as archive:
        written = set()

        def put(name, content):
            if name not in written:
                written.add(name)
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
            return name

        for name, names, config in wanted:
            path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
            document = json.dumps({
                "architecture": "amd64", "os": "linux", "created": CREATED,
                "config": {**config, "Env": [path, *config.get("Env", [])]},
                "rootfs": {"type": "layers", "diff_ids": [f"sha256:{packed[name][0]}" for name in names]},
                "history": [{"created": CREATED, "created_by": f"lab: {name}"} for name in names],
            }).encode()
            manifest.append({
                "Config": put(f"{hashlib.sha256(document).hexdigest()}.json", document),
                "RepoTags": [name],
                "Layers": [put(f"{packed[name][0]}/layer.tar", packed[name][1]) for name in names],
            })
        put("manifest.json", json.dumps(manifest).encode())


def build_labapp():
    target = ROOT / "target" / "labapp"
    triple = "x86_64-unknown-linux-musl"
    environment = {**os.environ, "CARGO_TARGET_DIR": str(target), "CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER": "rust-lld"}
    print("stack-images: building the stand-in of the app (about 40 s the first time) ...", file=sys.stderr)
    run("cargo", "build", "--quiet", "--release", "--locked", "--target", triple, cwd=HERE / "labapp", env=environment)
    return (target / triple / "release" / "labapp").read_bytes()


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("out", metavar="OUT", help="the archive to write")
    arguments.add_argument("--version", default="1", help="what the app and the auth service say they are (default: 1)")
    arguments.add_argument("--broken", action="store_true", help="an app that never becomes healthy")
    options = arguments.parse_args()
    require()
    started = time.monotonic()
    out = Path(options.out).absolute()
    out.parent.mkdir(parents=True, exist_ok=True)
    labapp = build_labapp()
    key = hashlib.sha256(f"{options.version} {options.broken}".encode())
    debs = fetch(sorted(set(f"{BASE} {NGINX} {POSTGRES} {REDIS} {CERTBOT}".split())))
    for part in [labapp, *(file.name.encode() for file in debs.values()), Path(__file__).read_bytes(),
                 *(file.read_bytes() for file in sorted((HERE / "images").iterdir()))]:
        key.update(hashlib.sha256(part).digest())
    key_file = Path(f"{out}.key")
    if out.exists() and key_file.exists() and key_file.read_text() == key.hexdigest():
        print(f"stack-images: {out} is up to date", file=sys.stderr)
        return
    print("stack-images: packing the images ...", file=sys.stderr)
    base = base_layer(labapp)
    layers = {"base": base, "nginx": nginx_layer(base), "postgres": postgres_layer(base), "redis": redis_layer(base),
              "certbot": certbot_layer(base), "app": app_layer()}
    new = Path(f"{out}.new")
    write(new, layers, images(options.version, options.broken))
    key_file.unlink(missing_ok=True)
    new.rename(out)
    key_file.write_text(key.hexdigest())
    size = out.stat().st_size / 1e6
    print(f"stack-images: {out}: {size:.0f} MB in {time.monotonic() - started:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
