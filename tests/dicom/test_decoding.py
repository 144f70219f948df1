"""A destination that takes no compressed images gets them decoded, and never anything else."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from engine.destinations.decoding import Decoding, decoded_bytes
from engine.dicom import Done, Pool, send
from engine.dicom.negotiate import EXPLICIT_LITTLE, IMPLICIT_LITTLE, offered
from engine.dicom.requestor import Association
from engine.errors import Later, Never
from tests.dicom.conftest import JPEG2000, Outbox
from tests.dicom.test_interop import needs_dcmtk, storescp


@pytest.fixture
def decoder(tmp_path: Path) -> Iterator[Decoding]:
    """One that works in a folder of its own."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    numbers = iter(range(1000))
    one = Decoding(lambda: folder / f"{next(numbers)}.dcm", longest=60)
    yield one
    one.close()
    assert not list(folder.iterdir())


def test_what_can_be_decoded_is_proposed_as_it_is_first_and_then_without_compression() -> None:
    assert offered(JPEG2000, {JPEG2000}) == (JPEG2000, EXPLICIT_LITTLE, IMPLICIT_LITTLE)


@needs_dcmtk
@pytest.mark.parametrize("name", ["MR_small_jp2klossless.dcm", "MR_small_RLE.dcm"])
def test_storescp_that_takes_only_implicit_little_endian_gets_the_same_samples(
    name: str, decoder: Decoding, outbox: Outbox, tmp_path: Path
) -> None:
    source = Path(str(get_testdata_file(name)))
    with storescp(tmp_path / "theirs", "+xi", "+uf") as peer:
        send(peer, [source], outbox.report, decoder=decoder)
    assert outbox.outcomes == [Done(transcoded="Implicit VR Little Endian")]
    [theirs] = (tmp_path / "theirs").iterdir()
    received = dcmread(theirs)
    assert received.file_meta.TransferSyntaxUID == IMPLICIT_LITTLE
    plain = dcmread(str(get_testdata_file("MR_small.dcm")))
    assert np.array_equal(received.pixel_array, plain.pixel_array)


@needs_dcmtk
def test_storescp_that_takes_it_as_it_is_gets_it_byte_for_byte(
    decoder: Decoding, outbox: Outbox, tmp_path: Path
) -> None:
    source = Path(str(get_testdata_file("MR_small_RLE.dcm")))
    with storescp(tmp_path / "theirs", "+xa", "+B", "+uf") as peer:
        send(peer, [source], outbox.report, decoder=decoder)
    assert outbox.outcomes == [Done()]


@needs_dcmtk
def test_what_cannot_be_decoded_is_refused_in_words(decoder: Decoding, outbox: Outbox, tmp_path: Path) -> None:
    source = tmp_path / "damaged.dcm"
    source.write_bytes(
        Path(str(get_testdata_file("MR_small_jp2klossless.dcm")))
        .read_bytes()
        .replace(b"\xff\x4f\xff\x51", b"\xff\x4f\0\0")
    )
    with storescp(tmp_path / "theirs", "+xi", "+uf") as peer:
        send(peer, [source], outbox.report, decoder=decoder)
    [refused] = outbox.outcomes
    assert isinstance(refused, Never)
    assert "cannot be brought into" in refused.reason


@needs_dcmtk
def test_a_disk_of_ours_that_fails_is_said_to_be_so_and_the_image_is_sent_later_and_once(
    outbox: Outbox, tmp_path: Path
) -> None:
    source, native = Path(str(get_testdata_file("MR_small_RLE.dcm"))), Path(str(get_testdata_file("CT_small.dcm")))
    scratch = tmp_path / "scratch"  # not there yet
    decoder = Decoding(lambda: scratch / "1.dcm", longest=60)
    with storescp(tmp_path / "theirs", "+xi", "+uf") as peer:
        send(peer, [source, native], outbox.report, decoder=decoder)
        outcomes = dict(outbox.reports)
        assert outcomes[native] == Done(), "the association goes on for the others"
        postponed = outcomes[source]
        assert type(postponed) is Later, "nothing has been sent that might be there"
        assert "disk of this machine" in postponed.reason
        assert str(peer) not in postponed.reason
        assert len(list((tmp_path / "theirs").iterdir())) == 1
        scratch.mkdir()
        send(peer, [source], outbox.report, decoder=decoder)
    decoder.close()
    assert outbox.outcomes[-1] == Done(transcoded="Implicit VR Little Endian")
    assert len(list((tmp_path / "theirs").iterdir())) == 2


def test_a_worker_that_is_closed_gives_up_what_it_works_on_and_says_that_it_is_begun_anew(tmp_path: Path) -> None:
    decoder = Decoding(lambda: tmp_path / "1.dcm")
    decoder.close()
    with pytest.raises(Later, match="stopped"):
        decoder.decode(Path(str(get_testdata_file("MR_small_RLE.dcm"))), EXPLICIT_LITTLE, lambda: False)
    assert not list(tmp_path.iterdir())


@needs_dcmtk
def test_compressed_and_other_objects_of_several_classes_share_one_association(
    decoder: Decoding, outbox: Outbox, tmp_path: Path
) -> None:
    names = ["MR_small_RLE.dcm", "CT_small.dcm", "SC_rgb_rle.dcm", "MR_small_jp2klossless.dcm", "rtplan.dcm"]
    sources = [tmp_path / name for name in names]
    for number, source in enumerate(sources):
        dataset = dcmread(str(get_testdata_file(source.name)))
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{number}"
        dataset.save_as(source)
    with storescp(tmp_path / "theirs", "+xi", "+uf") as peer:
        pool = Counting(peer)
        send(peer, sources, outbox.report, decoder=decoder, pool=pool)
        pool.close()
    assert pool.taken == 1
    assert [type(outcome) for outcome in outbox.outcomes] == [Done] * len(sources)
    assert len(list((tmp_path / "theirs").iterdir())) == len(sources)


class Counting(Pool):
    """How often an association was asked for."""

    taken = 0

    def take(self, pairs: Sequence[tuple[str, str]], *, fresh: bool = False) -> tuple[Association, bool]:
        self.taken += 1
        return super().take(pairs, fresh=fresh)


@needs_dcmtk
def test_an_image_for_which_the_disk_has_no_room_waits_and_the_rest_is_sent(outbox: Outbox, tmp_path: Path) -> None:
    source, native = Path(str(get_testdata_file("MR_small_RLE.dcm"))), Path(str(get_testdata_file("CT_small.dcm")))
    decoder = Decoding(lambda: tmp_path / "1.dcm", least_mb=1 << 40)
    with storescp(tmp_path / "theirs", "+xi", "+uf") as peer:
        send(peer, [source, native], outbox.report, decoder=decoder)
    outcomes = dict(outbox.reports)
    assert outcomes[native] == Done()
    postponed = outcomes[source]
    assert type(postponed) is Later
    assert "must stay free; make room" in postponed.reason
    assert len(list((tmp_path / "theirs").iterdir())) == 1


@pytest.mark.parametrize("name", ["MR_small_RLE.dcm", "SC_rgb_rle_16bit_2frame.dcm", "examples_ybr_color.dcm"])
def test_how_much_room_an_image_will_take_is_known_from_its_header(name: str, tmp_path: Path) -> None:
    decoder = Decoding(lambda: tmp_path / "1.dcm")
    source = Path(str(get_testdata_file(name)))
    decoded = decoder.decode(source, EXPLICIT_LITTLE, lambda: False)
    decoder.close()
    assert decoded_bytes(source) == len(dcmread(decoded).PixelData)
