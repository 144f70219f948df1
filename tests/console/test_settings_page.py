"""The settings page: what is set and where, our certificate, and the mail relay at work."""

import re
from pathlib import Path

from appliance.console.roles import Role
from appliance.demonstration.mailbox import Mailbox
from appliance.settings import Settings
from engine.certificates import facts_of
from engine.tls import told
from tests.console.serving import Serving


def test_the_mail_relay_is_tried_and_what_it_says_is_told(tmp_path: Path) -> None:
    mailbox = Mailbox()
    console = Serving(tmp_path, mail_host="127.0.0.1", mail_port=str(mailbox.port), mail_security="none")
    try:
        admin = console.user("anna")
        assert admin.post("/settings", do="mail", to="it@praxis-nord.example").status == 303
        assert "Has it arrived?" in admin.get("/settings").text
        [mail] = mailbox.messages
        assert (mail["To"], mail["Subject"]) == ("it@praxis-nord.example", "Stellwerk: a mail to try the relay")
        assert admin.call("POST", "/settings/mail-test", {"to": "b@praxis-nord.example"}).status == 200
        assert len(mailbox.messages) == 2
        admin.post("/settings", do="mail", to="nobody, b@c.example")
        assert "not written as it should be" in admin.get("/settings").text
        acts = [act["did"] for act in admin.call("GET", "/audit?did=mail-test").json["acts"]]
        assert acts == ["mail-test", "mail-test"]
        mailbox.close()
        admin.post("/settings", do="mail", to="it@praxis-nord.example")
        assert "The mail could not be sent: the mail relay cannot be reached" in admin.get("/settings").text
    finally:
        console.stop()
        mailbox.close()


def test_it_says_what_is_set_and_where(console: Serving) -> None:
    operator = console.user("operator", Role.OPERATOR)
    found = {one["name"]: one for one in operator.call("GET", "/settings").json["settings"]}
    assert found["console_port"] == {"name": "console_port", "value": str(console.port), "origin": "environment"}
    assert found["data"] == {"name": "data", "value": str(console.data), "origin": "line"}
    assert found["ae_title"]["origin"] == "default"
    text = operator.get("/settings").text
    rows = re.findall(r"<code>(\w+)</code></td>.*?</td><td[^>]*>(.*?)</td>", text)
    assert ("console_port", '<span class="badge">the environment</span>') in rows
    assert "None is set: reports wait" in text
    assert "The appliance does not run" in text


def test_it_shows_the_certificate_that_a_browser_is_shown(console: Serving) -> None:
    own = facts_of((console.data / "tls/own.pem").read_bytes())[0]
    operator = console.user("operator", Role.OPERATOR)
    text = operator.get("/settings").text
    assert told(own.fingerprint) in text
    assert operator.call("GET", "/settings").json["certificate"]["own"] is True


def test_a_setting_that_a_file_has_is_said_to_be_there(tmp_path: Path) -> None:
    file = tmp_path / "stellwerk.toml"
    file.write_text('ae_title = "X"\n[mail]\nhost = "smtp.example"\nport = 25\n')
    origins = Settings.origins(file, {"STELLWERK_MAIL_PORT": "587", "PATH": "/bin"}, {"data": "x", "rules": None})
    assert origins == {"ae_title": "file", "mail_host": "file", "mail_port": "environment", "data": "line"}
