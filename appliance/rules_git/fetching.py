"""A look into the repository over HTTPS: what its branch has now, whether it went forward, and the rule files in it.

Nothing of it is kept on the disk: the whole history comes anew each time that there is something new; for rules that is
little. A server may be slow, broken or mean: everything is bounded, and what is wrong is a NotTaken. This file
alone knows dulwich. It must not know what becomes of the files.
"""

import stat
import struct
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ssl import SSLCertVerificationError, SSLContext
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from appliance.rules_git.note import NotTaken
from appliance.rules_git.place import Login, Place

if TYPE_CHECKING:
    from dulwich.object_store import MemoryObjectStore
    from dulwich.objects import Commit, ObjectID, Tree

CONNECT, SILENT, WHOLE = 15.0, 30.0, 180.0
"""Seconds: until there is a line, for which the server may say nothing, and for all of it."""
MOST_PACK = 16 << 20
"""Bytes of the whole history, as it is sent."""
MOST_FILES, MOST_TEXT = 200, 80_000
"""Rule files, and characters of one: as many as the console takes."""


@dataclass(frozen=True, slots=True)
class Found:
    """A commit with its rule files, by name. said: who has made it, and the first line of why."""

    commit: str
    said: str
    texts: Mapping[str, str]


def look(place: Place, login: Login | None, context: SSLContext, known: str) -> Found | None:
    """What stands there; None where it is still the commit `known`. Raises NotTaken, also where that is not in it."""
    try:
        import dulwich.client
        import dulwich.object_store
        import urllib3
    except ImportError:
        raise NotTaken(
            "Git needs a library that is not installed; type: pip install 'stellwerk[git]'",
            "für Git fehlt eine Bibliothek; installieren Sie sie mit: pip install 'stellwerk[git]'",
        ) from None

    class Lines(urllib3.PoolManager):
        """Answers that are none are told in our words, before anybody else reads them."""

        def urlopen(self, *arguments: Any, **named: Any) -> Any:
            answer = super().urlopen(*arguments, **named)
            _judge(answer.status, place, login)
            return answer

    # Where a person has said yes to a fingerprint, our context looks at that, and at nothing else.
    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    lines = Lines(
        timeout=urllib3.Timeout(connect=CONNECT, read=SILENT),
        # A redirect leads nowhere: the token is for this server alone, and the firewall knows no other.
        retries=urllib3.Retry(0, redirect=False),
        ssl_context=context,
    )
    client = dulwich.client.HttpGitClient(
        place.url,
        pool_manager=lines,
        username=None if login is None else login.user,
        password=None if login is None else login.token,
        thin_packs=False,
    )
    newest: list[Any] = []

    def wanted(refs: Mapping[Any, Any], depth: int | None = None) -> list[Any]:
        del depth  # all of the history is wanted
        if client.dumb:
            raise NotTaken(
                f"{place.url} is a repository laid out as plain files; a Git server is needed",
                f"{place.url} ist ein Repository als bloße Dateien; gebraucht wird ein Git-Server",
            )
        there = refs.get(b"refs/heads/" + place.branch.encode())
        if there is None:
            raise NotTaken(
                f"{place.url} has no branch {place.branch}; the setting rules_git_branch says which one is meant",
                f"{place.url} hat keinen Branch {place.branch}; welcher gemeint ist, sagt die Einstellung "
                "rules_git_branch",
            )
        newest.append(there)
        return [] if there == known.encode() else [there]

    store = dulwich.object_store.MemoryObjectStore()
    end, size = time.monotonic() + WHOLE, 0
    with _said(place):
        pack, done, _ = store.add_pack()

        def take(data: bytes) -> int:
            nonlocal size
            size += len(data)
            if size > MOST_PACK:
                raise _too_large(place)
            _in_time(end, place)
            return pack.write(data)

        client.fetch_pack(
            urlsplit(place.url).path,
            wanted,
            dulwich.object_store.ObjectStoreGraphWalker([], lambda _: []),
            take,
            progress=lambda _: _in_time(end, place),
            # The second version may lead to other servers for a part of the pack.
            protocol_version=0,
        )
        if newest[0] == known.encode():
            return None
        done()
        return _read(store, newest[0], place, known)


