"""What an image is made of: Debian packages from dpkg's own status, Python packages from their own metadata.

It reads files and returns plain values. It must not know in which form they are told.
"""

import email.parser
import email.policy
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from appliance.image.building.sums import digest


@dataclass(frozen=True, order=True)
class Component:
    """One package: `kind` is deb or pypi, `purl` its address, `sha256` that of the file it came in."""

    kind: str
    name: str
    version: str
    purl: str
    supplier: str = ""
    expression: str = ""
    """The licence as SPDX writes it, where the package says so itself."""
    licences: tuple[str, ...] = field(default=())
    """Otherwise the names of licences that it gives."""
    sha256: str = ""


def debian(status: str, copyrights: Path, archives: dict[str, Path], release: str) -> Iterator[Component]:
    """The installed packages of a dpkg status file; `copyrights` has a file for each, `archives` the .deb files."""
    for stanza in status.strip().split("\n\n"):
        fields = dict(re.findall(r"^([A-Za-z-]+): ?(.*)$", stanza, re.MULTILINE))
        if not fields or fields["Status"] != "install ok installed":
            continue
        name, version, architecture = fields["Package"], fields["Version"], fields["Architecture"]
        file = archives.get(f"{name}_{version.replace(':', '%3a')}_{architecture}.deb")
        told = copyrights / name
        text = told.read_text("utf-8", "replace") if told.is_file() else ""
        yield Component(
            kind="deb",
            name=name,
            version=version,
            purl=f"pkg:deb/debian/{_quoted(name)}@{_quoted(version)}?arch={architecture}&distro={release}",
            supplier=re.sub(r"\s*<.*", "", fields.get("Maintainer", "")),
            licences=tuple(sorted(set(licences(text)))),
            sha256=digest(file) if file else "",
        )


def licences(text: str) -> Iterator[str]:
    """The short names of licences in a machine-readable copyright file; none where it is prose."""
    if re.match(r"\s*Format(-Specification)?:", text):
        yield from (found.strip() for found in re.findall(r"^License: *(\S.*)$", text, re.MULTILINE))


def python(packages: Path, wheels: Path) -> Iterator[Component]:
    """The packages of an environment's site-packages; `wheels` has the files that they came in."""
    files = {_spelled(path.name.split("-")[0]) + "-" + path.name.split("-")[1]: path for path in wheels.glob("*.whl")}
    for metadata in sorted(packages.glob("*.dist-info/METADATA")):
        told = email.parser.Parser(policy=email.policy.compat32).parsestr(metadata.read_text("utf-8", "replace"))
        name, version = str(told["Name"]), str(told["Version"])
        stated = [
            line.rpartition(" :: ")[2] for line in told.get_all("Classifier", []) if line.startswith("License ::")
        ]
        short = str(told.get("License", "")).strip()
        named = stated or ([short] if short and "\n" not in short and len(short) < 60 else [])
        file = files.get(f"{_spelled(name)}-{version}")
        yield Component(
            kind="pypi",
            name=name,
            version=version,
            purl=f"pkg:pypi/{_spelled(name).replace('_', '-')}@{version}",
            expression=str(told.get("License-Expression", "")),
            licences=tuple(sorted(set(named))),
            sha256=digest(file) if file else "",
        )


def _spelled(name: str) -> str:
    """A Python package's name as it stands in file names."""
    return re.sub(r"[-_.]+", "_", name).lower()


def _quoted(text: str) -> str:
    """What a package address may not hold, written with a percent sign."""
    return re.sub(r"[^A-Za-z0-9.~_-]", lambda found: f"%{ord(found[0]):02X}", text)
