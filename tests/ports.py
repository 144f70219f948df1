"""Ports for servers that a test starts itself, kept for it until it ends, whatever runs beside it on this machine."""

import socket

_kept: list[socket.socket] = []


def free_port() -> int:
    """A port on which nobody listens, and which nobody else is given while the test runs.

    It stays bound here, but not listened on. Linux lets others listen on such a port when they ask for it by its number
    and both sides have said SO_REUSEADDR, as servers do; a connection to it is refused until then; and the kernel never
    picks it by itself, neither for a bind to port 0 nor as the near end of a connection.
    """
    keeper = socket.socket()
    keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    keeper.bind(("127.0.0.1", 0))
    _kept.append(keeper)
    return int(keeper.getsockname()[1])


def give_back() -> None:
    """Let go of all of them: the test has ended."""
    while _kept:
        _kept.pop().close()
