"""What waits and what is held, and what a person does about it, as real spools have it."""

import json
import time
from pathlib import Path

import pytest

from appliance.console.facts import advice, outboxes
from appliance.console.facts.held import held_entry, held_facts
from appliance.console.facts.holds import Holds
from appliance.console.facts.plain import plain
from appliance.console.reasons import german
from engine.entry import Entry
from engine.object import Origin
from engine.program import Call, Program, Route
from engine.reviewer import WAITS
from engine.step import HOLD, REVIEW
from tests.console.house import Lived
from tests.console.test_facts_studies import modality, with_cases
from tests.engine.spool.crash_kit import FORWARD, Pacs, program


def waiting(root: Path, count: int = 3) -> Lived:
    """A house whose PACS is away."""
    pacs = Pacs()
    pacs.away |= {f"1.{number}" for number in range(count)}
    line = Lived(root, pacs=pacs)
    for number in range(count):
        line.receive(f"1.{number}")
    line.turn(time.time())
    return line


def test_an_outbox_tells_what_waits_and_why(tmp_path: Path) -> None:
    line = waiting(tmp_path)
    pump = {"name": "PACS", "trouble": "it is away", "paused_until": time.time() + 60, "in_hand": 0}
    state = {"pumps": [{**pump, "paused_since": 1.7e9, "paused_by": "anna"}, None]}
    by_name = {one.name: one for one in outboxes.outboxes(line.house, state)}
    pacs = by_name["PACS"]
    assert pacs.counts == {"sending": 0, "waiting": 0, "retrying": 3, "gated": 0, "unconfirmed": 0}
    assert (pacs.kind, pacs.declared, pacs.trouble, pacs.paused_by) == ("dicom", True, "it is away", "anna")
    assert pacs.paused_until > pacs.oldest
    assert by_name["archive.store"].done_today == 3
    assert by_name["admin.mail"].counts["waiting"] == 3
    assert HOLD not in by_name
    json.dumps(plain(pacs))
    line.house.journals.close()


def test_entries_come_in_pages_with_when_and_why(tmp_path: Path) -> None:
    line = waiting(tmp_path, 5)
    found, after = [], ""
    while True:
        page = outboxes.entries(line.house, "PACS", after=after, most=2)
        found += page.entries
        after = page.next
        if not after:
            break
    assert [one.id for one in found] == sorted(one.id for one in line.spool.outbox("PACS").all())
    assert len(found) == 5
    first = found[0]
    assert (first.state, first.tries, first.why, first.sender) == ("retrying", 1, "it is away", "SONO1")
    assert first.due > first.since
    assert (first.whose.name, first.whose.study) == ("Müller^Änne", "1.2.3")
    assert outboxes.entries(line.house, "PACS", "waiting").entries == ()
    for name in (HOLD, "NOBODY", "../hold", ""):
        with pytest.raises(KeyError):
            outboxes.entries(line.house, name)
    with pytest.raises(KeyError):
        outboxes.entries(line.house, "PACS", "nonsense")
    assert not (tmp_path / "spool" / "outbox" / "NOBODY").exists()
    line.house.journals.close()


def test_a_person_lets_one_go_now_and_it_is_delivered(tmp_path: Path) -> None:
    line = waiting(tmp_path)
    line.pacs.away.clear()
    line.turn(time.time())
    assert not line.pacs.got
    first, *_ = outboxes.entries(line.house, "PACS").entries
    told = outboxes.try_again(line.house, "PACS", [first.id, "18af0b5cf0a1c2d3abc-0123456789ab", "../../x"])
    assert (told.done, len(told.missing)) == ([first.id], 2)
    line.turn(time.time())
    assert line.pacs.got == ["1.0"]
    line.house.journals.close()


@pytest.mark.parametrize("every", [False, True])
def test_a_person_takes_them_back_and_nothing_is_lost(tmp_path: Path, every: bool) -> None:
    line = waiting(tmp_path)
    ids = [one.id for one in outboxes.entries(line.house, "PACS").entries]
    told = outboxes.take_back(line.house, "PACS", None if every else ids[:2])
    assert told.done == (ids if every else ids[:2])
    assert len(line.held()) == len(told.done)
    assert len(line.owed("PACS")) == 3 - len(told.done)
    [group] = Holds(line.house).groups().groups
    assert (group.kind, group.refused_by, group.count) == (advice.BY_HAND, "PACS", len(told.done))
    line.house.journals.close()


def test_what_is_just_being_sent_is_left_to_its_pump(tmp_path: Path) -> None:
    line = waiting(tmp_path)
    line.spool.outbox("PACS").wake_all()
    [claimed] = line.spool.outbox("PACS").claim(1)
    assert outboxes.take_back(line.house, "PACS", [claimed.id]).missing == [claimed.id]
    assert [one.state for one in outboxes.entries(line.house, "PACS", "sending").entries] == ["sending"]
    line.house.journals.close()


