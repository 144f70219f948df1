"""backup: one encrypted file with rules, secrets, accounts and the history, but no images, to be kept elsewhere."""

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from appliance.backup.contents import PARTS
from appliance.backup.nightly import NICER, NotMade, keep, name_of
from appliance.backup.packing import Made, make
from appliance.backup.passphrase import NoPassphrase, asked
from appliance.backup.sealed import fit
from appliance.commands.common import add_settings, settings_of
from appliance.settings import Settings
from engine import files


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    where = "the file, or a folder (this one); - for the output"
    parser.add_argument("--to", type=Path, default=Path(), metavar="FILE|FOLDER", help=where)
    parser.add_argument("--passphrase-file", type=Path, metavar="FILE", help="has the passphrase in its first line")
    parser.add_argument("--without-journal", action="store_true", help="leave out what became of each image")
    parser.add_argument("--nightly", action="store_true", help=argparse.SUPPRESS)
    add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    """0 when it is whole and on the disk. Right beside a running appliance; nothing of it is changed."""
    settings = settings_of(arguments)
    if not settings.data.is_dir():
        print(f"stellwerk: there is no data folder {settings.data}", file=sys.stderr)
        return 2
    if arguments.nightly:
        return _keep(settings)
    target = _target(arguments.to)
    try:
        passphrase = asked(arguments.passphrase_file, twice=True)
        if wrong := fit(passphrase):
            raise NoPassphrase(wrong)
        with _into(target) as stream:
            made = make(settings, stream, passphrase, journal=not arguments.without_journal)
    except NoPassphrase as error:
        print(f"stellwerk: {error}; no backup was made", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"stellwerk: no backup was made ({_words(error)})", file=sys.stderr)
        return 1
    _tell(settings, made, target, not arguments.without_journal)
    return 0


def _keep(settings: Settings) -> int:
    """As the appliance has it done every night."""
    with contextlib.suppress(OSError):  # a sandbox may not let us; the unit says there what stands back
        os.nice(NICER)
    try:
        print(f"{keep(settings)} is made", file=sys.stderr)
    except NotMade as error:
        print(f"stellwerk: {error}", file=sys.stderr)
        return 1
    return 0


def _words(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"


def _target(to: Path) -> Path | None:
    """The file to be written; None for the output."""
    if str(to) == "-":
        return None
    return to / name_of(time.time()) if to.is_dir() else to


@contextlib.contextmanager
def _into(target: Path | None) -> Iterator[BinaryIO]:
    """To be written to; in its place, durably, once the block ends well. Raises FileExistsError."""
    if target is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if target.exists():
        raise FileExistsError(0, "it is there already", str(target))
    draft = target.with_name(f".{target.name}.part")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as stream:
            yield stream
            stream.flush()
            files.sync(draft, stream.fileno())
        files.move(draft, target)
    except BaseException:
        files.remove(draft)
        raise
    files.sync_share(target.parent)


def _tell(settings: Settings, made: Made, target: Path | None, journal: bool) -> None:
    what = {part.path: part.what for part in PARTS}
    print(f"{made.files} files, {made.size / 1e6:.1f} MB, are in {target or 'the output'}:", file=sys.stderr)
    for path in made.parts:
        print(f"    {path:<24}{what[path]}", file=sys.stderr)
    for path in made.left_out:
        print(f"    left out, as it is a link or no file: {path}", file=sys.stderr)
    print("\nNOT in it:", file=sys.stderr)
    print(f"    THE IMAGES in {settings.archive_folder('archive')}: back them up by other means", file=sys.stderr)
    if journal:
        count = f"{made.waiting} that wait and {made.held} that are held"
        print(f"    images in the spool: {count}; a restore does not bring them back", file=sys.stderr)
    else:
        print("    images in the spool, and what became of each image (--without-journal)", file=sys.stderr)
    print("\nNobody can open it without the passphrase: keep that elsewhere.", file=sys.stderr)
