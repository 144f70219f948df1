"""What an image is made of is told whole, and in the same bytes for the same image."""

import hashlib
import json
import re
from pathlib import Path

from appliance.image.building import sbom
from appliance.image.building.components import Component, debian, licences, python

STATUS = """\
Package: libc6
Status: install ok installed
Maintainer: GNU Libc Maintainers <debian-glibc@lists.debian.org>
Architecture: amd64
Version: 2.41-12
Description: GNU C Library
 with a second line

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1

Package: zlib1g
Status: install ok installed
Architecture: amd64
Version: 1:1.3.dfsg+really1.3.1-1
"""

COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
License: LGPL-2.1+

Files: b
License: BSD-3-clause
 Redistribution and use
"""


def listed(tmp_path: Path) -> list[Component]:
    (tmp_path / "libc6").write_text(COPYRIGHT)
    archive = tmp_path / "zlib1g_1%3a1.3.dfsg+really1.3.1-1_amd64.deb"
    archive.write_bytes(b"deb")
    return list(debian(STATUS, tmp_path, {archive.name: archive}, "trixie"))


def test_debian_packages_are_those_that_are_installed(tmp_path: Path) -> None:
    libc, zlib = listed(tmp_path)
    assert libc.purl == "pkg:deb/debian/libc6@2.41-12?arch=amd64&distro=trixie"
    assert libc.supplier == "GNU Libc Maintainers"
    assert libc.licences == ("BSD-3-clause", "LGPL-2.1+")
    assert zlib.purl == "pkg:deb/debian/zlib1g@1%3A1.3.dfsg%2Breally1.3.1-1?arch=amd64&distro=trixie"
    assert zlib.sha256 == hashlib.sha256(b"deb").hexdigest()


def test_a_copyright_file_in_prose_names_no_licence() -> None:
    assert not list(licences("This package was debianized by\nLicense: any\n"))


def test_python_packages_say_their_licence_themselves(tmp_path: Path) -> None:
    for name, lines in {
        "pydicom-3.0.2": "Name: pydicom\nVersion: 3.0.2\nLicense-Expression: MIT",
        "ruamel_yaml-1": "Name: Ruamel.YAML\nVersion: 1\nClassifier: License :: OSI Approved :: MIT License",
        "long-1": "Name: long\nVersion: 1\nLicense: Copyright (c)\n        all rights",
    }.items():
        (tmp_path / f"{name}.dist-info").mkdir()
        (tmp_path / f"{name}.dist-info/METADATA").write_text(lines + "\n\nThe text\n")
    (tmp_path / "Ruamel.YAML-1-py3-none-any.whl").write_bytes(b"wheel")
    long, pydicom, ruamel = python(tmp_path, tmp_path)
    assert (pydicom.expression, pydicom.purl) == ("MIT", "pkg:pypi/pydicom@3.0.2")
    assert (ruamel.licences, ruamel.purl) == (("MIT License",), "pkg:pypi/ruamel-yaml@1")
    assert ruamel.sha256 == hashlib.sha256(b"wheel").hexdigest()
    assert not long.licences


def test_both_forms_have_every_package_and_what_their_readers_ask_for(tmp_path: Path) -> None:
    found = listed(tmp_path)
    cyclone = sbom.cyclonedx("stellwerk", "0.1.0", 1_795_744_193, found)
    assert (cyclone["bomFormat"], cyclone["specVersion"]) == ("CycloneDX", "1.6")
    assert cyclone["metadata"]["timestamp"] == "2026-11-27T01:49:53Z"
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", cyclone["serialNumber"])
    assert {entry["purl"] for entry in cyclone["components"]} == {component.purl for component in found}
    assert cyclone["components"][1]["hashes"] == [{"alg": "SHA-256", "content": found[1].sha256}]
    refs = [entry["bom-ref"] for entry in cyclone["components"]]
    assert cyclone["dependencies"][0]["dependsOn"] == refs

    document = sbom.spdx("stellwerk", "0.1.0", 1_795_744_193, found)
    names = [entry["SPDXID"] for entry in document["packages"]]
    assert len(names) == len(set(names)) == 3
    assert {line["relatedSpdxElement"] for line in document["relationships"]} == set(names)


def test_the_same_packages_make_the_same_bytes(tmp_path: Path) -> None:
    found = listed(tmp_path)
    for form in (sbom.cyclonedx, sbom.spdx):
        once, again = (json.dumps(form("stellwerk", "1", 0, which)) for which in (found, found[::-1]))
        assert once == again
        assert once != json.dumps(form("stellwerk", "2", 0, found))
