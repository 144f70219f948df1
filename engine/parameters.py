"""The kinds of values that steps, sources and destinations take, each read from an argument and told in words.

Pure. A value of the wrong kind raises Misfit with what would fit, and an example; the binder makes a finding of it.
"""

import posixpath
import re
from dataclasses import dataclass
from typing import ClassVar, Self

from engine.signature import Argument, Misfit
from engine.tags import Path, path_of
from engine.values import Duration


@dataclass(frozen=True, slots=True)
class Text:
    """Free text in quotes; a single word may go without."""

    text: str

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """Any scalar; its text."""
        if argument.kind in ("path", "list"):
            raise Misfit(argument, 'text in quotes, like "Praxis Nord"')
        return cls(argument.text)


@dataclass(frozen=True, slots=True)
class Folder:
    """The name of a folder inside the data folder; no path, so that nothing is written elsewhere."""

    name: str

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """A word or text of letters, digits, `-`, `_`, spaces."""
        if argument.kind not in ("word", "text", "number") or not re.fullmatch(r"\w([\w -]{0,62}\w)?", argument.text):
            raise Misfit(argument, 'the name of a folder, like "teaching"')
        if argument.text.casefold() in ("spool", "rules", "tls", "secrets", "tables"):
            # They lie beside the archive: a copy stored there would be taken for an object that was received.
            raise Misfit(argument, 'the name of a folder of its own, like "teaching"; some, like this one, are taken')
        return cls(argument.text)


@dataclass(frozen=True, slots=True)
class Word:
    """A name of the rule language (a profile, a transfer syntax)."""

    text: str

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """A word."""
        if argument.kind != "word":
            raise Misfit(argument, "a name")
        return cls(argument.text)


@dataclass(frozen=True, slots=True)
class TagName:
    """An attribute."""

    path: Path

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """A keyword, alias or number. Raises UnknownTag."""
        if argument.kind not in ("word", "tag"):
            raise Misfit(argument, "the name of a DICOM tag, like InstitutionName")
        return cls(path_of(argument.text))


@dataclass(frozen=True, slots=True)
class Time:
    """A length of time."""

    duration: Duration

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """A duration."""
        if argument.kind != "duration":
            raise Misfit(argument, "a time, like 10 minutes")
        return cls(Duration.of(argument.text))


@dataclass(frozen=True, slots=True)
class Age:
    """How old something must be before it may go: a day at least, lest it goes before anybody has seen it."""

    duration: Duration

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """A duration of a day or more."""
        if argument.kind != "duration" or Duration.of(argument.text).days < 1:
            raise Misfit(argument, "an age of a day or more, like 90 days")
        return cls(Duration.of(argument.text))


@dataclass(frozen=True, slots=True)
class Unit:
    """What belongs together: a study or a series (PS3.3 section A.1.2)."""

    name: str

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """One of the two words."""
        if argument.kind != "word" or argument.text not in ("study", "series"):
            raise Misfit(argument, "study or series, like collect study quiet 2 minutes")
        return cls(argument.text)

    @property
    def uid(self) -> str:
        """The keyword of the attribute that names one."""
        return f"{self.name.capitalize()}InstanceUID"


@dataclass(frozen=True, slots=True)
class NumberTag:
    """An attribute that holds a whole number."""

    path: Path

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """A keyword, alias or number of a tag. Raises UnknownTag."""
        path = TagName.of(argument).path
        if path.vr not in ("IS", "SS", "US", "SL", "UL", "SV", "UV"):
            raise Misfit(argument, "a tag that holds a whole number, like NumberOfStudyRelatedInstances")
        return cls(path)


@dataclass(frozen=True, slots=True)
class Late:
    """What is done with what comes when the rest has gone on."""

    what: str

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """One of three words."""
        if argument.kind != "word" or argument.text not in ("again", "add", "hold"):
            raise Misfit(argument, "again, add or hold, like late hold")
        return cls(argument.text)


@dataclass(frozen=True, slots=True)
class Count:
    """A whole number of at least 1."""

    number: int

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """A whole number."""
        if argument.kind != "number" or not argument.text.isdecimal() or int(argument.text) < 1:
            raise Misfit(argument, "a whole number, like 3")
        return cls(int(argument.text))


@dataclass(frozen=True, slots=True)
class Port:
    """A TCP port, 1 to 65535."""

    number: int

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """A port number."""
        if argument.kind != "number" or not argument.text.isdecimal() or not 1 <= int(argument.text) <= 65535:
            raise Misfit(argument, "a port number from 1 to 65535, like 11112")
        return cls(int(argument.text))


@dataclass(frozen=True, slots=True)
class Connections:
    """How many associations at once: more than a few dozen, no peer takes."""

    number: int

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """A number from 1 to 32."""
        if argument.kind != "number" or not argument.text.isdecimal() or not 1 <= int(argument.text) <= 32:
            raise Misfit(argument, "a number from 1 to 32, like connections 4")
        return cls(int(argument.text))


