"""Cleaning pixels: blank boxes in the frames of a DICOM file, and prove it. Only these names are public.

Pure functions of files and arrays. Must not know rules, steps, the spool, or how text is found.
"""

from engine.pixels.anonymize import Anonymized, anonymize
from engine.pixels.boxes import Box, RegionBox, complement
from engine.pixels.clean import Cleaned, clean
from engine.pixels.jpeg_scan import JPEG_BY
from engine.pixels.kinds import Kind, verdict
from engine.pixels.marks import derived_uid
from engine.pixels.preview import FullFrame, Shown, preview, show, show_frame
from engine.pixels.regions import ultrasound_regions
from engine.pixels.transcode import Transcoded, transcode

__all__ = [
    "JPEG_BY",
    "Anonymized",
    "Box",
    "Cleaned",
    "FullFrame",
    "Kind",
    "RegionBox",
    "Shown",
    "Transcoded",
    "anonymize",
    "clean",
    "complement",
    "derived_uid",
    "preview",
    "show",
    "show_frame",
    "transcode",
    "ultrasound_regions",
    "verdict",
]
