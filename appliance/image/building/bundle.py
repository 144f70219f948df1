"""`make update`: one signed file out of what `make image` has left, in the form of appliance/machine/bundle.py.

    python3 appliance/image/building/bundle.py --version 0.1.1 --key keys/update.key [--images dist/image]
        [--minimum 0.1.0] [--notes-de FILE] [--notes-en FILE] [--created SECONDS]

Beside PRODUCT_VERSION.update it leaves latest_PRODUCT_ARCHITECTURE.head, the head alone: an update server shows it
as its newest. The same input makes the same bytes. It needs Python's own library and openssl. It must
not know the wheel.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

MAGIC = b"stellwerk update 1\n"
_UUID = r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}"
ENDINGS = (
    *(rf"\.{kind}\.{_UUID}\.raw" for kind in ("root-verity-sig", "root-verity", "root")),
    r"\.efi",
)
PIECE = 1 << 20


def main(words: Sequence[str] | None = None) -> int:
    """Make it; the exit code."""
    parser = argparse.ArgumentParser(description="Make a signed update out of a built image.")
    parser.add_argument("--images", type=Path, default=Path("dist/image"), help="where the image's parts are")
    parser.add_argument("--to", type=Path, help="where the update goes; beside the parts, where nothing is said")
    parser.add_argument("--version", required=True, help="three numbers, as 0.1.1")
    parser.add_argument("--minimum", default="0.0.0", help="the version from which on it can be installed")
    parser.add_argument("--product", default="stellwerk", help="what the image is called")
    parser.add_argument("--architecture", default="x86-64")
    parser.add_argument("--key", type=Path, required=True, help="the private key (Ed25519, PEM)")
    parser.add_argument("--created", type=int, default=None, help="seconds since 1970; SOURCE_DATE_EPOCH otherwise")
    parser.add_argument("--notes-de", type=Path, help="what is new, in German")
    parser.add_argument("--notes-en", type=Path, help="what is new, in English")
    arguments = parser.parse_args(words)
    try:
        made = make(
            arguments.images,
            arguments.to or arguments.images,
            version=arguments.version,
            minimum=arguments.minimum,
            product=arguments.product,
            architecture=arguments.architecture,
            key=arguments.key,
            created=_created(arguments.created),
            notes=_notes(arguments.notes_de, arguments.notes_en),
        )
    except (OSError, ValueError) as error:
        print(f"make update: {error}", file=sys.stderr)
        return 1
    print(f"{made} ({made.stat().st_size / 1e6:.0f} MB)")
    return 0


def make(
    images: Path,
    to: Path,
    *,
    version: str,
    minimum: str,
    product: str,
    architecture: str,
    key: Path,
    created: str,
    notes: dict[str, str],
) -> Path:
    """Write the update and its head into `to`; answers the update. Raises ValueError in words, OSError."""
    for number in (version, minimum):
        if not re.fullmatch(r"\d{1,5}\.\d{1,5}\.\d{1,5}", number):
            raise ValueError(f"{number} is no version: it has three numbers, as 0.1.1")
    parts = [_part(images, f"{product}_{version}", ending) for ending in ENDINGS]
    manifest = {
        "product": product,
        "architecture": architecture,
        "version": version,
        "minimum": minimum,
        "created": created,
        "notes": notes,
        "members": [{"name": part.name, "size": part.stat().st_size, "sha256": _digest(part)} for part in parts],
    }
    text = json.dumps(manifest, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    first = MAGIC + b"%08d\n" % len(text)
    head = first + sign(first + text, key) + text
    update = to / f"{product}_{version}.update"
    draft = update.with_name(f".{update.name}.draft")
    with draft.open("wb") as stream:
        stream.write(head)
        for part in parts:
            with part.open("rb") as reader:
                while piece := reader.read(PIECE):
                    stream.write(piece)
    draft.replace(update)
    (to / f"latest_{product}_{architecture}.head").write_bytes(head)
    return update


def sign(text: bytes, key: Path) -> bytes:
    """By openssl: 64 bytes. Raises ValueError with what it says."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(text)
        file.flush()
        command = ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", str(key), "-in", file.name]
        done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode or len(done.stdout) != 64:
        raise ValueError(f"openssl cannot sign with {key}: {done.stderr.decode(errors='replace').strip()[:300]}")
    return done.stdout


def _part(images: Path, stem: str, ending: str) -> Path:
    found = [path for path in images.glob(f"{stem}*") if re.fullmatch(re.escape(stem) + ending, path.name)]
    if len(found) != 1:
        what = ending.replace("\\", "").partition("[")[0].strip(".")
        raise ValueError(f"{images} has {len(found)} files {stem}.{what}…, and one is needed: make image VERSION=…")
    return found[0]


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _created(seconds: int | None) -> str:
    if seconds is None:
        seconds = int(os.environ.get("SOURCE_DATE_EPOCH") or datetime.now(UTC).timestamp())
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _notes(german: Path | None, english: Path | None) -> dict[str, str]:
    files = {"de": german, "en": english}
    return {name: path.read_text("utf-8").strip()[:4000] for name, path in files.items() if path is not None}


if __name__ == "__main__":
    sys.exit(main())
