"""What the network must let through: every port that rules open, every place that they name, and no other."""

import json
from dataclasses import fields
from pathlib import Path

import pytest

from appliance.machine.wanted import Wanted as Judged
from appliance.network import FOLDERS, Opening, Reach, Wanted, of_settings, reaches, wanted
from appliance.settings import Settings
from dsl.compile import compile_text
from engine.destinations import DESTINATIONS
from engine.program import Destination, Program
from engine.sources import LISTENERS
from engine.vocabulary import vocabulary

ONE_OF_EACH = """
listener ward = dicom port 11112 from 10.1.0.0/16, 192.168.7.9
listener web = https port 8443
listener plain = http port 8080 from "fd00::/8"
listener scans = folder "/srv/scans"

destination PACS_A = dicom "PACS_A@pacs.praxis.example:104" confirm
destination CTP = https "https://ctp.example:26130/"
destination OLD = http "http://10.0.0.9:8080/in"
destination WEB = dicomweb "https://web.example/dicom-web"
destination TOLD = webhook "https://hook.example/study"
destination SHARE = folder "/srv/share"
destination NAS = sftp "stellwerk@nas.example:2222:/images" login NAS
destination CLOUD = s3 "s3://images/us" login CLOUD region "eu-central-1"
destination MINIO = s3 "s3://images/us" login MINIO at "http://minio.example:9000"

on port 26131 → store by PatientID → forward PACS_A
on ward → forward CTP, OLD, WEB, SHARE, NAS, CLOUD, MINIO
on web → notify TOLD
on plain → store by PatientID
on scans → store by PatientID
"""

PLACES = {
    "dicom": [("pacs.praxis.example", 104)],
    "https": [("ctp.example", 26130)],
    "http": [("10.0.0.9", 8080)],
    "dicomweb": [("web.example", 443)],
    "webhook": [("hook.example", 443)],
    "folder": [],
    "sftp": [("nas.example", 2222)],
    "s3": [
        ("images.s3.amazonaws.com", 443),
        ("images.s3.eu-central-1.amazonaws.com", 443),
        ("minio.example", 9000),
        ("s3.amazonaws.com", 443),
        ("s3.eu-central-1.amazonaws.com", 443),
    ],
}


def program(rules: str) -> Program:
    result = compile_text(rules, name="a.rules", vocabulary=vocabulary(), read=Path.read_text)
    assert result.program is not None, result.findings
    return result.program


@pytest.fixture(scope="module")
def everything() -> Program:
    return program(ONE_OF_EACH)


def test_every_kind_of_destination_is_known_to_the_firewall(everything: Program) -> None:
    found = {kind: [] for kind in DESTINATIONS}  # type: dict[str, list[tuple[str, int]]]
    for declared in everything.destinations:
        found[declared.kind] += [(reach.host, reach.port) for reach in reaches(declared)]
    assert {kind: sorted(places) for kind, places in found.items()} == PLACES


def test_a_new_kind_cannot_be_forgotten() -> None:
    with pytest.raises(ValueError, match="carrier-pigeon"):
        list(reaches(Destination("P", "carrier-pigeon")))
    assert set(FOLDERS) < set(DESTINATIONS)


def test_every_kind_of_listener_with_a_port_is_open_and_to_its_networks_alone(everything: Program) -> None:
    assert {one.kind for one in everything.listeners} == set(LISTENERS)
    found = wanted(everything, Settings(console_port=0))
    assert found.inbound == (
        Opening(8080, ("fd00::/8",)),
        Opening(8443),
        Opening(11112, ("10.1.0.0/16", "192.168.7.9")),
        Opening(26131),
    )


def test_the_console_is_open_where_there_is_one(everything: Program) -> None:
    assert Opening(26180) in wanted(everything, Settings()).inbound
    assert wanted(everything, Settings(console_port=0)).console == 0


def test_the_mail_relay_is_reached_at_its_port() -> None:
    assert list(of_settings(Settings())) == []
    assert list(of_settings(Settings(mail_host="mail.example"))) == [Reach("mail", "mail.example", 587)]
    assert list(of_settings(Settings(mail_host="mail.example", mail_security="tls"))) == [
        Reach("mail", "mail.example", 465)
    ]


def test_every_setting_that_names_a_place_is_known_to_the_firewall() -> None:
    """A setting whose name ends so names a place elsewhere: give it its line in `of_settings`, and here."""
    places = {field.name for field in fields(Settings) if field.name.endswith(("_host", "_url", "_git", "_server"))}
    known = {
        "mail_host": "mail.example",
        "update_url": "https://mail.example/stellwerk/",
        "rules_git": "https://mail.example/praxis/rules.git",
    }
    assert places == set(known)
    for name, value in known.items():
        found = list(of_settings(Settings().changed(**{name: value})))
        assert [reach.host for reach in found] == ["mail.example"], name


def test_while_rules_change_both_count() -> None:
    old = Wanted((Opening(104, ("10.0.0.0/8",)), Opening(26131)), (Reach("A", "a.example", 104),), 26180)
    new = Wanted((Opening(104, ("10.9.0.0/16",)), Opening(26131, ("10.0.0.0/8",))), (Reach("B", "b.example", 104),))
    assert old.and_also(new) == Wanted(
        (Opening(104, ("10.0.0.0/8", "10.9.0.0/16")), Opening(26131)),
        (Reach("A", "a.example", 104), Reach("B", "b.example", 104)),
        26180,
    )


def test_what_the_service_writes_the_machine_understands(everything: Program) -> None:
    letter = json.loads(json.dumps(wanted(everything, Settings(mail_host="mail.example")).letter()))
    judged = Judged.of(letter)
    assert len(judged.inbound) == 5
    assert ("PACS_A", "pacs.praxis.example", 104) in judged.outbound
    assert judged.console == 26180
