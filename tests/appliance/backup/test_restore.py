"""A backup, and what a restore makes of it: on an empty machine, on one that has worked, on the same one."""

import io
import json
import tarfile
from gzip import GzipFile, decompress
from pathlib import Path

import pytest

from appliance.backup.contents import PARTS
from appliance.backup.restoring import complete, decide, decided, discard, stage, staged
from appliance.backup.sealed import Facts, NoBackup, Reader, Writer
from appliance.console.accounts import Accounts
from appliance.pauses import Pauses
from engine.history import History
from engine.identities import Identities
from engine.journal import Journal
from engine.ledger import Ledger, ledger
from engine.spool import Spool
from tests.appliance.backup.house import PASSPHRASE, House, backup, restore, tree


def count_of(data: Path) -> Ledger:
    with Journal(data / "spool") as journal:
        return ledger(journal, rest=lambda _: None)


def states(data: Path) -> dict[str, int]:
    """What the ledger counts, without noughts."""
    return {state: number for state, number in count_of(data).states.items() if number}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    made = House(tmp_path_factory.mktemp("old") / "data")
    made.work()
    return made


def test_an_empty_machine_becomes_what_the_old_one_was(house: House, tmp_path: Path) -> None:
    file, made = backup(house)
    data = tmp_path / "new" / "data"
    done = restore(data, file)
    old, new = tree(house.data), tree(data)
    own = ("spool/history/", "restored/")
    for part in PARTS:
        for path in old:
            if path == part.path or path.startswith(f"{part.path}/"):
                if path == "secrets/console-links.json":
                    assert path not in new
                elif not path.startswith(own):
                    assert new[path] == old[path], path
    assert {path for path in new if not path.startswith(own)} <= set(old)
    assert done.aside == ""
    assert made.parts == [part.path for part in PARTS if part.path not in ("console/withdrawn.json", "spool/approvals")]
    assert Accounts(data / "secrets" / "console-users.json").check("admin-old", "a long password") is not None
    assert Identities.of(data).keyring.current().id == house.key
    assert Pauses(data / "paused").of("PACS") is not None
    assert 'mail_host = "relay.example"' in (data / "restored" / "settings.toml").read_text("utf-8")


def test_the_images_are_not_in_it(house: House) -> None:
    file, made = backup(house)
    inside = decompress(Reader(io.BytesIO(file), PASSPHRASE).read())
    with tarfile.open(fileobj=io.BytesIO(inside)) as tar:
        names = tar.getnames()
    assert not [name for name in names if name.endswith((".dcm", ".sqlite")) or "archive" in name]
    assert (made.waiting, made.held) == (2, 1)


def test_the_ledger_says_that_what_waited_there_is_elsewhere(house: House, tmp_path: Path) -> None:
    before = states(house.data)
    assert before == {"delivered": 1, "waiting": 2, "held": 1}
    file, _ = backup(house)
    data = tmp_path / "data"
    assert restore(data, file).elsewhere == 3
    assert states(data) == {"delivered": 1, "elsewhere": 3}
    assert states(house.data) == before, "the old machine goes on as it was"


def test_what_was_missing_before_is_missing_still(tmp_path: Path) -> None:
    old = House(tmp_path / "old")
    line = old.work()
    [entry] = line.spool.outbox("PACS").all()
    entry.file.unlink()
    file, _ = backup(old)
    data = tmp_path / "data"
    restore(data, file)
    assert states(data) == {"delivered": 1, "elsewhere": 2, "missing": 1}


def test_on_the_same_machine_what_waits_goes_on_and_nothing_told_is_lost(tmp_path: Path) -> None:
    old = House(tmp_path / "data")
    line = old.work()
    file, _ = backup(old)
    line.receive("1.2.5")
    line.pacs.away = set()
    line.turn(4e9)
    later = states(old.data)
    assert later == {"delivered": 4, "held": 1}
    done = restore(old.data, file)
    assert done.elsewhere == 2, "of the two that waited then the history tells the end"
    assert states(old.data) == later
    assert line.held() == ["1.2.3"]


