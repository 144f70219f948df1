"""What the machine answers to the service, in words that say what to do. The console has them in German beside.

A sentence is known by a short name, so that it can be said in another language. It must not know who reads it.
"""

from typing import Any

MACHINE_WORDS = {
    "no-update": "This is no update for Stellwerk. Its file is called stellwerk_VERSION.update.",
    "newer-form": "This update is made in a way that this version does not know. Install a version between them first.",
    "damaged": "The file is damaged or not whole. Upload it or fetch it again.",
    "not-signed": "This update is not signed by anybody whom this machine trusts. It is not installed. "
    "Take updates only from the maker of this machine's image.",
    "odd-manifest": "This update is signed, but made wrongly. Ask its maker for another one.",
    "no-keys": "This machine has no key to check updates with, so it takes none. Its image was built without.",
    "architecture": "This update is for {theirs}, and this machine is {ours}. Take the one for {ours}.",
    "flavour": "This update is for {theirs}, and this machine is {ours}. Take the one for {ours}.",
    "running": "Version {version} runs already.",
    "older": "Version {version} is older than {ours}, which runs. To go back, install the older image anew, "
    "and restore a backup.",
    "older-than-highest": "Version {version} is older than {highest}, which has run here. It is not installed.",
    "between": "Version {version} can be installed from {minimum} on, and {ours} runs. Install {minimum} first.",
    "room": "There is no room for the update: {needed} MB are needed, {free} MB are free. Make room, then try again.",
    "no-file": "The update is not there any more. Upload it again.",
    "other-file": "The update lies where none may lie. Upload it again.",
    "not-here": "This machine is not an appliance image: it is updated with its packages (apt).",
    "busy": "An update is being installed. Wait until it is done.",
    "no-slot": "The update could not be written: {why}. What runs is untouched. Try again; then look into the log.",
    "disk": "The disk has failed: {why}. What runs is untouched.",
    "odd-request": "The machine does not understand the request.",
    "no-restart": "The machine cannot be restarted: {why}.",
}
"""By name. `{facts}` are filled in after a sentence was translated."""

GOING_WORDS = {
    "checking": "Version {version} is being checked: {percent} %.",
    "writing": "Version {version} is being written to the other slot.",
}
DONE_WORDS = {
    "installed": "Version {version} is installed. It starts with the next restart.",
    "installed-now": "Version {version} is installed. The machine restarts now.",
    "installed-night": "Version {version} is installed. The machine restarts at {at}.",
    "restarting": "The machine restarts now.",
    "restart-at": "The machine restarts at {at}.",
    "not-restarting": "The planned restart is called off.",
    "off": "The machine switches itself off.",
}

_ALL = {**MACHINE_WORDS, **GOING_WORDS, **DONE_WORDS}


class Refused(Exception):
    """What was wanted is not done. word: one of MACHINE_WORDS; facts: what its sentence needs."""

    def __init__(self, word: str, **facts: object) -> None:
        super().__init__(sentence(word, facts))
        self.word, self.facts = word, facts


def sentence(word: str, facts: dict[str, Any]) -> str:
    """In English."""
    return _ALL[word].format(**facts)


def known(word: object) -> str:
    """The sentence that is called so, to be said in another language; nothing where none is."""
    return _ALL.get(word, "") if isinstance(word, str) else ""
