"""ZIPs: what is unpacked, and what must not be."""

import contextlib
import io
import itertools
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.sources.zips import ENCRYPTED, INCOMPLETE, UNKNOWN, Limits, Unfit, unpack, unpacked_size
from engine.step import HOLD
from tests.data.make import instance
from tests.engine.sources.kit import USUAL, Dropping, uid_of


def packed(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as out:
        for name, data in files.items():
            out.writestr(name, data)
    return path


def unpacked(path: Path, folder: Path, limits: Limits = USUAL) -> dict[str, bytes]:
    numbers = itertools.count()
    return {m.name: m.file.read_bytes() for m in unpack(path, limits, lambda: folder / str(next(numbers)))}


def test_a_name_in_a_zip_never_becomes_a_path(tmp_path: Path) -> None:
    names = ["../../etc/passwd", "/etc/shadow", "..\\..\\windows", "a/./b", "C:/x", "normal.dcm"]
    path = packed(tmp_path / "x.zip", {name: name.encode() for name in names})
    (tmp_path / "out").mkdir()
    found = unpacked(path, tmp_path / "out")
    assert sorted(found) == sorted(["etc/passwd", "etc/shadow", "windows", "a/b", "C:/x", "normal.dcm"])
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["0", "1", "2", "3", "4", "5", "x.zip"]


def test_a_member_without_a_name_is_a_file_like_others(tmp_path: Path) -> None:
    path = packed(tmp_path / "x.zip", {"a": b"2", "folder/": b""})
    with zipfile.ZipFile(path, "a") as out:
        out.writestr(zipfile.ZipInfo(""), b"1")
    assert unpacked(path, tmp_path) == {"": b"1", "a": b"2"}
    assert unpacked_size(path, USUAL) == 2


def test_litter_is_left_out_and_what_is_hidden_is_not(tmp_path: Path) -> None:
    files = {"__MACOSX/._a.dcm": b"1", "a/.DS_Store": b"2", "Thumbs.db": b"3", ".hidden": b"4", "b.tmp": b"5"}
    assert set(unpacked(packed(tmp_path / "x.zip", files), tmp_path)) == {".hidden", "b.tmp"}


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        (Limits(members=2), "more than 2 files"),
        (Limits(total=1 << 20), "more than 0 GB"),
        (Limits(free_of_ratio=1 << 20, ratio=100), "100 times its size"),
    ],
)
def test_a_trap_is_refused_before_anything_is_written(tmp_path: Path, limits: Limits, why: str) -> None:
    path = packed(tmp_path / "x.zip", {str(number): bytes(1 << 20) for number in range(3)})
    with pytest.raises(Unfit, match=why) as refused:
        unpacked(path, tmp_path, limits)
    assert not refused.value.incomplete
    assert [p.name for p in tmp_path.iterdir()] == ["x.zip"]


def test_a_member_that_lies_about_its_size_is_cut_off_there(tmp_path: Path) -> None:
    path = packed(tmp_path / "x.zip", {"bomb": bytes(50 << 20)})
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        struct.pack_into("<L", data, data.find(mark) + offset, 1000)
    path.write_bytes(data)
    with pytest.raises(Unfit, match="damaged"):
        unpacked(path, tmp_path)
    assert (tmp_path / "0").stat().st_size <= 1000


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA], ids=["bzip2", "lzma"])
def test_a_method_that_unpacks_whole_blocks_at_once_is_refused(tmp_path: Path, method: int) -> None:
    with pytest.raises(Unfit) as refused:
        unpacked_size(packed(tmp_path / "x.zip", {"a": b"x" * 1000}, method), Limits())
    assert refused.value.why == UNKNOWN


def test_an_encrypted_one_says_what_to_do(tmp_path: Path) -> None:
    path = packed(tmp_path / "x.zip", {"a": b"secret"})
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        struct.pack_into("<H", data, data.find(mark) + offset, 1)
    path.write_bytes(data)
    with pytest.raises(Unfit) as refused:
        unpacked_size(path, Limits())
    assert refused.value.why == ENCRYPTED


def test_no_beginning_of_a_zip_is_a_zip(tmp_path: Path) -> None:
    whole = packed(tmp_path / "x.zip", {"a": b"hello" * 50, "b": b"world"}).read_bytes()
    cut = tmp_path / "cut.zip"
    for end in range(4, len(whole)):
        cut.write_bytes(whole[:end])
        with pytest.raises(Unfit) as refused:
            unpacked_size(cut, Limits())
        assert refused.value.incomplete, end


