"""Where the repository is, by the settings, and how we log in there. It must not know Git, nor networks.

What is wrong in an address is never quoted: somebody may have written a password into it.
"""

import re
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from appliance.rules_git.note import NotTaken
from appliance.settings import Settings

SECRET = "rules-git"
"""The file among the secrets with the token; and what whom we trust there is called (stellwerk tls trust rules-git)."""
USER = "git"
"""Who logs in with a token: those who give tokens look at nothing else."""

_BRANCH = re.compile(r"(?!.*\.\.)[\w][\w./-]{0,199}")
_MOST = 4096


@dataclass(frozen=True, slots=True)
class Place:
    """A folder of a branch of a repository. folder: its names, from the root on."""

    url: str
    branch: str
    folder: tuple[str, ...]

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As the settings say. Raises NotTaken."""
        url = settings.rules_git
        try:
            parts = urlsplit(url)
            fine = parts.scheme == "https" and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            fine = False
        if not fine or not url.isascii() or not url.isprintable() or any(letter in url for letter in " @?#"):
            raise NotTaken(
                "the setting rules_git is no address of a repository: write https://git.example/group/rules.git, "
                "without a log-in (its token belongs into a file, see the manual)",
                "die Einstellung rules_git ist keine Adresse eines Repositorys: gebraucht wird "
                "https://git.example/gruppe/rules.git, ohne Anmeldung (ihr Token gehört in eine Datei, siehe Handbuch)",
            )
        if not _BRANCH.fullmatch(settings.rules_git_branch):
            raise NotTaken(
                "the setting rules_git_branch is not the name of a branch",
                "die Einstellung rules_git_branch ist kein Name eines Branches",
            )
        folder = tuple(one for one in settings.rules_git_folder.split("/") if one not in ("", "."))
        return cls(url, settings.rules_git_branch, folder)

    @property
    def name(self) -> str:
        """For people, and to know it again."""
        return f"{self.url} ({'/'.join((self.branch, *self.folder))})"


@dataclass(frozen=True, slots=True)
class Login:
    """Neither `str` nor `repr` shows the token."""

    user: str
    token: str = field(repr=False)


def login(settings: Settings) -> Login | None:
    """How to log in there; None where no token lies there: a repository that everybody may read. Raises NotTaken."""
    path = settings.rules_git_token_file or settings.secrets / SECRET
    try:
        with path.open("rb") as stream:
            text = stream.read(_MOST).decode("ascii").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NotTaken(
            f"the token of the Git repository cannot be read: {path}: {error.strerror}",
            f"das Token des Git-Repositorys ist nicht lesbar: {path}: {error.strerror}",
        ) from None
    except UnicodeDecodeError:
        text = ""
    first, colon, rest = text.partition(":")
    user, token = (first, rest) if colon else (USER, text)
    if not user or not token or not text.isprintable():
        raise NotTaken(
            f"{path} has no token: write one line into it, the token, or user:token",
            f"in {path} steht kein Token: gebraucht wird eine Zeile, das Token oder benutzer:token",
        )
    return Login(user, token)