def test_a_machine_that_has_worked_keeps_what_it_knew_beside_it(house: House, tmp_path: Path) -> None:
    file, _ = backup(house)
    other = House(tmp_path / "data", "other")
    other.work(away="1.2.2.7", refused="1.2.3.7", first=7)
    before = tree(other.data)
    done = restore(other.data, file)
    new = tree(other.data)
    assert states(other.data) == {"delivered": 2, "waiting": 2, "held": 1, "elsewhere": 3}
    for path in ("rules/house.rules", "secrets/UPLOAD", "tables/register.csv", "secrets/console-users.json"):
        assert new[path] == tree(house.data)[path]
        assert new[f"{done.aside}/{path}"] == before[path], "nothing is deleted"
    keyring = Identities.of(other.data).keyring
    assert keyring.current().id == house.key
    assert {key.id for key in keyring.all()} == {house.key, other.key}
    audit = b"".join(data for path, data in new.items() if path.startswith("audit/"))
    assert b"admin-old" in audit
    assert b"admin-other" in audit
    assert "console/sessions.json" not in new, "everybody signs in anew"
    assert (other.data / done.aside).stat().st_mode & 0o077 == 0


def test_approvals_of_this_machine_are_newer_and_stay(tmp_path: Path) -> None:
    old, other = House(tmp_path / "old"), House(tmp_path / "other", "other")
    for house, key in ((old, "0" * 16), (other, "1" * 16)):
        (house.data / "spool" / "approvals").mkdir(parents=True)
        (house.data / "spool" / "approvals" / f"{key}.json").write_text("{}", "utf-8")
    file, _ = backup(old)
    restore(other.data, file)
    restore(tmp_path / "new", file)
    assert [path.stem for path in (other.data / "spool" / "approvals").iterdir()] == ["1" * 16]
    assert [path.stem for path in (tmp_path / "new" / "spool" / "approvals").iterdir()] == ["0" * 16]


def test_what_was_not_there_then_is_not_there_afterwards(tmp_path: Path) -> None:
    old, other = House(tmp_path / "old"), House(tmp_path / "other", "other")
    (old.data / "tables" / "register.csv").unlink()
    (old.data / "secrets" / "deid").unlink()
    (old.data / "spool" / "deid.used").unlink()
    done = restore(other.data, backup(old)[0])
    assert not (other.data / "tables").exists()
    assert (other.data / done.aside / "tables" / "register.csv").exists()
    assert Identities.of(other.data).keyring.current().id == other.key, "but no key of pseudonyms is ever lost"


def test_without_the_journal_it_says_nothing_of_images(house: House, tmp_path: Path) -> None:
    file, made = backup(house, journal=False)
    done = restore(tmp_path / "data", file)
    assert (done.elsewhere, done.backup.history, made.waiting) == (0, False, 0)
    assert not (tmp_path / "data" / "spool" / "history").exists()


def test_a_line_that_is_just_being_written_is_left_out(tmp_path: Path) -> None:
    old = House(tmp_path / "old")
    old.work()
    [day] = (old.data / "spool" / "history").iterdir()
    with day.open("ab") as stream:
        stream.write(b'{"at": "2026-11-27T09:00:00.000+00:00", "event": "rece')
    restore(tmp_path / "data", backup(old)[0])
    assert all("event" in line for line in History(tmp_path / "data" / "spool").lines())
    with Journal(tmp_path / "data" / "spool") as journal:
        journal.catch_up()
        assert journal.torn() == 0


def test_links_are_left_out_and_named(tmp_path: Path) -> None:
    old = House(tmp_path / "old")
    (old.data / "rules" / "passwd.rules").symlink_to("/etc/passwd")
    file, made = backup(old)
    assert made.left_out == [str(old.data / "rules" / "passwd.rules")]
    restore(tmp_path / "data", file)
    assert not (tmp_path / "data" / "rules" / "passwd.rules").exists()


def test_rules_that_lay_elsewhere_come_into_the_data_folder(tmp_path: Path) -> None:
    old = House(tmp_path / "old")
    (tmp_path / "etc" / "lib").mkdir(parents=True)
    (tmp_path / "etc" / "practice.rules").write_text("# a practice", "utf-8")
    (tmp_path / "etc" / "lib" / "own.rules").write_text("# included", "utf-8")
    (tmp_path / "etc" / "other.txt").write_text("not ours", "utf-8")
    old.settings = old.settings.changed(rules=tmp_path / "etc" / "practice.rules")
    done = restore(tmp_path / "data", backup(old)[0])
    assert sorted(tree(tmp_path / "data" / "rules")) == ["lib/own.rules", "practice.rules"]
    assert done.backup.rules == str(tmp_path / "etc" / "practice.rules")


def test_the_mail_password_comes_along_though_it_lies_elsewhere(tmp_path: Path) -> None:
    old = House(tmp_path / "old")
    (tmp_path / "mail-password").write_text("very secret", "utf-8")
    old.settings = old.settings.changed(mail_password_file=tmp_path / "mail-password")
    restore(tmp_path / "data", backup(old)[0])
    assert (tmp_path / "data" / "restored" / "elsewhere" / "mail_password_file").read_text("utf-8") == "very secret"


