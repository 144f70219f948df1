"""What tests of updates share: keys, bundles, a machine made of folders, and systemd as far as updates ask it."""

import hashlib
import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.machine.places import Places
from appliance.machine.system import Said, architecture
from appliance.machine.update import SYSUPDATE

UUID = "11111111-2222-4333-8444-55555555555"
KINDS = ("root-verity-sig", "root-verity", "root")
COUNTED = "firmware/efi/efivars/LoaderBootCountPath-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"


def make_key(folder: Path, name: str = "update") -> Path:
    """A pair of keys as `make image` makes it: NAME.key and NAME.pub."""
    folder.mkdir(parents=True, exist_ok=True)
    key = folder / f"{name}.key"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True)
    subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", folder / f"{name}.pub"], check=True)
    return key


def parts(folder: Path, version: str, size: int = 3000) -> Path:
    """The parts of an image, as mkosi leaves them; nothing in them can be started."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, kind in enumerate(KINDS):
        data = hashlib.shake_128(f"{version} {kind}".encode()).digest(size if kind == "root" else 500)
        (folder / f"stellwerk_{version}.{kind}.{UUID}{number}.raw").write_bytes(data)
    (folder / f"stellwerk_{version}.efi").write_bytes(f"kernel {version}".encode())
    return folder


def sign(text: bytes, key: Path) -> bytes:
    """By openssl, as the maker does."""
    file = key.with_suffix(".text")
    file.write_bytes(text)
    done = subprocess.run(
        ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", file], check=True, capture_output=True
    )
    return done.stdout


def head(manifest: dict[str, Any], key: Path) -> bytes:
    """A signed head of any manifest at all."""
    text = json.dumps(manifest).encode()
    first = b"stellwerk update 1\n%08d\n" % len(text)
    return first + sign(first + text, key) + text


def manifest(version: str, **changed: Any) -> dict[str, Any]:
    """A sound manifest, but for what is changed."""
    told = [
        {"name": name, "size": len(text), "sha256": hashlib.sha256(text).hexdigest()}
        for name, text in made(version).items()
    ]
    return {
        "product": "stellwerk",
        "architecture": architecture(),
        "version": version,
        "minimum": "0.0.0",
        "created": "2026-11-27T09:00:00Z",
        "notes": {"en": "Better.", "de": "Besser."},
        "members": told,
        **changed,
    }


def made(version: str, size: int = 3000) -> dict[str, bytes]:
    """Members of an update, by name."""
    names = [f"stellwerk_{version}.{kind}.{UUID}{number}.raw" for number, kind in enumerate(KINDS)]
    data = {name: hashlib.shake_128(name.encode()).digest(size) for name in names}
    return {**data, f"stellwerk_{version}.efi": f"kernel {version}".encode()}


def bundle(version: str, key: Path, **changed: Any) -> bytes:
    """A sound update, but for what is changed in its manifest."""
    return head(manifest(version, **changed), key) + b"".join(made(version).values())


@dataclass
class Machine:
    """An appliance's folders below a temporary one, and systemd beside it. calls: what was asked of systemd."""

    root: Path
    version: str = "0.1.0"
    image: bool = True
    blessed: bool = True
    fails: dict[str, str] = field(default_factory=dict)
    """By a word of the command: what it says when it fails."""
    calls: list[list[str]] = field(default_factory=list)
    before: Callable[[Sequence[str]], None] | None = None

    def __post_init__(self) -> None:
        self.places = Places(self.root)
        for folder in (
            *(self.places.service / "requests", self.places.told / "answers", self.places.data / "updates"),
            *(self.places.keys, self.places.kernels, self.places.sys / "firmware/efi/efivars"),
        ):
            folder.mkdir(parents=True, exist_ok=True)
        self.runs(self.version)

    def runs(self, version: str) -> None:
        """This version was started; the boot loader has tried it where it was new."""
        self.version = version
        words = f'ID=debian\nIMAGE_ID="stellwerk"\nIMAGE_VERSION="{version}"\n' if self.image else "ID=debian\n"
        self.places.release.write_text(words)
        if self.image and not any(self.places.kernels.glob(f"stellwerk_{version}*.efi")):
            (self.places.kernels / f"stellwerk_{version}.efi").write_text(f"kernel {version}")

    def count(self, counted: bool = True) -> None:
        """Whether this start is counted by the boot loader."""
        path = self.places.sys / COUNTED
        path.write_text("x") if counted else path.unlink(missing_ok=True)
        self.blessed = not counted

    def upload(self, data: bytes, name: str) -> str:
        """As the console puts it there; answers the path that it names."""
        path = self.places.data / "updates" / name
        path.write_bytes(data)
        return str(path)

    def ask(self, verb: str, request: object) -> None:
        """As the console does."""
        (self.places.service / "requests" / f"{verb}.json").write_text(json.dumps(request))

    def answer(self, verb: str) -> Any:
        """What the machine has said last."""
        return json.loads((self.places.told / "answers" / f"{verb}.json").read_text())

    def slots(self) -> list[str]:
        """The kernels that the boot loader finds."""
        return sorted(path.name for path in self.places.kernels.iterdir())

    def call(self, command: Sequence[str]) -> Said:
        """systemd: sysupdate takes what lies ready and puts the kernel in place last."""
        self.calls.append(list(command))
        if self.before is not None:
            self.before(command)
        for word, said in self.fails.items():
            if word in command:
                return Said(1, said)
        if command[0] == SYSUPDATE:
            return self._sysupdate(list(command))
        if command[1:] == ["is-active", "systemd-bless-boot.service"]:
            return Said(0, "active\n") if self.blessed else Said(3, "inactive\n")
        return Said(0, "")

    def _sysupdate(self, command: list[str]) -> Said:
        staged = self.places.kept / "staged"
        if "vacuum" in command:
            for path in self.places.kernels.iterdir():
                if not path.name.startswith(f"stellwerk_{self.version}"):
                    path.unlink()
            return Said(0, "")
        version = command[-1]
        names = {path.name: path.read_bytes() for path in staged.iterdir()}
        assert names == made(version), "what lies ready is not the whole update"
        (self.places.kernels / f"stellwerk_{version}+2-0.efi").write_bytes(names[f"stellwerk_{version}.efi"])
        return Said(0, "done")
