"""When a file may be taken, as tables."""

import pytest

from engine.sources.settling import (
    DOUBT,
    PATIENCE,
    Candidate,
    Look,
    is_left_alone,
    is_litter,
    is_ours,
    may_be_opened,
    may_be_taken,
    numbered,
    seen,
)

LOOK = Look(1000, 77)


@pytest.mark.parametrize(("size", "mtime", "since"), [(1000, 77, 5.0), (1001, 77, 9.0), (1000, 78, 9.0), (0, 77, 9.0)])
def test_a_change_begins_the_wait_anew(size: int, mtime: int, since: float) -> None:
    assert seen(Candidate(LOOK, 5.0), Look(size, mtime), 9.0).since == since


@pytest.mark.parametrize(
    ("now", "again", "may"), [(6.9, 0, False), (7.0, 0, True), (8.0, 9.0, False), (9.0, 9.0, True)]
)
def test_a_file_is_opened_once_it_has_stood_still(now: float, again: float, may: bool) -> None:
    assert may_be_opened(Candidate(LOOK, 5.0, again), now, 2.0) is may


@pytest.mark.parametrize(
    ("after", "whole", "doubtful", "may"),
    [
        (0.0, True, False, True),
        (0.0, True, True, False),
        (DOUBT, True, True, True),
        (DOUBT, False, False, False),
        (PATIENCE - 1, False, False, False),
        (PATIENCE, False, False, True),
    ],
)
def test_what_is_not_whole_waits_for_the_rest_and_not_for_ever(
    after: float, whole: bool, doubtful: bool, may: bool
) -> None:
    assert may_be_taken(Candidate(LOOK, 100.0), 100.0 + after, whole=whole, doubtful=doubtful) is may


@pytest.mark.parametrize(
    "name",
    [
        ".hidden",
        "~lock",
        "a.part",
        "A.PART",
        "a.tmp",
        "a.crdownload",
        "a.filepart",
        "a~",
        "Thumbs.db",
        "._a",
        "desktop.ini",
    ],
)
def test_what_somebody_is_still_writing_or_nobody_wants_is_left_alone(name: str) -> None:
    assert is_left_alone(name)


@pytest.mark.parametrize("name", ["IM0001", "a.dcm", "a.part.dcm", "partial", "Ärzte.zip", "done", "DICOMDIR"])
def test_everything_else_is_not(name: str) -> None:
    assert not is_left_alone(name)


@pytest.mark.parametrize(
    ("name", "litter"), [(".DS_Store", True), ("__MACOSX", True), ("..", False), (".a.dcm", False)]
)
def test_in_a_zip_only_litter_is_left_out(name: str, litter: bool) -> None:
    assert is_litter(name) is litter


@pytest.mark.parametrize(
    ("name", "top", "ours"),
    [("a.dcm.status", True, True), ("a.dcm.status", False, True), ("done", True, True), ("done", False, False)],
)
def test_our_own_words_are_not_sent(name: str, top: bool, ours: bool) -> None:
    assert is_ours(name, top) is ours


@pytest.mark.parametrize(
    ("name", "count", "becomes"),
    [("a.dcm", 1, "a.dcm"), ("a.dcm", 2, "a (2).dcm"), ("IM0001", 3, "IM0001 (3)"), ("a.b.c", 2, "a.b (2).c")],
)
def test_a_second_file_of_one_name_gets_another(name: str, count: int, becomes: str) -> None:
    assert numbered(name, count) == becomes
