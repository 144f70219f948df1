"""Three destinations on loopback: one is fine, one refuses, one hangs. They remember what they have taken."""

import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

from appliance.torture.objects import digest, is_full_for, refuses
from engine.dicom import Listener, Reception
from engine.errors import Later, Never


class Peer:
    """A destination that takes everything. `told` hears of each object before its sender does."""

    def __init__(self, name: str, folder: Path, told: Callable[[str, str], None] = lambda _name, _uid: None) -> None:
        self.name = name
        self.got: defaultdict[str, list[str]] = defaultdict(list)
        """Digests of the data sets that came, by SOP Instance UID."""
        self._told = told
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self._listener = Listener(0, self._accept, folder=folder, ae_title=name, address="127.0.0.1")
        self._listener.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._listener.port

    def _accept(self, reception: Reception) -> None:
        self.answer(reception.sop_instance_uid)
        with self._lock:
            self.got[reception.sop_instance_uid].append(digest(reception.dataset_file))
        self._told(self.name, reception.sop_instance_uid)
        reception.dataset_file.unlink(missing_ok=True)

    def answer(self, uid: str) -> None:
        """Raise what this destination answers; return where it takes the object."""

    def close(self) -> None:
        """Stop."""
        self._listener.stop(0)


class Refusing(Peer):
    """Refuses some objects for good, and has no room for others the first two times."""

    def __init__(self, name: str, folder: Path, told: Callable[[str, str], None] = lambda _name, _uid: None) -> None:
        self._tried: Counter[str] = Counter()
        super().__init__(name, folder, told)

    def answer(self, uid: str) -> None:
        """As the UID deserves."""
        self._tried[uid] += 1
        if refuses(uid):
            raise Never("it is one of those that are refused")
        if is_full_for(uid) and self._tried[uid] <= 2:
            raise Later("no room the first two times")


class Hanging(Peer):
    """Takes associations and objects, and never answers."""

    def __init__(self, name: str, folder: Path) -> None:
        self._closing = threading.Event()
        super().__init__(name, folder)

    def answer(self, uid: str) -> None:
        """Not before the end, and then that it was not taken."""
        self._closing.wait()
        raise Later("it was closed")

    def close(self) -> None:
        """Let go of everyone."""
        self._closing.set()
        super().close()