def test_nothing_happens_before_it_is_decided(house: House, tmp_path: Path) -> None:
    other = House(tmp_path / "data", "other")
    before = tree(other.data)
    stage(other.data, io.BytesIO(backup(house)[0]), PASSPHRASE)
    assert staged(other.data) is not None
    assert decided(other.data) is None
    assert complete(other.data) is None
    assert {path: data for path, data in tree(other.data).items() if not path.startswith("restore/")} == before
    assert discard(other.data)
    assert tree(other.data) == before
    with pytest.raises(KeyError):
        decide(other.data)


def test_beside_a_running_appliance_nothing_is_done(house: House, tmp_path: Path) -> None:
    other = House(tmp_path / "data", "other")
    before = tree(other.data)
    spool = Spool(other.data / "spool")
    spool.lock()
    stage(other.data, io.BytesIO(backup(house)[0]), PASSPHRASE)
    decide(other.data)
    with pytest.raises(BlockingIOError):
        complete(other.data)
    assert {path: data for path, data in tree(other.data).items() if path in before} == before
    with pytest.raises(BlockingIOError, match="another backup is being restored"):
        stage(other.data, io.BytesIO(b""), PASSPHRASE)


@pytest.mark.parametrize("end", [0, 1, 40, 500, -1])
def test_a_damaged_backup_changes_nothing(house: House, tmp_path: Path, end: int) -> None:
    other = House(tmp_path / "data", "other")
    before = tree(other.data)
    with pytest.raises(NoBackup):
        stage(other.data, io.BytesIO(backup(house)[0][:end]), PASSPHRASE)
    assert tree(other.data) == before
    assert staged(other.data) is None


def crafted(*members: tuple[str, bytes, bytes], whole: bool = True) -> bytes:
    """A backup with these inside (name, kind, bytes), sealed as ours are: by somebody who knows the passphrase."""
    into = io.BytesIO()
    sealed = Writer(into, PASSPHRASE, Facts("2026-11-27", "0.1.0"))
    inside = io.BytesIO()
    with GzipFile(fileobj=inside, mode="wb") as packed, tarfile.open(mode="w|", fileobj=packed) as tar:
        sizes = [len(data) for _, _, data in members]
        end = json.dumps({"files": len(members) + 1, "bytes": sum(sizes) + 2}).encode()
        ends = [("end.json", tarfile.REGTYPE, end)] if whole else []
        for name, kind, data in [("manifest.json", tarfile.REGTYPE, b"{}"), *members, *ends]:
            info = tarfile.TarInfo(name)
            info.type, info.size, info.linkname = kind, len(data), "/etc/passwd"
            tar.addfile(info, io.BytesIO(data))
    sealed.write(inside.getvalue())
    sealed.close()
    return into.getvalue()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("data/../../evil", tarfile.REGTYPE),
        ("/etc/evil", tarfile.REGTYPE),
        ("data/rules/../../evil", tarfile.REGTYPE),
        ("data//rules/evil", tarfile.REGTYPE),
        ("data/spool/incoming/1.dcm", tarfile.REGTYPE),
        ("data/rules/.hidden", tarfile.REGTYPE),
        ("data/secrets/console-links.json", tarfile.REGTYPE),
        ("data/rules", tarfile.SYMTYPE),
        ("data/rules/a.rules", tarfile.SYMTYPE),
        ("data/rules/a.rules", tarfile.LNKTYPE),
        ("data/rules/a.rules", tarfile.FIFOTYPE),
        ("data/rules/a.rules", tarfile.CHRTYPE),
        ("data/rules", tarfile.DIRTYPE),
        ("elsewhere/passwd", tarfile.REGTYPE),
        ("manifest.json", tarfile.REGTYPE),
    ],
)
def test_what_has_no_place_in_a_backup_is_refused(tmp_path: Path, name: str, kind: bytes) -> None:
    with pytest.raises(NoBackup):
        stage(tmp_path / "data", io.BytesIO(crafted((name, kind, b""))), PASSPHRASE)
    assert not list(tmp_path.rglob("*evil*"))
    assert tree(tmp_path / "data") == {}


def test_a_backup_that_was_broken_off_by_its_maker_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoBackup, match="broken off"):
        stage(tmp_path, io.BytesIO(crafted(("data/rules/a.rules", tarfile.REGTYPE, b"# a"), whole=False)), PASSPHRASE)