def test_a_damaged_member_is_seen(tmp_path: Path) -> None:
    path = packed(tmp_path / "x.zip", {"a": bytes(range(256)) * 40}, zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[500] ^= 1
    path.write_bytes(data)
    with pytest.raises(Unfit) as refused:
        unpacked(path, tmp_path)
    assert refused.value.why == INCOMPLETE


def test_a_member_that_would_lie_before_the_beginning_is_no_fault_of_the_disk(tmp_path: Path) -> None:
    path = packed(tmp_path / "x.zip", {"a": b"hello"})
    data = bytearray(path.read_bytes())
    place = data.rfind(b"PK\x05\x06") + 16
    struct.pack_into("<L", data, place, struct.unpack_from("<L", data, place)[0] + 100)
    path.write_bytes(data)
    with pytest.raises(Unfit) as refused:
        unpacked(path, tmp_path)
    assert refused.value.why == INCOMPLETE


def test_a_member_that_would_lie_beyond_all_files_is_no_fault_of_ours(tmp_path: Path) -> None:
    data = bytearray(packed(tmp_path / "x.zip", {"a": b"hello"}).read_bytes())
    entry, end = data.find(b"PK\x01\x02"), data.rfind(b"PK\x05\x06")
    extra = struct.pack("<HHQ", 1, 8, (1 << 64) - 1)  # for what is large (APPNOTE 4.5.3)
    struct.pack_into("<H", data, entry + 30, len(extra))
    struct.pack_into("<L", data, entry + 42, 0xFFFFFFFF)
    struct.pack_into("<L", data, end + 12, end - entry + len(extra))
    path = tmp_path / "y.zip"
    path.write_bytes(data[: entry + 47] + extra + data[entry + 47 :])
    with pytest.raises(Unfit) as refused:
        unpacked(path, tmp_path)
    assert refused.value.why == INCOMPLETE


CHANGES = st.lists(st.tuples(st.integers(0, 10_000), st.one_of(st.sampled_from([0, 1, 255]), st.integers(0, 255))))


@given(changes=CHANGES, tail=st.binary(max_size=40))
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_was_changed_in_it_it_is_unpacked_or_unfit(
    tmp_path: Path, changes: list[tuple[int, int]], tail: bytes
) -> None:
    path = packed(tmp_path / "x.zip", {"a/b": b"hello" * 9, "c": b"world", "empty": b""})
    data = bytearray(path.read_bytes())
    for at, value in changes:
        data[at % len(data)] = value
    path.write_bytes(bytes(data) + tail)
    with contextlib.suppress(Unfit):
        unpacked(path, tmp_path)


def test_a_zip_of_many_gigabytes_says_so_in_its_own_way(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out, out.open("a", "w", force_zip64=True) as member:
        member.write(b"x")
    path = tmp_path / "x.zip"
    path.write_bytes(buffer.getvalue())
    assert unpacked_size(path, Limits()) == 1


@pytest.mark.parametrize("what", ["bomb", "encrypted", "nested"])
def test_what_is_not_unpacked_is_held_with_its_name_and_the_rest_goes(tmp_path: Path, what: str) -> None:
    drop = Dropping(tmp_path, limits=Limits(free_of_ratio=1 << 10))
    image = instance(tmp_path, name="a", SOPInstanceUID=uid_of("a.dcm")).read_bytes()
    inner = packed(tmp_path / "inner.zip", {"b.dcm": image}).read_bytes()
    files = {"bomb": {"a": bytes(1 << 20)}, "encrypted": {"a": b"x"}, "nested": {"a.dcm": image, "b.zip": inner}}[what]
    data = bytearray(packed(tmp_path / "x.zip", files).read_bytes())
    if what == "encrypted":
        struct.pack_into("<H", data, data.find(b"PK\x01\x02") + 8, 1)
    drop.put("drop.zip", bytes(data))
    drop.put("good.dcm")
    drop.pass_by(5)
    sent = [uid_of("good.dcm")] + ([uid_of("a.dcm")] if what == "nested" else [])
    assert drop.deliver() == sorted(sent)
    [held] = drop.spool.outbox(HOLD).all()
    assert held.origin.file == ("drop.zip: b.zip" if what == "nested" else "drop.zip")
    assert held.file.read_bytes() == (inner if what == "nested" else bytes(data))
    assert ("times its size" if what == "bomb" else "unpack it, and put in the folder instead") in held.why
