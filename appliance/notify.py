"""What is told to systemd (sd_notify(3)): that we are ready, how we are, that we live, that we stop.

A line or two in a datagram to the socket that it names. Where it names none, nothing is told. It must not know what
ready means.
"""

import logging
import os
import socket
from collections.abc import Mapping, MutableMapping

log = logging.getLogger("stellwerk")


class Notify:
    """The line to whoever has started us as a service of the kind `notify`."""

    def __init__(self, address: str = "", watchdog: float = 0.0) -> None:
        """address: a path, or a name that begins with `@`. watchdog: seconds in which a sign of life is expected."""
        self.watchdog = watchdog
        # An abstract name begins with a zero byte (unix(7)).
        self._address = "\0" + address[1:] if address.startswith("@") else address

    @classmethod
    def of(cls, environment: MutableMapping[str, str] | None = None) -> "Notify":
        """As the environment says. It is taken out of it: what we start in our turn must not speak for us."""
        environment = os.environ if environment is None else environment
        said = {name: environment.pop(name, "") for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")}
        return cls(said["NOTIFY_SOCKET"], _seconds(said, os.getpid()))

    def ready(self, status: str) -> None:
        """All is open; status: in plain words, for `systemctl status`."""
        self._tell("READY=1", f"STATUS={status}")

    def status(self, words: str) -> None:
        """What is being done."""
        self._tell(f"STATUS={words}")

    def alive(self) -> None:
        """A sign of life."""
        self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        """We end, and were asked to."""
        self._tell("STOPPING=1", "STATUS=lets what runs finish")

    def _tell(self, *lines: str) -> None:
        if not self._address:
            return
        text = "\n".join(line.replace("\n", " ") for line in lines)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
                # systemd may be busy: whoever pumps images must not wait for it.
                line.settimeout(1.0)
                line.sendto(text.encode(), self._address)
        except OSError as error:
            log.warning("the service manager was not told (%s)", error.strerror or "it does not listen")


def _seconds(said: Mapping[str, str], we: int) -> float:
    """The watchdog's time, where it is for us: a number of microseconds, and perhaps the process that is meant."""
    if not said["WATCHDOG_USEC"].isdecimal() or said["WATCHDOG_PID"] not in ("", str(we)):
        return 0.0
    return int(said["WATCHDOG_USEC"]) / 1e6
