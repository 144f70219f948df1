"""Transfer syntaxes by the words of the rules."""

import pytest

from engine.signature import Argument, Misfit
from engine.syntaxes import AnySyntax, CompressedSyntax


def test_a_word_may_be_written_with_or_without_capitals_and_hyphens() -> None:
    for text in ("JPEG-2000-lossless", "jpeg2000-lossless", "JPEG2000lossless"):
        assert AnySyntax.of(Argument("word", text)).uid == "1.2.840.10008.1.2.4.90"


def test_what_is_misspelt_is_told_the_nearest_word() -> None:
    with pytest.raises(Misfit) as told:
        AnySyntax.of(Argument("word", "JPEG2000-loseless"))
    assert told.value.expected.startswith("JPEG-2000-lossless; there are implicit-little-endian")


def test_nothing_is_compressed_into_a_native_transfer_syntax() -> None:
    with pytest.raises(Misfit, match="RLE-lossless"):
        CompressedSyntax.of(Argument("word", "explicit-little-endian"))


def test_big_endian_is_never_written() -> None:
    assert "1.2.840.10008.1.2.2" not in AnySyntax.choices.values()
