"""Write a DICOM file anew with some attributes changed; everything else keeps its bytes.

The data set is read up to the pixel data, changed and written; the pixel data and what follows are copied as they
are, so an image of any size takes little memory. It must not know why anything changes.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

from pydicom import Dataset, FileDataset, dcmread
from pydicom.charset import convert_encodings
from pydicom.errors import InvalidDicomError
from pydicom.uid import DeflatedExplicitVRLittleEndian

from engine import deflated
from engine.errors import Never
from engine.header import holders, is_of_the_machine, remove_value, set_value
from engine.tags import Path as TagPath
from engine.tags import path_of

_PIXELS = 0x7FE00008
"""The first tag of the group that is copied, not read (PS3.3 section C.7.6.3)."""

_DEFAULT_REPERTOIRE = ("", "ISO_IR 6", "ISO 2022 IR 6")


def rewrite(source: Path, target: Path, changes: Mapping[str, str | None]) -> None:
    """Write `source` to `target` with attributes set, or removed where None. Not durable.

    Raises Never when the object cannot hold a value (its character set lacks a letter) or cannot be read.
    """
    try:
        if deflated.is_too_large(source):
            raise Never(deflated.TOO_LARGE)
        with source.open("rb") as reader, target.open("wb") as writer:
            # A deflated data set has no place inside at which reading could stop and copying begin.
            whole = _is_deflated(source)
            dataset = dcmread(reader, stop_before_pixels=not whole)
            for spelling, value in changes.items():
                _change(dataset, path_of(spelling), value)
            dataset.save_as(writer, enforce_file_format=False)
            if not whole:
                shutil.copyfileobj(reader, writer, 1 << 20)
    except Never:
        raise
    except InvalidDicomError:
        raise Never("it is not a DICOM file") from None
    except Exception as error:
        if is_of_the_machine(error):
            raise
        # pydicom's texts may quote the file's values; only the type is told.
        raise Never(f"its attributes cannot be written anew ({type(error).__name__})") from None


def _is_deflated(source: Path) -> bool:
    meta = dcmread(source, specific_tags=["TransferSyntaxUID"], stop_before_pixels=True).file_meta
    return str(meta.get("TransferSyntaxUID", "")) == DeflatedExplicitVRLittleEndian


def _change(dataset: FileDataset, path: TagPath, value: str | None) -> None:
    if path.parts[0].tag.number >= _PIXELS:
        raise Never(f"{path} belongs to the pixel data, which a rule cannot set")
    if value is None:
        remove_value(dataset, path)
        return
    set_value(dataset, path, value)
    if not value.isascii():
        _make_room(dataset, value)
        for depth in range(1, len(path.parts)):
            for item in holders(dataset, path.parts[:depth]):
                if "SpecificCharacterSet" in item:
                    _make_room(item, value)


def _make_room(dataset: Dataset, value: str) -> None:
    """See to it that the object's character set has every letter of the value (PS3.3 section C.12.1.1.2)."""
    declared = dataset.get("SpecificCharacterSet") or ""
    names = [declared] if isinstance(declared, str) else list(declared)
    if all(name in _DEFAULT_REPERTOIRE for name in names):
        # The default repertoire is a subset of UTF-8, so nothing else has to be written anew.
        dataset.SpecificCharacterSet = "ISO_IR 192"
        return
    for codec in convert_encodings([name for name in names if name not in _DEFAULT_REPERTOIRE]):
        try:
            value.encode(codec)
        except (UnicodeEncodeError, LookupError):
            continue
        return
    raise Never("its character set lacks letters of a value that a rule sets")
