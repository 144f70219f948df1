"""What does an object's header cost? Keys, and rules with keys, from the encoded bytes and through pydicom, in turn."""

import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

from pydicom import Dataset, dcmread, dcmwrite
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import JPEGBaseline8Bit

from engine.condition import All
from engine.header import Header, by_pydicom
from engine.keys import keys_of
from engine.object import Object, Origin
from engine.plan import prepare
from engine.run import run
from tests.benchmarks.__main__ import say
from tests.data.make import REAL, RECEIVED, FakeBench, equals, forward, instance, program, route, store

FRAMES = 500
ORIGIN = Origin("dicom", 11112, "CT1", "STELLWERK", "192.168.10.7", RECEIVED)


def main() -> None:
    """Print microseconds of the processor an object, the lowest of eleven rounds in turn, and their ratio."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        for name, file in _objects(Path(folder)):
            _compare(f"{name}, keys", file, _keys)
            _compare(f"{name}, rules and keys", file, _router())


def _compare(name: str, file: Path, work: Callable[[Object], object]) -> None:
    ways: dict[str, Callable[[Path], Header]] = {
        "pydicom": lambda file: Header(lambda: by_pydicom(file)),
        "bytes": Header.read,
    }
    lowest = dict.fromkeys(ways, float("inf"))
    for _ in range(11):
        for way, read in ways.items():
            done, start = 0, time.process_time()
            while not done or time.process_time() - start < 0.03:
                work(Object("1", file, read(file), ORIGIN))
                done += 1
            lowest[way] = min(lowest[way], (time.process_time() - start) / done * 1e6)
    before, after = lowest["pydicom"], lowest["bytes"]
    say(f"{name:45} {before:9.0f} µs, now {after:8.0f} µs: {before / after:5.1f} times as fast")


def _keys(obj: Object) -> object:
    return keys_of(obj.header, obj.origin)


def _router() -> Callable[[Object], object]:
    """What the router asks of an object: twenty routes by institution and modality, one that stores, its keys."""
    some = program(
        *(
            route(f"r{n}", forward("PACS"), where=All((equals("Modality", "US"), equals("Institution", f"Praxis {n}"))))
            for n in range(20)
        ),
        route("all", store("InstitutionName", "PatientID", "StudyDate", "Modality")),
    )
    plan, bench = prepare(some), FakeBench(some)

    def ask(obj: Object) -> object:
        return run(plan, obj, bench), keys_of(obj.header, obj.origin)

    return ask


def _objects(folder: Path) -> list[tuple[str, Path]]:
    return [
        ("CT, 0.5 MB, 256 attributes", ct(folder)),
        ("ultrasound, JPEG, 22 KB", ultrasound(folder)),
        (f"{FRAMES} frames, defined lengths", _frames(folder, undefined=False)),
        (f"{FRAMES} frames, undefined lengths", _frames(folder, undefined=True)),
    ]


def ct(folder: Path) -> Path:
    """A CT slice of 0.5 MB, with all the attributes that a scanner writes."""
    file, dataset = folder / "ct.dcm", dcmread(REAL / "test_files" / "CT_small.dcm")
    dataset.Rows = dataset.Columns = 512
    dataset.PixelData = bytes(2 * 512 * 512)
    dcmwrite(file, dataset)
    return file


def ultrasound(folder: Path) -> Path:
    """An ultrasound image of 22 KB, in JPEG."""
    file = instance(folder, InstitutionName="Praxis 7", StudyDate="20260331", StudyDescription="Abdomen")
    us = dcmread(file)
    us.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    us.PixelData = encapsulate([bytes(22_000)])
    us["PixelData"].is_undefined_length = True
    dcmwrite(file, us)
    return file


def _frames(folder: Path, *, undefined: bool) -> Path:
    """An enhanced CT: what each frame has of its own stands in a sequence, so the header grows with the frames."""
    frames = [_frame(number) for number in range(FRAMES)]
    file = instance(
        folder,
        name=f"enhanced{undefined}.dcm",
        Modality="CT",
        PerFrameFunctionalGroupsSequence=Sequence(frames),
    )
    enhanced = dcmread(file)
    if undefined:
        _undefine(enhanced)
        dcmwrite(file, enhanced)
    return file


def _frame(number: int) -> Dataset:
    position, orientation, content, frame = Dataset(), Dataset(), Dataset(), Dataset()
    position.ImagePositionPatient = [-120.5, -88.25, number * 0.75]
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    content.FrameAcquisitionDateTime = "20260331101530.25"
    content.DimensionIndexValues = [1, number]
    content.StackID, content.InStackPositionNumber = "1", number
    frame.PlanePositionSequence = [position]
    frame.PlaneOrientationSequence = [orientation]
    frame.FrameContentSequence = [content]
    return frame


def _undefine(dataset: Dataset) -> None:
    for element in dataset:
        if element.VR == "SQ":
            element.is_undefined_length = element.value.is_undefined_length = True
            for item in element.value:
                item.is_undefined_length_sequence_item = True
                _undefine(item)
