"""Images for the demonstration: the real ones that pydicom ships for its tests, ultrasound among them."""

from pathlib import Path

import pydicom

RULES = """\
# The demonstration's rules: the mandated line, what it names, and a route for everything else.
version 1

destination PACS_A = dicom "PACS_A@127.0.0.1:{pacs}" retry every 2 seconds for 1 day
contact     admin  = "it@praxis.example"

# Where these three machines burn text in. A device that nothing is known of is held, never passed on.
regions logiq-small for Manufacturer starts with "G.E." and Rows = 240 and Columns = 320
  blank (0, 0, 320, 54), (180, 224, 140, 16)
regions cx50-banner for Manufacturer starts with "Philips" and Rows = 350 and Columns = 800
  blank (0, 0, 800, 60)
regions turbo-small for Manufacturer starts with "SonoSite" and Rows = 240 and Columns = 320
  keep (72, 16, 208, 200)

on port {port} where Modality=US → anonymize-pixels → store by Institution/PatientName → forward PACS_A → mail admin

route others
  on port {port} where Modality != US
  → store by Institution/PatientName
"""


def test_images() -> list[Path]:
    """Every file that pydicom's package brings along and that is a DICOM file with an SOP instance in it."""
    folder = Path(pydicom.__file__).parent / "data" / "test_files"
    return [path for path in sorted(folder.glob("*.dcm")) if _is_instance(path)]


def _is_instance(path: Path) -> bool:
    try:
        dataset = pydicom.dcmread(path, stop_before_pixels=True)
    except (pydicom.errors.InvalidDicomError, OSError):
        return False
    return bool(dataset.get("SOPInstanceUID")) and bool(dataset.file_meta.get("TransferSyntaxUID"))
