"""What a stranger's program might send to a console beside a running appliance: any text, and what it has read there.

A pool remembers what answers have named (ids, names, digests): with those a later request gets further than with any
text alone. It must not know any particular page or operation.
"""

import io
import secrets
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import requests
from hypothesis import strategies as st

from appliance.console.accounts import Accounts
from appliance.console.keys import Tokens
from appliance.console.roles import Role
from tests.console.living import NASTY, Living
from tests.console.serving import PASSWORD, Answer, Browser

MOST = 60
"""Values that are remembered of each name; the oldest go first."""

_ODD_NAMES = (
    *(
        "../../../etc/cron.d/x",
        "/etc/passwd",
        "C:\\x",
        "a/./b",
        "a//b",
        ".",
        "..",
        "",
        "\0",
        "a" * 300,
        "a/" * 80 + "b",
    ),
    *(f"<img src=x onerror={NASTY}>.dcm", "DICOMDIR", "x.zip", "\u202egpj.exe", "con\r\nX: y", "ä/ö.dcm"),
)
NAMES = st.one_of(st.sampled_from(_ODD_NAMES), st.text(max_size=40))
"""Names of files, as browsers and ZIPs may send them."""


class Bytes(bytes):
    """Of which a failing test shows how many there are, and how they begin."""

    def __repr__(self) -> str:
        return f"{len(self)} bytes {bytes(self[:40])!r}"


class Pool:
    """What has been read, by the name under which it was read."""

    def __init__(self) -> None:
        self._known: dict[str, list[Any]] = {}

    def learn(self, value: object, name: str = "") -> None:
        """All texts and numbers that are in it."""
        if isinstance(value, dict):
            for key, each in value.items():
                self.learn(each, str(key))
        elif isinstance(value, list):
            for each in value[:20]:
                self.learn(each, name)
        elif isinstance(value, str | int) and not isinstance(value, bool):
            known = self._known.setdefault(name, [])
            if value not in known:
                known.append(value)
                del known[:-MOST]

    def value(self, draw: Callable[..., Any], name: str) -> Any:
        """One that was read under this name, or under one like it (`id` for `ids`); None where nothing was."""
        alike = [key for key in (name, name.removesuffix("s"), "id", "name", "digest", "object") if key in self._known]
        if not alike:
            return None
        known = self._known[alike[draw(st.integers(0, len(alike) - 1)) if draw(st.booleans()) else 0]]
        return known[draw(st.integers(0, MOST)) % len(known)]

    def mixed(self, draw: Callable[..., Any], value: Any, name: str = "") -> Any:
        """The same value, with what is known in place of some of its texts."""
        if isinstance(value, dict):
            return {key: self.mixed(draw, each, str(key)) for key, each in value.items()}
        if isinstance(value, list):
            return [self.mixed(draw, each, name) for each in value]
        if isinstance(value, str) and draw(st.booleans()):
            known = self.value(draw, name)
            return value if known is None else str(known)
        return value


class Fuzzed:
    """A living house in which anything may be done, and that is put in order again when too little is left of it."""

    def __init__(self, living: Living) -> None:
        self.living, self.pool = living, Pool()
        self._tokens = Tokens(living.line.data / "secrets" / "console-tokens.json")
        self._secrets: dict[Role, str] = {}
        self._line = requests.Session()
        self._line.verify = str(living.line.data / "tls" / "own.pem")
        self._rules = living.line.rules_file.read_text("utf-8")
        self.restore()

    @property
    def at(self) -> str:
        """The address of the API."""
        return f"https://127.0.0.1:{self.living.port}/api/v1"

    def restore(self) -> None:
        """Images that are held, rules that route, a token of each role."""
        living = self.living
        if living.line.rules_file.read_text("utf-8") != self._rules:
            for file in living.line.rules_file.parent.glob("*.rules"):
                file.unlink()
            living.line.rules_file.write_text(self._rules, "utf-8")
        for role in Role:
            if self._tokens.find(self._secrets.get(role, "")) is None:
                self._secrets[role] = self._tokens.make(f"fuzz {role.word}", role, "owner", 1)
        if not living.held():
            living.send(*living.images.glob("*.dcm"))

    def person(self, role: Role) -> Browser:
        """A browser of somebody new, signed in."""
        name = f"{role.word}{secrets.token_hex(4)}"
        Accounts(self.living.line.data / "secrets" / "console-users.json").add(name, role, PASSWORD)
        return Browser(self.living.port).sign_in(name)

    def call(self, case: Any, role: Role) -> requests.Response:
        """Send it with a token of that role; where that was revoked meanwhile, with another one."""
        answer = self._call(case, role)
        if answer.status_code == 401 and self._tokens.find(self._secrets[role]) is None:
            self.restore()
            answer = self._call(case, role)
        if "json" in answer.headers.get("Content-Type", "") and answer.ok:
            self.pool.learn(answer.json())
        return answer

    def _call(self, case: Any, role: Role) -> requests.Response:
        headers = {"Authorization": f"Bearer {self._secrets[role]}", "Accept-Language": "de"}
        answer: requests.Response = case.call(
            base_url=self.at, headers=headers, session=self._line, verify=self._line.verify
        )
        return answer

    def post(self, path: str, body: bytes, **headers: str) -> Answer:
        """An upload, as an operator's script sends it."""
        token = {"Authorization": f"Bearer {self._secrets[Role.OPERATOR]}"}
        return Browser(self.living.port).ask("POST", f"/api/v1{path}", body, **token, **headers)

    def ask(self, method: str, path: str, body: str | None = None) -> Answer:
        """An operation, as an operator's script."""
        token = {"Authorization": f"Bearer {self._secrets[Role.OPERATOR]}", "Content-Type": "application/json"}
        return Browser(self.living.port).ask(method, f"/api/v1{path}", body, **token)


@st.composite
def contents(draw: Callable[..., Any], images: tuple[Path, ...], packed: bool = True) -> Bytes:
    """Bytes of a file: anything, an image that is changed or cut, a ZIP with such members."""
    kind = draw(st.integers(0, 3 if packed else 1))
    if kind == 0:
        return Bytes(draw(st.binary(max_size=600)))
    if kind in (1, 2):
        data = bytearray(images[draw(st.integers(0, 99)) % len(images)].read_bytes()[: 1 << 18])
        for at, value in draw(st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=8)):
            data[at % len(data)] = value
        return Bytes(data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))) as made:
        for name in draw(st.lists(NAMES, max_size=5)):
            made.writestr(zipfile.ZipInfo(name), draw(contents(images, packed=False)))
    data = bytearray(stream.getvalue())
    for at, value in draw(st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=4)):
        data[at % len(data)] = value
    return Bytes(data)


def pieces(data: bytes, size: int) -> Iterator[tuple[int, bytes]]:
    """Where each piece of an upload begins, and the piece; one also of nothing."""
    yield from ((at, data[at : at + size]) for at in range(0, max(1, len(data)), size))
