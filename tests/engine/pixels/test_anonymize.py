"""An object is cleaned as a whole, says so itself, and is another instance; or it is held, and nothing is left."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    BasicTextSRStorage,
    DeflatedExplicitVRLittleEndian,
    EncapsulatedPDFStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    GrayscaleSoftcopyPresentationStateStorage,
    ImplicitVRLittleEndian,
    RawDataStorage,
    SecondaryCaptureImageStorage,
    TwelveLeadECGWaveformStorage,
)

from engine.errors import Unclean
from engine.pixels import Box, Kind, anonymize, derived_uid
from engine.pixels.carriers import leaves
from engine.pixels.marks import DERIVED
from tests.engine.pixels.samples import TEST_FILES, dataset, frame_with, inside, jpeg, jpeg_streams, native, save

BANNER = (Box(0, 0, 128, 16),)
NATIVE = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
NAME = b"SAMPLE"


def icon() -> Dataset:
    made = dataset(8, 8, 1, "MONOCHROME2", (8, 8))
    for element in [element for element in made if element.tag.group in (0x0008, 0x0010)]:
        del made[element.tag]
    made.PixelData = NAME * 10 + bytes(4)
    made["PixelData"].VR = "OB"
    return made


def drawn_on(made: Dataset) -> Dataset:
    """Everything that can be left out of an image, with the name in each."""
    made.IconImageSequence = Sequence([icon()])
    reference, annotation, text = Dataset(), Dataset(), Dataset()
    reference.ReferencedSOPInstanceUID, reference.IconImageSequence = "1.2.9", Sequence([icon()])
    made.ReferencedImageSequence = Sequence([reference])
    text.UnformattedTextValue = NAME.decode()
    annotation.TextObjectSequence = Sequence([text])
    made.GraphicAnnotationSequence = Sequence([annotation])
    made.WaveformAnnotationSequence = Sequence([text])
    made.add_new(0x60020010, "US", 8)
    made.add_new(0x60023000, "OW", NAME + b"  ")
    made.add_new(0x50000005, "US", 1)
    made.add_new(0x50003000, "OW", NAME)
    made.add_new(0xFFFAFFFA, "SQ", Sequence([Dataset()]))
    return made


def ultrasound(change: Callable[[Dataset], Dataset] = lambda made: made) -> Dataset:
    made = dataset(96, 128, 1, "MONOCHROME2", (8, 8))
    del made.PatientName
    made.ImageType = ["ORIGINAL", "PRIMARY", "ABDOMINAL"]
    made.LossyImageCompression, made.BurnedInAnnotation = "01", "YES"
    made.PixelData = frame_with("ANNA").tobytes()
    made["PixelData"].VR = "OW"
    return change(made)


def big(made: Dataset, syntax: UID) -> Dataset:
    if syntax == ExplicitVRBigEndian:
        made.PixelData = frame_with("ANNA").reshape(-1, 2)[:, ::-1].tobytes()
        made["PixelData"].VR = "OW"
    return made


@pytest.mark.parametrize("syntax", NATIVE, ids=lambda syntax: syntax.name)
def test_everything_that_shows_text_is_gone_and_the_rest_is_there(tmp_path: Path, syntax: UID) -> None:
    source = save(big(ultrasound(drawn_on), syntax), tmp_path / "in", syntax)
    done = anonymize(source, tmp_path / "out", BANNER)
    assert done.removed == (
        *("DigitalSignaturesSequence", "GraphicAnnotationSequence", "IconImageSequence", "WaveformAnnotationSequence"),
        *("curves (50xx)", "overlays (60xx)"),
    )
    assert done.cleaned
    assert done.cleaned.frames == 1
    after = dcmread(tmp_path / "out")
    assert NAME not in after.to_json().encode()
    if syntax != DeflatedExplicitVRLittleEndian:
        assert NAME not in (tmp_path / "out").read_bytes()
        assert NAME in source.read_bytes()
    assert after.ReferencedImageSequence[0].ReferencedSOPInstanceUID == "1.2.9"
    assert list(after.ReferencedImageSequence[0].keys()) == [0x00081155]
    before = dcmread(source)
    assert not after.pixel_array[:16].any()
    np.testing.assert_array_equal(after.pixel_array[16:], before.pixel_array[16:])
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["in", "out"]


def test_it_says_itself_what_was_done(tmp_path: Path) -> None:
    source = save(ultrasound(), tmp_path / "in")
    anonymize(source, tmp_path / "out", BANNER)
    before, after = dcmread(source), dcmread(tmp_path / "out")
    assert list(after.ImageType) == ["DERIVED", "PRIMARY", "ABDOMINAL"]
    assert (after.BurnedInAnnotation, after.LossyImageCompression) == ("NO", "01")
    assert after.DerivationDescription == DERIVED
    [code] = after.DeidentificationMethodCodeSequence
    assert (code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning) == (
        *("113101", "DCM"),
        "Clean Pixel Data Option",
    )
    assert after.SOPInstanceUID == after.file_meta.MediaStorageSOPInstanceUID == derived_uid("1.2.3.4", BANNER)
    [made_of] = after.SourceImageSequence
    assert made_of.ReferencedSOPInstanceUID == before.SOPInstanceUID == "1.2.3.4"
    assert made_of.ReferencedSOPClassUID == SecondaryCaptureImageStorage
    assert made_of.PurposeOfReferenceCodeSequence[0].CodeValue == "121322"
    for keyword in ("ImageType", "BurnedInAnnotation", "SOPInstanceUID", "PixelData"):
        delattr(before, keyword)
        delattr(after, keyword)
    for keyword in ("DerivationDescription", "DeidentificationMethodCodeSequence", "SourceImageSequence"):
        delattr(after, keyword)
    assert before == after


def test_what_it_said_before_stays_and_nothing_is_said_twice(tmp_path: Path) -> None:
    def said(made: Dataset) -> Dataset:
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "113105", "DCM", "Clean Descriptors Option"
        made.DeidentificationMethodCodeSequence = Sequence([code])
        made.SourceImageSequence = Sequence([Dataset()])
        made.DerivationDescription = "Cropped"
        made.add_new(0x60000010, "US", 4)
        return made

    anonymize(save(ultrasound(said), tmp_path / "in"), tmp_path / "one", BANNER)
    anonymize(tmp_path / "one", tmp_path / "two", BANNER)
    anonymize(tmp_path / "one", tmp_path / "other boxes", (Box(0, 0, 128, 17),))
    for name, made_of in (("one", 2), ("two", 2), ("other boxes", 3)):
        after = dcmread(tmp_path / name)
        codes = [item.CodeValue for item in after.DeidentificationMethodCodeSequence]
        assert codes == ["113105", "113101", "113103"]
        assert after.DerivationDescription == f"Cropped; {DERIVED}"
        assert len(after.SourceImageSequence) == made_of


def test_what_is_clean_stays_the_same_instance_to_the_byte_when_it_is_cleaned_again(tmp_path: Path) -> None:
    """As when a stored copy goes through the rules once more."""
    anonymize(save(ultrasound(drawn_on), tmp_path / "in"), tmp_path / "one", BANNER)
    done = anonymize(tmp_path / "one", tmp_path / "two", BANNER)
    assert done.instance == derived_uid("1.2.3.4", BANNER)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_description_that_has_no_room_stays_as_it_is(tmp_path: Path) -> None:
    for said in ("x" * 1010, "größer"):
        made = ultrasound()
        made.SpecificCharacterSet, made.DerivationDescription = "ISO_IR 100", said
        anonymize(save(made, tmp_path / "in"), tmp_path / "out", BANNER)
        assert dcmread(tmp_path / "out").DerivationDescription == said


def test_frames_with_types_of_their_own_keep_the_type_of_the_image(tmp_path: Path) -> None:
    made = ultrasound()
    made.SharedFunctionalGroupsSequence = Sequence([Dataset()])
    anonymize(save(made, tmp_path / "in"), tmp_path / "out", BANNER)
    assert dcmread(tmp_path / "out").ImageType[0] == "ORIGINAL"


def test_the_same_image_and_boxes_give_the_same_instance_and_others_another(tmp_path: Path) -> None:
    source = save(ultrasound(), tmp_path / "in")
    for name in ("one", "two"):
        anonymize(source, tmp_path / name, BANNER)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    known = derived_uid("1.2.3.4", BANNER)
    others = {derived_uid("1.2.3.5", BANNER), derived_uid("1.2.3.4", (Box(0, 0, 128, 17),)), derived_uid(known, BANNER)}
    assert len(others | {known}) == 4
    assert all(UID(one).is_valid and len(one) <= 64 and one.startswith("2.25.") for one in others)
    # RFC 9562: version 8, variant 10.
    assert {f"{int(one[5:]):032x}"[12] for one in others} == {"8"}
    assert {f"{int(one[5:]):032x}"[16] in "89ab" for one in others} == {True}


def test_the_derived_uid_is_the_same_in_every_release() -> None:
    """Or what comes again would be another instance."""
    assert derived_uid("1.2.3.4", BANNER) == "2.25.281714435383186476840253419768202215238"


def test_the_instance_can_be_kept(tmp_path: Path) -> None:
    source = save(ultrasound(), tmp_path / "in")
    done = anonymize(source, tmp_path / "out", BANNER, same_uid=True)
    after = dcmread(tmp_path / "out")
    assert done.instance == after.SOPInstanceUID == after.file_meta.MediaStorageSOPInstanceUID == "1.2.3.4"
    assert "SourceImageSequence" not in after
    assert not after.pixel_array[:16].any()


def test_a_jpeg_keeps_its_coefficients_and_loses_its_overlay(tmp_path: Path) -> None:
    change = Dataset()
    change.add_new(0x60000010, "US", 8)
    change.add_new(0x60003000, "OW", b"HANS")
    source = jpeg(tmp_path / "in", jpeg_streams(2), change=change)
    done = anonymize(source, tmp_path / "out", BANNER)
    assert done.removed == ("overlays (60xx)",)
    assert done.cleaned
    assert done.cleaned.method == "jpeg-coefficients"
    assert b"HANS" in source.read_bytes()
    assert b"HANS" not in (tmp_path / "out").read_bytes()


# --- objects without pixels -------------------------------------------------------------------------------------------


def bare(sop_class: UID) -> Dataset:
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID, made.PatientID = sop_class, "1.2.3.4", "4711"
    return made


def test_the_annotations_of_a_waveform_are_left_out(tmp_path: Path) -> None:
    source = TEST_FILES / "waveform_ecg.dcm"
    done = anonymize(source, tmp_path / "out", ())
    before, after = dcmread(source), dcmread(tmp_path / "out")
    assert done.removed == ("WaveformAnnotationSequence",)
    assert after.SOPInstanceUID == done.instance != before.SOPInstanceUID
    del before.WaveformAnnotationSequence, before.SOPInstanceUID, after.SOPInstanceUID
    assert before == after
    again = anonymize(tmp_path / "out", tmp_path / "again", ())
    assert (again.written, (tmp_path / "again").exists()) == (False, False)


@pytest.mark.parametrize("syntax", NATIVE, ids=lambda syntax: syntax.name)
@pytest.mark.parametrize("sop_class", [BasicTextSRStorage, GrayscaleSoftcopyPresentationStateStorage])
def test_what_has_nothing_to_look_at_is_clean_as_it_is(tmp_path: Path, sop_class: UID, syntax: UID) -> None:
    made = bare(sop_class)
    made.add_new(0xFFFAFFFA, "SQ", Sequence([Dataset()]))  # a signature of what does not change stays true
    done = anonymize(save(made, tmp_path / "in", syntax), tmp_path / "out", ())
    assert not done.written
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("syntax", NATIVE, ids=lambda syntax: syntax.name)
def test_an_icon_is_left_out_of_a_report(tmp_path: Path, syntax: UID) -> None:
    made = bare(BasicTextSRStorage)
    item = Dataset()
    item.IconImageSequence = Sequence([icon()])
    made.ReferencedInstanceSequence = Sequence([item])
    done = anonymize(save(made, tmp_path / "in", syntax), tmp_path / "out", ())
    assert done.removed == ("IconImageSequence",)
    assert list(dcmread(tmp_path / "out").ReferencedInstanceSequence) == [Dataset()]


def _text(made: Dataset) -> None:
    made.GraphicAnnotationSequence = Sequence([Dataset()])


def _overlay(made: Dataset) -> None:
    made.add_new(0x60000010, "US", 8)


def _icon_and_overlay(made: Dataset) -> None:
    made.IconImageSequence = Sequence([icon()])
    _overlay(made)


def _pixels(made: Dataset) -> None:
    made.update(dataset(2, 2, 1, "MONOCHROME2", (8, 8)))
    made.SOPClassUID = BasicTextSRStorage
    made.PixelData = bytes(4)
    made["PixelData"].VR = "OB"


def _hidden_pixels(made: Dataset) -> None:
    item = Dataset()
    _pixels(item)
    made.ReferencedInstanceSequence = Sequence([item])


def _document(made: Dataset) -> None:
    made.EncapsulatedDocument = b"%PDF"


def _boxes_of_text(made: Dataset) -> None:
    made.StructuredDisplayTextBoxSequence = Sequence([Dataset()])


def _nothing(_made: Dataset) -> None:
    pass


def _no_class(made: Dataset) -> None:
    del made.SOPClassUID


def _no_instance(made: Dataset) -> None:
    del made.SOPInstanceUID


PRESENTATION = GrayscaleSoftcopyPresentationStateStorage


@pytest.mark.parametrize(
    ("sop_class", "change", "why"),
    [
        (PRESENTATION, _text, "graphic annotations"), (PRESENTATION, _overlay, "overlay"),
        (TwelveLeadECGWaveformStorage, _icon_and_overlay, "overlay"),
        (PRESENTATION, _boxes_of_text, "text boxes"), (BasicTextSRStorage, _text, "graphic annotations"),
        (BasicTextSRStorage, _pixels, "cannot have"), (BasicTextSRStorage, _hidden_pixels, "pixels of its own"),
        (BasicTextSRStorage, _document, "document"), (EncapsulatedPDFStorage, _document, "document"),
        (RawDataStorage, _nothing, "its maker alone"), (UID("1.2.3"), _nothing, "private or unknown"),
        (UID("1.2.3"), _pixels, "different SOP classes"), (SecondaryCaptureImageStorage, _nothing, "no pixels"),
        (BasicTextSRStorage, _no_class, "no SOP Class UID"), (BasicTextSRStorage, _no_instance, "no SOP Instance UID"),
    ],
)  # fmt: skip
def test_what_cannot_be_cleaned_is_held_and_nothing_is_left_behind(
    tmp_path: Path, sop_class: UID, change: Callable[[Dataset], None], why: str
) -> None:
    made = bare(sop_class)
    source = save(made, tmp_path / "in")
    made = dcmread(source)
    change(made)
    made.save_as(source, enforce_file_format=False)
    with pytest.raises(Unclean, match=why):
        anonymize(source, tmp_path / "out", BANNER)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_every_truncation_is_held(tmp_path: Path) -> None:
    whole = save(ultrasound(drawn_on), tmp_path / "in").read_bytes()
    short = tmp_path / "short"
    for length in range(0, len(whole), 211):
        short.write_bytes(whole[:length])
        with pytest.raises(Unclean):
            anonymize(short, tmp_path / "out", BANNER)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "short"]


def _tags(made: Dataset) -> set[int]:
    inside = (item for element in made if element.VR == "SQ" for item in element.value)
    return {int(element.tag) for element in made}.union(*map(_tags, inside))


@pytest.mark.filterwarnings("ignore")
def test_whatever_is_damaged_is_held_or_has_nothing_left_in_it(tmp_path: Path) -> None:
    whole = save(ultrasound(drawn_on), tmp_path / "in").read_bytes()
    pixels = whole.index(ultrasound().PixelData)
    changed, random, written = tmp_path / "changed", np.random.default_rng(3), 0
    for _ in range(150):
        data = bytearray(whole)
        data[int(random.integers(132, pixels))] ^= 1 << int(random.integers(8))
        changed.write_bytes(data)
        try:
            anonymize(changed, tmp_path / "out", BANNER)
        except Unclean:
            assert not (tmp_path / "out").exists()
            continue
        written += 1
        assert not [tag for tag in _tags(dcmread(tmp_path / "out")) if leaves(tag, Kind.IMAGE)]
        assert not dcmread(tmp_path / "out").pixel_array[:16].any()
    assert 20 < written < 130


# --- a second look, by DCMTK ------------------------------------------------------------------------------------------

LOOKS = [
    ("MONOCHROME1", (8, 8), 0), ("MONOCHROME2", (16, 12), 0), ("PALETTE COLOR", (8, 8), 0), ("RGB", (8, 8), 0),
    ("RGB", (8, 8), 1), ("RGB", (16, 16), 0), ("YBR_FULL", (8, 8), 0), ("YBR_FULL", (8, 8), 1),
    ("YBR_FULL_422", (8, 8), 0), ("MONOCHROME2", (1, 1), 0), ("MONOCHROME2", (32, 32), 0),
]  # fmt: skip


@pytest.mark.skipif(shutil.which("dcm2pnm") is None, reason="DCMTK is not installed")
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian], ids=lambda syntax: syntax.name)
@pytest.mark.parametrize(("photometric", "bits", "planar"), LOOKS)
def test_dcmtk_sees_black_inside_and_the_same_outside(
    tmp_path: Path, photometric: str, bits: tuple[int, int], planar: int, syntax: UID
) -> None:
    vr = "OB" if bits == (1, 1) else "OW"
    source = native(tmp_path / "in", photometric, bits, syntax, planar=planar, vr=vr)
    done = anonymize(source, tmp_path / "out", [Box(2, 3, 5, 4)])
    assert done.cleaned
    before, after = _seen(source), _seen(tmp_path / "out")
    mask = inside(done.cleaned.boxes, 13, 10)
    # DCMTK shows the highest value of 8 bits in MONOCHROME1 as 1.
    assert after[mask].max() <= (1 if photometric == "MONOCHROME1" else 0)
    np.testing.assert_array_equal(before[~mask], after[~mask])
    assert before[mask].max() > 1


def _seen(path: Path) -> np.ndarray:
    """Rows × columns × colours, as dcm2pnm shows them, over the whole range of values."""
    shown = path.with_suffix(".pnm")
    subprocess.run(["dcm2pnm", "+op", str(path), str(shown)], check=True, capture_output=True, timeout=30)
    data = shown.read_bytes()
    width, height = map(int, data.split(maxsplit=3)[1:3])
    size = width * height * (3 if data[:2] == b"P6" else 1)
    return np.frombuffer(data[-size:], np.uint8).reshape(height, width, -1)
