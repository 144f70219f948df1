"""`make image`: from a checkout to a bootable, signed image in `dist/image`.

It calls the other programs of this folder in their order, and mkosi in the tools tree. It must not know how a wheel, a
key or an SBOM is made.
"""

import fcntl
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.image.building import components, keys, sbom, tools
from appliance.image.building.places import DIST, IMAGE, ROOT, cache, epoch, sources, version
from appliance.image.building.sums import digest, write_sums

FLAVOURS = {"cloud": "stellwerk", "metal": "stellwerk-metal"}
"""What is built for, and how the image of it is called. The names differ so that no update of one fits the other."""


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Say what is done and how long it took."""
    begun = time.monotonic()
    print(f"── {what}", flush=True)
    yield
    print(f"   {what}: {time.monotonic() - begun:.0f} s", flush=True)


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Wait for other builds of this user: they share the cache, and one alone is quicker than two at once."""
    with (cache() / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another image is being built; waiting for it", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def checkout(into: Path) -> None:
    """The sources as they are now, without anything that git ignores."""
    for path in sources():
        (into / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, into / path, follow_symlinks=False)


INPUTS = ("engine/", "dsl/", "rules/", "appliance/", "pyproject.toml", "README.md", "LICENSE")
MATTER = ("appliance/image/requirements.lock", "appliance/image/building/")
"""Of `appliance/image` only this has to do with the Python environment."""


def inputs() -> str:
    """A digest of all that the Python environment is made of."""
    found = hashlib.sha256()
    for path in sources():
        name = path.as_posix()
        if name.startswith(INPUTS) and (not name.startswith("appliance/image/") or name.startswith(MATTER)):
            found.update(f"{name} {digest(ROOT / path)}\n".encode())
    return found.hexdigest()[:16]


def environment(work: Path, *, fresh: bool) -> Path:
    """A folder with `/usr/lib/stellwerk/venv` and `/usr/bin/stellwerk` in it, to be laid over the image's root.

    The newest is kept in the cache, for a build in which only the recipe has changed.
    """
    kept = cache() / "environment" / inputs()
    if kept.is_dir() and not fresh:
        return kept
    house, root = work / "checkout", work / "root"
    checkout(house)
    wheels = cache() / "wheels-cp313"
    wheels.mkdir(exist_ok=True)
    lock = house / "appliance/image/requirements.lock"
    fetch = ["download", "--quiet", "--require-hashes", "--only-binary", ":all:", "--dest", "/wheels", "-r", str(lock)]
    pip = 'python3 -m venv /tmp/pip && exec /tmp/pip/bin/pip --disable-pip-version-check "$@"'
    shown = {Path(found): found for found in places_of_packages()}
    tools.run(["sh", "-euc", pip, "pip", *fetch], binds={wheels: "/wheels", work: str(work), **shown}, where="/")
    assemble = ["python3", "appliance/image/building/environment.py", "--wheels", "/wheels", "--work", "/tmp/work"]
    script = 'mkdir -p /tmp/work; "$@" /build/root; exec python3 appliance/image/building/codecs.py /build/root'
    tools.run(
        ["sh", "-euc", script, "sh", *assemble],
        binds={wheels: "/wheels", work: "/build"},
        where="/build/checkout",
        environment={"SOURCE_DATE_EPOCH": str(epoch()), "PYTHONHASHSEED": "0", "TMPDIR": "/tmp"},
    )
    if fresh:
        return root
    shutil.rmtree(kept.parent, ignore_errors=True)
    kept.parent.mkdir()
    root.rename(kept)
    return kept


def places_of_packages() -> list[str]:
    """Folders with packages that pip's settings name: they have to be seen in the tools tree too."""
    words = os.environ.get("PIP_FIND_LINKS", "").split() + os.environ.get("PIP_EXTRA_INDEX_URL", "").split()
    found = [word.removeprefix("file://") for word in words]
    return [place for place in found if place.startswith("/") and Path(place).is_dir()]


def mkosi(flavour: str, work: Path, root: Path, secrets: Path, *, fresh: bool) -> Path:
    """Let mkosi build; answers its output folder. `fresh` uses nothing of an earlier build but downloaded packages."""
    out = work / "out"
    out.mkdir()
    public = work / "public"
    (public / "usr/lib/stellwerk/update-keys").mkdir(parents=True)
    shutil.copyfile(secrets / "update.pub", public / "usr/lib/stellwerk/update-keys/update.pub")
    sandbox = work / "sandbox"
    package_sources(sandbox, "main non-free-firmware" if flavour == "metal" else "main")
    packages, kept = cache() / "packages", cache() / f"incremental-{flavour}"
    for folder in (packages, kept):
        folder.mkdir(exist_ok=True)
    words = [
        *("mkosi", "--directory", str(IMAGE), "--profile", flavour, "--image-version", version()),
        *("--output-directory", str(out), "--workspace-directory", str(work)),
        *("--package-cache-directory", str(packages), "--source-date-epoch", str(epoch())),
        *("--sandbox-tree", str(sandbox), "--extra-tree", str(root), "--extra-tree", str(public)),
        *("--secure-boot-key", str(secrets / "sb.key"), "--secure-boot-certificate", str(secrets / "sb.crt")),
        *("--verity-key", str(secrets / "sb.key"), "--verity-certificate", str(secrets / "sb.crt")),
        *(
            "--sign-expected-pcr-key",
            str(secrets / "pcr.key"),
            "--sign-expected-pcr-certificate",
            str(secrets / "pcr.crt"),
        ),
    ]
    words += [] if fresh else ["--incremental=yes", "--cache-directory", str(kept)]
    words += ["--kernel-command-line=systemd.import_credentials=no"] if os.environ.get("SEALED") else []
    tools.run([*words, "--force", "build"], binds={secrets: str(secrets), work: str(work)})
    return out


def package_sources(sandbox: Path, components: str) -> None:
    """Tell the package manager to take packages from where the tools tree came from, and no sources or translations."""
    folder = sandbox / "etc/apt"
    (folder / "sources.list.d").mkdir(parents=True)
    (folder / "apt.conf.d").mkdir()
    (folder / "apt.conf.d/stellwerk.conf").write_text('Acquire::Languages "none";\n', "utf-8")
    lines = (tools.ready() / "etc/apt/sources.list").read_text("utf-8").splitlines()
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    stanzas = [
        f"Types: deb\nURIs: {where}\nSuites: {suite}\nComponents: {components}\nSigned-By: {keyring}\n"
        for _, where, suite, *_ in (line.split() for line in lines if line.startswith("deb "))
    ]
    (folder / "sources.list.d/mkosi.sources").write_text("\n".join(stanzas), "utf-8")


def tell_contents(flavour: str, out: Path, root: Path, dist: Path) -> None:
    """Write the SBOM, in both forms, from what mkosi's scripts saved before package management was removed."""
    (packages,) = root.glob("usr/lib/stellwerk/venv/lib/python3*/site-packages")
    archives = {path.name: path for path in (cache() / "packages").rglob("*.deb")}
    status = (out / "sbom/status").read_text("utf-8")
    found = [
        *components.debian(status, out / "sbom/copyright", archives, tools.RELEASE),
        *components.python(packages, cache() / "wheels-cp313"),
    ]
    for end, form in (("cdx", sbom.cyclonedx), ("spdx", sbom.spdx)):
        document = form(FLAVOURS[flavour], version(), epoch(), found)
        (dist / f"sbom.{end}.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")


def deliver(flavour: str, out: Path, root: Path, dist: Path) -> None:
    """Bring what mkosi made into `dist`, compressed too, with a list of what it is made of and the sums of all."""
    name = f"{FLAVOURS[flavour]}_{version()}"
    shutil.rmtree(dist, ignore_errors=True)
    dist.mkdir(parents=True)
    for path in sorted(out.iterdir()):
        wanted = path.name.startswith(name) and not path.is_symlink() and path.suffix in (".raw", ".efi")
        wanted = wanted and ".esp" not in path.suffixes
        if wanted or path.name.endswith(".manifest"):
            kept = dist / ("manifest.json" if path.suffix == ".manifest" else path.name)
            tools.run(
                ["cp", "--sparse=always", str(path), str(kept)], binds={out: str(out), dist: str(dist)}, where="/"
            )
    words = ["openssl", "x509", "-in", "/sb.crt", "-outform", "DER", "-out", str(dist / "stellwerk-secure-boot.der")]
    tools.run(words, binds={keys.folder() / "sb.crt": "/sb.crt", dist: str(dist)}, where="/")
    tools.run(["zstd", "-q", "-10", "-T0", "--keep", f"{name}.raw"], binds={dist: str(dist)}, where=str(dist))
    tell_contents(flavour, out, root, dist)
    write_sums(dist)


def build(flavour: str, dist: Path, *, fresh: bool = False) -> None:
    """The whole way. What is in `dist` afterwards is complete; what was there before is gone."""
    tools.ready()
    secrets = keys.folder()
    work = cache() / f"work-{flavour}-{os.getpid()}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    try:
        with timed("the service and its packages"):
            root = environment(work, fresh=fresh)
        with timed("the image"):
            out = mkosi(flavour, work, root, secrets, fresh=fresh)
        with timed("what is delivered"):
            deliver(flavour, out, root, dist)
    finally:
        if not os.environ.get("KEEP"):
            shutil.rmtree(work, ignore_errors=True)


def figures(flavour: str, dist: Path) -> str:
    """Sizes and number of packages, in one line for a person."""
    raw = dist / f"{FLAVOURS[flavour]}_{version()}.raw"
    packages = json.loads((dist / "manifest.json").read_text("utf-8"))["packages"]
    size = {path.suffix: path.stat().st_size / 1e6 for path in (raw, raw.with_suffix(".raw.zst"))}
    return f"{raw} · {size['.raw']:.0f} MB, compressed {size['.zst']:.0f} MB · {len(packages)} packages"


def main() -> None:
    """`python3 -m appliance.image.building.image [FLAVOUR]`"""
    flavour = sys.argv[1] if len(sys.argv) > 1 else "cloud"
    if flavour not in FLAVOURS:
        raise SystemExit(f"FLAVOUR={flavour}: there are {' and '.join(FLAVOURS)}")
    dist = DIST / ("image" if flavour == "cloud" else f"image-{flavour}")
    with one_at_a_time():
        begun = time.monotonic()
        build(flavour, dist)
    print(f"{figures(flavour, dist)} · {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
