"""For what we answer when we are asked: one request does not keep us at work for ever."""

from pathlib import Path

import pytest

from engine import custody
from engine.dicom.commitment import NO_SUCH_INSTANCE, RESOURCE_LIMITATION
from engine.spool import Spool


def test_of_too_many_in_one_request_the_rest_is_to_be_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(custody, "MOST", 3)
    Spool(tmp_path / "spool").recover()
    asked = [("1.2.840.10008.5.1.4.1.1.2", f"1.2.{number}") for number in range(5)]
    looked_for: list[object] = []
    monkeypatch.setattr(custody, "_reason", lambda _journal, one, _: looked_for.append(one) or NO_SUCH_INSTANCE)
    answer = custody.refused(tmp_path / "spool", asked, lambda *_: False, lambda _: None)
    assert answer == dict.fromkeys(asked[:3], NO_SUCH_INSTANCE) | dict.fromkeys(asked[3:], RESOURCE_LIMITATION)
    assert set(looked_for) == set(asked[:3])
