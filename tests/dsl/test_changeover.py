"""A change that lets everybody in is told, whatever kept them out before."""

import pytest

from dsl.changeover import changeover
from dsl.compile import Compiled, compile_text
from engine.vocabulary import vocabulary

ROUTE = "\non WARD → store by PatientID\n"


def compiled(listener: str) -> Compiled:
    text = f"listener WARD = dicom port 11112 {listener}{ROUTE}"
    return compile_text(text, name="my.rules", vocabulary=vocabulary(), read=lambda _: "")


@pytest.mark.parametrize("before", ["users ward1", "require certificate", "accept CT1", "from 10.0.0.0/8"])
def test_a_port_that_no_longer_asks_who_sends_is_told(before: str) -> None:
    ran = compiled(before).program
    assert ran is not None
    assert [one.code for one in changeover(compiled("tls"), ran, {}).findings] == ["W503"]
    for after in ("users ward2", "require certificate"):
        assert not changeover(compiled(after), ran, {}).findings
