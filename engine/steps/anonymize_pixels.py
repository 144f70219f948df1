"""anonymize-pixels: blank the text that a device has burned into the image."""

from dataclasses import dataclass

from engine.condition import holds
from engine.errors import Never
from engine.object import Object
from engine.parameters import RegionsName
from engine.program import Regions
from engine.step import Hold, Workbench, step
from engine.view import ObjectView


@step("anonymize-pixels [regions REGIONS]", clears=("pixels",))
@dataclass(frozen=True)
class AnonymizePixels:
    """Blank the text that a device has burned into the image; what cannot be cleaned is held, never passed on.

    Where the text is: from the first `regions` definition of the rule file that fits the device, else from the
    ultrasound regions that the device itself declares (0018,6011): everything outside them goes. Nothing known,
    an unreadable image or a result that cannot be proved clean ends in the hold. The transfer syntax stays, and
    every pixel elsewhere; in a lossy one other than JPEG the image grows. Video is held.

        on port 26230 → anonymize-pixels → store by Institution/PatientName
        on port 26230 where Modality = US → anonymize-pixels → forward PACS
    """

    regions: RegionsName | None = None

    def apply(self, obj: Object, bench: Workbench) -> Object | Hold:
        """The object with clean pixels, or the reason why it has none."""
        try:
            found = self._definition(obj, bench)
            if found is None:
                payload = bench.clean(obj, (), ())
            else:
                payload = bench.clean(obj, () if found.keep else found.boxes, found.boxes if found.keep else ())
        except Never as refusal:
            return Hold(refusal.reason)
        changes = {"BurnedInAnnotation": "NO", "IconImageSequence": None}
        return obj.with_payload(payload).with_header(changes).with_cleared("pixels")

    def _definition(self, obj: Object, bench: Workbench) -> Regions | None:
        view = ObjectView(obj)
        for regions in bench.program.regions:
            if self.regions is not None:
                if regions.name in self.regions.names:
                    return regions
            elif regions.where is not None and holds(regions.where, view):
                return regions
        return None
