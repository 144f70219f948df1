"""The key of pseudonyms: made once, durable before it is used, never silently another."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine import files
from engine.errors import Never
from engine.keyring import Keyring

OTHER = "ab" * 32


def ring(folder: Path) -> Keyring:
    return Keyring(folder / "secrets" / "deid", folder / "spool" / "deid.used")


def test_a_key_is_made_when_it_is_first_needed_and_stays(tmp_path: Path) -> None:
    assert ring(tmp_path).all() == ()
    assert not (tmp_path / "secrets").exists(), "to look makes none"
    first = ring(tmp_path).current()
    file = tmp_path / "secrets" / "deid"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert len(bytes.fromhex(file.read_text())) == 32
    assert [path.name for path in file.parent.iterdir()] == ["deid"], "nothing else is left there"
    assert ring(tmp_path).current().id == first.id
    assert ring(tmp_path).current().pseudonym("4711") == first.pseudonym("4711")


def test_key_and_note_are_on_the_disk_before_the_key_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[str] = []
    plain = files.sync
    monkeypatch.setattr(files, "sync", lambda path: (flushed.append(path.name), plain(path)))
    ring(tmp_path).current()
    bytes_of_it = next(place for place, name in enumerate(flushed) if name.startswith(".deid."))
    assert bytes_of_it < len(flushed) - 1 - flushed[::-1].index("secrets") < len(flushed) - 1
    assert flushed[-1] == "spool"
    assert (tmp_path / "spool" / "deid.used").exists()


@pytest.mark.parametrize("name", ["put", "sync", "link", "remove", "write", "make_folder"])
def test_a_disk_that_fails_in_between_costs_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for number in range(1, 4):
        folder = tmp_path / str(number)
        left, plain = [number], getattr(files, name)

        def failing(*given: object, left: list[int] = left, plain: object = plain, **more: object) -> object:
            left[0] -= 1
            if left[0] == 0:
                raise OSError(5, "no disk")
            return plain(*given, **more)  # type: ignore[operator]

        with monkeypatch.context() as patch:
            patch.setattr(files, name, failing)
            used = None
            try:
                used = ring(folder).current().id
            except OSError:
                assert left[0] == 0
        after = ring(folder).current()
        assert used in (None, after.id)
        assert ring(folder).current().id == after.id


def test_of_many_that_make_it_at_once_all_use_the_same(tmp_path: Path) -> None:
    rings = [ring(tmp_path) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        assert len({key.id for key in pool.map(lambda one: one.current(), rings)}) == 1


def test_a_renewed_key_goes_before_those_of_before(tmp_path: Path) -> None:
    running = ring(tmp_path)
    old = running.current()
    new = ring(tmp_path).renew()
    assert new.id != old.id
    assert running.current().id == new.id, "a running appliance takes it at once"
    assert [key.id for key in running.all()] == [new.id, old.id]
    assert (tmp_path / "secrets" / "deid").stat().st_mode & 0o777 == 0o600
    assert ring(tmp_path).all()[1].pseudonym("4711") == old.pseudonym("4711")


@pytest.mark.parametrize("happens", ["lost", "replaced", "older"])
def test_a_key_that_was_used_and_is_gone_is_not_silently_another(tmp_path: Path, happens: str) -> None:
    file = tmp_path / "secrets" / "deid"
    first = ring(tmp_path).current()
    backup = file.read_text()
    last = ring(tmp_path).renew().id if happens == "older" else first.id
    kept = file.read_text()
    if happens == "lost":
        file.unlink()
    else:
        file.write_text(backup if happens == "older" else f"{OTHER}\n")
    with pytest.raises(Never, match=f"{last} is no longer in .*secrets/deid: put back"):
        ring(tmp_path).current()
    file.write_text(kept)
    assert ring(tmp_path).current().id == last, "put back, it is as before"


def test_where_the_key_is_lost_a_person_may_say_that_another_be_used(tmp_path: Path) -> None:
    ring(tmp_path).current()
    (tmp_path / "secrets" / "deid").unlink()
    new = ring(tmp_path).renew()
    assert ring(tmp_path).current().id == new.id
    assert [key.id for key in ring(tmp_path).all()] == [new.id]


@pytest.mark.parametrize("text", ["", "\n", "no-hex", OTHER[:-1], f"{OTHER}\nsomething\n", f"{OTHER}ab\n", "zz" * 32])
def test_what_is_no_key_is_never_used_nor_quoted(tmp_path: Path, text: str) -> None:
    file = tmp_path / "secrets" / "deid"
    file.parent.mkdir()
    file.write_text(text)
    for ask in (Keyring.current, Keyring.all, Keyring.renew):
        with pytest.raises(Never, match="cannot be read") as told:
            ask(ring(tmp_path))
        assert not text.strip() or text.strip() not in str(told.value)
    assert file.read_text() == text, "and stays for whoever mends it"
