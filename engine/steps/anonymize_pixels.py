"""anonymize-pixels: blank the text that a device has burned into the image."""

from dataclasses import dataclass, replace

from engine.cleaning import DECLARED, PIXELS, SEEN, Cleaning
from engine.condition import holds
from engine.errors import Never
from engine.object import Object
from engine.parameters import RegionsName
from engine.program import Rectangle, Regions
from engine.step import Hold, Workbench, step
from engine.text_seen import RegionsOrText
from engine.view import ObjectView


@step(
    "anonymize-pixels [regions REGIONS] [keep ultrasound-regions] [same uid] [check text] [apart from PARTS]",
    clears=("pixels",),
    needs={"apart": "check"},
)
@dataclass(frozen=True)
class AnonymizePixels:
    """Blank the text that a device has burned into the image; what cannot be cleaned is held, never passed on.

    Where the text is: from the first `regions` definition of the rule file that fits the device, else from the
    ultrasound regions that the device itself declares (0018,6011): everything outside them goes. Nothing known,
    an unreadable image or a result that cannot be proved clean ends in the hold. The transfer syntax stays, and
    every pixel elsewhere; in a lossy one other than JPEG the image grows. Video is held.

    `keep ultrasound-regions` goes by what the device declares alone, and holds the image if it declares nothing; beside
    `regions`, both count: all outside the declared regions goes, and the boxes as well.

    What else can show text goes, too: overlays, curves, graphic and waveform annotations, icons.
    [What happens to each SOP class](../sop-classes.md).

    The cleaned image says so (Burned In Annotation, De-identification Method), and is a derived image with a SOP
    Instance UID of its own, always the same one for the same image and boxes. `same uid` keeps the old one.

    `check text` looks at the cleaned image once more, all of it, and holds it if text is seen there, except in the
    regions behind `apart from` (scales, say). `regions text` blanks all text that is seen, and holds the image if
    there is none or some is left; `regions top-banner, text` blanks both. Text can be missed: single small letters,
    letters that stand obliquely, handwriting, unusual scripts. Both need `pip install 'stellwerk[text]'`.

        on port 26230 → anonymize-pixels → store by Institution/PatientName
        on port 26230 where Modality = US → anonymize-pixels → forward PACS
        on port 26230 → anonymize-pixels same uid → forward PACS
        on port 26230 → anonymize-pixels check text → forward PACS
        on port 26230 → anonymize-pixels keep ultrasound-regions → forward PACS
        on port 26230 → anonymize-pixels regions text keep ultrasound-regions → forward PACS
    """

    regions: RegionsOrText | None = None
    keep: bool = False
    same: bool = False
    check: bool = False
    parts: RegionsName | None = None

    def apply(self, obj: Object, bench: Workbench) -> Object | Hold:
        """The object with clean pixels, or the reason why it has none."""
        known = Cleaning()
        try:
            found = self._definition(obj, bench)
            blank, keep = ((), ()) if found is None else found.blank_and_keep
            seen = bench.text(obj) if self.regions is not None and self.regions.seen else ()
            if self.regions is not None and seen is not None and not (seen or found or self.keep):
                why = "no text is seen in this image, and the rule has no other way to know where it is"
                return Hold(why, {PIXELS: known.to_text()})
            asked = ((*blank, *(seen or ())), keep)
            boxes = bench.boxes(obj, *asked, declared=self.keep)
            known = Cleaning(
                self._sources(found, bool(seen)) if boxes else (),
                found.written if found is not None and boxes else "",
                tuple((box.x, box.y, box.width, box.height) for box in boxes),
            )
            cleaned = bench.clean(obj, *asked, same_uid=self.same, declared=self.keep)
            if cleaned.cleaning is not None:
                known = replace(cleaned.cleaning, sources=known.sources, written=known.written)
                cleaned = replace(cleaned, cleaning=known)
            if self.check or seen:
                bench.refuse_text(cleaned, self._parts(bench))
        except Never as refusal:
            return Hold(refusal.reason, {PIXELS: known.to_text()})
        return cleaned.with_cleared("pixels")

    def _sources(self, found: Regions | None, seen: bool) -> tuple[str, ...]:
        """Who says where text is."""
        declares = self.keep or not (found or seen)
        named = (f"regions {found.name}",) if found is not None else ()
        return (*named, *((DECLARED,) if declares else ()), *((SEEN,) if seen else ()))

    def _definition(self, obj: Object, bench: Workbench) -> Regions | None:
        if self.keep and self.regions is None:
            return None
        view = ObjectView(obj)
        for regions in bench.program.regions:
            if self.regions is not None:
                if regions.name in self.regions.written:
                    return regions
            elif regions.where is not None and holds(regions.where, view):
                return regions
        return None

    def _parts(self, bench: Workbench) -> tuple[Rectangle, ...]:
        """Where text may stay."""
        names = self.parts.names if self.parts is not None else ()
        return tuple(box for regions in bench.program.regions if regions.name in names for box in regions.boxes)
