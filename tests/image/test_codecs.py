"""What is left of the codec library in an image is what the engine calls, and what that names."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import imagecodecs
import pytest

from appliance.image.building.codecs import KEPT, only_what_is_called
from tests.house.tree import ROOT

TRY = """
import imagecodecs, numpy
image = numpy.arange(64, dtype=numpy.uint8).reshape(8, 8)
for codec in ("jpeg8", "jpegls", "jpeg2k", "htj2k", "png"):
    code = getattr(imagecodecs, codec + "_encode")(image)
    assert getattr(imagecodecs, codec + "_decode")(code).shape == (8, 8), codec
assert imagecodecs.packbits_decode(imagecodecs.packbits_encode(b"aaaa")) == b"aaaa"
assert imagecodecs.JPEGSOF3.available and imagecodecs.LJPEG.available
assert not imagecodecs.TIFF.available and not imagecodecs.WEBP.available
"""


def called() -> set[str]:
    """Every name of the library that a file of ours uses."""
    return {
        node.attr
        for folder in ("engine", "appliance")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "imagecodecs"
    }


def test_each_codec_that_the_engine_calls_is_kept() -> None:
    modules = imagecodecs.imagecodecs._MODULES
    homes = {name: module for module, names in modules.items() for name in names}
    assert called() >= {"jpeg8_decode", "jpegls_decode"}
    assert {homes[name] for name in called()} - {""} <= set(KEPT)


@pytest.mark.skipif(shutil.which("readelf") is None, reason="readelf (binutils) says what a library needs")
def test_what_is_kept_works_without_the_rest(tmp_path: Path) -> None:
    installed = Path(imagecodecs.__file__).parent
    for name in ("imagecodecs", "imagecodecs.libs"):
        shutil.copytree(installed.parent / name, tmp_path / name)
    only_what_is_called(tmp_path)
    assert len(list((tmp_path / "imagecodecs").glob("*.so"))) == len(KEPT)
    done = subprocess.run(
        [sys.executable, "-c", TRY], env={"PYTHONPATH": str(tmp_path)}, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
