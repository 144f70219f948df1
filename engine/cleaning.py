"""What was done to the pixels of an object: who said where to blank, which boxes, how, and what was proved.

Plain data, for the history, for reports and for whoever reviews. It must not hold anything that the object brought.
"""

import json
from dataclasses import asdict, dataclass

PIXELS = "pixels"
"""In the note of a promise: this, as text. It marks what is worth a preview."""

PROOFS = {
    "native": "read again: one value inside, every sample outside as it was",
    "deflated": "inflated and read again: one value inside, every sample outside as it was",
    "jpeg-coefficients": "read again: one value inside, everything outside as it was",
    "decoded": "decoded again: one value inside, every sample outside as it was",
}
"""What was proved of each way to blank (engine.pixels.Cleaned.method)."""

DECLARED = "the regions that the device declares"
SEEN = "text that was seen"


@dataclass(frozen=True, slots=True)
class Cleaning:
    """What was blanked, or was to be blanked where there is no method.

    sources: who said where, `regions NAME` or one of DECLARED and SEEN. written: file and line of the definition.
    boxes: x, y, width, height in pixels. method: engine.pixels.Cleaned.method. removed: what went besides, by name.
    """

    sources: tuple[str, ...] = ()
    written: str = ""
    boxes: tuple[tuple[int, int, int, int], ...] = ()
    frames: int = 0
    method: str = ""
    removed: tuple[str, ...] = ()

    @property
    def proof(self) -> str:
        """What was proved, in words; empty where nothing was."""
        return PROOFS.get(self.method, self.method)

    @property
    def brief(self) -> str:
        """Who said where, and how much it is."""
        boxes = _count(len(self.boxes), "box", "boxes") if self.boxes else ""
        return ", ".join(part for part in (" and ".join(self.sources), boxes) if part)

    @property
    def words(self) -> str:
        """All of it in one line, for the history."""
        where = f"{self.brief} (defined in {self.written})" if self.written else self.brief
        if self.frames:
            where += f", in {_count(self.frames, 'frame', 'frames')}"
        removed = f"removed besides: {', '.join(self.removed)}" if self.removed else ""
        return "; ".join(part for part in (where, self.proof, removed) if part)

    def to_text(self) -> str:
        """As one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def of_text(cls, text: str) -> "Cleaning":
        """What `to_text` wrote. Raises ValueError, KeyError or TypeError for anything else."""
        said = json.loads(text)
        boxes = tuple((int(x), int(y), int(width), int(height)) for x, y, width, height in said["boxes"])
        sources, removed = (tuple(str(one) for one in said[name]) for name in ("sources", "removed"))
        return cls(sources, str(said["written"]), boxes, int(said["frames"]), str(said["method"]), removed)


def _count(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"
