"""Whether the extra `stellwerk[text]` is installed: the runtime, and the file of the network. Imports neither."""

from importlib.util import find_spec
from pathlib import Path

EXTRA = "text"
INSTALL = "looking for text needs libraries that are not installed; type: pip install 'stellwerk[text]'"

_PLACES = (
    ("rapidocr", "ch_PP-OCRv4_det_mobile.onnx"),
    ("rapidocr", "ch_PP-OCRv4_det_infer.onnx"),
    ("rapidocr_onnxruntime", "ch_PP-OCRv4_det_infer.onnx"),
)
"""Packages that carry the network, and under which name in their folder `models`: the same bytes in all of them."""


def missing() -> bool:
    """Whether something has to be installed before text can be looked for."""
    return find_spec("onnxruntime") is None or network() is None


def network() -> Path | None:
    """The file of the network, if a package brings it."""
    for package, name in _PLACES:
        spec = find_spec(package)  # finds without importing
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            path = Path(folder, "models", name)
            if path.is_file():
                return path
    return None
