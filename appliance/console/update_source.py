"""Updates from the web: what a server shows as its newest, and the file itself, over HTTPS alone.

The server is only a shelf: what lies there counts by its signature. It must not know what is done with it.
"""

import http.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ssl import SSLContext
from typing import IO
from urllib.parse import urlsplit

from appliance.console.words import Refusal

SECONDS = 30.0
"""For which a server may say nothing."""
PIECE = 1 << 20
NAME = "update-server"
"""What whom we trust there is called: stellwerk tls authority update-server FILE."""


def checked(url: str) -> str:
    """The address of a folder, with a slash at its end. Raises Refusal where none is given or it is not HTTPS."""
    try:
        parts = urlsplit(url)
        fine = parts.scheme == "https" and bool(parts.hostname) and (parts.port or 1) > 0 and "@" not in parts.netloc
    except ValueError:
        fine = False
    if not fine or not url.isascii() or not url.isprintable() or " " in url or parts.query or parts.fragment:
        raise Refusal(422, "Write the address of a folder: https://updates.example/stellwerk/")
    return url if url.endswith("/") else f"{url}/"


@contextmanager
def opened(url: str, context: Callable[[], SSLContext]) -> Iterator[tuple[IO[bytes], int]]:
    """Ask for a file: its bytes as a stream, and how many it has (-1: not said). Raises Refusal, OSError, Later."""
    parts = urlsplit(url)
    line = http.client.HTTPSConnection(parts.hostname or "", parts.port or 443, timeout=SECONDS, context=context())
    try:
        try:
            line.request("GET", parts.path, headers={"User-Agent": "Stellwerk", "Accept-Encoding": "identity"})
            answer = line.getresponse()
        except http.client.HTTPException:
            raise Refusal(502, "The update server answers something that is not HTTP.") from None
        if answer.status == 404:
            raise Refusal(409, "The update server has nothing for this machine at this address.")
        if answer.status != 200:
            raise Refusal(409, "The update server answers {code}, and no file.", code=answer.status)
        yield answer, -1 if answer.length is None else answer.length
    finally:
        line.close()
