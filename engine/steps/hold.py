"""hold: put the object aside until a person has looked at it."""

from dataclasses import dataclass

from engine.object import Object
from engine.parameters import Text
from engine.step import HOLD, Deliver, Workbench, step


@step("hold [WHY]")
@dataclass(frozen=True)
class HoldStep:
    """Put the object aside, with the reason, until a person releases or deletes it. The chain goes on.

    on port 11112 where PatientID is missing → hold "no patient ID"
    on port 11112 where Modality = OT → hold → mail admin
    """

    why: Text = Text("")

    def apply(self, obj: Object, bench: Workbench) -> Deliver:
        """One promise to the hold."""
        return Deliver(obj, (HOLD,), (), {"why": self.why.text})
