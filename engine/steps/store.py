"""store: keep a copy in the archive, in folders named after tags."""

from dataclasses import dataclass

from engine.layout import folders, naming
from engine.object import Object
from engine.parameters import Folder, Layout
from engine.step import Deliver, Workbench, step


@step("store [in FOLDER] by LAYOUT")
@dataclass(frozen=True)
class Store:
    """Keep a copy in the archive, in folders named after tags.

    A tag the object does not have becomes `unknown`. The file is named after the SOP Instance UID. Storing the
    same object twice keeps one copy; other bytes under the same UID are held, never overwritten, unless the route
    says `on duplicate keep` (they lie beside the first, as `UID (2).dcm`) or `on duplicate replace`. Two patients of
    one name get a folder each, unless the layout tells them apart already.

        on port 11112 → store by PatientID/StudyDate
        on port 11112 → store in "teaching" by Institution/"US"/StudyDate
    """

    layout: Layout
    folder: Folder = Folder("archive")

    def apply(self, obj: Object, bench: Workbench) -> Deliver:
        """One promise to the archive; the chain goes on with the object as it was."""
        place, note = folders(self.layout, obj.header), naming(self.layout, obj.header)
        return Deliver(obj, (f"{self.folder.name}.store",), place, note)