# ── the hold ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_a_rule_holds_on_purpose_is_apart_from_what_went_wrong(tmp_path: Path) -> None:
    pacs = Pacs()
    pacs.refuse.add("1.1")
    line = Lived(tmp_path, with_cases(), pacs)
    for uid, kind in (("1.1", "US"), ("1.2", "XA"), ("1.3", "XA")):
        line.receive(uid, kind)
    line.turn(time.time())
    found = Holds(line.house).groups()
    assert [(one.kind, one.on_purpose, one.count, one.reason) for one in found.groups] == [
        (advice.REFUSED, False, 1, "it refuses"),
        (advice.ON_PURPOSE, True, 2, "no ultrasound"),
    ]
    assert (found.count, found.unread) == (3, 0)
    json.dumps(plain(found))
    line.house.journals.close()


def test_a_failure_chain_that_holds_tells_of_an_error(tmp_path: Path) -> None:
    pacs = Pacs()
    pacs.refuse.add("1.1")
    line = Lived(tmp_path, program(failure=True), pacs)
    line.receive("1.1")
    line.turn(time.time())
    [group] = Holds(line.house).groups().groups
    assert not group.on_purpose
    line.house.journals.close()


def hold(line: Lived, why: str, number: int) -> str:
    """One more held object, as whatever held it has noted it."""
    home = line.spool.outbox(HOLD)
    name = f"18af0b5cf0a1c2d{number:04x}42-0123456789ab"
    entry = Entry(name, name[:21], HOLD, "main", "hold", "", Origin("dicom", 1, "SONO1"), note={"why": why}, why=why)
    (home.entries / f"{name}.json").write_bytes(entry.to_bytes())
    (home.ready / f"{name}.dcm").write_bytes(b"no DICOM")
    return name


def test_the_same_reason_with_other_numbers_is_one_group(tmp_path: Path) -> None:
    line = Lived(tmp_path)
    ids = [hold(line, f"the image {n} of 1.2.{n}.4 has {n} frames, given up after {n} days", n) for n in range(1, 5)]
    holds = Holds(line.house)
    [group] = holds.groups().groups
    assert (group.count, group.reason) == (4, "the image … of … has … frames, given up after … days")
    page = holds.entries(group.key, most=3)
    assert [one.id for one in page.entries] == ids[:3]
    assert [one.id for one in holds.entries(group.key, page.next).entries] == ids[3:]
    with pytest.raises(KeyError):
        holds.entries("nonsense")
    line.house.journals.close()


def test_each_note_is_read_once_until_it_is_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = Lived(tmp_path)
    ids = [hold(line, "no route takes it", n) for n in range(1, 8)]
    read: list[str] = []
    from appliance.console.facts import holds as module

    really = module.glance
    monkeypatch.setattr(module, "glance", lambda folder, one: (read.append(one), really(folder, one))[1])
    monkeypatch.setattr(module, "READ", 3)
    holds = Holds(line.house)
    assert [holds.groups().unread for _ in range(3)] == [4, 1, 0]
    assert sorted(read) == ids
    read.clear()
    (line.spool.held / f"{ids[0]}.dcm").unlink()
    (line.spool.held / f"{ids[1]}.json").unlink()
    hold(line, "it is not DICOM", 2)
    found = holds.groups()
    assert read == [ids[1]]
    assert {(one.kind, one.count) for one in found.groups} == {(advice.UNMATCHED, 5), (advice.UNREADABLE, 1)}
    line.house.journals.close()


def test_a_look_that_takes_long_is_not_taken_at_each_question(tmp_path: Path) -> None:
    line = Lived(tmp_path)
    now = [0.0]

    def clock() -> float:
        now[0] += 1.0
        return now[0]

    holds = Holds(line.house, clock)
    hold(line, "no route takes it", 1)
    assert holds.groups().count == 1
    ids = [hold(line, "no route takes it", 2), *holds.ids()]
    assert holds.groups().count == 1
    assert holds.delete(ids[:1]).done == ids[:1]
    assert holds.groups().count == 1
    hold(line, "no route takes it", 3)
    now[0] += 60.0
    assert holds.groups().count == 2
    line.house.journals.close()


def test_a_torn_note_is_a_group_of_its_own(tmp_path: Path) -> None:
    line = Lived(tmp_path)
    name = hold(line, "x", 1)
    (line.spool.held / f"{name}.json").write_bytes(b'{"id": "')
    [group] = Holds(line.house).groups().groups
    assert group.reason == "the note beside this object cannot be read"
    assert group.kind == advice.UNREADABLE
    line.house.journals.close()


