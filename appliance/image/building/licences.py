"""Under which licences a package is given on: Debian's machine-readable copyright file, made from what is really in it.

Each Python package brings its licence along, in its `.dist-info`; the libraries for the browser say theirs at their
top. What brings none stops the build: nobody gives on what nobody allows. It must not know how a package is made.
"""

import email.parser
import re
import sys
import textwrap
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

NAMES = re.compile(r"(licen[cs]e|copying|notice|authors)", re.IGNORECASE)
BUNDLED = re.compile(r"^package: (?P<name>\S+) (?P<version>\S+), (?P<licence>.+)$", re.MULTILINE)
OWN = "stellwerk"


class Unlicensed(Exception):
    """A package says nothing of its licence."""


def field(name: str, text: str) -> str:
    """A field of many lines: each line indented, an empty one as a dot."""
    lines = textwrap.dedent(text).strip("\n").expandtabs(8).splitlines()
    return f"{name}\n" + "".join(f" {line.rstrip()}\n" if line.strip() else " .\n" for line in lines)


def short(metadata: Message) -> str:
    """The name of a package's licence: its SPDX expression, or what its classifiers say. Raises Unlicensed."""
    for name in ("License-Expression", "License"):
        said = (metadata[name] or "").strip()
        if said and "\n" not in said and len(said) < 60:
            return said
    classes = [
        line.rpartition(" :: ")[2] for line in metadata.get_all("Classifier", []) if line.startswith("License ::")
    ]
    if not classes:
        raise Unlicensed(f"{metadata['Name']} does not say under which licence it is")
    return " and ".join(classes)


def texts(info: Path) -> Iterator[tuple[str, str]]:
    """Name and text of each licence file of a package. Raises Unlicensed where there is none."""
    files = sorted(path for path in info.rglob("*") if path.is_file() and NAMES.search(path.name))
    files += sorted(path for path in info.glob("licenses/**/*") if path.is_file() and path not in files)
    if not files:
        raise Unlicensed(f"{info.name} brings no text of its licence")
    for path in files:
        yield path.relative_to(info).as_posix(), path.read_text("utf-8", errors="replace")


def holders(text: str) -> list[str]:
    """The lines of a licence that say whose work it is."""
    found = [
        line.strip(" *#") for line in text.splitlines() if re.match(r"[\s*#]*(copyright|\(c\)|©)\s.*\d{4}", line, re.I)
    ]
    return list(dict.fromkeys(found))[:20]


def python_packages(root: Path) -> Iterator[tuple[str, Path, Message]]:
    """Name, `.dist-info` and metadata of each Python package below `root`, by name."""
    for info in sorted(root.glob("usr/lib/stellwerk/venv/lib/python3.*/site-packages/*.dist-info")):
        metadata = email.parser.Parser().parsestr((info / "METADATA").read_text("utf-8"), headersonly=True)
        yield str(metadata["Name"]), info, metadata


def paragraph(name: str, info: Path, metadata: Message) -> str:
    """What the copyright file says of one Python package."""
    written = list(texts(info))
    record = [line.partition(",")[0] for line in (info / "RECORD").read_text("utf-8").splitlines()]
    tops = sorted({line.split("/")[0] for line in record if line and not line.startswith("..")} - {"bin"})
    whose = [holder for _, text in written for holder in holders(text)] or [f"the authors of {name}"]
    body = "\n\n".join(f"[{file}]\n{text.strip()}" for file, text in written)
    files = field("Files:", "\n".join(f"*/site-packages/{top}*" for top in tops))
    return files + field("Copyright:", "\n".join(dict.fromkeys(whose))) + field(f"License: {tag(name, metadata)}", body)


def tag(name: str, metadata: Message) -> str:
    """A word for the licence of this package: two packages never share one, as their texts differ."""
    return re.sub(r"[^A-Za-z0-9.+-]+", "-", f"{short(metadata)}-as-in-{name}").strip("-")


def browser(root: Path) -> Iterator[str]:
    """What the copyright file says of the libraries for the browser, each of which names its parts at its top."""
    for path in sorted(
        root.glob("usr/lib/stellwerk/venv/lib/python3.*/site-packages/appliance/console/static/vendor/*.js")
    ):
        head = path.read_text("utf-8").partition("*/")[0]
        parts = list(BUNDLED.finditer(head))
        if not parts:
            raise Unlicensed(f"{path.name} does not say what it is made of")
        licences = sorted({part["licence"] for part in parts})
        names = ", ".join(f"{part['name']} {part['version']}" for part in parts)
        yield (
            field("Files:", f"*/appliance/console/static/vendor/{path.name}")
            + field("Copyright:", f"the authors of {names}")
            + field(f"License: {'-and-'.join(licences)}-as-in-{path.name}", head.removeprefix("/*!"))
        )


def copyright_file(root: Path) -> str:
    """The whole file for the tree of a package. Raises Unlicensed."""
    packages = list(python_packages(root))
    own = next(item for item in packages if item[0] == OWN)
    head = (
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
        "Upstream-Name: Stellwerk\n"
        "Comment: The Python packages that Stellwerk is tested with are in here, each under its own licence, below.\n"
    )
    apache = "On Debian systems the text of this licence is in /usr/share/common-licenses/Apache-2.0."
    ours = (
        field("Files:", "*") + field("Copyright:", "the Stellwerk maintainers") + field("License: Apache-2.0", apache)
    )
    assert short(own[2]) == "Apache-2.0"
    return "\n".join([head, ours, *(paragraph(*item) for item in packages if item[0] != OWN), *browser(root)])


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.stdout.write(copyright_file(Path(sys.argv[1])))
