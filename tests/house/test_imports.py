"""Who may import whom, and who may do what: docs/architecture.md as tests.

A checker is a function from one file to what is wrong in it, and each has a test that plants violations.
"""

import ast
import sys
import tomllib
from collections.abc import Callable, Iterator

import pytest

from tests.house.tree import PACKAGES, ROOT, Source, calls, dotted, imports, sources, under

# ── the tables ──────────────────────────────────────────────────────────────────────────────────────────────────────

WAIST = (
    "program",
    "condition",
    "errors",
    "graph",
    "keeping",
    "parameters",
    "schedule",
    "signature",
    "tags",
    "text_seen",
    "trial",
    "values",
)
"""All that the language knows of the engine."""

THIRD_PARTY = {
    "pydicom": ("engine", "appliance"),
    "numpy": ("engine", "appliance"),
    "watchdog": ("engine", "appliance"),
    "rich": ("appliance",),
    "imagecodecs": ("engine/pixels", "appliance/commands/demo.py"),  # the demo draws its before and after
    "pynetdicom": ("engine/dicom",),
    "cryptography": (
        "engine/certificates.py",
        "appliance/console/passwords.py",  # for Argon2id alone
        "appliance/backup/sealed.py",  # for that and for AES-GCM
        "appliance/machine/signature.py",  # for Ed25519 alone
    ),
    "lark": ("dsl/parse.py",),
    "tornado": ("engine/sources/https.py", "appliance/console"),
    "apscheduler": ("engine/sources/every.py", "appliance"),
    "xxhash": ("engine/seal.py",),
    "paramiko": ("engine/destinations/sftp.py",),  # an extra
    "minio": ("engine/destinations/s3.py",),  # an extra
    "onnxruntime": ("engine/text/model.py",),  # an extra
    "av": ("engine/pixels/ffmpeg.py",),  # an extra
    "rapidocr": (),  # the same one: only a file of it is read
    "dulwich": ("appliance/rules_git/fetching.py",),  # an extra
    # The lines of minio and of dulwich; it comes with them.
    "urllib3": ("engine/destinations/s3.py", "appliance/rules_git/fetching.py"),
    "pygls": ("appliance/editor/server.py",),
    "lsprotocol": ("appliance/editor/server.py",),  # the protocol's words; it comes with pygls
}
"""Every package that is not Python's own, and where it may be imported. What is not here may not be imported at all."""

CATCH_ALL = {
    "engine/walk.py": "around one step: a step's bug holds one object, and the route goes on",
    "engine/router.py": "around one object, outside any step: it is held, or it would stop all that comes behind it",
    "appliance/console/sendings.py": "around one upload: the others must not wait for it, and it is tried again",
    "appliance/console/downloads.py": "around one download: a browser must not take a part for the whole",
    "appliance/supervise.py": "around one thread: it is restarted, and the others never notice",
    "engine/header.py": "a file that the reader stumbles over, in whatever way, is held; its values must not be quoted",
    "engine/scan_values.py": "the same for one value: then the whole header is read by pydicom, which refuses it",
    "engine/rewrite.py": "the same for a file that is written anew",
    "engine/profile/proof.py": "a written header that the reader stumbles over, in whatever way, is not proved",
    "engine/pixels/clean.py": "a codec's exception of any kind means: not clean",
    "engine/dicom/receive.py": "whatever breaks, the sender must hear that the object was not taken",
    "engine/sources/https.py": "the same, in the one answer after which CTP keeps its file",
}
"""Where any exception at all may be caught, and why."""

FILE_STATE = {
    "engine/files.py": "the place for it, where tests inject crashes",
    "engine/pixels": "scratch files of its own, before the spool sees them",
    "engine/destinations/sftp.py": "names on another machine, by its own protocol",
    "engine/dicom": "the file an association is still writing, before the spool sees it",
}
"""Where in the engine a file may be renamed, linked or synced, and why."""

RUN = ("run", "walk", "plan", "outcome", "duplicates", "completeness")
"""The heart and its parts: pure, and no part of the waist."""

OUTSIDE_WORLD = (
    *("os", "shutil", "tempfile", "glob", "fcntl", "mmap", "sqlite3"),
    *("socket", "ssl", "select", "selectors", "smtplib", "http", "urllib", "asyncio"),
    *("time", "signal", "subprocess", "threading", "multiprocessing", "concurrent"),
)
"""What a pure file may not import: disks, sockets, clocks, processes."""

