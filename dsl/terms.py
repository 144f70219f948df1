"""Values that the standard defines for some tags, with what they mean: for completion and hover, never for checking.

Pure data, from PS3.3. Short lists only; a value that is not here is no mistake.
"""

TERMS: dict[str, dict[str, str]] = {
    "Modality": {
        "CR": "computed radiography",
        "CT": "computed tomography",
        "DX": "digital radiography",
        "ECG": "electrocardiography",
        "ES": "endoscopy",
        "IO": "intra-oral radiography",
        "KO": "key object selection",
        "MG": "mammography",
        "MR": "magnetic resonance",
        "NM": "nuclear medicine",
        "OP": "ophthalmic photography",
        "OPT": "ophthalmic tomography",
        "OT": "other",
        "PR": "presentation state",
        "PT": "positron emission tomography",
        "PX": "panoramic X-ray",
        "RF": "radiofluoroscopy",
        "SC": "secondary capture",
        "SEG": "segmentation",
        "SM": "slide microscopy",
        "SR": "structured report",
        "US": "ultrasound",
        "XA": "X-ray angiography",
        "XC": "external-camera photography",
    },
    "BodyPartExamined": {
        "ABDOMEN": "abdomen", "BREAST": "breast", "CHEST": "chest", "HEAD": "head", "HEART": "heart", "HIP": "hip",
        "KNEE": "knee", "LUNG": "lung", "NECK": "neck", "PELVIS": "pelvis", "SHOULDER": "shoulder", "SPINE": "spine",
    },
    "PatientSex": {"M": "male", "F": "female", "O": "other"},
    "BurnedInAnnotation": {"YES": "text is burned in", "NO": "no text is burned in"},
    "PatientIdentityRemoved": {"YES": "de-identified", "NO": "not de-identified"},
    "LossyImageCompression": {"00": "never compressed with loss", "01": "compressed with loss"},
    "ImageLaterality": {"R": "right", "L": "left", "U": "unpaired", "B": "both"},
    "Laterality": {"R": "right", "L": "left"},
    "RequestedProcedurePriority": {
        "STAT": "emergency", "HIGH": "high", "ROUTINE": "routine", "MEDIUM": "medium", "LOW": "low",
    },
    "ImageType": {"ORIGINAL": "as acquired", "DERIVED": "computed", "PRIMARY": "examined", "SECONDARY": "made later"},
}  # fmt: skip

COMMON = (
    "Modality", "PatientID", "PatientName", "PatientAge", "PatientSex", "PatientBirthDate", "StudyDate",
    "StudyDescription", "SeriesDescription", "StudyInstanceUID", "SeriesInstanceUID", "AccessionNumber",
    "InstitutionName", "StationName", "Manufacturer", "ManufacturerModelName", "BodyPartExamined", "SOPClassUID",
    "ImageType", "BurnedInAnnotation", "ReferringPhysicianName", "RequestedProcedurePriority", "ProtocolName",
)  # fmt: skip
"""What rules ask about most: offered before anything of a tag's name is typed."""
