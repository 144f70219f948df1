"""HTTP and HTTPS on a running appliance: what is posted is stored, held and counted, and never lost."""

import http.client
import json
import random
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from dsl.changeover import changeover
from tests.appliance.running import Running
from tests.data.make import instance
from tests.engine.sources.web import post, raw, status
from tests.manual.pages import compiled
from tests.ports import free_port
from tests.scale import FULL

Start = Callable[[str], Running]


@pytest.fixture
def ports() -> dict[str, int]:
    return {name: free_port() for name in ("dicom", "http", "https")}


@pytest.fixture
def run(tmp_path: Path, ports: dict[str, int]) -> Start:
    def start(rules: str) -> Running:
        line = Running(tmp_path, f"on port {ports['dicom']} → hold\n{rules}", ports["dicom"])
        line.wait_for(lambda: "ready: " in line.said(), "it is not ready")
        return line

    return start


def trusting() -> ssl.SSLContext:
    """As CTP and FileSender: any certificate passes."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def send(port: int, body: bytes, *, tls: bool = True, **headers: str) -> tuple[int, bytes]:
    """Post it as FileSender does; the status and the body of the answer."""
    kind = http.client.HTTPSConnection if tls else http.client.HTTPConnection
    line = kind("127.0.0.1", port, timeout=20, **({"context": trusting()} if tls else {}))
    try:
        line.request("POST", "/", body, {"Content-Type": "application/x-mirc-dicom", **headers})
        answer = line.getresponse()
        return answer.status, answer.read()
    finally:
        line.close()


def ledger(line: Running) -> dict[str, object]:
    command = [sys.executable, "-m", "appliance", "ledger", "--json", "--data", str(line.data)]
    found: dict[str, object] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return found


def stored(line: Running) -> list[Path]:
    return sorted(path for path in line.archive.rglob("*.dcm"))


def test_what_file_sender_sends_is_stored(run: Start, ports: dict[str, int], tmp_path: Path) -> None:
    line = run(f"on https port {ports['https']} → store by Institution/PatientName")
    image = instance(tmp_path, name="a.dcm")
    assert send(ports["https"], image.read_bytes()) == (200, b"OK")
    line.settle()
    line.wait_for(lambda: len(stored(line)) == 1, "it is not stored")
    assert stored(line)[0].read_bytes() == image.read_bytes()


def test_tls_1_2_of_java_8_is_spoken(run: Start, ports: dict[str, int], tmp_path: Path) -> None:
    run(f"on https port {ports['https']} → store by PatientID")
    context = trusting()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    body = post(instance(tmp_path, name="a.dcm").read_bytes())
    assert status(raw(ports["https"], body, tls=context)) == 200
    # In the clear on a port with TLS there is no answer, and no harm.
    assert raw(ports["https"], body)[:4] != b"HTTP"
    assert status(raw(ports["https"], body, tls=context)) == 200


def test_what_is_no_image_is_held_and_seen(run: Start, ports: dict[str, int]) -> None:
    line = run(f"on http port {ports['http']} → store by PatientID")
    assert send(ports["http"], b"<report/>", tls=False) == (200, b"OK")
    line.settle()
    line.wait_for(lambda: sum(line.spool.outbox("hold").count().values()) == 1, "it is not held")
    [entry] = [line.spool.outbox("hold").entry(path.stem) for path in line.spool.held.glob("*.dcm")]
    assert entry is not None
    assert entry.why == "this is no DICOM file"


def test_a_rule_asks_for_the_user(run: Start, ports: dict[str, int], tmp_path: Path) -> None:
    line = run(
        f"listener P = https port {ports['https']} accept praxis, other\n"
        "on P where user = praxis → store by PatientID\n"
        'on P where not user = praxis → discard "not praxis"\n'
    )
    user = [sys.executable, "-m", "appliance", "user", "--data", str(line.data), "add"]
    for name in ("praxis", "other", "third"):
        subprocess.run([*user, name], input="correct horse\n", text=True, check=True, capture_output=True)
    image = instance(tmp_path, name="a.dcm").read_bytes()
    assert send(ports["https"], image)[0] == 401
    assert send(ports["https"], image, RSNA="praxis:wrong horse")[0] == 401
    assert send(ports["https"], image, RSNA="third:correct horse")[0] == 401
    assert send(ports["https"], image, RSNA="other:correct horse") == (200, b"OK")
    line.settle()
    assert stored(line) == []
    assert send(ports["https"], image, RSNA="praxis:correct horse") == (200, b"OK")
    line.settle()
    line.wait_for(lambda: len(stored(line)) == 1, "it is not stored")
    assert "correct horse" not in line.said()


def test_a_user_who_is_removed_or_has_a_new_password_is_gone_at_once(
    run: Start, ports: dict[str, int], tmp_path: Path
) -> None:
    line = run(f"listener P = https port {ports['https']} accept praxis\non P → store by PatientID\n")
    user = [sys.executable, "-m", "appliance", "user", "--data", str(line.data)]
    image = instance(tmp_path, name="a.dcm").read_bytes()
    for password in ("correct horse", "another horse"):
        subprocess.run([*user, "add", "praxis"], input=f"{password}\n", text=True, check=True, capture_output=True)
        assert send(ports["https"], image, RSNA=f"praxis:{password}") == (200, b"OK")
    assert send(ports["https"], image, RSNA="praxis:correct horse")[0] == 401
    subprocess.run([*user, "remove", "praxis"], check=True, capture_output=True)
    assert send(ports["https"], image, RSNA="praxis:another horse")[0] == 401


def test_where_a_certificate_is_required_nobody_sends_without_one(
    run: Start, ports: dict[str, int], tmp_path: Path
) -> None:
    line = run(f"listener S = https port {ports['https']} require certificate\non S → store by PatientID")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    body = post(instance(tmp_path, name="a.dcm").read_bytes())
    admit = [sys.executable, "-m", "appliance", "tls", "--data", str(line.data), "admit"]
    subprocess.run([*admit, "praxis", str(tmp_path / "authority.pem")], check=True, capture_output=True)
    with pytest.raises(ssl.SSLError):
        raw(ports["https"], body, tls=trusting())
    shown = trusting()
    authority.issue_cert("praxis.example").configure_cert(shown)
    assert status(raw(ports["https"], body, tls=shown)) == 200
    line.settle()
    line.wait_for(lambda: len(stored(line)) == 1, "it is not stored")


def test_a_port_opens_and_closes_at_a_reload(run: Start, ports: dict[str, int], tmp_path: Path) -> None:
    line = run(f"on http port {ports['http']} → store by PatientID")
    image = instance(tmp_path, name="a.dcm").read_bytes()
    before = line.rules_file.read_text()
    line.rules_file.write_text(before.replace(f"http port {ports['http']}", f"https port {ports['https']}"))
    line.wait_for(lambda: _opens(ports["https"]), "it does not open")
    assert send(ports["https"], image) == (200, b"OK")
    line.wait_for(lambda: not _opens(ports["http"]), "it does not close")
    # The same port, in another way: no TLS any more.
    line.rules_file.write_text(before.replace(f"http port {ports['http']}", f"http port {ports['https']}"))
    line.wait_for(lambda: _takes(ports["https"], post(image)), "it does not change")


def test_a_study_that_is_posted_is_complete_when_it_is_quiet(run: Start, ports: dict[str, int], tmp_path: Path) -> None:
    line = run(f"on http port {ports['http']} → collect study quiet 2 seconds released → store by PatientID")
    for number in range(3):
        image = instance(tmp_path, name=f"{number}.dcm", SOPInstanceUID=f"1.2.3.{number + 1}")
        assert send(ports["http"], image.read_bytes(), tls=False)[0] == 200
    line.wait_for(lambda: len(stored(line)) == 3, "it does not go on")
    assert "quiet" in _history(line)
    assert '"reason": "released"' not in _history(line)


@pytest.mark.parametrize("words", ["accept nord", "from 10.0.0.0/8", "require certificate"])
def test_a_web_port_that_opens_to_everyone_is_warned_of(words: str) -> None:
    before = compiled(f"listener P = https port 26130 {words}\non P → hold")
    assert before.program is not None
    after = changeover(compiled("on https port 26130 → hold"), before.program, {})
    assert [one.code for one in after.findings] == ["W503"]
    assert not changeover(before, before.program, {}).findings


def test_one_port_is_not_opened_in_two_ways() -> None:
    found = compiled("on https port 26130 → hold\non port 26130 → hold").findings
    assert [one.code for one in found] == ["E201"]


def test_what_is_posted_does_not_leave_the_house_uncleaned() -> None:
    found = compiled('destination R = dicom "R@r.example:104" outside\non https port 26130 → forward R').findings
    assert {"E401", "E402"} <= {one.code for one in found}


@pytest.mark.parametrize(
    ("kind", "objects"),
    [
        ("http", 300),
        pytest.param("https", 10_000 if FULL else 1000, marks=[pytest.mark.slow, pytest.mark.timeout(1800)]),
    ],
)
def test_of_many_senders_whose_lines_are_cut_nothing_is_missing(
    run: Start, ports: dict[str, int], tmp_path: Path, kind: str, objects: int
) -> None:
    line = run(f"on {kind} port {ports[kind]} → store by PatientID")
    template = instance(tmp_path, name="a.dcm", SOPInstanceUID="1.2.3.1000000").read_bytes()
    bodies = [template.replace(b"1.2.3.1000000", b"1.2.3.%07d" % (number + 1000001)) for number in range(objects)]
    failed: list[object] = []

    def client(seed: int) -> None:
        dice = random.Random(seed)
        for body in bodies[seed::20]:
            while True:
                cut = dice.random()
                whole = post(body, "Connection: close")
                try:
                    with _open(ports[kind], tls=kind == "https") as sock:
                        if cut < 0.2:
                            sock.sendall(whole[: dice.randrange(len(whole))])
                            continue
                        sock.sendall(whole)
                        if cut < 0.3:
                            continue  # the answer is not heard: it is sent again
                        answer = b""
                        while piece := sock.recv(1000):
                            answer += piece
                except OSError as error:
                    failed.append(error)
                    return
                if answer.endswith(b"\r\n\r\nOK"):
                    break
                failed.append(answer)

    threads = [threading.Thread(target=client, args=(seed,)) for seed in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    line.wait_for(lambda: not line.spool.unfinished(), "something is left", 600)
    assert len(stored(line)) == objects
    said = ledger(line)
    assert said["difference"] == 0
    assert said["received"] >= objects


def test_what_was_acknowledged_survives_kill_9(run: Start, ports: dict[str, int], tmp_path: Path) -> None:
    line = run(f"on http port {ports['http']} → store by PatientID")
    template = instance(tmp_path, name="a.dcm", SOPInstanceUID="1.2.3.1000000").read_bytes()
    acknowledged: list[int] = []

    def client(seed: int) -> None:
        for number in range(seed, 100_000, 4):
            body = template.replace(b"1.2.3.1000000", b"1.2.3.%07d" % (number + 1000001))
            try:
                if send(ports["http"], body, tls=False) != (200, b"OK"):
                    return
            except (OSError, http.client.HTTPException):
                return
            acknowledged.append(number)

    threads = [threading.Thread(target=client, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    line.wait_for(lambda: len(acknowledged) > 60, "nothing is taken")
    line.kill()
    for thread in threads:
        thread.join()
    line.start()
    line.settle()
    names = {path.stem for path in stored(line)}
    assert {f"1.2.3.{number + 1000001}" for number in acknowledged} <= names


def _open(port: int, *, tls: bool) -> socket.socket:
    plain = socket.create_connection(("127.0.0.1", port), timeout=60)
    return trusting().wrap_socket(plain) if tls else plain


def _opens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True


def _takes(port: int, posted: bytes) -> bool:
    """Whether it is taken without TLS. Between a port's closing and its opening in another way, nobody listens."""
    try:
        return status(raw(port, posted)) == 200
    except ConnectionRefusedError:
        return False


def _history(line: Running) -> str:
    return "".join(path.read_text("utf-8") for path in (line.data / "spool" / "history").iterdir() if path.is_file())
