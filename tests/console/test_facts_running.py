"""The facts are right beside an appliance that works, and looking at them changes nothing there."""

import threading
from pathlib import Path

from appliance.console.facts import journeys, outboxes, studies
from appliance.console.facts.holds import Holds
from appliance.console.facts.house import House
from appliance.console.facts.overview import Overviews
from appliance.settings import Settings
from engine.study_search import Asked
from tests.appliance.running import Running
from tests.engine.spool.crash_kit import write_instance
from tests.ports import free_port

IMAGES = 60


def test_nothing_is_ever_missing_while_images_come_and_go(tmp_path: Path) -> None:
    port = free_port()
    rules = (
        f'destination AWAY = dicom "AWAY@127.0.0.1:{free_port()}"\n'
        f"route us on port {port} where Modality = US → store by PatientID → forward AWAY\n"
        f"route ct on port {port} where Modality = CT → store by PatientID\n"
        f'on port {port} where Modality = OT → discard "no"\n'
    )
    line = Running(tmp_path, rules, port)
    images = []
    for number in range(IMAGES):
        images.append(tmp_path / f"{number}.in")
        write_instance(images[-1], f"1.2.{number}", ("US", "CT", "OT", "XA")[number % 4])
    house = House(Settings(data=line.data))
    sending = threading.Thread(target=lambda: [line.send(one) for one in images])
    sending.start()
    seen: list[int] = []
    while sending.is_alive():
        # Made anew each time, or most looks would be the one before.
        now = Overviews(house).get()
        assert now.ledger.difference == 0
        seen.append(now.ledger.received)
        holds = Holds(house)
        holds.entries()
        outboxes.outboxes(house)
        for one in studies.search(house, Asked(words="mülle")).studies:
            assert "missing" not in (one.states or {})
            journeys.of_study(house, one.study.uid)
    sending.join()
    assert seen == sorted(seen)
    line.wait_for(lambda: Overviews(house).get().ledger.received == IMAGES, "not all are counted")
    line.wait_for(lambda: not list(line.spool.waiting()) and _owed(line) == IMAGES // 4, "not all are routed")
    now = Overviews(house).get()
    assert (now.ledger.delivered, now.ledger.waiting, now.ledger.held, now.ledger.discarded) == (15, 15, 15, 15)
    assert now.running
    [one] = studies.search(house, Asked(sender="test")).studies
    assert one.states == {"delivered": 15, "waiting": 15, "held": 15, "discarded": 15}
    [journey] = journeys.of_study(house, one.study.uid).journeys
    went = {(edge.start, edge.end): (edge.count, edge.state) for edge in journey.drawing.edges if edge.count}
    assert went["us/2", "AWAY"] == (15, "waiting")
    assert went["ct/1", "archive.store"] == (15, "delivered")
    assert went[f"on port {port}", "hold"] == (15, "held")
    house.journals.close()
    line.stop()


def _owed(line: Running) -> int:
    return sum(line.spool.outbox("AWAY").count().values())
