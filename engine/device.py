"""Device: the machine that made an object, as its header says, for what is counted by devices (`review first`).

Plain data and pure. A header can be wrong about it, as about all else: nobody proves which machine has sent.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b

from engine.errors import Never
from engine.header import Header
from engine.tags import path_of

DEVICE = "device"
"""In the note of a promise: which device is counted by what becomes of it (`Known`), as text."""

_TAGS = ("Manufacturer", "ManufacturerModelName", "StationName", "SoftwareVersions")
_LONGEST = 256  # characters of a value: one of LO has 64, and Software Versions several of them


@dataclass(frozen=True, slots=True)
class Device:
    """Manufacturer (0008,0070), Manufacturer's Model Name (0008,1090), Station Name (0008,1010), Software Versions
    (0018,1020). Other software is another device: what it burns in may lie elsewhere.
    """

    manufacturer: str
    model: str
    station: str = ""
    software: str = ""

    @classmethod
    def of(cls, header: Header) -> "Device | None":
        """The device of an object as it was received; None where no manufacturer or model is named or can be read.

        Without those two, one name would stand for machines of many kinds.
        """
        try:
            said = ["\\".join(header.values(path_of(tag))) for tag in _TAGS]
        except Never:
            return None
        found = cls(*(" ".join(value.split())[:_LONGEST] for value in said))
        return found if found.manufacturer and found.model else None

    @property
    def words(self) -> str:
        """For a reader."""
        software = f"software {self.software}" if self.software else ""
        return ", ".join(part for part in (f"{self.manufacturer} {self.model}", self.station, software) if part)


@dataclass(frozen=True, slots=True)
class Known:
    """What is counted by itself: a device, as far as it was cleaned in one way.

    cleared: of what (engine.program.CLEAN); sources: who said where to blank (engine.cleaning.Cleaning).
    """

    device: Device
    cleared: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Its name: 16 hexadecimal digits, the same for ever."""
        return blake2b(self.to_text().encode(), digest_size=8).hexdigest()

    def to_text(self) -> str:
        """As one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)

    @classmethod
    def of_text(cls, text: str) -> "Known":
        """What `to_text` wrote. Raises ValueError, KeyError or TypeError for anything else."""
        said = json.loads(text)
        return cls(Device(**said["device"]), _texts(said["cleared"]), _texts(said["sources"]))


def _texts(said: Sequence[object]) -> tuple[str, ...]:
    return tuple(str(one) for one in said)
