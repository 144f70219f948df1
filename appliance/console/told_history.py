"""What has happened to images, line by line of the history, in words of both languages. Pure.

The history's own words for events stand in engine.journal_tables; what is not here is shown as it was written.
"""

from dataclasses import dataclass

from appliance.console import told
from appliance.console.words import say
from engine.step import GATHERING, HOLD, MAIL, NOTICE, REVIEW

_ARCHIVE = ".store"

EVENT_WORDS = {
    "received": "Received from {sender}, by {way}",
    "received again": "Taken through the rules once more",
    "promised": "To be sent to {to}",
    "promised store": "To be stored in {to}",
    "promised mail": "To be told to {to} by mail",
    "promised notify": "To be told to {to}",
    "promised collect": "Waiting for the rest of the study",
    "promised review": "On the way to a review",
    "held": "Held",
    "later": "Not taken by {to}; it is tried again",
    "later store": "Not stored in {to}; it is tried again",
    "later mail": "The mail to {to} did not go; it is tried again",
    "released": "Released by a person",
    "delivered": "Sent to {to}, and confirmed",
    "delivered store": "Stored in {to}",
    "delivered mail": "Told to {to} by mail",
    "delivered notify": "Told to {to}",
    "failed": "Refused by {to} for good",
    "left out": "Not sent to {to}",
    "collected": "The study was complete and went on",
    "collected review": "The review is over",
    "deleted": "Deleted by a person",
    "elsewhere": "On the machine of which a backup was restored here",
    "discarded": "Discarded by a rule",
    "duplicate": "Known already, so not sent again",
    "replayed": "Sent again from the stored copy",
    "approved": "Approved in the review by {by}",
    "rejected": "Rejected in the review by {by}",
    "cleaned": "Text in the picture cleaned",
}
WAY_WORDS = {
    "dicom": "DICOM, port {where}",
    "https": "HTTPS, port {where}",
    "folder": "the folder {where}",
    "outbox": "hand, for {where}",
}
_KINDS = {"held": "bad", "failed": "bad", "rejected": "bad", "deleted": "warn", "later": "warn", "left out": "warn"}
_KINDS |= {"delivered": "good", "approved": "good", "elsewhere": "warn"}


@dataclass(frozen=True, slots=True)
class Said:
    """What happened in words, and why in those of the engine or of a rule. kind: good, bad, warn or nothing."""

    words: str
    why: str
    kind: str


def happened(
    language: str,
    event: str,
    outbox: str,
    why: str,
    *,
    way: str = "",
    sender: str = "",
    again: bool = False,
    by: str = "",
) -> Said:
    """One thing. way: `dicom 26131` and the like; again: it went through the rules before; by: who did it."""
    key = _key(event, outbox, again)
    if key not in EVENT_WORDS:
        return Said(event, why, "")
    facts = {"to": place(language, outbox), "sender": sender or "–", "way": way_in(language, way), "by": by or "–"}
    fixed = event in ("duplicate", "deleted", "replayed", "elsewhere")  # the sentence says why already
    return Said(say(language, EVENT_WORDS[key], **facts), "" if fixed else why, _KINDS.get(event, ""))


def place(language: str, outbox: str) -> str:
    """To whom an outbox leads: the archive, a contact, a destination."""
    if outbox.endswith(_ARCHIVE):
        name = outbox.removesuffix(_ARCHIVE)
        return say(language, "the archive") if name == "archive" else say(language, "the archive {name}", name=name)
    if outbox == HOLD:
        return say(language, "the hold")
    return outbox.removesuffix(MAIL).removesuffix(NOTICE)


def way_out(language: str, outbox: str) -> str:
    """An outbox as the end of a way: with what it does, where it is no destination."""
    if outbox.endswith((MAIL, NOTICE)):
        return say(language, "Report to {to}", to=place(language, outbox))
    named = place(language, outbox)
    return named[:1].upper() + named[1:] if outbox == HOLD or outbox.endswith(_ARCHIVE) else named


def way_in(language: str, way: str) -> str:
    """By which way it came, as the history says it: kind and port, folder or outbox."""
    kind, _, where = way.partition(" ")
    if kind in WAY_WORDS and where:
        return say(language, WAY_WORDS[kind], where=where)
    return told.kind_words(language, kind)


def _key(event: str, outbox: str, again: bool) -> str:
    if event == "received" and again:
        return "received again"
    for ending, name in ((_ARCHIVE, "store"), (MAIL, "mail"), (NOTICE, "notify")):
        if outbox.endswith(ending) and f"{event} {name}" in EVENT_WORDS:
            return f"{event} {name}"
    if outbox == REVIEW and f"{event} review" in EVENT_WORDS:
        return f"{event} review"
    if outbox.endswith(GATHERING) and f"{event} collect" in EVENT_WORDS:
        return f"{event} collect"
    return event
