"""What the builder refuses, before it begins."""

import os
from pathlib import Path

import pytest

from appliance.image.building import keys, places, tools
from appliance.image.building.sums import write_sums


@pytest.mark.parametrize("version", ["1.0-beta", "v1", "1..2", "1.2.3.4.5.6.7.8.9", "../1"])
def test_a_version_is_numbers(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setenv("VERSION", version)
    with pytest.raises(SystemExit, match="numbers with dots"):
        places.version()


def test_without_a_word_the_version_is_the_projects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VERSION", raising=False)
    assert f'version = "{places.version()}"' in (places.ROOT / "pyproject.toml").read_text("utf-8")
    monkeypatch.setenv("VERSION", "0.1.1")
    assert places.version() == "0.1.1"


def test_keys_in_the_checkout_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SB_KEYS", str(places.ROOT / "keys"))
    with pytest.raises(SystemExit, match="can not be committed"):
        keys.folder()


def test_a_folder_of_keys_is_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SB_KEYS", str(tmp_path))
    for name in keys.NAMES[:-1]:
        (tmp_path / name).touch()
    with pytest.raises(SystemExit, match=r"lacks update\.pub"):
        keys.folder()
    (tmp_path / keys.NAMES[-1]).touch()
    assert keys.folder() == tmp_path


def test_what_is_missing_is_said_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    lacks = "; ".join(tools.missing())
    assert "mmdebstrap (apt-get install mmdebstrap)" in lacks
    assert "root's rights" in lacks
    with pytest.raises(SystemExit, match="cannot be built here"):
        tools.ready()


def test_the_sums_are_what_sha256sum_reads(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"")
    (tmp_path / "a").write_bytes(b"a")
    write_sums(tmp_path)
    write_sums(tmp_path)
    assert (tmp_path / "SHA256SUMS").read_text().splitlines() == [
        "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb  a",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  b",
    ]
