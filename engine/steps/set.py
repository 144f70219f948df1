"""set: give an attribute a value."""

from dataclasses import dataclass

from engine.object import Object
from engine.parameters import TagName, Text
from engine.step import Workbench, step
from engine.values import as_dicom


@step("set TAG to VALUE")
@dataclass(frozen=True)
class Set:
    """Give an attribute a value, whatever it held before. The steps after it see the new value.

    on port 11112 → set InstitutionName to "Praxis Nord" → forward PACS
    on port 11112 → set (0008,1010) to "SONO1" → store by StationName
    on port 11112 → set PatientBirthDate to 1900-01-01 → forward PACS
    """

    tag: TagName
    value: Text

    def apply(self, obj: Object, bench: Workbench) -> Object:
        """The object with the new value."""
        path = self.tag.path
        return obj.with_header({str(path): as_dicom(path.kind, self.value.text)})
