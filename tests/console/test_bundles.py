"""The vendored bundles are what `make bundles` makes of the locked packages, and say so."""

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.house.tree import ROOT

SOURCES = ROOT / "appliance/console/bundles"
VENDOR = ROOT / "appliance/console/static/vendor"
BUNDLES = sorted(VENDOR.glob("*.js"))
FREE = {"MIT", "ISC", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0"}
LOCKED = {
    path.removeprefix("node_modules/"): entry
    for path, entry in json.loads((SOURCES / "package-lock.json").read_text("utf-8"))["packages"].items()
    if path
}


def digest(folder: Path) -> str:
    """As build.mjs reckons it: names and bytes of all files, in order of their names."""
    found = hashlib.sha256()
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        found.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


def header(bundle: Path) -> str:
    """The comment that it begins with."""
    comment = re.match(r"/\*!\n(.*?)\n\*/\n", bundle.read_text("utf-8"), re.DOTALL)
    assert comment, f"{bundle.name} does not say what it is"
    return comment[1]


def test_every_source_has_its_bundle_and_nothing_else_is_there() -> None:
    assert {path.name for path in VENDOR.iterdir()} == {path.name for path in SOURCES.glob("*.js")}


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.name)
def test_a_bundle_is_of_these_sources_and_these_versions(bundle: Path) -> None:
    head = header(bundle)
    assert f"sources: sha256:{digest(SOURCES)}" in head, "make bundles"
    packages = re.findall(r"^package: (\S+) (\S+), (\S+)$", head, re.MULTILINE)
    assert packages
    assert {(name, version) for name, version, _ in packages} <= {
        (name, one["version"]) for name, one in LOCKED.items()
    }
    assert {licence for _, _, licence in packages} <= FREE
    assert head.count("Permission is hereby granted") >= 1


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.name)
def test_a_bundle_fetches_nothing_and_evaluates_nothing(bundle: Path) -> None:
    code = bundle.read_text("utf-8").partition("*/")[2]
    assert (
        re.findall(r"\bimport\s*[({*\"']|\bfrom\s*[\"']|\beval\(|new Function\(|XMLHttpRequest|\bfetch\(", code) == []
    )


def test_every_version_is_fixed_with_a_digest_and_names_no_server() -> None:
    asked = json.loads((SOURCES / "package.json").read_text("utf-8"))
    versions = [*asked["dependencies"].values(), *asked["devDependencies"].values()]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in versions)
    assert all(entry["integrity"].startswith("sha512-") for entry in LOCKED.values())
    assert "://" not in (SOURCES / "package-lock.json").read_text("utf-8").replace("https://opencollective.com", "")


@pytest.mark.skipif(not (shutil.which("node") and shutil.which("npm")), reason="no node and npm here")
def test_made_again_they_are_the_same_bytes(tmp_path: Path) -> None:
    done = subprocess.run(
        ["make", "--silent", "bundles", f"VENDOR={tmp_path}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if re.search(r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH", done.stderr):
        pytest.skip("npm reaches no registry from here")
    assert done.returncode == 0, done.stderr
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        path.name: path.read_bytes() for path in BUNDLES
    }
