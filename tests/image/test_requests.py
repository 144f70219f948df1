"""What the console asks of the machine, and what else may lie where it asks; facts; why a start was given up."""

import json
import os
import re
import socket
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from appliance.machine import blame, health, memory, restart
from appliance.machine.facts import gather
from appliance.machine.requests import VERBS, serve
from appliance.machine.system import Said
from tests.image.updates import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def left(machine: Machine) -> list[str]:
    """What is still in the folder of requests."""
    return sorted(path.name for path in (machine.places.service / "requests").iterdir())


def test_an_update_is_handed_to_the_unit_that_may_write(machine: Machine) -> None:
    machine.ask("update", {"file": f"{machine.places.data}/updates/stellwerk_0.1.1.update", "restart": "night"})
    assert serve(machine.places, machine.call) == 0
    assert machine.calls == [["systemctl", "start", "--no-block", "stellwerk-update.service"]]
    assert json.loads((machine.places.told / "order.json").read_text()) == {
        "name": "stellwerk_0.1.1.update",
        "restart": "night",
    }
    assert left(machine) == []


def test_restart_and_power_off(machine: Machine) -> None:
    machine.ask("restart", {})
    machine.ask("power-off", {})
    serve(machine.places, machine.call)
    assert machine.calls == [["systemctl", "poweroff"], ["systemctl", "reboot"]]
    assert machine.answer("restart")["ok"] == "The machine restarts now."
    machine.calls.clear()
    machine.ask("restart", {"when": "never"})
    serve(machine.places, machine.call)
    assert machine.calls == [["systemctl", "reboot", "--when=cancel"]]


def test_at_night_is_the_next_three_o_clock(machine: Machine) -> None:
    assert restart.tonight(machine.call, datetime(2026, 11, 27, 9, 5)) == "2026-11-28 03:00"
    assert restart.tonight(machine.call, datetime(2026, 11, 27, 2, 59)) == "2026-11-27 03:00"
    assert machine.calls[0] == ["systemctl", "reboot", "--when=2026-11-28 03:00:00"]


ODD = [
    ("update", {}),
    ("update", {"file": 1}),
    ("update", {"file": "/var/lib/stellwerk/updates/a.update", "restart": "at once"}),
    ("update", {"file": "/etc/shadow"}),
    ("update", {"file": "/var/lib/stellwerk/updates/../a.update"}),
    ("update", {"file": "/var/lib/stellwerk/updates/-x.update"}),
    ("update", {"file": "/var/lib/stellwerk/updates/a.update\n"}),
    ("restart", {"when": "--force"}),
    ("restart", {"when": ["now"]}),
    ("restart", []),
    ("power-off", {"force": True}),
    ("power-off", "now"),
]


@pytest.mark.parametrize(("verb", "request_"), ODD)
def test_nothing_but_these_words_is_understood(machine: Machine, verb: str, request_: object) -> None:
    machine.ask(verb, request_)
    assert serve(machine.places, machine.call) == 0
    assert machine.calls == []
    assert machine.answer(verb)["word"] in ("odd-request", "other-file")
    assert left(machine) == []


def test_whatever_else_lies_there_goes_and_leads_nowhere(machine: Machine, tmp_path: Path) -> None:
    folder = machine.places.service / "requests"
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("{}")
    (folder / "restart.json").symlink_to(precious / "file")
    (folder / "power-off.json").mkdir()
    (folder / "power-off.json/inner").symlink_to(precious)
    os.mkfifo(folder / "update.json")
    (folder / "other.json").symlink_to(precious)
    (folder / "rm -rf.json").write_text("x")
    (folder / ".restart.json.draft").write_text("being written")
    serve(machine.places, machine.call)
    assert machine.calls == []
    assert left(machine) == [".restart.json.draft"]
    assert (precious / "file").read_text() == "{}"
    (folder / "restart.json").write_text("{" + " " * 5000 + "}")
    (folder / "power-off.json").write_text("[" * 4000)
    serve(machine.places, machine.call)
    assert machine.calls == []
    assert {machine.answer(verb)["word"] for verb in VERBS} == {"odd-request"}