@dataclass(frozen=True, slots=True)
class Names:
    """Names that the rule file declares; `declared` in a subclass says as what."""

    names: tuple[str, ...]
    declared = ""
    given: ClassVar[frozenset[str]] = frozenset()  # words that mean something without being declared

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """One word, or words in a list."""
        for item in argument.items or (argument,):
            if item.kind != "word":
                raise Misfit(item, f"the name of a {cls.declared}")
        return cls(tuple(item.text for item in argument.items or (argument,)))


class Destinations(Names):
    """Declared destinations."""

    declared = "destination"


class Webhooks(Names):
    """Declared destinations that are told something, and get no objects."""

    declared = "destination"


class Asked(Names):
    """A declared destination that is asked something; nothing is sent there."""

    declared = "destination"

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """One word."""
        if argument.kind != "word":
            raise Misfit(argument, "the name of a destination")
        return cls((argument.text,))


class Contacts(Names):
    """Declared contacts."""

    declared = "contact"


class RegionsName(Names):
    """Declared regions."""

    declared = "regions"


class ScheduleName(Names):
    """A declared schedule."""

    declared = "schedule"

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """One word."""
        if argument.kind != "word":
            raise Misfit(argument, "the name of a schedule")
        return cls((argument.text,))


@dataclass(frozen=True, slots=True)
class AETitles:
    """Application entity titles (PS3.5 section 6.2, VR AE: at most 16 characters, no backslash)."""

    titles: tuple[str, ...]

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """Words or texts, one or a list."""
        for item in argument.items or (argument,):
            fits = item.kind in ("word", "text", "number") and re.fullmatch(r"[!-\[\]-~ ]{1,16}", item.text)
            if not fits or not item.text.strip():
                raise Misfit(item, "an AE title of at most 16 letters, digits, - or _, like CT1")
        return cls(tuple(item.text for item in argument.items or (argument,)))


@dataclass(frozen=True, slots=True)
class UserNames:
    """Users of this appliance (`stellwerk user`), who call with a name and a password."""

    names: tuple[str, ...]

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """Words or texts, one or a list."""
        for item in argument.items or (argument,):
            fits = item.kind in ("word", "text") and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}", item.text)
            if not fits:
                raise Misfit(item, "the name of a user, as `stellwerk user list` shows it, like ward1")
        return cls(tuple(item.text for item in argument.items or (argument,)))


@dataclass(frozen=True, slots=True)
class OutboxName:
    """The name of a destination, or of a folder of one's own beside theirs."""

    name: str
    declared = "destination"
    """What completion offers; it need not be one."""

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """One word: it becomes the name of a folder."""
        if argument.kind != "word" or len(argument.text) > 64:
            raise Misfit(argument, "the name of a destination, or of a folder of its own")
        return cls(argument.text)


@dataclass(frozen=True, slots=True)
class WatchedFolder:
    """A folder anywhere on this machine, by its path from the root on."""

    path: str

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """Text such as "/srv/export"."""
        path = posixpath.normpath(argument.text) if argument.text else ""
        if argument.kind != "text" or not path.startswith("/") or not path.strip("/") or not path.isprintable():
            raise Misfit(argument, 'the path of a folder, from the root on and in quotes, like "/srv/export"')
        return cls("/" + path.lstrip("/"))


@dataclass(frozen=True, slots=True)
class Networks:
    """Addresses or networks, IPv4 or IPv6, as text."""

    networks: tuple[str, ...]

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """`10.0.0.0/8`, `192.168.1.20`, or the same (and IPv6) in quotes; one or a list."""
        from ipaddress import ip_network

        for item in argument.items or (argument,):
            try:
                if item.kind not in ("network", "text"):
                    raise ValueError
                ip_network(item.text, strict=False)
            except ValueError:
                raise Misfit(item, "an address or a network, like 192.168.10.0/24") from None
        return cls(tuple(item.text for item in argument.items or (argument,)))


@dataclass(frozen=True, slots=True)
class Addresses:
    """Mail addresses, one or a list."""

    addresses: tuple[str, ...]

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """Texts such as "it@praxis.example"."""
        for item in argument.items or (argument,):
            if item.kind != "text" or not re.fullmatch(r"[^\s@<>,;]+@[^\s@<>,;]+", item.text):
                raise Misfit(item, 'a mail address in quotes, like "it@praxis.example"')
        return cls(tuple(item.text for item in argument.items or (argument,)))