NOW = ("now", "utcnow", "today", "cwd", "home")
"""Calls that answer differently each time."""

DISK = ("read_text", "read_bytes", "write_text", "write_bytes", "open", "mkdir", "unlink", "iterdir", "stat", "exists")
"""Methods of a path that touch the disk."""

SIBLINGS = ("engine/steps", "appliance/console/pages")
"""Folders whose files do not know each other."""

MACHINE = ("engine.files", "appliance.alone", "appliance.machine")
"""All of ours that `appliance/machine` may import: it runs as root, and starts quickly."""

FOREIGN = {"appliance/machine/signature.py": "cryptography"}
"""And of others: Python itself has no signatures."""

# ── the checkers ────────────────────────────────────────────────────────────────────────────────────────────────────


def layers(source: Source) -> Iterator[str]:
    """appliance → dsl → the waist of engine; nobody imports the tests."""
    for line, name in imports(source):
        home = source.package[0]
        if under(name, "tests", "docs", "rules"):
            yield f"{source.path}:{line} imports {name}"
        elif home == "engine" and under(name, "dsl", "appliance"):
            yield f"{source.path}:{line} the engine knows neither dsl nor appliance, and imports {name}"
        elif home == "dsl" and under(name, "appliance"):
            yield f"{source.path}:{line} dsl does not know the appliance, and imports {name}"
        elif home == "dsl" and under(name, "engine") and not under(name, *(f"engine.{part}" for part in WAIST)):
            yield f"{source.path}:{line} dsl knows only engine.{{{', '.join(WAIST)}}}, and imports {name}"


def waist(source: Source) -> Iterator[str]:
    """What dsl imports must not bring the rest of the engine along."""
    if not source.within((*(f"engine/{part}.py" for part in WAIST), "engine/__init__.py")):
        return
    for line, name in imports(source):
        if under(name, "engine") and not under(name, *(f"engine.{part}" for part in WAIST)):
            yield f"{source.path}:{line} the waist imports only itself, and here {name}"


def third_party(source: Source) -> Iterator[str]:
    """Each foreign package only where the table has it."""
    for line, name in imports(source):
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names or top in (*PACKAGES, "tests"):
            continue
        if top not in THIRD_PARTY:
            yield f"{source.path}:{line} imports {top}, which no table in tests/house/test_imports.py has"
        elif not source.within(THIRD_PARTY[top]):
            yield f"{source.path}:{line} imports {top}, which is only for {', '.join(THIRD_PARTY[top])}"


def purity(source: Source) -> Iterator[str]:
    """The waist, run.py with its parts and all of dsl touch no disk, socket or clock; dsl/parse.py reads a file."""
    if not source.within(("dsl", *(f"engine/{part}.py" for part in (*WAIST, *RUN)))):
        return
    for line, name in imports(source):
        if under(name, *OUTSIDE_WORLD, "engine.spool", "engine.files", "engine.outbox", "engine.journal"):
            yield f"{source.path}:{line} is pure, and imports {name}"
    for line, name, _ in calls(source):
        stem, _, last = name.rpartition(".")
        reads = name == "open" or ("." in name and last in DISK)
        clock = "." in name and last in NOW and not stem.endswith("self")
        if clock or (reads and source.path != "dsl/parse.py"):
            yield f"{source.path}:{line} is pure, and calls {name}"


def siblings(source: Source) -> Iterator[str]:
    """No step imports another step, no page another page."""
    for folder in SIBLINGS:
        if source.within((folder,)) and not source.path.endswith("/__init__.py"):
            for line, name in imports(source):
                if under(name, folder.replace("/", ".")):
                    yield f"{source.path}:{line} imports {name} from its own folder"


def catch_alls(source: Source) -> Iterator[str]:
    """`except:`, `except Exception`, `suppress(Exception)`, unless it only tidies up and raises again."""
    if source.path in CATCH_ALL:
        return
    for node in ast.walk(source.tree):
        match node:
            case ast.ExceptHandler(type=kind, body=[*_, last]) if kind is None or _is_any(kind):
                if not (isinstance(last, ast.Raise) and last.exc is None):
                    yield f"{source.path}:{node.lineno} catches every exception"
            case ast.Call(func=func, args=args) if dotted(func).split(".")[-1] == "suppress":
                if any(_is_any(kind) for kind in args):
                    yield f"{source.path}:{node.lineno} suppresses every exception"


