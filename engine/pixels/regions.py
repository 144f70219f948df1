"""What an ultrasound image says about itself: where the echoes are (PS3.3 C.8.5.5, US Region Calibration).

Text of patients lies outside these regions, so they are what to keep. Real files get them wrong (regions that were
not scaled along with the image), so nothing is believed that does not fit the image. Must not know files or codecs.
"""

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from engine.errors import Unclean
from engine.pixels.boxes import Box, complement

_SEQUENCE_OF_ULTRASOUND_REGIONS = 0x00186011
_GRAPHICS = 5  # Region Spatial Format (0018,6012), PS3.3 C.8.5.5.1.1: drawn by the machine, perhaps with text
_SLACK = 1  # pixels: some makers give the first column after the region, for example X1 = 800 of 800 columns


def ultrasound_regions(dataset_head: Dataset) -> tuple[Box, ...] | None:
    """The boxes to keep, from Sequence of Ultrasound Regions (0018,6011), in pixels; None if there are none.

    What a region calls graphics is nothing that was measured, and is not kept. The coordinates are those of bounding
    pixels, so a region reaches up to and including Max X1 and Max Y1.
    Raises `Unclean` if a coordinate is missing, inverted, or more than one pixel outside the image, and if the
    regions cover the whole image and so say nothing about where text is.
    """
    if _SEQUENCE_OF_ULTRASOUND_REGIONS not in dataset_head:
        return None
    regions = dataset_head[_SEQUENCE_OF_ULTRASOUND_REGIONS].value
    if not regions:
        return None
    if not isinstance(regions, Sequence):
        raise Unclean("the ultrasound regions cannot be read")
    columns, rows = _number(dataset_head, "Columns"), _number(dataset_head, "Rows")
    boxes = [(_box(region, columns, rows), region.get("RegionSpatialFormat")) for region in regions]
    keep = tuple(box for box, kind in boxes if kind != _GRAPHICS)
    if not keep:
        return None
    if not complement(keep, columns, rows):
        raise Unclean("the ultrasound regions cover the whole image and so show nothing about where text is")
    return keep


def _box(region: Dataset, columns: int, rows: int) -> Box:
    left, top = _number(region, "RegionLocationMinX0"), _number(region, "RegionLocationMinY0")
    right, bottom = _number(region, "RegionLocationMaxX1"), _number(region, "RegionLocationMaxY1")
    if left >= right or top >= bottom:
        raise Unclean("an ultrasound region has no area: its corners are inverted or the same")
    if min(left, top) < -_SLACK or right > columns - 1 + _SLACK or bottom > rows - 1 + _SLACK:
        raise Unclean("an ultrasound region lies outside the image: the image was resized and its regions were not")
    left, top = max(left, 0), max(top, 0)
    right, bottom = min(right, columns - 1), min(bottom, rows - 1)
    if left > right or top > bottom:
        raise Unclean("an ultrasound region lies outside the image")
    return Box(left, top, right - left + 1, bottom - top + 1)


def _number(dataset: Dataset, keyword: str) -> int:
    value = dataset.get(keyword)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unclean(f"{keyword} is missing or not one whole number")
    return int(value)