@dataclass(frozen=True, slots=True)
class Node:
    """The address of a DICOM node: `AET@host:port`."""

    called: str
    host: str
    port: int

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """Text such as "PACS_A@192.168.10.5:104"; an IPv6 address stands in brackets."""
        match = re.fullmatch(r"([!-?A-\[\]-~]{1,16})@(\[[0-9A-Fa-f:.]+\]|[\w.-]+):(\d{1,5})", argument.text)
        if argument.kind != "text" or match is None or not 1 <= int(match[3]) <= 65535:
            raise Misfit(argument, 'an AE title, a host and a port, like "PACS_A@192.168.10.5:104"')
        return cls(match[1], match[2].strip("[]"), int(match[3]))


@dataclass(frozen=True, slots=True)
class WebAddress:
    """The address of a web server. No user name or password stands in it: rules are shown to many people."""

    secure: bool
    host: str
    port: int
    path: str
    """What is asked for there, beginning with a slash, with the query if there is one."""
    schemes: ClassVar[tuple[str, ...]] = ("https", "http")

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """Text such as "https://host:26130/path"; an IPv6 address stands in brackets."""
        match = re.fullmatch(r"(https?)://(\[[0-9A-Fa-f:.]+\]|[\w.-]+)(?::(\d{1,5}))?(/[!-\"$-~]*)?", argument.text)
        if argument.kind != "text" or match is None or match[1] not in cls.schemes:
            example = f"{cls.schemes[0]}://host.example:26130/"
            raise Misfit(argument, f'an address on the web, like "{example}", without user name and password')
        port = int(match[3] or {"https": 443, "http": 80}[match[1]])
        if not 1 <= port <= 65535:
            raise Misfit(argument, "a port number from 1 to 65535, like 11112")
        return cls(match[1] == "https", match[2].strip("[]"), port, match[4] or "/")


class SecureAddress(WebAddress):
    """One that is encrypted."""

    schemes = ("https",)


class PlainAddress(WebAddress):
    """One that is not encrypted."""

    schemes = ("http",)


@dataclass(frozen=True, slots=True)
class SftpPlace:
    """A folder on an SFTP server: `user@host:/path`."""

    user: str
    host: str
    port: int
    path: str

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """Text such as "user@host:/path", or "user@host:2222:/path" where the port is not 22."""
        match = re.fullmatch(r"([\w.+-]+)@(\[[0-9A-Fa-f:.]+\]|[\w.-]+):(?:(\d{1,5}):)?(/[^\x00-\x1f]*)", argument.text)
        if argument.kind != "text" or match is None or not 1 <= int(match[3] or 22) <= 65535:
            raise Misfit(argument, 'a user, a host and a folder there, like "stellwerk@nas.example:/images"')
        return cls(match[1], match[2].strip("[]"), int(match[3] or 22), match[4])


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket of an S3 store, and what the names in it begin with."""

    name: str
    prefix: str

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """Text such as "s3://bucket/prefix"."""
        match = re.fullmatch(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:/[\w.=-]+)*)/?", argument.text, re.ASCII)
        if argument.kind != "text" or match is None or ".." in argument.text:
            raise Misfit(argument, 'a bucket and a prefix, like "s3://images/from-us"')
        return cls(match[1], match[2].strip("/"))


@dataclass(frozen=True, slots=True)
class HostKey:
    """The fingerprint of an SSH server's key, as OpenSSH shows it."""

    text: str

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """Text such as "SHA256:…"."""
        if argument.kind != "text" or not re.fullmatch(r"SHA256:[A-Za-z0-9+/]{43}", argument.text):
            raise Misfit(argument, 'the fingerprint of a host key, "SHA256:" and 43 signs, as ssh-keygen -l shows it')
        return cls(argument.text)


RESERVED_SECRETS = ("users", "deid", "rules-git")
"""Files among the secrets for no destination: who may send here, the key of pseudonyms, the token of the rules' Git."""


@dataclass(frozen=True, slots=True)
class SecretName:
    """The name of a secret: what it holds stands in no rule."""

    name: str

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """One word; it is the name of a file."""
        if argument.kind not in ("word", "text") or not re.fullmatch(r"\w[\w.-]{0,62}", argument.text):
            raise Misfit(argument, "the name of a secret, like ctp-login")
        if argument.text.casefold() in RESERVED_SECRETS:
            raise Misfit(argument, "the name of a secret, like ctp-login; users, deid, rules-git are the appliance's")
        return cls(argument.text)


@dataclass(frozen=True, slots=True)
class Layout:
    """How folders are named: parts joined by `/`, each a tag (its value) or text in quotes (as it stands).

    parts: pairs of ("tag", spelling of the path) or ("text", literal).
    """

    parts: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """`Institution/PatientName`, `"dose"/StudyDate`, or a single tag. Raises UnknownTag."""
        parts = []
        for item in argument.items if argument.kind == "path" else (argument,):
            if item.kind in ("word", "tag"):
                parts.append(("tag", str(path_of(item.text))))
            elif item.kind in ("text", "number"):
                parts.append(("text", item.text))
            else:
                raise Misfit(argument, "folder names from tags, like Institution/PatientName")
        return cls(tuple(parts))