def _is_any(kind: ast.expr) -> bool:
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(dotted(one).split(".")[-1] in ("Exception", "BaseException") for one in kinds)


def file_state(source: Source) -> Iterator[str]:
    """In the engine, rename, link and fsync are calls of files.py."""
    if source.package[0] != "engine" or source.within(tuple(FILE_STATE)):
        return
    words = ("rename", "renames", "link", "symlink", "fsync", "fdatasync", "sync")
    for line, name in imports(source):
        if name in (*(f"os.{word}" for word in (*words, "replace")), "shutil.move"):
            yield f"{source.path}:{line} imports {name}"
    for line, name, node in calls(source):
        stem, _, last = name.rpartition(".")
        # str.replace takes two arguments, Path.replace one
        moves = last == "replace" and "." in name and len(node.args) == 1 and not node.keywords
        of_os = stem == "os" and last in (*words, "replace")
        of_path = "." in name and stem != "files" and last in ("rename", "hardlink_to", "symlink_to")
        if moves or of_os or of_path or name == "shutil.move":
            yield f"{source.path}:{line} calls {name}"


def machine(source: Source) -> Iterator[str]:
    """What root does on the machine stands by itself."""
    if not source.within(("appliance/machine",)):
        return
    for line, name in imports(source):
        if name.partition(".")[0] not in sys.stdlib_module_names and not under(
            name, *MACHINE, *filter(None, [FOREIGN.get(source.path)])
        ):
            yield f"{source.path}:{line} runs as root, and imports {name}"


CHECKERS: tuple[Callable[[Source], Iterator[str]], ...] = (
    layers,
    waist,
    third_party,
    purity,
    siblings,
    catch_alls,
    file_state,
    machine,
)

# ── the house as it stands ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("checker", CHECKERS, ids=lambda checker: checker.__name__)
def test_the_house_keeps_its_rules(checker: Callable[[Source], Iterator[str]]) -> None:
    files = sources(*PACKAGES)
    assert {source.package[0] for source in files} == set(PACKAGES)
    wrong = [line for source in files for line in checker(source)]
    assert not wrong, f"{checker.__doc__}\n" + "\n".join(wrong)


def test_every_foreign_package_is_a_declared_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    entries = project["dependencies"] + [one for name, group in extras.items() if name != "dev" for one in group]
    declared = {entry.split(">")[0].split("=")[0] for entry in entries}
    assert declared == set(THIRD_PARTY) - {"lsprotocol", "urllib3"}


def test_the_tables_have_a_reason_for_each_exception() -> None:
    assert all(CATCH_ALL.values())
    assert all(FILE_STATE.values())


# ── the checkers at work ────────────────────────────────────────────────────────────────────────────────────────────

