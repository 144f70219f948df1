"""Whose object a file is, as far as its header can be read. It must not know what is done with it."""

from pathlib import Path

from appliance.sending.account import Subject
from engine.errors import Never
from engine.header import Header
from engine.tags import path_of


def subject_of(path: Path) -> Subject:
    """The patient, the study and the object; empty where the file does not say it, for it may be sent all the same."""
    header = Header.read(path)

    def text(keyword: str) -> str:
        try:
            return header.whole(path_of(keyword))
        except Never:
            return ""

    return Subject(
        text("StudyInstanceUID"),
        text("SOPInstanceUID"),
        text("SOPClassUID"),
        text("PatientName"),
        text("PatientID"),
        text("StudyDate"),
        text("Modality"),
        text("StudyDescription"),
    )