def _read(store: "MemoryObjectStore", newest: "ObjectID", place: Place, known: str) -> Found:
    from dulwich.objects import Commit

    commit = store[newest]
    if not isinstance(commit, Commit):
        raise _nonsense(place)
    if known and known.encode() not in set(_behind(store, newest)):
        raise NotTaken(
            f"the history of {place.name} was written anew: the commit {known[:12]}, whose rules run, is no longer in "
            "it. Nothing is taken from there until it is again, or somebody types: stellwerk rules-git --anew",
            f"die Geschichte von {place.name} wurde umgeschrieben: Der Commit {known[:12]}, dessen Regeln laufen, "
            "gehört nicht mehr dazu. Von dort wird nichts übernommen, bis er wieder dazugehört oder jemand eingibt: "
            "stellwerk rules-git --anew",
        )
    texts = dict(_texts(store, _folder(store, commit, place), place))
    if not texts:
        raise NotTaken(
            f"in {place.name} there is no rule file (its name would end in .rules)",
            f"in {place.name} liegt keine Regeldatei (ihr Name endete auf .rules)",
        )
    return Found(newest.decode("ascii"), _told(commit), texts)


def _behind(store: "MemoryObjectStore", newest: "ObjectID") -> Iterator[bytes]:
    """All commits that this one comes after, itself first."""
    seen, waiting = {newest}, [newest]
    while waiting:
        now = waiting.pop()
        yield now
        parents: Any = getattr(store[now], "parents", ())
        new = [one for one in parents if one not in seen]
        seen.update(new)
        waiting += new


def _folder(store: "MemoryObjectStore", commit: "Commit", place: Place) -> "Tree":
    from dulwich.objects import Tree

    found = store[commit.tree]
    for name in place.folder:
        entry = {one.path: one for one in found.items()}.get(name.encode()) if isinstance(found, Tree) else None
        if entry is None or entry.mode is None or not stat.S_ISDIR(entry.mode) or entry.sha is None:
            folder = "/".join(place.folder)
            raise NotTaken(
                f"in {place.name} there is no folder {folder}; the setting rules_git_folder says which one is meant",
                f"in {place.name} gibt es keinen Ordner {folder}; welcher gemeint ist, sagt die Einstellung "
                "rules_git_folder",
            )
        found = store[entry.sha]
    if not isinstance(found, Tree):
        raise _nonsense(place)
    return found


def _texts(store: "MemoryObjectStore", folder: "Tree", place: Place) -> Iterator[tuple[str, str]]:
    number = 0
    for entry in folder.items():
        path, mode, sha = entry.path or b"", entry.mode or 0, entry.sha
        name = path.decode("utf-8", "replace")
        if not name.endswith(".rules") or name.startswith("."):
            continue
        if not stat.S_ISREG(mode) or sha is None:
            raise NotTaken(
                f"{name} in {place.name} is no file: links, folders and submodules are not taken",
                f"{name} in {place.name} ist keine Datei: Links, Ordner und Submodule werden nicht übernommen",
            )
        raw = store[sha].as_raw_string()
        number += 1
        if number > MOST_FILES or len(raw) > 4 * MOST_TEXT:
            raise _too_large(place)
        try:
            text = raw.decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError:
            raise NotTaken(
                f"{name} in {place.name} is not UTF-8; save it as UTF-8, and commit it",
                f"{name} in {place.name} ist kein UTF-8; speichern Sie sie als UTF-8, und committen Sie sie",
            ) from None
        if len(text) > MOST_TEXT:
            raise _too_large(place)
        yield name, text


def _told(commit: "Commit") -> str:
    """Of the commit, for the list of versions; whatever somebody has written into it is one short line then."""
    author = commit.author.decode("utf-8", "replace").partition("<")[0].strip()
    first = commit.message.decode("utf-8", "replace").strip().partition("\n")[0]
    said = f"{commit.id.decode('ascii')[:12]} {author}: {first}"
    return "".join(letter for letter in said if letter.isprintable())[:300]


