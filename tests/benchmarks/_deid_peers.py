"""One peer of `deid_headers` or `deid_pixels`, run by a Python that has it: `python _deid_peers.py PEER FOLDER OUT …`.

Prints milliseconds an object, of the processor and by the clock, or that the peer is not installed. It knows nothing of
this project, whose environment has none of the peers.
"""

import contextlib
import io
import logging
import sys
import time
import warnings
from pathlib import Path


def dicognito(files: list[Path], out: Path) -> None:
    """It keeps no table, and is consistent."""
    import pydicom
    from dicognito.anonymizer import Anonymizer

    anonymizer = Anonymizer()
    for file in files:
        dataset = pydicom.dcmread(file)
        anonymizer.anonymize(dataset)
        dataset.save_as(out / file.name)


def dicom_anonymizer(files: list[Path], out: Path) -> None:
    """The table of 2023, which is its default."""
    from dicomanonymizer import anonymize_dicom_file

    for file in files:
        anonymize_dicom_file(str(file), str(out / file.name))


def deid(files: list[Path], out: Path) -> None:
    """The recipe that comes with it."""
    from deid.dicom import get_identifiers, replace_identifiers

    for file in files:
        replace_identifiers([str(file)], ids=get_identifiers([str(file)]), output_folder=str(out), overwrite=True)


def deid_pixels(files: list[Path], out: Path) -> None:
    """The boxes that follow on the command line, in every ultrasound image."""
    from deid.dicom import DicomCleaner

    recipe = out.parent / "deid.recipe"
    boxes = "".join(f"  ctpcoordinates {box}\n" for box in sys.argv[4:])
    recipe.write_text(f"FORMAT dicom\n\n%filter graylist\n\nLABEL boxes\n  contains Modality US\n{boxes}", "ascii")
    for file in files:
        cleaner = DicomCleaner(output_folder=str(out), deid=str(recipe))
        cleaner.detect(str(file))
        cleaner.clean()
        cleaner.save_dicom()


def main() -> None:
    """Measure one of them; what it prints itself is not shown."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    name, folder, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    files = sorted(folder.iterdir())
    peer = {"dicognito": dicognito, "dicom-anonymizer": dicom_anonymizer, "deid": deid, "deid-pixels": deid_pixels}[
        name
    ]
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            peer(files[:2], out)
            best = clock = float("inf")
            for _ in range(5):
                for old in out.iterdir():
                    old.unlink()
                start = time.process_time(), time.perf_counter()
                peer(files, out)
                best, clock = min(best, time.process_time() - start[0]), min(clock, time.perf_counter() - start[1])
    except ImportError:
        sys.stdout.write("not installed")
        return
    sys.stdout.write(f"{best / len(files) * 1e3:.3f} {clock / len(files) * 1e3:.3f}")


if __name__ == "__main__":
    main()
