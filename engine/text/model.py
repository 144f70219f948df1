"""The detector: the text detection network of PP-OCRv4 (mobile; Apache-2.0), as the package rapidocr carries it.

Only its file is used: nothing of that package is imported, nor OpenCV or anything else it would need. The file is
known by its digest, so that another version of the package cannot bring another network. Must not know pictures of
more than one tile, nor what its answer means.
"""

import hashlib
import os
import threading
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import Unclean
from engine.text.installed import INSTALL, missing, network

DIGEST = "d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9"
"""SHA-256 of the network."""

STEP = 32
"""Rows and columns of what the network is shown are multiples of this."""

THREADS = min(2, os.cpu_count() or 1)
"""How many pictures are looked at at once; each takes one thread. More in one picture make it slower, not quicker."""

Picture = NDArray[np.uint8]
"""Rows × columns × 3, red, green, blue."""
Map = NDArray[np.uint8]
"""Rows × columns: how sure it is that there is text, 0 to 255. Text is marked narrower than it stands."""


_loading = threading.Lock()


def answer(tile: Picture) -> Map:
    """What the network says of a tile, whose sides are multiples of `STEP`. Raises `Unclean` without the network."""
    with _loading:
        session = _session()
    shown = np.ascontiguousarray(tile[:, :, ::-1].transpose(2, 0, 1)[None], np.float32)  # it was trained on B, G, R
    shown *= 1 / 127.5
    shown -= 1
    [[[sure]]] = session.run(None, {session.get_inputs()[0].name: shown})
    return (np.asarray(sure) * 255).astype(np.uint8)


@cache
def _session() -> Any:
    path = network()
    if missing() or path is None:
        raise Unclean(INSTALL)
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != DIGEST:
        raise Unclean("the text detector that is installed is another one than was tested; " + INSTALL)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # it would keep what the largest picture took
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
