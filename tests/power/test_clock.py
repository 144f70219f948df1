"""The clock of the machine jumps by a day, either way: nothing is lost, and nothing waits a day for it."""

import random
import time
from pathlib import Path

import pytest

from appliance.torture.account import reckon
from appliance.torture.objects import Kind, is_full_for, make, refuses
from engine.step import HOLD
from tests.power.by_hand import ByHand, rules

DAY = 86400.0
HOUR = [0, 5, 60, 1200, 2400, 3700]
"""Seconds after the jump at which everything is looked at."""


@pytest.mark.parametrize("jump", [-DAY, DAY], ids=["back", "forward"])
@pytest.mark.parametrize("restarted", [False, True], ids=["running", "restarted"])
def test_a_clock_that_jumps_by_a_day_loses_nothing_and_delays_nothing(
    swift: Path, monkeypatch: pytest.MonkeyPatch, jump: float, restarted: bool
) -> None:
    monkeypatch.setattr("os.fsync", lambda _: None)
    chance = random.Random(2)
    (swift / "made").mkdir()
    made = [make(swift / "made", number, chance, kind) for number, kind in enumerate([*Kind, *Kind, *Kind])]
    line = ByHand(swift / "data", rules())
    refusing = line.pacs("REFUSING")
    refusing.refuse = {one.uid for one in made if refuses(one.uid)}
    refusing.away = {one.uid for one in made if is_full_for(one.uid)} | {made[0].uid}
    for one in made:
        line.receive(one)
    line.turn(time.time())
    assert line.owed() > 0, "something waits for its next try, and a study is being collected"
    refusing.away = set()
    clock = time.time
    monkeypatch.setattr("time.time", lambda: clock() + jump)
    if restarted:
        again = ByHand(swift / "data", rules())
        again.pacs("REFUSING").refuse = refusing.refuse
        again.senders |= {name: line.senders[name] for name in line.sent()}
        line = again
    for later in HOUR:
        line.turn(time.time() + later)
    left = {name: sum(line.spool.outbox(name).count().values()) for name in line.spool.outboxes()}
    assert line.owed() == 0, {name: many for name, many in left.items() if many}
    digests = {one.uid: one.digest for one in made}
    got = {name: {uid: [digests[uid]] for uid in uids} for name, uids in line.sent().items()}
    tally = reckon(swift / "data", made, {}, got, set())
    assert tally.good, "\n".join([str(tally), *tally.words])
    refused_for_good = {entry.note.get("refused by") for entry in line.spool.outbox(HOLD).all()} - {"", None}
    assert refused_for_good <= {"REFUSING"}, "nothing is given up because of the clock"
