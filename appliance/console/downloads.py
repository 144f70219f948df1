"""What is made while it is downloaded: a thread makes it, the browser takes it, and neither runs ahead of the other.

It has no end that is known before: where making it fails midway, the connection is cut, so that no browser takes a part
for the whole. It must not know what is made.
"""

import io
import logging
import queue
import threading
from collections.abc import Callable
from typing import BinaryIO, cast

from tornado.iostream import StreamClosedError

from appliance.console.handler import Handler
from appliance.supervise import where

log = logging.getLogger("stellwerk.console")

PIECE = 1 << 18
AHEAD = 8
"""Pieces that are made before the browser has taken them."""
PATIENCE = 120.0
"""Seconds that a browser may take for a piece."""

Make = Callable[[BinaryIO], object]


class _Pipe(io.RawIOBase):
    """Where it is written to. Waits for whoever takes it; raises OSError once nobody does."""

    def __init__(self) -> None:
        self._pieces: queue.Queue[bytes | None] = queue.Queue(AHEAD)
        self._held = bytearray()
        self._left = threading.Event()
        self.failed: Exception | None = None
        self.is_whole = False

    def writable(self) -> bool:
        return True

    def write(self, data: object, /) -> int:
        taken = bytes(data)  # type: ignore[call-overload]
        self._held += taken
        if len(self._held) >= PIECE:
            self._pass_on()
        return len(taken)

    def _pass_on(self) -> None:
        piece = bytes(self._held)
        self._held.clear()
        if piece:
            self._put(piece)

    def _put(self, piece: bytes | None) -> None:
        try:
            if not self._left.is_set():
                self._pieces.put(piece, timeout=PATIENCE)
        except queue.Full:
            self._left.set()
        if self._left.is_set() and piece is not None:
            raise OSError(0, "nobody takes it any more")

    def make(self, make: Make) -> None:
        """In a thread: all of it, to its end."""
        try:
            make(cast(BinaryIO, self))
            self._pass_on()
            self.is_whole = True
        except Exception as error:
            self.failed = error
            if not isinstance(error, OSError):
                log.error("a fault of the software: %s at %s", type(error).__name__, where(error))
        finally:
            self._put(None)

    def take(self) -> bytes | None:
        """The next piece; None at the end, whether it is whole or has `failed`."""
        return self._pieces.get()

    def leave(self) -> None:
        """Take no more."""
        self._left.set()
        while not self._pieces.empty():
            self._pieces.get_nowait()


async def download(handler: Handler, name: str, kind: str, make: Make) -> None:
    """Answer with what `make` writes, as a file of this name. Raises what it raises before its first piece."""
    pipe = _Pipe()
    # A thread of its own: while it waits for the browser, nobody else may wait for it.
    threading.Thread(target=pipe.make, args=(make,), name="download", daemon=True).start()
    piece = await handler.aside(pipe.take)
    if piece is None and pipe.failed is not None:
        raise pipe.failed
    handler.set_header("Content-Type", kind)
    handler.set_header("Content-Disposition", f'attachment; filename="{name}"')
    try:
        while piece is not None:
            handler.write(piece)
            await handler.flush()
            piece = await handler.aside(pipe.take)
        if pipe.is_whole:
            await handler.finish()
        else:
            handler.detach().close()
    except StreamClosedError:
        handler._finished = True  # nobody is there to be answered
    finally:
        pipe.leave()
