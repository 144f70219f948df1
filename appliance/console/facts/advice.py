"""What is held, in groups, and what a person does about each. Pure; the reasons come from the engine and the rules.

Two reasons that differ in numbers, UIDs or file names are one: `its patient 4711 is in no table`, whoever it is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from engine.step import REVIEW

ON_PURPOSE, REFUSED, UNCLEAN, UNREADABLE, UNMATCHED, DUPLICATE, SOFTWARE, BY_HAND, OTHER, TO_REVIEW = KINDS = (
    *("on purpose", "refused", "unclean", "unreadable", "unmatched", "duplicate"),
    *("software", "by hand", "other", "review"),
)
"""on purpose: a rule's `hold`. refused: by its destination, or given up. unmatched: no rule takes it. review: it waits
for somebody to approve or reject it."""


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence in English and in German."""

    english: str
    german: str


ADVICE: Mapping[str, Said] = {
    ON_PURPOSE: Said(
        "A rule holds these, so nothing is wrong. Look at them; release sends them through the rules again, where "
        "the same rule holds them again unless it is changed.",
        "Eine Regel hält sie an, also ist nichts kaputt. Sehen Sie sie an; Freigeben schickt sie noch einmal durch "
        "die Regeln, wo dieselbe Regel sie wieder anhält, solange sie nicht geändert wird.",
    ),
    REFUSED: Said(
        "The destination would not take these. Mend the cause there, test the destination, then release: they are "
        "sent there again.",
        "Das Ziel wollte sie nicht nehmen. Beheben Sie dort die Ursache, prüfen Sie das Ziel und geben Sie sie dann"
        " frei: sie werden noch einmal dorthin gesendet.",
    ),
    UNCLEAN: Said(
        "It could not be proved that no patient's data are left in these. Define the regions of this device, or "
        "change the rule, then release: they go through the rules again.",
        "Es ließ sich nicht beweisen, dass keine Patientendaten darin stehen. Legen Sie die Bereiche dieses Geräts "
        "fest oder ändern Sie die Regel und geben Sie dann frei: sie gehen noch einmal durch die Regeln.",
    ),
    UNREADABLE: Said(
        "These cannot be read as DICOM, or not completely. Send them again from where they came, then delete them "
        "here.",
        "Sie sind nicht oder nicht vollständig als DICOM lesbar. Senden Sie sie von ihrer Quelle aus noch einmal "
        "und löschen Sie sie dann hier.",
    ),
    UNMATCHED: Said(
        "No rule says where these go. Write one, then release: they go through the rules again.",
        "Keine Regel sagt, wohin sie gehen. Schreiben Sie eine und geben Sie dann frei: sie gehen noch einmal durch"
        " die Regeln.",
    ),
    DUPLICATE: Said(
        "Another image came before with the same UID and other content. Compare the two; release this one, or "
        "delete it.",
        "Mit derselben UID kam vorher ein Bild mit anderem Inhalt. Vergleichen Sie die beiden und geben Sie dieses "
        "frei oder löschen Sie es.",
    ),
    SOFTWARE: Said(
        "This is a fault of the software. Please report it with the number; releasing tries it once more.",
        "Das ist ein Fehler der Software. Bitte melden Sie ihn mit der Nummer; Freigeben versucht es noch einmal.",
    ),
    BY_HAND: Said(
        "A person took these out of an outbox. Release sends them there after all; delete removes them for good.",
        "Ein Mensch hat sie aus einem Ausgang genommen. Freigeben sendet sie doch noch dorthin, Löschen entfernt "
        "sie endgültig.",
    ),
    TO_REVIEW: Said(
        "A rule wants somebody to look at these before they go on. Approve or reject them under Review.",
        "Eine Regel will, dass jemand sie ansieht, bevor sie weitergehen. Bestätigen Sie sie unter „Prüfen“, oder "
        "lehnen Sie sie dort ab.",
    ),
    OTHER: Said(
        "Read the reason. When its cause is mended, release these: they go through the rules again.",
        "Lesen Sie den Grund. Ist seine Ursache behoben, geben Sie sie frei: sie gehen noch einmal durch die Regeln.",
    ),
}

_PATTERNS = (
    (BY_HAND, r"^a person took it out of the outbox"),
    (OTHER, r"^rejected in the review"),
    (SOFTWARE, r"fault of the software"),
    (DUPLICATE, r"has the SOP Instance UID of|other content"),
    (UNMATCHED, r"^no route takes it|^no case of its route|send and store it nowhere|rules that collected it are gone"),
    (UNCLEAN, r"burn|regions|pixel|clean|text is|box|de-?identif|profile|proof|leave the house|pseudonym|frame"),
    (UNREADABLE, r"not DICOM|no DICOM|cannot be read|half a|torn|not whole|truncated|is empty|does not begin"),
)


@lru_cache(4096)
def group_of(why: str) -> str:
    """The reason without what differs from image to image."""
    text = re.sub(r"\b[0-9a-f]{19,32}(-[0-9a-f]{12})?\b", "…", why)
    text = re.sub(r'"[^"]*"', '"…"', text)
    return re.sub(r"\d+(?:[.,:/-]\d+)*", "…", text).strip()


@lru_cache(4096)
def kind_of_reason(why: str, refused_by: str, position: str) -> str:
    """One of KINDS. position: of the step that promised it to the hold; `hold` or nothing where none did."""
    if refused_by == REVIEW:
        return TO_REVIEW
    by_hand = re.search(_PATTERNS[0][1], why)
    if refused_by:
        return BY_HAND if by_hand else REFUSED
    if position not in ("", "hold") and not position.startswith("f"):
        return ON_PURPOSE
    return next((kind for kind, pattern in _PATTERNS if re.search(pattern, why)), OTHER)