def test_a_group_is_released_and_deleted_in_one_go(tmp_path: Path) -> None:
    pacs = Pacs()
    pacs.refuse |= {"1.1", "1.2"}
    line = Lived(tmp_path, pacs=pacs)
    for uid, kind in (("1.1", "US"), ("1.2", "US"), ("1.3", "XA")):
        line.receive(uid, kind)
    line.turn(time.time())
    pacs.refuse.clear()
    holds = Holds(line.house)
    groups = {one.kind: one for one in holds.groups().groups}
    told = holds.release(holds.ids(groups[advice.REFUSED].key))
    assert len(told.done) == 2
    line.turn(time.time())
    assert sorted(pacs.got) == ["1.1", "1.2"]
    told = holds.delete([*holds.ids(groups[advice.UNMATCHED].key), "nonsense", "../../../etc/passwd"])
    assert (len(told.done), len(told.missing)) == (1, 2)
    assert holds.groups().count == 0
    line.house.journals.close()


def test_breaking_off_leaves_the_rest_as_it_is(tmp_path: Path) -> None:
    line = Lived(tmp_path)
    ids = [hold(line, "no route takes it", n) for n in range(1, 4)]
    asked: list[int] = []
    told = Holds(line.house).delete(ids, lambda: bool(asked.append(1)) or len(asked) > 2)
    assert told.done == ids[:2]
    assert Holds(line.house).groups().count == 1
    line.house.journals.close()


def test_one_held_object_shows_its_header_and_its_way(tmp_path: Path) -> None:
    line = Lived(tmp_path)
    number = line.receive("1.1", "XA")
    line.turn(time.time())
    [entry] = line.spool.outbox(HOLD).all()
    facts = held_facts(line.house, entry.id)
    assert facts is not None
    values = {one.keyword: one.value for one in facts.header}
    assert (values["PatientName"], values["Modality"], facts.object) == ("Müller^Änne", "XA", number)
    assert {one.name for one in facts.header} >= {"Patient's Name", "Modality"}
    assert (facts.source, facts.sender, facts.address) == ("dicom 1", "SONO1", "10.0.0.1")
    assert (facts.kind, facts.why, facts.unreadable) == (advice.UNMATCHED, "no route takes it", "")
    assert facts.size == entry.file.stat().st_size
    assert facts.syntax == "1.2.840.10008.1.2.1"
    assert not facts.is_image
    found = held_entry(line.house, entry.id)
    assert found is not None
    assert found.file == entry.file
    for nothing in ("18af0b5cf0a1c2d3abc", "../incoming/x", ""):
        assert held_facts(line.house, nothing) is None
    line.house.journals.close()


def test_what_is_no_dicom_says_so_instead_of_a_header(tmp_path: Path) -> None:
    line = Lived(tmp_path)
    facts = held_facts(line.house, hold(line, "it is not DICOM", 1))
    assert facts is not None
    assert facts.header == ()
    assert facts.unreadable
    line.house.journals.close()


@pytest.mark.parametrize(
    ("why", "kind"),
    [
        ("no case of its route takes it", advice.UNMATCHED),
        ("nothing says where this device burns text in: it declares no ultrasound regions", advice.UNCLEAN),
        ("it has the SOP Instance UID of 18af, which went before it, but other content: x", advice.DUPLICATE),
        ("the step set broke (ValueError); this is a fault of the software", advice.SOFTWARE),
        ("the note beside this object cannot be read", advice.UNREADABLE),
        ("something else", advice.OTHER),
    ],
)
def test_each_kind_of_reason_has_its_advice_in_both_languages(why: str, kind: str) -> None:
    assert advice.kind_of_reason(why, "", "hold") == kind
    assert advice.ADVICE[kind].english
    assert advice.ADVICE[kind].german != advice.ADVICE[kind].english
    assert set(advice.ADVICE) == set(advice.KINDS)


def test_a_rule_without_words_holds_on_purpose_too(tmp_path: Path) -> None:
    first = program()
    route = Route("main", "port 1", modality("XA"), (Call("hold", {}), FORWARD))
    line = Lived(tmp_path, Program(first.listeners, first.destinations, routes=(route,)))
    line.receive("1.1", "XA")
    line.turn(time.time())
    [group] = Holds(line.house).groups().groups
    assert (group.kind, group.reason) == (advice.ON_PURPOSE, "a rule holds it")
    line.house.journals.close()


def test_what_waits_for_a_review_is_told_apart_from_what_was_refused() -> None:
    assert advice.kind_of_reason(WAITS, REVIEW, "1") == advice.TO_REVIEW
    assert advice.kind_of_reason("rejected in the review: a box is missing", "", "") == advice.OTHER
    assert german(WAITS)
    assert set(advice.ADVICE) == set(advice.KINDS)
