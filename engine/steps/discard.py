"""discard: end the object here, because a rule says so."""

from dataclasses import dataclass

from engine.object import Object
from engine.parameters import Text
from engine.step import Drop, Workbench, step


@step("discard WHY")
@dataclass(frozen=True)
class Discard:
    """End the object here. The reason is compulsory and is counted; what earlier steps promised stays promised.

    on port 11112 where Modality = PR → discard "presentation states are not archived"
    on port 11112 where SeriesDescription contains "localizer" → discard "localizers"
    """

    why: Text

    def apply(self, obj: Object, bench: Workbench) -> Drop:
        """The end, with its reason."""
        return Drop(self.why.text)
