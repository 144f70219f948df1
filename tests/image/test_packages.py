"""What packages are made of, without building one: control data, scripts, settings, the OCI layout, the examples.

Whether a package lives on a Debian is tried by `make package-test`.
"""

import configparser
import hashlib
import json
import re
import subprocess
import tarfile
import tomllib
from pathlib import Path

import pytest

from appliance.image.building import deb, licences, oci
from appliance.image.building.chroots import RELEASES
from appliance.image.building.places import ROOT, version
from appliance.settings import Settings

DEBIAN = ROOT / "appliance/image/debian"
COMMON = ROOT / "appliance/image/common"
SCRIPTS = sorted(path for name in ("preinst", "postinst", "prerm", "postrm") for path in DEBIAN.glob(f"*.{name}"))


def stanza(name: str) -> str:
    """One paragraph of the control file."""
    return (DEBIAN / "control").read_text("utf-8").split("\n\n")[{"source": 0, "package": 1}[name]]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_the_scripts_are_scripts_that_stop_at_the_first_error(script: Path) -> None:
    done = subprocess.run(["sh", "-n", str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    text = script.read_text("utf-8")
    assert text.startswith("#!/bin/sh\n")
    assert "\nset -e\n" in text
    assert "\n#DEBHELPER#\n" in text


@pytest.mark.parametrize("action", ["remove", "purge"])
def test_neither_remove_nor_purge_touches_the_data_and_both_say_so(action: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "archive").mkdir(parents=True)
    (data / "archive/1.dcm").write_bytes(b"an image")
    script = (DEBIAN / "stellwerk.postrm").read_text("utf-8")
    assert script.count("data=/var/lib/stellwerk\n") == 1
    assert script.count("rm -rf") == 1, "only what is in /run may be removed"
    here = script.replace("data=/var/lib/stellwerk\n", f"data={data}\n").replace(
        "/run/stellwerk", str(tmp_path / "run")
    )
    done = subprocess.run(["sh", "-euc", here, "postrm", action], capture_output=True, text=True, check=True)
    assert f"stay in {data}" in done.stdout
    assert (data / "archive/1.dcm").read_bytes() == b"an image"


def test_the_package_is_for_any_processor_and_one_python() -> None:
    package = stanza("package")
    assert "\nArchitecture: any\n" in package
    assert "${stellwerk:Python}" in package
    rules = (DEBIAN / "rules").read_text("utf-8")
    assert "python3 (<< 3.$(NEXT)~)" in rules


def test_what_lies_over_the_root_is_in_folders_of_the_system_alone() -> None:
    files = [path.relative_to(COMMON).as_posix() for path in COMMON.rglob("*") if not path.is_dir()]
    assert files
    allowed = tuple(f"usr/lib/{name}/" for name in ("systemd", "sysusers.d", "tmpfiles.d", "sysctl.d", "stellwerk"))
    assert [name for name in files if not name.startswith(allowed)] == []


def test_every_release_has_a_version_and_the_later_one_a_higher() -> None:
    tags = list(RELEASES.values())
    assert tags == sorted(tags)
    assert deb.changelog("trixie", "1.2.3", 0).startswith("stellwerk (1.2.3+deb13) trixie; urgency=medium\n")
    assert deb.changelog("bookworm", "1.2.3", 0).endswith("  Thu, 01 Jan 1970 00:00:00 -0000\n")


def test_the_settings_of_the_package_change_nothing_and_each_example_in_it_is_one(tmp_path: Path) -> None:
    text = (DEBIAN / "stellwerk.toml").read_text("utf-8")
    assert tomllib.loads(text) == {}
    file = tmp_path / "stellwerk.toml"
    file.write_text(re.sub(r"^# (?=\[|[a-z_]+ = )", "", text, flags=re.MULTILINE), "utf-8")
    settings = Settings.load(file, {})
    assert (settings.language, settings.mail_user) == ("en", "stellwerk")


# ── licences ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _package(root: Path, name: str, licence: str | None) -> Path:
    """A Python package in the environment of a tree; with None, it says nothing of its licence."""
    info = root / f"usr/lib/stellwerk/venv/lib/python3.11/site-packages/{name}-1.dist-info"
    (info / "licenses").mkdir(parents=True)
    words = f"License-Expression: {licence}\n" if licence else ""
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: 1\n{words}\nText\n", "utf-8")
    (info / "RECORD").write_text(f"{name}/__init__.py,,\n{name}-1.dist-info/METADATA,,\n", "utf-8")
    if licence:
        (info / "licenses/LICENSE").write_text(f"Copyright (c) 2020 {name}'s people\n\nDo as you like.\n", "utf-8")
    return info


def test_the_copyright_file_has_each_package_with_its_text(tmp_path: Path) -> None:
    _package(tmp_path, "stellwerk", "Apache-2.0")
    _package(tmp_path, "tool", "MIT")
    text = licences.copyright_file(tmp_path)
    assert text.startswith("Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n")
    assert "\nFiles:\n */site-packages/tool*\n */site-packages/tool-1.dist-info*\n" in text
    assert "\nCopyright:\n Copyright (c) 2020 tool's people\nLicense: MIT-as-in-tool\n [licenses/LICENSE]\n" in text
    assert " .\n Do as you like.\n" in text


def test_a_package_that_does_not_say_its_licence_stops_the_build(tmp_path: Path) -> None:
    _package(tmp_path, "stellwerk", "Apache-2.0")
    _package(tmp_path, "stray", None)
    with pytest.raises(licences.Unlicensed, match="stray"):
        licences.copyright_file(tmp_path)


def test_the_libraries_for_the_browser_say_what_they_are_made_of(tmp_path: Path) -> None:
    place = tmp_path / "usr/lib/stellwerk/venv/lib/python3.11/site-packages/appliance/console/static/vendor"
    place.mkdir(parents=True)
    shipped = sorted((ROOT / "appliance/console/static/vendor").glob("*.js"))
    for path in shipped:
        (place / path.name).write_bytes(path.read_bytes())
    assert len(list(licences.browser(tmp_path))) == len(shipped) > 0
    (place / "stray.js").write_text("/*! nothing said */", "utf-8")
    with pytest.raises(licences.Unlicensed, match=r"stray\.js"):
        list(licences.browser(tmp_path))


# ── the OCI image ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    """The layout of an image of two layers, with hardly anything in them."""
    system, ours = tmp_path / "system", tmp_path / "ours"
    (system / "tmp").mkdir(parents=True)
    (system / "etc").mkdir()
    (system / "etc/passwd").write_text("root:x:0:0::/:\n", "utf-8")
    (ours / oci.DATA[1:]).mkdir(parents=True)
    (ours / "usr/bin").mkdir(parents=True)
    (ours / "usr/bin/stellwerk").write_text("#!\n", "utf-8")
    (ours / "usr/bin/stellwerk").chmod(0o6755)
    oci.image([system, ours], tmp_path / "layout", "1.2.3", "amd64")
    return tmp_path / "layout"


def _blob(layout: Path, named: dict[str, str]) -> bytes:
    """What a descriptor names; its digest and size are looked at."""
    content = (layout / "blobs" / named["digest"].replace(":", "/")).read_bytes()
    assert named["digest"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert int(named["size"]) == len(content)
    return content


def test_the_image_says_how_it_is_run(layout: Path) -> None:
    index = json.loads((layout / "index.json").read_bytes())
    (named,) = index["manifests"]
    assert named["annotations"] == {"org.opencontainers.image.ref.name": "1.2.3"}
    manifest = json.loads(_blob(layout, named))
    config = json.loads(_blob(layout, manifest["config"]))
    assert (config["os"], config["architecture"]) == ("linux", "amd64")
    assert config["config"]["Entrypoint"] == ["/usr/bin/stellwerk"]
    assert config["config"]["User"] == "850:850"
    assert "850" in (COMMON / "usr/lib/sysusers.d/stellwerk.conf").read_text("utf-8").split()
    assert config["config"]["Labels"] == manifest["annotations"]
    assert len(config["rootfs"]["diff_ids"]) == len(manifest["layers"]) == 2


def test_a_layer_is_roots_but_for_the_data_and_has_nothing_set_id(layout: Path) -> None:
    (named,) = json.loads((layout / "index.json").read_bytes())["manifests"]
    lower, upper = json.loads(_blob(layout, named))["layers"]
    _blob(layout, lower)
    with tarfile.open(layout / "blobs" / upper["digest"].replace(":", "/")) as archive:
        entries = {entry.name: entry for entry in archive}
    assert list(entries) == sorted(entries, key=lambda name: name.split("/"))
    data = entries[oci.DATA[1:]]
    assert (data.uid, data.gid, data.mode) == (oci.ACCOUNT, oci.ACCOUNT, 0o700)
    assert {entry.uid for entry in entries.values() if entry is not data} == {0}
    assert entries["usr/bin/stellwerk"].mode == 0o755
    assert len({entry.mtime for entry in entries.values()}) == 1


# ── the examples in the docs ────────────────────────────────────────────────────────────────────────────────────────


def _unit(name: str) -> configparser.RawConfigParser:
    """A unit file; where a word comes twice, its values are one below the other."""
    text = (ROOT / "docs" / name).read_text("utf-8")
    read = configparser.RawConfigParser(strict=False, delimiters="=", dict_type=dict)
    read.optionxform = str  # type: ignore[assignment,method-assign]  # words have capitals
    read.read_string(re.sub(r"^PublishPort=(\d+)", r"PublishPort\1=\1", text, flags=re.MULTILINE))
    return read


def test_the_example_for_podman_opens_the_ports_and_keeps_the_volume() -> None:
    unit = _unit("stellwerk.container")["Container"]
    published = {int(value.partition(":")[2]) for name, value in unit.items() if name.startswith("PublishPort")}
    assert published == set(oci.PORTS)
    assert unit["Volume"] == f"stellwerk.volume:{oci.DATA}"
    assert unit["Image"] == f"localhost/stellwerk:{version()}"
    assert json.loads(unit["HealthCmd"])[0] == "/usr/lib/stellwerk/venv/bin/python3"
    assert _unit("stellwerk.volume")["Volume"]["VolumeName"] == "stellwerk"


def test_the_example_for_compose_says_the_same() -> None:
    yaml = pytest.importorskip("yaml")
    service = yaml.safe_load((ROOT / "docs/compose.yaml").read_text("utf-8"))["services"]["stellwerk"]
    assert {int(port.partition(":")[2]) for port in service["ports"]} == set(oci.PORTS)
    assert service["volumes"] == [f"stellwerk:{oci.DATA}"]
    health = json.loads(_unit("stellwerk.container")["Container"]["HealthCmd"])
    assert service["healthcheck"]["test"] == ["CMD", *health]
    assert service["read_only"] is True
