"""What was taken from a `stellwerk.conf`, kept on the data partition: all of it is new, or nothing is.

    etc -> versions/<number>        /etc/stellwerk leads here
    versions/<number>/stellwerk.toml, mail-password, rules-git-token, rules/*.rules
                      applied.json  the machine's own part, and by which file it was made

A version is written whole and made durable; then one rename turns `etc` over to it. So a power cut leaves the former
version or the new one, and the stick may be taken away. It must not know where a file came from, nor check it.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.machine.conf import Conf, Network
from engine import files

ROOT = Path("/var/lib/stellwerk-setup")
ETC = "/etc/stellwerk"
"""Where the service finds it."""

_NOTE = "applied.json"
_OF_CONF = ("language", "hostname", "timezone", "time_servers")


@dataclass(frozen=True, slots=True)
class Applied:
    """digest: of the source that was taken; empty before the first. conf: as it was, without settings and password."""

    digest: str = ""
    where: str = ""
    conf: Conf = Conf()


class Versions:
    """The folder of it."""

    def __init__(self, root: Path = ROOT) -> None:
        self._root = root
        self._link = root / "etc"

    def current(self) -> Applied:
        """What counts; nothing, before the first. Raises OSError, also for a note that cannot be read."""
        try:
            said = json.loads((self._link / _NOTE).read_bytes())
            network = Network(**{name: _tuple(value) for name, value in said["network"].items()})
            own = {name: _tuple(said[name]) for name in _OF_CONF}
            return Applied(str(said["digest"]), str(said["where"]), Conf(**own, network=network))
        except FileNotFoundError:
            return Applied()
        except (ValueError, KeyError, TypeError, AttributeError):
            raise OSError(5, "it is not as it was written", str(self._link / _NOTE)) from None

    def apply(self, digest: str, where: str, conf: Conf, rules: Mapping[str, bytes]) -> Applied:
        """Make this the version that counts. Raises OSError, and the former one counts on then."""
        applied = Applied(digest, where, dataclasses.replace(conf, settings={}, mail_password="", rules_git_token=""))
        number = max(self._numbers(), default=0) + 1
        folder = self._root / "versions" / str(number)
        self._put_folder(folder, conf, rules)
        self._put(folder / _NOTE, json.dumps(_note(applied), ensure_ascii=False, indent=1).encode())
        files.sync(folder)
        files.sync(folder.parent)
        self._turn(number)
        self._drop_all_but(number)
        return applied

    def begin(self) -> None:
        """Where there is none yet, have an empty one, so that /etc/stellwerk leads somewhere. Raises OSError.

        What a start that was broken off has left goes.
        """
        if not (self._link / _NOTE).exists():
            self.apply("", "", Conf(), {})
        else:
            self._drop_all_but(int(self._link.readlink().name))

    def _put_folder(self, folder: Path, conf: Conf, rules: Mapping[str, bytes]) -> None:
        # Of a start that was broken off.
        files.remove_folder(folder)
        files.make_folder(folder)
        folder.parent.chmod(0o755)
        folder.chmod(0o755)
        self._put(folder / "stellwerk.toml", _toml(conf).encode())
        if conf.mail_password:
            self._put(folder / "mail-password", f"{conf.mail_password}\n".encode(), 0o640)
        if conf.rules_git_token:
            self._put(folder / "rules-git-token", f"{conf.rules_git_token}\n".encode(), 0o640)
        if rules:
            files.make_folder(folder / "rules")
            (folder / "rules").chmod(0o755)
            for name, text in rules.items():
                self._put(folder / "rules" / name, text)
            files.sync(folder / "rules")

    def _put(self, path: Path, data: bytes, mode: int = 0o644) -> None:
        """Our group, which its unit sets, is the service's: it reads the mail password, and nobody else does."""
        files.put(path, data, 0o600)
        path.chmod(mode)
        files.sync(path)

    def _turn(self, number: int) -> None:
        draft = self._root / ".etc.draft"
        files.remove(draft)
        draft.symlink_to(f"versions/{number}")
        if self._link.is_dir() and not self._link.is_symlink():
            # Laid out by somebody else, and empty: a link takes its place.
            self._link.rmdir()
        files.move(draft, self._link)
        files.sync(self._root)

    def _drop_all_but(self, number: int) -> None:
        """What is left of former ones has a password in it, perhaps."""
        old = [one for one in self._numbers() if one != number]
        for one in old:
            files.remove_folder(self._root / "versions" / str(one))
        if old:
            files.sync(self._root / "versions")

    def _numbers(self) -> list[int]:
        try:
            names = [path.name for path in (self._root / "versions").iterdir()]
        except FileNotFoundError:
            return []
        return [int(name) for name in names if name.isdecimal()]


def _toml(conf: Conf) -> str:
    """The settings as the service reads them. A string of JSON is one of TOML, as no control characters are in it."""
    settings = dict(conf.settings)
    if conf.mail_password:
        settings["mail_password_file"] = f"{ETC}/mail-password"
    if conf.rules_git_token:
        settings["rules_git_token_file"] = f"{ETC}/rules-git-token"
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in sorted(settings.items())]
    return "# Made from stellwerk.conf: change that, and restart the machine.\n" + "".join(lines)


def _note(applied: Applied) -> dict[str, Any]:
    own = {name: getattr(applied.conf, name) for name in _OF_CONF}
    return {
        "digest": applied.digest,
        "where": applied.where,
        **own,
        "network": dataclasses.asdict(applied.conf.network),
    }


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
