"""The locked versions: complete, hashed, the same in both files, and without a word on where they came from."""

import re
import tomllib
from collections.abc import Iterator

from tests.house.tree import ROOT

RUNTIME = (ROOT / "appliance/requirements.lock").read_text("utf-8")
DEVELOPMENT = (ROOT / "tests/requirements.lock").read_text("utf-8")
IMAGE = (ROOT / "appliance/image/requirements.lock").read_text("utf-8")


def pins(lock: str) -> dict[str, str]:
    """Each requirement line without its hashes (`numpy==2.4.6 ; python_full_version < '3.12'`) → its hashes."""
    entries = re.findall(r"^([a-z0-9].*?) \\\n((?:    --hash=\S+(?: \\)?\n)+)", lock, re.MULTILINE)
    return dict(entries)


def faults(lock: str) -> Iterator[str]:
    """Lines that are neither a pinned and hashed requirement nor a comment, and any address."""
    for number, line in enumerate(lock.splitlines(), 1):
        if "://" in line or "index" in line:
            yield f"line {number} names a place: {line}"
        if not re.match(r"\s*#|    --hash=sha256:[0-9a-f]{64}( \\)?$|[a-z0-9-]+==\S+( ; .*?)? \\$", line):
            yield f"line {number} is not a pinned, hashed requirement: {line}"


def names(requirements: list[str]) -> set[str]:
    """The bare names of what pyproject.toml asks for."""
    return {re.split(r"[<>=!~\[; ]", entry)[0] for entry in requirements}


def test_every_locked_version_has_hashes_and_no_address() -> None:
    assert not [*faults(RUNTIME), *faults(DEVELOPMENT), *faults(IMAGE)]


def test_what_pyproject_asks_for_is_locked() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    runtime = names(settings["project"]["dependencies"] + settings["build-system"]["requires"])
    development = names([entry for extra in settings["project"]["optional-dependencies"].values() for entry in extra])
    assert runtime <= {pin.partition("==")[0] for pin in pins(RUNTIME)}, "make lock"
    assert runtime | development <= {pin.partition("==")[0] for pin in pins(DEVELOPMENT)}, "make lock"


def test_the_tests_run_on_what_the_appliance_ships() -> None:
    # On which machines a package is needed may differ (`; …`), as tests need more packages; its version may not.
    shipped, image, tested = (
        {pin.partition(" ;")[0]: hashes for pin, hashes in pins(lock).items()} for lock in (RUNTIME, IMAGE, DEVELOPMENT)
    )
    assert shipped
    assert {pin: tested.get(pin) for pin in image} == image
    assert set(shipped) <= set(image), "what the image ships is all that, and the ways out that are extras"


def test_a_loose_line_is_caught() -> None:
    digest = "0" * 64
    assert not list(faults(f"# by make lock\nlark==1.3.1 \\\n    --hash=sha256:{digest}\n    # via stellwerk\n"))
    assert list(faults("lark==1.3.1\n"))
    assert list(faults("lark>=1.3 \\\n"))
    assert list(faults("--extra-index-url https://mirror.example/simple\n"))
