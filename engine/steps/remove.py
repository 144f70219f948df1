"""remove: take an attribute out."""

from dataclasses import dataclass

from engine.object import Object
from engine.parameters import TagName
from engine.step import Workbench, step


@step("remove TAG")
@dataclass(frozen=True)
class Remove:
    """Take an attribute out of the object. The steps after it see it as missing.

    on port 11112 → remove PatientComments → forward PACS
    on port 11112 → remove (0010,4000) → store by PatientID
    """

    tag: TagName

    def apply(self, obj: Object, bench: Workbench) -> Object:
        """The object without the attribute."""
        return obj.with_header({str(self.tag.path): None})
