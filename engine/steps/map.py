"""map: give an attribute the value that a table has for it."""

from dataclasses import dataclass

from engine.errors import Never
from engine.keeping import TableName, ValueTag
from engine.object import Object
from engine.step import Hold, Workbench, step
from engine.values import as_dicom


@step("map TAG with TABLE")
@dataclass(frozen=True)
class Map:
    """Give an attribute the value that a table has for the one it holds. What is not in the table is held.

    The table is the file `DATA/tables/TABLE.csv`: in each line a value and what takes its place. It is read anew when
    it has changed, and is nothing that a rule file contains. Of several values each is looked up. Upper and lower case
    differ. The steps after it see the new value.

        on port 11112 → map InstitutionName with sites → store by InstitutionName
        on port 11112 → map StationName with rooms → forward PACS
    """

    tag: ValueTag
    table: TableName

    def apply(self, obj: Object, bench: Workbench) -> Object | Hold:
        """The object with the new value, or the reason why there is none."""
        path = self.tag.path
        try:
            values = [value for value in obj.header.values(path) if value]
            if not values:
                return Hold(f"it has no {path} that the table {self.table.name} could be asked about")
            found = [as_dicom(path.kind, bench.looked_up(str(path), value, self.table.name)) for value in values]
        except Never as refusal:
            return Hold(refusal.reason)
        return obj.with_header({str(path): "\\".join(found)})