def test_a_folder_that_was_swapped_for_another_is_not_touched(machine: Machine, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "restart.json").write_text("{}")
    (machine.places.service / "requests").rmdir()
    (machine.places.service / "requests").symlink_to(elsewhere)
    with pytest.raises(OSError, match="Not a directory"):
        serve(machine.places, machine.call)
    assert (elsewhere / "restart.json").exists()
    assert machine.calls == []


def test_what_systemd_refuses_is_answered(machine: Machine) -> None:
    machine.fails["reboot"] = "Call to Reboot failed: Access denied\n"
    machine.ask("restart", {"when": "night"})
    serve(machine.places, machine.call)
    assert machine.answer("restart")["no"] == "The machine cannot be restarted: Call to Reboot failed: Access denied."


def facts(machine: Machine) -> dict[str, object]:
    """As the console reads them."""
    assert gather(machine.places, machine.call) == 0
    told: dict[str, object] = json.loads((machine.places.told / "facts.json").read_text())
    return told


def test_facts_of_a_machine_with_everything(machine: Machine) -> None:
    sys = machine.places.sys
    (sys / "firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c").write_bytes(b"\x06\0\0\0\x01")
    (sys / "class/tpm/tpm0").mkdir(parents=True)
    (sys / "dev/block/254:1/dm").mkdir(parents=True)
    (sys / "dev/block/254:1/dm/uuid").write_text("CRYPT-LUKS2-1234-data\n")
    machine.places.mounts.parent.mkdir(parents=True)
    machine.places.mounts.write_text(
        "29 1 254:0 / / ro - erofs /dev/mapper/root ro\n30 29 254:1 / /var rw - ext4 x rw\n"
    )
    machine.places.shutdown.parent.mkdir(parents=True)
    machine.places.shutdown.write_text("USEC=1795824000000000\nWARN_WALL=1\nMODE=reboot\n")
    (machine.places.kernels / "stellwerk_0.0.9.efi").write_text("kernel")
    told = facts(machine)
    assert re.fullmatch(r"2026-11-2\dT\d\d:\d\d[+-]\d\d:\d\d", str(told.pop("restart_at")))
    assert {name: told[name] for name in told if name not in ("at", "architecture", "update_keys", "product")} == {
        **{"image": True, "version": "0.1.0", "trial": False, "other": "0.0.9", "other_state": "before"},
        **{"rolled_back": None, "highest": "", "secure_boot": True, "tpm": True, "encrypted": True},
    }


def test_facts_of_a_machine_with_nothing(tmp_path: Path) -> None:
    told = facts(Machine(tmp_path, image=False))
    assert (told["image"], told["version"], told["secure_boot"], told["tpm"], told["encrypted"]) == (
        *(False, "", None, False, False),
    )


def test_a_start_that_is_given_up_says_why_afterwards(machine: Machine) -> None:
    """0.1.1 does not come up; what it noted is told by 0.1.0, until 0.1.1 runs well or another one is installed."""
    machine.runs("0.1.1")
    machine.count()
    (machine.places.told / "health.json").write_text('{"found": ["stellwerk.service is failed"]}')
    machine.calls.clear()

    def call(command: list[str]) -> Said:
        failed = "stellwerk.service loaded failed failed Stellwerk\n"
        return Said(0, failed) if "list-units" in command else machine.call(command)

    assert blame.note(machine.places, call) == 0  # type: ignore[arg-type]
    machine.runs("0.1.0")
    machine.count(False)
    (machine.places.kernels / "stellwerk_0.1.1.efi").rename(machine.places.kernels / "stellwerk_0.1.1+0-2.efi")
    told = facts(machine)
    assert (told["other"], told["other_state"]) == ("0.1.1", "failed")
    back = told["rolled_back"]
    assert isinstance(back, dict)
    assert (back["version"], back["why"]) == ("0.1.1", "stellwerk.service is failed; stellwerk.service has failed")
    machine.runs("0.1.1")
    assert facts(machine)["rolled_back"] is None


