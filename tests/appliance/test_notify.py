"""`notify` in a running appliance: a webhook is told, also after the machine was killed, once a person trusts it."""

import json
import ssl
import subprocess
import sys
from pathlib import Path

import trustme

from tests.appliance.running import Running
from tests.appliance.test_https import send
from tests.data.make import instance
from tests.engine.web_peer import Peer, answer
from tests.ports import free_port


def test_a_webhook_is_told_once_its_certificate_is_trusted_and_gets_no_image(tmp_path: Path) -> None:
    authority, theirs = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(theirs)
    authority.cert_pem.write_to_path(str(tmp_path / "theirs.pem"))
    here, web = free_port(), free_port()
    with Peer(lambda _: answer(204), theirs) as peer:
        rules = (
            f'destination HOOK = webhook "https://localhost:{peer.port}/hook" retry every 1 second for 1 day\n'
            f"on port {here} → hold\n"
            f"on http port {web} → store by PatientID → notify HOOK\n"
        )
        line = Running(tmp_path, rules, here, mail_quiet_seconds="1")
        line.wait_for(lambda: "ready: " in line.said(), "it is not ready")
        image = instance(tmp_path, name="a.dcm").read_bytes()
        assert send(web, image, tls=False)[0] == 200
        told = line.spool.outbox("HOOK.notify")
        line.wait_for(lambda: any("certificate" in entry.why for entry in told.all()), "it is not tried")
        assert not peer.requests
        assert not (line.data / "outbox" / "HOOK").exists(), "a folder for images that nobody takes"
        line.kill()
        trust = [sys.executable, "-m", "appliance", "tls", "--data", str(line.data), "authority", "theirs"]
        subprocess.run([*trust, str(tmp_path / "theirs.pem")], check=True, capture_output=True)
        line.start()
        line.wait_for(lambda: bool(peer.requests), "it is not told")
        line.wait_for(lambda: not told.all(), "it is owed still")
    [request] = peer.requests
    said = json.loads(request.body)
    assert said["study"]["objects"] == 1
    assert [one["to"] for one in said["outcomes"]] == ["archive"]
    assert "patient" not in said["study"]
