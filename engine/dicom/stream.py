"""Writing messages: a command and its data set, in P-DATA-TF PDUs, read from the disk straight to where they are sent.

The headers of many PDUs are laid out in one frame, the file is read into the gaps between them by one call, and one
more call sends it all; so a data set is copied once, however short the PDUs are that the peer takes. `sendfile` would
save that copy, but costs two calls for each PDU, and cannot encrypt. Must not know what the bytes mean.
"""

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from engine.dicom.pdu import P_DATA_TF, Connection

MOST_SENT = 1 << 18
"""The longest PDU that we send, though the peer may take longer ones: more brings nothing."""

_SLACK = 1 << 12  # for the command in front, so that a small object goes out in one call
_MOST_PDUS = 512  # in one frame: the system reads into at most 1,024 places at once (IOV_MAX)
_HEADER = struct.Struct(">BxIIBB")

Views = list[memoryview]


class Content(Protocol):
    """A data set to be sent."""

    length: int

    def read_into(self, views: Views, offset: int) -> None:
        """Fill all of these, from so many bytes behind its first. Raises OSError."""

    def close(self) -> None:
        """It has been sent, or will not be."""


class FileContent:
    """A data set as it stands in a file, from an offset to the end."""

    def __init__(self, path: Path, offset: int, length: int) -> None:
        """Raises OSError."""
        self.length = length
        self._offset = offset
        self._handle = os.open(path, os.O_RDONLY)

    def read_into(self, views: Views, offset: int) -> None:
        """One call of the system, whatever the number of views."""
        wanted = sum(map(len, views))
        if os.preadv(self._handle, views, self._offset + offset) != wanted:
            # Mapped into memory, it would end this process instead.
            raise OSError("the file became shorter while it was sent")

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._handle)


class BytesContent:
    """A data set that is in memory, because it had to be encoded anew."""

    def __init__(self, data: bytes) -> None:
        self.length = len(data)
        self._data = memoryview(data)

    def read_into(self, views: Views, offset: int) -> None:
        """Copy."""
        for view in views:
            view[:] = self._data[offset : offset + len(view)]
            offset += len(view)

    def close(self) -> None:
        """Nothing to let go of."""


class Stream:
    """The writing side of an association whose peer takes PDUs up to this length (0: any). For one thread."""

    def __init__(self, connection: Connection, most: int) -> None:
        self._connection = connection
        # Every fragment has an even length (PS3.8 Annex D.1), and six bytes of its own go before it.
        self._room = (min(most or MOST_SENT, MOST_SENT) - 6) & ~1
        self._frame = memoryview(bytearray(MOST_SENT + _SLACK))
        self._used = 0
        self._pdus = 0

    def send(self, context_id: int, command: bytes, content: Content | None, look: Callable[[], None]) -> None:
        """Send one message. When this returns, all of it is on its way; when it raises, its end is not.

        `look` is called now and then, and may raise. Raises LostError, or OSError where the content cannot be read.
        """
        self._used = self._pdus = 0
        for start in range(0, len(command), self._room):
            part = command[start : start + self._room]
            place = self._place(len(part), context_id, 0b11 if start + self._room >= len(command) else 0b01, look)
            place[:] = part
        done, left = 0, content.length if content is not None else 0
        while content is not None and left:
            views: Views = []
            size = 0
            while left and (not views or self._fits(min(self._room, left))):
                length = min(self._room, left)
                left -= length
                views.append(self._place(length, context_id, 0b00 if left else 0b10, look))
                size += length
            content.read_into(views, done)
            done += size
            if left:
                self._flush(look)
        self._flush(look)

    def _fits(self, length: int) -> bool:
        return self._used + 12 + length <= len(self._frame) and self._pdus < _MOST_PDUS

    def _place(self, length: int, context_id: int, flags: int, look: Callable[[], None]) -> memoryview:
        """The place in the frame for a fragment of this length, behind its header."""
        if not self._fits(length):
            self._flush(look)
        start = self._used + 12
        _HEADER.pack_into(self._frame, self._used, P_DATA_TF, length + 6, length + 2, context_id, flags)
        self._used = start + length
        self._pdus += 1
        return self._frame[start : self._used]

    def _flush(self, look: Callable[[], None]) -> None:
        if self._used:
            self._connection.write(self._frame[: self._used], look)
        self._used = self._pdus = 0
