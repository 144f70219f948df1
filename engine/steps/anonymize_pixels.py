"""anonymize-pixels: blank the text that a device has burned into the image."""

from dataclasses import dataclass

from engine.condition import holds
from engine.errors import Never
from engine.object import Object
from engine.parameters import RegionsName
from engine.program import Regions
from engine.step import Hold, Workbench, step
from engine.view import ObjectView


@step("anonymize-pixels [regions REGIONS] [same uid]", clears=("pixels",))
@dataclass(frozen=True)
class AnonymizePixels:
    """Blank the text that a device has burned into the image; what cannot be cleaned is held, never passed on.

    Where the text is: from the first `regions` definition of the rule file that fits the device, else from the
    ultrasound regions that the device itself declares (0018,6011): everything outside them goes. Nothing known,
    an unreadable image or a result that cannot be proved clean ends in the hold. The transfer syntax stays, and
    every pixel elsewhere; in a lossy one other than JPEG the image grows. Video is held.

    What else can show text goes, too: overlays, curves, graphic and waveform annotations, icons.
    [What happens to each SOP class](../sop-classes.md).

    The cleaned image says so (Burned In Annotation, De-identification Method), and is a derived image with a SOP
    Instance UID of its own, always the same one for the same image and boxes. `same uid` keeps the old one.

        on port 26230 → anonymize-pixels → store by Institution/PatientName
        on port 26230 where Modality = US → anonymize-pixels → forward PACS
        on port 26230 → anonymize-pixels same uid → forward PACS
    """

    regions: RegionsName | None = None
    same: bool = False

    def apply(self, obj: Object, bench: Workbench) -> Object | Hold:
        """The object with clean pixels, or the reason why it has none."""
        try:
            found = self._definition(obj, bench)
            blank, keep = ((), ()) if found is None else ((), found.boxes) if found.keep else (found.boxes, ())
            return bench.clean(obj, blank, keep, same_uid=self.same).with_cleared("pixels")
        except Never as refusal:
            return Hold(refusal.reason)

    def _definition(self, obj: Object, bench: Workbench) -> Regions | None:
        view = ObjectView(obj)
        for regions in bench.program.regions:
            if self.regions is not None:
                if regions.name in self.regions.names:
                    return regions
            elif regions.where is not None and holds(regions.where, view):
                return regions
        return None
