"""`stellwerk torture`, in short; and that its reckoning notices whatever is amiss."""

import logging
import random
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from appliance.cli import main
from appliance.torture.account import Tally, reckon
from appliance.torture.objects import Kind, Made, make, refuses
from appliance.torture.ordeal import Ordeal
from appliance.torture.victim import CannotStart
from engine.step import HOLD
from tests.power.by_hand import ByHand, rules


def test_killed_again_and_again_under_load_it_loses_nothing() -> None:
    words = [sys.executable, "-m", "appliance", "torture", "--seconds", "8", "--objects", "60", "--seed", "4"]
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=280)
    last = done.stdout.splitlines()[-1] if done.stdout else ""
    assert last == "lost 0, doubled 0, torn 0 of 60 objects", done.stdout + done.stderr
    assert done.returncode == 0
    assert "killed 0 times" not in done.stdout


class Settled:
    """Two objects of each kind, wherever the rules want them."""

    def __init__(self, root: Path) -> None:
        chance = random.Random(9)
        (root / "made").mkdir()
        self.made: Sequence[Made] = [
            make(root / "made", number, chance, kind) for number, kind in enumerate([*Kind, *Kind])
        ]
        self.data = root / "data"
        self.line = ByHand(self.data, rules())
        self.line.pacs("REFUSING").refuse = {one.uid for one in self.made if refuses(one.uid)}
        for one in self.made:
            self.line.receive(one)
        self.line.finish()

    def of(self, kind: Kind) -> Made:
        """One of a kind."""
        return next(one for one in self.made if one.kind is kind)

    def reckon(self, forgotten: Sequence[str] = ()) -> Tally:
        """The reckoning; `forgotten` is what the destinations have not got after all."""
        digests = {one.uid: one.digest for one in self.made}
        got = {
            name: {uid: [digests[uid]] for uid in uids if uid not in forgotten}
            for name, uids in self.line.sent().items()
        }
        return reckon(self.data, self.made, {}, got, set())

    def stored(self, kind: Kind, archive: str) -> Path:
        """The copy in an archive."""
        [path] = (self.data / archive).rglob(f"{self.of(kind).uid}.dcm")
        return path


@pytest.fixture
def settled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settled:
    monkeypatch.setattr("os.fsync", lambda _: None)
    return Settled(tmp_path)


def test_when_it_fails_there_is_something_to_look_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*_: object) -> None:
        raise CannotStart("the appliance does not start again")

    monkeypatch.setattr(Ordeal, "run", run)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    level = logging.getLogger("stellwerk.dicom").level
    assert main(["torture", "--objects", "12"]) == 1
    assert logging.getLogger("stellwerk.dicom").level == level  # whoever asked for it in this process hears it again
    [folder] = tmp_path.glob("stellwerk-torture-*")
    assert f"all of it is in {folder}" in capsys.readouterr().err


def test_what_is_as_the_rules_want_it_is_good(settled: Settled) -> None:
    assert str(settled.reckon()) == "lost 0, doubled 0, torn 0 of 12 objects"


@pytest.mark.parametrize(
    ("kind", "archive"), [(Kind.EVERYWHERE, "archive"), (Kind.STUDY, "studies"), (Kind.CHANGED, "changed")]
)
def test_a_copy_that_is_gone_is_lost(settled: Settled, kind: Kind, archive: str) -> None:
    settled.stored(kind, archive).unlink()
    assert settled.reckon().lost == 1


def test_what_a_destination_never_got_is_lost(settled: Settled) -> None:
    assert settled.reckon(forgotten=[settled.of(Kind.CHANGED).uid]).lost == 1


def test_what_the_hold_no_longer_has_is_lost(settled: Settled) -> None:
    hold = settled.line.spool.outbox(HOLD)
    [gone, *_] = [entry for entry in hold.all() if not entry.route]
    gone.file.unlink()
    assert settled.reckon().lost == 1


def test_a_second_copy_is_doubled(settled: Settled) -> None:
    path = settled.stored(Kind.STUDY, "studies")
    (path.parent / "again").mkdir()
    shutil.copy(path, path.parent / "again" / path.name)
    assert settled.reckon().doubled == 1


def test_a_copy_that_ends_early_or_has_another_byte_is_torn(settled: Settled) -> None:
    path = settled.stored(Kind.EVERYWHERE, "archive")
    whole = path.read_bytes()
    path.unlink()  # its other names are of the same file
    for wrong in (whole[:-2], whole[:-100] + b"!" + whole[-99:], whole[:60]):
        path.write_bytes(wrong)
        tally = settled.reckon()
        assert tally.torn + tally.lost == 1
    path.write_bytes(whole)
    assert settled.reckon().good


def test_a_note_that_cannot_be_read_is_torn(settled: Settled) -> None:
    home = settled.line.spool.outbox("HANGING")
    [entry, *_] = home.all()
    (home.entries / f"{entry.id}.json").write_text("{")
    home.hold_unread(entry.file)
    assert settled.reckon().torn == 1
