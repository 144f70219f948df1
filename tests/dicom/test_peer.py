"""How a destination's address is written: AE titles, hosts and ports."""

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.dicom import Peer

AE_LETTERS = "".join(letter for letter in map(chr, range(0x20, 0x7F)) if letter != "\\")
ae_titles = st.text(AE_LETTERS, min_size=1, max_size=16).filter(lambda title: title.strip(" "))
host_names = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?(\.[a-z]{2,10}){0,2}", fullmatch=True)
hosts = host_names | st.ip_addresses().map(str)
ports = st.integers(1, 65535)


@pytest.mark.parametrize(
    ("text", "peer"),
    [
        ("PACS_A@pacs.example:11112", Peer("PACS_A", "pacs.example", 11112)),
        ("PACS_A@10.0.0.5:104", Peer("PACS_A", "10.0.0.5", 104)),
        ("PACS_A@[fd00::5]:104", Peer("PACS_A", "fd00::5", 104)),
        (" PACS_A@localhost:1 ", Peer("PACS_A", "localhost", 1)),
        ("CT@2@host:104", Peer("CT@2", "host", 104)),
        ("dicom://PACS_A:GATE@pacs.example:11112", Peer("PACS_A", "pacs.example", 11112, "GATE")),
        ("dicom://PACS_A@pacs.example:11112", Peer("PACS_A", "pacs.example", 11112, "STELLWERK")),
        ("dicom://PACS_A:GATE@[::1]:65535/", Peer("PACS_A", "::1", 65535, "GATE")),
        ("dicom://A%3AB:C%40D@h:1", Peer("A:B", "h", 1, "C@D")),
    ],
)
def test_an_address_names_a_peer(text: str, peer: Peer) -> None:
    assert Peer.parse(text) == peer


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "write AE_TITLE@host:port"),
        ("host:104", "write AE_TITLE@host:port"),
        ("PACS_A@host", "write AE_TITLE@host:port"),
        ("@host:104", "an AE title is missing"),
        ("   @host:104", "an AE title is missing"),
        ("A_TITLE_THAT_IS_TOO_LONG@host:104", "at most 16"),
        ("PACS\\A@host:104", "no backslash"),
        ("PÄCS@host:104", "only ASCII"),
        ("PACS\t@host:104", "only ASCII"),
        ("PACS@:104", "not a host name"),
        ("PACS@ho st:104", "not a host name"),
        ("PACS@-host:104", "not a host name"),
        ("PACS@host:", "not a port"),
        ("PACS@host:dicom", "not a port"),
        ("PACS@host:-1", "not a port"),
        ("PACS@host:0", "ports are 1 to 65535"),
        ("PACS@host:65536", "ports are 1 to 65535"),
        ("PACS@host:99999999999999999999", "ports are 1 to 65535"),
        ("PACS@fd00::5:104", "in brackets"),
        ("PACS@[fd00::zz]:104", "not an IPv6 address"),
        ("dicom://PACS:@host:104", "an AE title is missing"),
    ],
)
def test_a_wrong_address_says_what_is_wrong(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Peer.parse(text)


@given(ae_titles, hosts, ports)
def test_an_address_survives_being_written_and_read(called: str, host: str, port: int) -> None:
    peer = Peer(called, host, port)
    if not str(peer).startswith("dicom://"):
        assert Peer.parse(str(peer)) == peer


@given(ae_titles, ae_titles, hosts, ports)
def test_a_url_survives_being_written_and_read(called: str, calling: str, host: str, port: int) -> None:
    peer = Peer(called, host, port, calling)
    assert Peer.parse(peer.url) == peer


@given(st.text() | st.text(string.printable) | st.from_regex(r"[A-Z]{0,20}@\S*:\d*"))
@example("A@[]:1")
@example("A@[::1%eth0]:1")
@example("A@h:²")
def test_any_text_is_a_peer_or_a_complaint(text: str) -> None:
    try:
        peer = Peer.parse(text)
    except ValueError:
        return
    assert 1 <= peer.port <= 65535
    assert 1 <= len(peer.called_ae) <= 16


def test_spaces_around_an_ae_title_mean_nothing() -> None:
    assert Peer(" PACS ", "host", 104) == Peer("PACS", "host", 104)
