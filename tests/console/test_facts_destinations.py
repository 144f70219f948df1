"""Destinations are tested against real other sides, and nothing is stored there by it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.beginning import remember
from appliance.console.facts import destinations
from appliance.console.facts.house import House
from appliance.console.facts.plain import plain
from appliance.rulebook import RuleBook
from appliance.settings import Settings
from engine.certificates import make
from engine.dicom import Listener
from engine.dicom.negotiate import Policy
from engine.spool import Spool
from engine.tls import Identity, server_context
from tests.ports import free_port


def house(root: Path, rules: str, **settings: object) -> House:
    """A house in which these rules ran last."""
    path = root / "house.rules"
    path.write_text(rules, encoding="utf-8")
    result = RuleBook(path).compile()
    assert result.program is not None, result.findings
    found = House(Settings(data=root, **settings))  # type: ignore[arg-type]
    Spool(root / "spool")
    remember(found.settings, result.program)
    return found


@pytest.fixture
def node(tmp_path: Path) -> Iterator[int]:
    """A DICOM node that takes CT in explicit VR only; answers its port."""
    port = free_port()
    (tmp_path / "node").mkdir()
    listener = Listener(
        port,
        lambda _: pytest.fail("something was stored"),
        folder=tmp_path / "node",
        ae_title="PACS",
        address="127.0.0.1",
        policy=Policy(transfer_syntaxes=frozenset({"1.2.840.10008.1.2.1"})),
    )
    listener.start()
    yield port
    listener.stop(1.0)


def test_a_node_answers_with_what_it_takes(tmp_path: Path, node: int) -> None:
    there = house(tmp_path, f'destination PACS = dicom "PACS@127.0.0.1:{node}"\non port 1 → forward PACS\n')
    found = destinations.test(there, "PACS")
    assert (found.well, found.words, found.certificate) == (True, "it answers", None)
    by_class = {one.sop_class: one.syntaxes for one in found.takes}
    assert by_class["CT Image"] == ("Explicit VR Little Endian",)
    assert plain(found)


def test_what_is_away_says_so_in_words(tmp_path: Path) -> None:
    rules = f'destination PACS = dicom "PACS@127.0.0.1:{free_port()}"\non port 1 → forward PACS\n'
    found = destinations.test(house(tmp_path, rules), "PACS")
    assert (found.well, found.later, found.takes) == (False, True, ())
    assert "refuses the connection" in found.words


def test_a_node_with_tls_shows_its_certificate_trusted_or_not(tmp_path: Path) -> None:
    port = free_port()
    chain, key = make(["localhost"], 90)
    (tmp_path / "own.pem").write_bytes(chain + key)
    identity = Identity(tmp_path / "own.pem", tmp_path / "own.pem")
    listener = Listener(
        port,
        lambda _: None,
        folder=tmp_path,
        ae_title="PACS",
        address="127.0.0.1",
        tls=lambda: server_context(identity),
    )
    listener.start()
    try:
        rules = f'destination PACS = dicom "PACS@127.0.0.1:{port}" tls\non port 1 → forward PACS\n'
        found = destinations.test(house(tmp_path, rules), "PACS")
    finally:
        listener.stop(1.0)
    assert not found.well
    assert "stellwerk tls trust PACS" in found.words
    assert found.certificate is not None
    assert (found.certificate.names, found.certificate.days_left) == (("localhost",), 89)


def test_a_folder_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    share = tmp_path / "share"
    share.mkdir()
    there = house(tmp_path, f'destination OUT = folder "{share}"\non port 1 → forward OUT\n')
    assert destinations.test(there, "OUT").well
    assert [path.name for path in share.iterdir()] == [".stellwerk"]
    (share / ".stellwerk").unlink()
    found = destinations.test(there, "OUT")
    assert (found.well, found.later) == (False, True)
    assert "mark" in found.words


def test_mail_is_tested_by_its_relay(tmp_path: Path) -> None:
    rules = 'contact admin = "it@praxis.example"\non port 1 → hold → mail admin\n'
    found = destinations.test(house(tmp_path, rules), "admin.mail")
    assert (found.well, found.words) == (False, "no mail relay is set (mail_host)")
    away = house(tmp_path, rules, mail_host="127.0.0.1", mail_port=free_port(), mail_security="none")
    found = destinations.test(away, "admin.mail")
    assert (found.well, found.later) == (False, True)


def test_what_is_not_declared_cannot_be_tested(tmp_path: Path) -> None:
    there = house(tmp_path, "on port 1 → hold\n")
    for name in ("PACS", "nobody.mail", ""):
        with pytest.raises(KeyError):
            destinations.test(there, name)


def test_each_is_listed_with_its_windows_and_without_secrets(tmp_path: Path) -> None:
    rules = (
        "schedule always = 00:00 until 23:59\n"
        'destination PACS = dicom "PACS@127.0.0.1:104" tls outside trusted\n'
        'destination WEB = https "https://host.example/stow" login UPLOAD\n'
        "on port 1 → forward PACS during always → forward WEB\n"
    )
    pacs, web = destinations.destinations(house(tmp_path, rules))
    assert (pacs.name, pacs.kind, pacs.address, pacs.tls, pacs.outside) == (
        *("PACS", "dicom", "PACS@127.0.0.1:104", True, False),
    )
    assert [(one.name, bool(one.words)) for one in pacs.windows] == [("always", True)]
    assert (web.address, web.tls, web.windows) == ("https://host.example/stow", True, ())
    assert pacs.outbox is not None
    assert pacs.outbox.counts["waiting"] == 0
    assert "UPLOAD" not in str(plain(web))
