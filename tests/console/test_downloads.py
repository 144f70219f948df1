"""What breaks while it is downloaded is never taken for the whole, and a browser that goes away ends the work."""

import asyncio
import threading
from typing import BinaryIO

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPClientError
from tornado.httpserver import HTTPServer
from tornado.iostream import StreamClosedError
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from appliance.console import downloads


def fetched(make: downloads.Make) -> bytes:
    """What a client gets of it. Raises what the client does."""

    class Handler(RequestHandler):
        async def get(self) -> None:
            await downloads.download(self, "x", "application/octet-stream", make)  # type: ignore[arg-type]

        def aside(self, work: object) -> object:
            return asyncio.get_running_loop().run_in_executor(None, work)  # type: ignore[arg-type]

        def log_exception(self, *_: object) -> None:
            pass

    async def ask() -> bytes:
        server = HTTPServer(Application([("/", Handler)], log_function=lambda _: None))
        socket, port = bind_unused_port()
        server.add_socket(socket)
        try:
            answer = await AsyncHTTPClient(force_instance=True).fetch(f"http://127.0.0.1:{port}/")
            return bytes(answer.body)
        finally:
            server.stop()
            await server.close_all_connections()

    return asyncio.run(ask())


@pytest.mark.parametrize("length", [0, 1, downloads.PIECE, 5 * downloads.PIECE + 3])
def test_all_of_it_arrives(length: int) -> None:
    def make(into: BinaryIO) -> None:
        for start in range(0, length, 1000):
            into.write(b"x" * min(1000, length - start))

    assert fetched(make) == b"x" * length


@pytest.mark.parametrize("error", [OSError(5, "disk"), ValueError("a bug"), KeyError("x")])
def test_what_breaks_in_the_middle_is_no_whole_answer(error: Exception) -> None:
    def make(into: BinaryIO) -> None:
        into.write(b"x" * 3 * downloads.PIECE)
        raise error

    with pytest.raises((HTTPClientError, StreamClosedError, OSError)):
        fetched(make)


def test_what_breaks_at_once_is_an_answer_in_words() -> None:
    def make(_: BinaryIO) -> None:
        raise OSError(5, "disk")

    with pytest.raises(HTTPClientError) as refused:
        fetched(make)
    assert refused.value.code == 500


def test_a_browser_that_goes_away_ends_the_work() -> None:
    pipe, ended = downloads._Pipe(), threading.Event()

    def make(into: BinaryIO) -> None:
        try:
            while True:
                into.write(b"x" * downloads.PIECE)
        finally:
            ended.set()

    threading.Thread(target=pipe.make, args=(make,), daemon=True).start()
    assert pipe.take()
    pipe.leave()
    assert ended.wait(10)
    assert not pipe.is_whole