def _in_time(end: float, place: Place) -> None:
    if time.monotonic() > end:
        raise NotTaken(
            f"{place.url} answers too slowly; it is tried again",
            f"{place.url} antwortet zu langsam; es wird wieder versucht",
        )


def _judge(status: int, place: Place, login: Login | None) -> None:
    """What an answer of this HTTP status means for us. Raises NotTaken."""
    where = place.url
    if status in (401, 403) or (status == 404 and login is None):
        what, german = ("the token does not count there", "das Token gilt dort nicht")
        if login is None:
            what, german = ("it wants a token", "es will ein Token")
        raise NotTaken(
            f"{where} does not let us in: {what} (HTTP {status}). A new one belongs into the file "
            "secrets/rules-git, see the manual; or is the address wrong?",
            f"{where} lässt uns nicht hinein: {german} (HTTP {status}). Ein neues gehört in die Datei "
            "secrets/rules-git, siehe Handbuch; oder ist die Adresse falsch?",
        )
    if status == 404:
        raise NotTaken(
            f"there is no repository {where}, or this token may not read it",
            f"es gibt kein Repository {where}, oder dieses Token darf es nicht lesen",
        )
    if 300 <= status < 400:
        raise NotTaken(
            f"{where} leads elsewhere; write the address of the repository itself (often it ends in .git)",
            f"{where} verweist woandershin; gebraucht wird die Adresse des Repositorys selbst (oft endet sie auf .git)",
        )
    if status != 200:
        raise NotTaken(
            f"{where} does not answer as it should now (HTTP {status}); it is tried again",
            f"{where} antwortet gerade nicht, wie es soll (HTTP {status}); es wird wieder versucht",
        )


def _too_large(place: Place) -> NotTaken:
    return NotTaken(
        f"{place.name} is too large: at most {MOST_FILES} rule files of {MOST_TEXT} characters, and "
        f"{MOST_PACK >> 20} MB with all its history. Give the rules a repository of their own",
        f"{place.name} ist zu groß: höchstens {MOST_FILES} Regeldateien mit {MOST_TEXT} Zeichen und "
        f"{MOST_PACK >> 20} MB mit der ganzen Geschichte. Geben Sie den Regeln ein eigenes Repository",
    )


def _nonsense(place: Place) -> NotTaken:
    return NotTaken(
        f"{place.url} gives an answer that is none of a Git server; is the address right, or a proxy in between?",
        f"{place.url} gibt eine Antwort, die keine eines Git-Servers ist; stimmt die Adresse, antwortet ein Proxy?",
    )


@contextmanager
def _said(place: Place) -> Iterator[None]:
    """What goes wrong, in words. Those of the library are not shown: they quote what the server has said."""
    import urllib3
    from dulwich.errors import (
        ApplyDeltaError,
        ChecksumMismatch,
        FileFormatException,
        GitProtocolError,
        NotGitRepository,
    )

    try:
        yield
    except (GitProtocolError, urllib3.exceptions.HTTPError, OSError) as error:
        why: object = error.__cause__ if isinstance(error, GitProtocolError) else error
        if isinstance(error, GitProtocolError) and not isinstance(why, urllib3.exceptions.HTTPError):
            raise _nonsense(place) from None
        why = getattr(why, "reason", None) or why
        refused = next((one for one in getattr(why, "args", ()) if isinstance(one, SSLCertVerificationError)), None)
        if refused is not None:
            said = getattr(refused, "verify_message", "") or str(refused)
            raise NotTaken(
                f"the certificate of {place.url} is not accepted: {said}",
                f"das Zertifikat von {place.url} wird nicht akzeptiert: {said}",
            ) from None
        kind = type(why).__name__
        raise NotTaken(
            f"{place.url} cannot be reached, or breaks off ({kind}); it is tried again",
            f"{place.url} ist nicht zu erreichen oder bricht ab ({kind}); es wird wieder versucht",
        ) from None
    except MemoryError:
        raise _too_large(place) from None
    except (
        *(ApplyDeltaError, ChecksumMismatch, FileFormatException, NotGitRepository, zlib.error, struct.error),
        *(ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError, RecursionError),
    ):
        raise _nonsense(place) from None
