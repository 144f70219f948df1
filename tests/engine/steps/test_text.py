"""`anonymize-pixels` with `check text` and `regions text`: what it asks, and when it holds."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from engine.bench import PixelBench
from engine.header import Header
from engine.identities import Identities
from engine.plan import prepare
from engine.program import Call, Program, Rectangle, Regions
from engine.run import run
from engine.signature import Argument
from engine.worker import PixelWorker
from tests.data.make import FakeBench, names, obj, program, route, store
from tests.engine.text.screens import save, screen

ULTRASOUND = obj({"Modality": "US", "PatientID": "4711"})
BANNER, SCALE, SEEN = Rectangle(0, 0, 800, 60), Rectangle(700, 60, 100, 500), Rectangle(9, 9, 9, 9)
REGIONS = (Regions("banner", None, False, (BANNER,)), Regions("scale", None, True, (SCALE,)))


def cleaning(*regions: str, check: bool = False, apart: str = "") -> Call:
    """`anonymize-pixels` with these words."""
    arguments = {"regions": names(*regions)} if regions else {}
    arguments |= {"check": Argument("word", "check")} if check else {}
    return Call("anonymize-pixels", arguments | ({"parts": names(apart)} if apart else {}))


def rules(step: Call) -> Program:
    """One route through this step into the archive."""
    return replace(program(route("r", step, store())), regions=REGIONS)


@pytest.mark.parametrize(
    ("step", "seen", "asked", "looked"),
    [
        (cleaning("banner"), (SEEN,), ((BANNER,), ()), []),
        (cleaning("banner", check=True), (), ((BANNER,), ()), [()]),
        (cleaning("banner", check=True, apart="scale"), (), ((BANNER,), ()), [(SCALE,)]),
        (cleaning(check=True), (), ((), ()), [()]),
        (cleaning("text"), (SEEN,), ((SEEN,), ()), [()]),
        (cleaning("banner", "text"), (SEEN,), ((BANNER, SEEN), ()), [()]),
        (cleaning("scale", "text"), (SEEN,), ((SEEN,), (SCALE,)), [()]),
        (cleaning("banner", "text"), (), ((BANNER,), ()), []),
    ],
)
def test_what_is_blanked_and_looked_at_afterwards(
    step: Call, seen: tuple[Rectangle, ...], asked: object, looked: list[object]
) -> None:
    bench = FakeBench(rules(step), seen=seen)
    [delivery] = run(prepare(bench.program), ULTRASOUND, bench).deliveries
    assert delivery.outbox == "archive.store"
    assert bench.asked == [asked]
    assert bench.looked == [(".clean", parts) for parts in looked]


def test_no_text_is_no_proof_where_nothing_else_says_where_it_is() -> None:
    bench = FakeBench(rules(cleaning("text")))
    [delivery] = run(prepare(bench.program), ULTRASOUND, bench).deliveries
    assert delivery.outbox == "hold"
    assert "no text is seen" in delivery.note["why"]
    assert bench.asked == []


def test_text_that_is_left_holds() -> None:
    bench = FakeBench(rules(cleaning("banner", check=True)), seen=(SEEN,), left="text is left")
    [delivery] = run(prepare(bench.program), ULTRASOUND, bench).deliveries
    assert (delivery.outbox, delivery.note["why"]) == ("hold", "text is left")


# --- with real pixels, in the other process


@pytest.fixture(scope="module")
def worker() -> Iterator[PixelWorker]:
    one = PixelWorker(longest=60)
    yield one
    one.close()


def outcome(step: Call, path: Path, worker: PixelWorker) -> tuple[str, str, Path]:
    """Outbox, reason and payload of the only delivery."""
    some = rules(step)
    scratch = iter(range(99))
    bench = PixelBench(some, lambda: path.with_name(f"work{next(scratch)}"), worker, Identities.of(path.parent))
    received = replace(ULTRASOUND, payload=path, header=Header.read(path))
    [delivery] = run(prepare(some), received, bench).deliveries
    return delivery.outbox, delivery.note.get("why", ""), delivery.obj.payload


def test_the_real_thing(tmp_path: Path, worker: PixelWorker) -> None:
    within, outside = screen(1), screen(3, over=True)
    clean_below = save(tmp_path / "banner.dcm", within.frames)
    assert outcome(cleaning("banner", check=True), clean_below, worker)[0] == "archive.store"
    name_below = save(tmp_path / "below.dcm", outside.frames)
    home, why, _ = outcome(cleaning("banner", check=True), name_below, worker)
    assert home == "hold"
    assert "still shows text" in why
    assert "4711" not in why
    home, _, payload = outcome(cleaning("text"), name_below, worker)
    assert home == "archive.store"
    left = dcmread(payload).pixel_array
    for box in outside.boxes:
        assert left[box.y : box.bottom, box.x : box.right].max() == 0
    assert np.count_nonzero(left) > 0.6 * np.count_nonzero(outside.frames)