def test_without_a_note_the_boot_loader_s_counting_says_it(machine: Machine) -> None:
    (machine.places.kernels / "stellwerk_0.1.1+0-2.efi").write_text("kernel")
    assert facts(machine)["rolled_back"] == {"version": "0.1.1", "at": "", "why": ""}


def test_a_start_that_is_not_on_trial_is_never_blamed(machine: Machine) -> None:
    blame.note(machine.places, machine.call)
    assert memory.failure(machine.places) is None


@pytest.fixture
def hanging() -> Iterator[int]:
    """A port whose program hangs: the system takes the connection, and nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_answers_where_somebody_takes_notice(hanging: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "ANSWER", 0.3)
    assert not health.port_answers(hanging)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            server.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        assert health.port_answers(server.getsockname()[1])
        thread.join()
        port = server.getsockname()[1]
    assert not health.port_answers(port), "nobody is there any more"


def test_health_names_what_is_down_and_waits_for_it(machine: Machine) -> None:
    found = [["stellwerk.service is activating"], ["the console does not answer"], []]
    assert health.wait(lambda: found.pop(0), 60, lambda: 0.0, lambda _: None) == []
    times = iter(range(100))
    assert health.wait(lambda: ["x"], 5, lambda: next(times), lambda _: None) == ["x"]

    def call(command: list[str]) -> Said:
        return Said(3, "failed\n") if command[-1] == "stellwerk.service" else Said(0, "active\n")

    assert list(health.look(machine.places, call)) == ["stellwerk.service is failed"]  # type: ignore[arg-type]


def test_health_does_not_wait_for_a_service_that_ends_again_and_again(machine: Machine) -> None:
    """Senders would be turned away for five minutes more, twice, where the version before could take their images."""
    ends = iter((0, 4, 10))

    def call(command: list[str]) -> Said:
        if "--property=NRestarts" in command:
            return Said(0, f"{next(ends) if command[-1] == 'stellwerk.service' else 9}\n")
        return Said(3, "activating\n") if command[-1] == "stellwerk.service" else Said(0, "active\n")

    found = health.wait(
        lambda: list(health.look(machine.places, call)),  # type: ignore[arg-type]
        *(300, lambda: 0.0, lambda _: None),
        hopeless=lambda: list(health.ending(call)),  # type: ignore[arg-type]
    )
    assert found == ["stellwerk.service has ended 10 times", "stellwerk.service is activating"]
    assert next(ends, None) is None, "it was waited for until then"


def test_a_service_that_came_up_in_the_end_is_well_however_often_it_ended() -> None:
    found = [["stellwerk.service is activating"], []]
    ended = [[], ["stellwerk.service has ended 10 times"]]
    assert health.wait(lambda: found.pop(0), 60, lambda: 0.0, lambda _: None, lambda: ended.pop(0)) == []
    for said in (Said(1, "Failed to connect to bus"), Said(0, "[not set]\n"), Said(0, "")):
        assert list(health.ending(lambda _, said=said: said)) == []  # type: ignore[misc]


def test_ports_are_what_the_service_says_and_no_more(machine: Machine) -> None:
    path = machine.places.service / "network.json"
    assert health.open_ports(machine.places) == []
    path.write_text(
        json.dumps({"inbound": [{"port": 26131, "networks": []}, {"port": 26180}, {"port": "x"}, 7, {"port": -1}]})
    )
    assert health.open_ports(machine.places) == [26131]
    for odd in ("[]", "{}", '{"inbound": {}}', "x"):
        path.write_text(odd)
        assert health.open_ports(machine.places) == []