PLANTED = [
    (layers, "engine/run.py", "import dsl.compile"),
    (layers, "engine/run.py", "def f():\n    from appliance import cli"),
    (layers, "engine/run.py", "from tests.data import make"),
    (layers, "dsl/bind.py", "from engine.spool import Spool"),
    (layers, "dsl/bind.py", "from engine import spool"),
    (layers, "dsl/bind.py", "import engine"),
    (layers, "dsl/bind.py", "import importlib\nimportlib.import_module('engine.run')"),
    (layers, "dsl/checks/tags.py", "from ...engine import run"),
    (layers, "dsl/bind.py", "from appliance.settings import rules"),
    (waist, "engine/program.py", "from engine.spool import Spool"),
    (waist, "engine/__init__.py", "from .run import run"),
    (third_party, "dsl/compile.py", "import lark"),
    (third_party, "dsl/compile.py", "from pydicom.datadict import tag_for_keyword"),
    (third_party, "engine/run.py", "from lark import Lark"),
    (third_party, "engine/spool.py", "import tornado.web"),
    (third_party, "engine/spool.py", "from apscheduler.schedulers import base"),
    (third_party, "engine/spool.py", "import pynetdicom"),
    (third_party, "engine/steps/store.py", "import imagecodecs"),
    (third_party, "appliance/cli.py", "import requests"),
    (purity, "engine/run.py", "import os"),
    (purity, "engine/run.py", "from os import path"),
    (purity, "engine/run.py", "import socket"),
    (purity, "engine/run.py", "import time"),
    (purity, "engine/run.py", "from datetime import datetime\nx = datetime.now()"),
    (purity, "engine/run.py", "import datetime\nx = datetime.date.today()"),
    (purity, "engine/run.py", "def f(path):\n    return path.read_bytes()"),
    (purity, "engine/run.py", "from engine import spool"),
    (purity, "engine/program.py", "x = open('a')"),
    (purity, "dsl/resolve.py", "def f(path):\n    return path.read_text()"),
    (purity, "dsl/parse.py", "import socket"),
    (siblings, "engine/steps/store.py", "from engine.steps.forward import Forward"),
    (siblings, "engine/steps/store.py", "from engine.steps import forward"),
    (siblings, "engine/steps/store.py", "from . import forward"),
    (siblings, "engine/steps/store.py", "from .forward import Forward"),
    (siblings, "appliance/console/pages/hold.py", "from appliance.console.pages import outbox"),
    (catch_alls, "engine/spool.py", "try:\n    f()\nexcept:\n    pass"),
    (catch_alls, "engine/spool.py", "try:\n    f()\nexcept Exception as error:\n    log(error)"),
    (catch_alls, "engine/spool.py", "try:\n    f()\nexcept (OSError, Exception):\n    pass"),
    (catch_alls, "engine/spool.py", "try:\n    f()\nexcept builtins.BaseException:\n    pass"),
    (catch_alls, "engine/spool.py", "with contextlib.suppress(Exception):\n    f()"),
    (catch_alls, "engine/spool.py", "try:\n    f()\nexcept Exception:\n    raise ValueError from None"),
    (file_state, "engine/spool.py", "import os\nos.rename(a, b)"),
    (file_state, "engine/spool.py", "import os\nos.link(a, b)"),
    (file_state, "engine/spool.py", "import os\nos.fsync(1)"),
    (file_state, "engine/spool.py", "from os import fsync"),
    (file_state, "engine/outbox.py", "path.rename(other)"),
    (file_state, "engine/outbox.py", "(folder / 'a').replace(other)"),
    (file_state, "engine/outbox.py", "path.hardlink_to(other)"),
    (file_state, "engine/outbox.py", "import shutil\nshutil.move(a, b)"),
    (machine, "appliance/machine/firewall.py", "from engine.program import Program"),
    (machine, "appliance/machine/firewall.py", "from appliance.settings import Settings"),
    (machine, "appliance/machine/firewall.py", "import rich"),
]

ALLOWED = [
    (layers, "dsl/lower.py", "from engine.program import Program\nfrom engine import condition"),
    (layers, "appliance/cli.py", "import dsl.compile\nimport engine.run"),
    (layers, "dsl/checks/tags.py", "from ..finding import Finding"),
    (waist, "engine/spool.py", "from engine.files import claim"),
    (third_party, "dsl/parse.py", "import lark"),
    (third_party, "engine/sources/https.py", "import tornado.web"),
    (purity, "dsl/parse.py", "x = path.read_text()"),
    (purity, "engine/spool.py", "import os"),
    (purity, "engine/run.py", "def f(now):\n    return now()"),
    (siblings, "engine/steps/__init__.py", "from engine.steps import store"),
    (siblings, "engine/steps/store.py", "from engine.step import step"),
    (catch_alls, "engine/walk.py", "try:\n    f()\nexcept Exception:\n    pass"),
    (catch_alls, "engine/spool.py", "try:\n    f()\nexcept BaseException:\n    g()\n    raise"),
    (catch_alls, "engine/spool.py", "try:\n    f()\nexcept OSError:\n    pass"),
    (file_state, "engine/spool.py", "files.rename(a, b)\n'a'.replace('b', 'c')\ndataclasses.replace(x, y=1)"),
    (file_state, "engine/files.py", "import os\nos.rename(a, b)"),
    (file_state, "appliance/cli.py", "path.rename(other)"),
    (
        machine,
        "appliance/machine/firewall.py",
        "import os\nfrom engine import files\nfrom appliance.machine import letters",
    ),
]


@pytest.mark.parametrize(("checker", "path", "text"), PLANTED)
def test_a_planted_violation_is_caught(checker: Callable[[Source], Iterator[str]], path: str, text: str) -> None:
    assert [line for line in checker(Source(path, text)) if line.startswith(f"{path}:")]


@pytest.mark.parametrize(("checker", "path", "text"), ALLOWED)
def test_what_is_allowed_passes(checker: Callable[[Source], Iterator[str]], path: str, text: str) -> None:
    assert not list(checker(Source(path, text)))


def test_every_checker_has_a_planted_violation() -> None:
    assert {checker for checker, _, _ in PLANTED} == set(CHECKERS)
