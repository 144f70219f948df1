"""STOW-RS against Orthanc, a server that others wrote; skipped where it is not installed."""

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import Later, Never
from engine.pump import Sent
from tests.data.make import word
from tests.engine.test_dicomweb_out import dicomweb, send
from tests.engine.test_https_out import SECRETS, entries
from tests.ports import free_port

ORTHANC, PLUGIN = shutil.which("Orthanc"), Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")

pytestmark = pytest.mark.skipif(
    ORTHANC is None or not PLUGIN.exists(), reason="Orthanc is not here: apt-get install orthanc orthanc-dicomweb"
)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The HTTP port of an Orthanc with DICOMweb and a log-in."""
    home = tmp_path_factory.mktemp("orthanc")
    port = free_port()
    settings = {
        "StorageDirectory": str(home / "images"),
        "IndexDirectory": str(home / "images"),
        "HttpPort": port,
        "DicomServerEnabled": False,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {"stellwerk": "secret"},
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    (home / "orthanc.json").write_text(json.dumps(settings))
    with (
        (home / "log").open("w") as log,
        subprocess.Popen([str(ORTHANC), str(home / "orthanc.json")], stdout=log, stderr=log) as server,
    ):
        for _ in range(100):
            time.sleep(0.1)
            with socket.socket() as knock:
                if knock.connect_ex(("127.0.0.1", port)) == 0:
                    break
        yield port
        server.terminate()


def asked(port: int, path: str) -> bytes:
    """What Orthanc answers to its own REST interface."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
    request.add_header("Authorization", "Basic " + base64.b64encode(b"stellwerk:secret").decode())
    with urllib.request.urlopen(request, timeout=10) as answer:
        said: bytes = answer.read()
    return said


def test_orthanc_stores_what_is_sent_and_says_so(tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SECRETS, "orthanc", "stellwerk\nsecret")
    owed = entries(tmp_path, "1.2.1", "1.2.2", "1.2.3")
    destination = dicomweb(port, login=word("orthanc"))
    assert send(destination, owed) == {entry.object: Sent("CLOUD") for entry in owed}
    instances = json.loads(asked(port, "/instances"))
    files = {asked(port, f"/instances/{one}/file") for one in instances}
    assert files == {entry.file.read_bytes() for entry in owed}
    assert send(destination, owed[:1]) == {"1.2.1": Sent("CLOUD")}  # a second time does no harm


def test_orthanc_without_our_password_takes_nothing(tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SECRETS, "orthanc", "stellwerk\nwrong")
    [result] = send(dicomweb(port, login=word("orthanc")), entries(tmp_path, "1.9.1")).values()
    assert isinstance(result, Later)
    assert "password" in result.reason


def test_what_orthanc_cannot_read_is_refused_and_the_rest_is_stored(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SECRETS, "orthanc", "stellwerk\nsecret")
    good, bad = entries(tmp_path, "1.3.1", "1.3.2")
    data = bad.file.read_bytes()
    # Without its Study Instance UID, an image belongs nowhere.
    bad.file.write_bytes(data.replace(b"\x20\x00\x0d\x00UI\x06\x001.2.3\x00", b""))
    results = send(dicomweb(port, login=word("orthanc")), [good, bad])
    assert results["1.3.1"] == Sent("CLOUD")
    assert isinstance(results["1.3.2"], Never)
