"""Which folders an appliance watches, and how it comes to look into them."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.folders import Folders, ways
from appliance.settings import Settings
from engine.drops import Drops, Source
from engine.program import Call, Destination, Listener, Program, Route
from engine.signature import Argument
from engine.spool import Spool
from tests.data.make import instance
from tests.engine.spool.crash_kit import HOLD_STEP


def listener(path: Path, *words: str) -> Listener:
    more = {word: Argument("word", word) for word in words}
    return Listener("export", "folder", {"path": Argument("text", str(path)), **more})


def program(*listeners: Listener, destinations: tuple[str, ...] = ("READER",)) -> Program:
    address = {"address": Argument("text", "READER@127.0.0.1:104")}
    return Program(
        listeners=listeners,
        destinations=tuple(Destination(name, "dicom", address) for name in destinations),
        routes=tuple(Route(f"r{number}", one.name, None, (HOLD_STEP,)) for number, one in enumerate(listeners)),
    )


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., Folders]]:
    """Folders that watch, and end with the test."""
    running: list[Folders] = []
    spool = Spool(tmp_path / "data" / "spool")

    def start(rules: Program, settings: Settings, *, events: bool) -> Folders:
        digest = spool.keep_program(rules)
        folders = Folders(settings, spool, lambda: digest, lambda _: None, lambda: None, events=events)
        folders.use(rules)
        running.append(folders)
        return folders

    yield start
    for folders in running:
        folders.stop()


def settings(tmp_path: Path, scan: float) -> Settings:
    return Settings(data=tmp_path / "data", folder_quiet_seconds=0.2, folder_scan_seconds=scan)


def wait_for(happens: Callable[[], bool], seconds: float = 15) -> bool:
    end = time.monotonic() + seconds
    while not happens() and time.monotonic() < end:
        time.sleep(0.05)
    return happens()


def test_the_folders_follow_from_the_program(tmp_path: Path) -> None:
    own = Listener("outbox teaching", "outbox", {"name": Argument("word", "teaching")})
    rules = program(own, listener(Path("/srv/export"), "then"), destinations=("A", "B"))
    found = [(way.kind, way.name, str(way.root), way.keep) for way in ways(rules, Settings(data=tmp_path))]
    assert found == [
        ("outbox", "A", f"{tmp_path}/outbox/A", True),
        ("outbox", "B", f"{tmp_path}/outbox/B", True),
        ("outbox", "teaching", f"{tmp_path}/outbox/teaching", True),
        ("folder", "/srv/export", "/srv/export", False),
    ]


def test_without_any_event_looking_finds_everything(tmp_path: Path, begin: Callable[..., Folders]) -> None:
    export = tmp_path / "export"
    export.mkdir()
    begin(program(listener(export)), settings(tmp_path, 0.3), events=False)
    outbox = tmp_path / "data" / "outbox" / "READER"
    assert wait_for(outbox.is_dir)
    instance(export, name="a.dcm")
    (outbox / "deep" / "er").mkdir(parents=True)
    instance(outbox / "deep" / "er", name="b.dcm")
    assert wait_for(lambda: (export / "done" / "a.dcm").exists())
    assert wait_for(lambda: (outbox / "done" / "deep" / "er" / "b.dcm").exists())
    assert len(list(Spool(tmp_path / "data" / "spool").waiting())) == 2


def test_an_event_makes_it_look_at_once(tmp_path: Path, begin: Callable[..., Folders]) -> None:
    begin(program(), settings(tmp_path, 3600), events=True)
    outbox = tmp_path / "data" / "outbox" / "READER"
    assert wait_for(lambda: (outbox / ".taken").is_dir())
    time.sleep(0.5)
    (outbox / "study").mkdir()
    instance(outbox / "study", name="a.dcm")
    assert wait_for(lambda: (outbox / "done" / "study" / "a.dcm").exists())


def test_a_folder_that_is_not_there_is_said_and_found_when_it_comes(
    tmp_path: Path, begin: Callable[..., Folders]
) -> None:
    export = tmp_path / "share" / "export"
    folders = begin(program(listener(export)), settings(tmp_path, 0.3), events=True)
    name = f"folder {export}"
    assert wait_for(lambda: name in folders.trouble())
    assert "cannot be reached" in folders.trouble()[name]
    assert not export.exists(), "a folder that is not ours is not made"
    export.mkdir(parents=True)
    instance(export, name="a.dcm")
    assert wait_for(lambda: (export / "done" / "a.dcm").exists())
    assert folders.trouble() == {}


def test_a_link_to_a_folder_of_our_own_is_not_watched(tmp_path: Path, begin: Callable[..., Folders]) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "data")
    folders = begin(program(listener(tmp_path / "link" / "archive")), settings(tmp_path, 0.3), events=False)
    assert "which the appliance writes to" in folders.trouble()[f"folder {tmp_path}/link/archive"]


def test_where_a_rule_stores_no_rule_watches(tmp_path: Path, begin: Callable[..., Folders]) -> None:
    words = {"folder": Argument("text", "teaching"), "layout": Argument("word", "PatientID")}
    route = Route("main", "export", None, (Call("store", words),))
    rules = Program(listeners=(listener(tmp_path / "disk" / "teaching"),), routes=(route,))
    elsewhere = Settings(data=tmp_path / "data", archive=tmp_path / "disk" / "archive")
    folders = begin(rules, elsewhere, events=False)
    assert "which the appliance writes to" in folders.trouble()[f"folder {tmp_path}/disk/teaching"]


def test_what_lies_in_the_folder_of_nobody_is_said(tmp_path: Path, begin: Callable[..., Folders]) -> None:
    gone = tmp_path / "data" / "outbox" / "GONE"
    gone.mkdir(parents=True)
    instance(gone, name="a.dcm")
    (tmp_path / "data" / "outbox" / "EMPTY").mkdir()
    folders = begin(program(), settings(tmp_path, 0.3), events=False)
    assert folders.trouble() == {
        "outbox GONE": f"1 file or folder in {gone}, and the rules declare no destination of this name: nothing is sent"
    }


def test_the_log_says_what_is_watched_and_names_no_file(
    tmp_path: Path, begin: Callable[..., Folders], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    outbox = tmp_path / "data" / "outbox" / "READER"
    outbox.mkdir(parents=True)
    instance(outbox, name="Sample^Anna.dcm")
    (outbox / "Letter of Anna.txt").write_text("hello")
    begin(program(), settings(tmp_path, 0.3), events=False)
    assert wait_for(lambda: len(list((outbox / "done").glob("*"))) >= 2 if (outbox / "done").is_dir() else False)
    assert "watching outbox READER: 2 files or folders in it" in caplog.text
    assert "Anna" not in caplog.text


def test_a_folder_is_taken_from_under_other_rules_only_when_the_last_taking_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.folders.GRACE", 0.1)
    export = tmp_path / "export"
    export.mkdir()
    looking: list[threading.Thread] = []
    share_answers = threading.Event()

    def room(_: int) -> None:
        looking.append(threading.current_thread())
        share_answers.wait(15)

    spool = Spool(tmp_path / "data" / "spool")
    folders = Folders(settings(tmp_path, 0.3), spool, lambda: "", room, lambda: None, events=False)
    folders.use(program(listener(export), destinations=()))
    assert wait_for(lambda: bool(looking))
    folders.use(program(listener(export, "then"), destinations=()))
    folders.use(program(listener(export), destinations=()))
    time.sleep(0.5)
    assert len(set(looking)) == 1, "two that go on with one taking would undo what the other has done"
    share_answers.set()
    assert wait_for(lambda: len(set(looking)) == 2)
    folders.stop()


def test_what_was_being_taken_from_a_folder_that_the_rules_drop_is_told_and_taken_when_they_watch_it_again(
    tmp_path: Path, begin: Callable[..., Folders]
) -> None:
    export = tmp_path / "export"
    (export / ".taken").mkdir(parents=True)
    file = instance(export)
    seen = file.stat()
    spool = Spool(tmp_path / "data" / "spool")
    drops = Drops(spool, f"folder {export}")
    taking = drops.begin([Source(file.name, seen.st_size, seen.st_mtime_ns)])
    file.rename(export / ".taken" / taking.sources[0].aside)
    folders = begin(program(), settings(tmp_path, 0.2), events=False)
    told = folders.trouble()
    assert told == {
        f"folder {export}": f"1 file was just being taken when the rules ceased to watch {export}, and what is not "
        f"taken in lies in {export}/.taken: watch it again, and they are taken to their end"
    }
    folders.use(program(listener(export)))
    assert wait_for(lambda: not list(drops.open()))
    assert len(list(spool.waiting())) == 1
    assert f"folder {export}" not in folders.trouble()
    folders.use(program())
    assert folders.trouble() == {}
