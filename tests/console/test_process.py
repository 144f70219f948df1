"""The console beside a running appliance: started with it, ended with it, and in nobody's way."""

import os
import signal
import time
from pathlib import Path

from appliance.console.accounts import Accounts
from appliance.console.roles import Role
from appliance.control import ask
from tests.appliance.running import Running, started
from tests.console.serving import PASSWORD, Browser
from tests.ports import free_port


def line_with_console(root: Path, port: int, console: int) -> Running:
    return Running(root, f"on port {port} → hold\n", port, console_port=str(console))


def answers(port: int) -> bool:
    try:
        return Browser(port).get("/healthz").status == 200
    except OSError:
        return False


def is_gone(port: int) -> bool:
    try:
        Browser(port).get("/healthz")
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def wait(happens: object, seconds: float = 30) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if happens():  # type: ignore[operator]
            return True
        time.sleep(0.1)
    return False


def stop_all() -> None:
    while started:
        process = started.pop()
        if process.poll() is None:
            process.kill()
            process.wait(10)


def test_it_comes_with_the_appliance_acts_on_it_and_goes_with_it(tmp_path: Path) -> None:
    port, console = free_port(), free_port()
    line = line_with_console(tmp_path, port, console)
    try:
        line.wait_for(lambda: answers(console), "the console does not answer")
        Accounts(line.data / "secrets/console-users.json").add("anna", Role.ADMIN, PASSWORD)
        browser = Browser(console).sign_in("anna")
        state = browser.call("GET", "/state").json
        assert state["running"] is True
        assert state["ports"] == [port]
        assert browser.call("POST", "/destinations/NOWHERE/pause").status == 404
        assert "stellwerk_up 1" in browser.get("/metrics").text
        assert str(port) in browser.get("/settings").text
        assert line.stop() == 0
        assert wait(lambda: is_gone(console), 5)
    finally:
        stop_all()


def test_it_ends_where_the_appliance_is_killed_and_is_started_again_where_it_is_killed(tmp_path: Path) -> None:
    port, console = free_port(), free_port()
    line = line_with_console(tmp_path, port, console)
    try:
        line.wait_for(lambda: answers(console), "the console does not answer")
        children = Path(f"/proc/{line.process.pid}/task/{line.process.pid}/children")
        [child, *_] = [
            int(number)
            for task in children.parents[1].iterdir()
            for number in (task / "children").read_text().split()
            if b"console" in Path(f"/proc/{number}/cmdline").read_bytes()
        ]
        os.kill(child, signal.SIGKILL)
        line.wait_for(lambda: is_gone(console), "it is still there")
        line.wait_for(lambda: answers(console), "it is not started again")
        assert "console: the console has ended by itself" in line.said()
        line.kill()
        assert wait(lambda: is_gone(console)), "it lives on without the appliance"
    finally:
        stop_all()


def test_a_port_that_is_taken_is_told_and_stops_nothing(tmp_path: Path) -> None:
    port, console = free_port(), free_port()
    first = line_with_console(tmp_path / "first", port, console)
    try:
        first.wait_for(lambda: answers(console), "the console does not answer")
        second = line_with_console(tmp_path / "second", free_port(), console)
        second.wait_for(lambda: f"the console cannot have port {console}: another program uses it" in second.said(), "")
        second.wait_for(
            lambda: any(one["name"] == "the console" for one in ask(second.data, "state")["troubles"]),  # type: ignore[attr-defined]
            "it is not in trouble",
        )
        assert first.stop() == 0
        assert second.stop() == 0
    finally:
        stop_all()
