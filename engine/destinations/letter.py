"""What a report says: subject and text of the mail about one study. Pure.

Without `may see names` it tells counts, places and reasons only; reasons never hold values from an image.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from engine.entry import Entry, Receipt
from engine.program import Contact
from engine.step import HOLD

_TEXTS = {
    "en": {
        "subject": "Stellwerk: {what} from {who}",
        "what": "{modality} study, {count} {objects}",
        "object": "object",
        "objects": "objects",
        "unknown": "unknown sender",
        "received": "Received: {count} {objects}, {modality}, from {who}.",
        "patient": "Patient: {name}, ID {id}, born {born}; study of {date}.",
        "stored": "Stored in {box}: {count}.",
        "forwarded": "Forwarded to {box}: {count}, the last at {time}.",
        "late": "{box} could not be reached at first ({why}); it took up to {tries} tries.",
        "held": "HELD, not delivered to {box}: {count}. Reason: {why}",
        "on hold": "HELD: {count}. Reason: {why}",
        "failed": "NOT delivered to {box}: {count}. Reason: {why}",
        "failure": "The route could not be completed: {why}",
        "count": "Complete: {came} came, {expected} were expected.",
        "released": "Complete: {came} came, and the association has ended.",
        "quiet": "Complete: {came} came, quiet for {quiet}.",
        "short": "NOT COMPLETE: {came} of {expected} came, quiet for {quiet}.",
        "added": "Late: the rest of it had gone on before.",
        "place": "Folder: {place}",
        "look": "What is held waits for a person: `stellwerk spool` lists it.",
    },
    "de": {
        "subject": "Stellwerk: {what} von {who}",
        "what": "{modality}-Studie, {count} {objects}",
        "object": "Objekt",
        "objects": "Objekte",
        "unknown": "unbekanntem Absender",
        "received": "Empfangen: {count} {objects}, {modality}, von {who}.",
        "patient": "Patient: {name}, ID {id}, geboren {born}; Studie vom {date}.",
        "stored": "Abgelegt in {box}: {count}.",
        "forwarded": "Weitergeleitet an {box}: {count}, zuletzt um {time}.",
        "late": "{box} war zunächst nicht erreichbar ({why}); bis zu {tries} Versuche waren nötig.",
        "held": "ANGEHALTEN, nicht zugestellt an {box}: {count}. Grund: {why}",
        "on hold": "ANGEHALTEN: {count}. Grund: {why}",
        "failed": "NICHT zugestellt an {box}: {count}. Grund: {why}",
        "failure": "Die Route konnte nicht abgeschlossen werden: {why}",
        "count": "Vollständig: {came} gekommen, {expected} erwartet.",
        "released": "Vollständig: {came} gekommen, und die Verbindung ist beendet.",
        "quiet": "Vollständig: {came} gekommen, Ruhe seit {quiet}.",
        "short": "NICHT VOLLSTÄNDIG: {came} von {expected} gekommen, Ruhe seit {quiet}.",
        "added": "Nachzügler: der Rest war schon weitergegangen.",
        "place": "Ordner: {place}",
        "look": "Angehaltenes wartet auf einen Menschen: `stellwerk spool` zeigt es.",
    },
}

LANGUAGES = tuple(_TEXTS)


def compose(contact: Contact, entries: Sequence[Entry], receipts: Sequence[Receipt], language: str) -> tuple[str, str]:
    """Subject and body of the report on one study: its entries for this contact, and the outcomes they waited for."""
    texts = _TEXTS[language]
    note = entries[0].note
    count = len({entry.object for entry in entries})
    words = {
        "count": count,
        "objects": texts["object" if count == 1 else "objects"],
        "modality": "/".join(sorted({plain(entry.note.get("Modality", "")) for entry in entries} - {""})) or "DICOM",
        "who": plain(note.get("InstitutionName", "")) or texts["unknown"],
    }
    subject = plain(note.get("subject", "")) or texts["subject"].format(what=texts["what"].format(**words), **words)
    lines = [texts["received"].format(**words)]
    if contact.may_see_names:
        lines.append(
            texts["patient"].format(
                name=plain(note.get("PatientName", "")) or "?",
                id=plain(note.get("PatientID", "")) or "?",
                born=_day(note.get("PatientBirthDate", "")),
                date=_day(note.get("StudyDate", "")),
            )
        )
    lines += [line for line in dict.fromkeys(_complete(entry, texts) for entry in entries) if line]
    failures = sorted({plain(entry.note.get("failure", "")) for entry in entries} - {""})
    lines += [texts["failure"].format(why=why) for why in failures]
    lines.append("")
    boxes = dict.fromkeys(receipt.outbox for receipt in receipts)
    for box in boxes:
        lines += _outcomes(box, [receipt for receipt in receipts if receipt.outbox == box], contact, texts)
    if any(receipt.outcome == "held" for receipt in receipts) or HOLD in boxes:
        lines += ["", texts["look"]]
    return subject, "\n".join(lines).rstrip() + "\n"


def _complete(entry: Entry, texts: dict[str, str]) -> str:
    """Why what was collected has gone on, and whether something was missing."""
    reason = entry.note.get("complete", "")
    if not reason:
        return ""
    came, expected = entry.note.get("came", ""), entry.note.get("expected", "")
    key = {"late": "added", "quiet": "short" if expected else "quiet"}.get(reason, reason)
    return texts[key].format(came=came, expected=expected, quiet=plain(entry.note.get("quiet for", "")))


def _outcomes(box: str, receipts: Sequence[Receipt], contact: Contact, texts: dict[str, str]) -> list[str]:
    lines = []
    name = box.removesuffix(".store")
    delivered = [receipt for receipt in receipts if receipt.outcome == "delivered"]
    if delivered:
        last = datetime.fromtimestamp(max(receipt.at for receipt in delivered)).strftime("%H:%M")
        kind = "stored" if box.endswith(".store") else "forwarded"
        lines.append(texts[kind].format(box=name, count=len(delivered), time=last))
        late = [receipt for receipt in delivered if receipt.tries > 1]
        if late:
            tries = max(receipt.tries for receipt in late)
            lines.append("  " + texts["late"].format(box=name, why=plain(late[-1].why) or "?", tries=tries))
        if contact.may_see_names and kind == "stored":
            folders = sorted({receipt.place.rpartition("/")[0] for receipt in delivered})
            lines += ["  " + texts["place"].format(place=folder) for folder in folders]
    for outcome in ("held", "failed"):
        reasons = Counter(plain(receipt.why) for receipt in receipts if receipt.outcome == outcome)
        key = "on hold" if box == HOLD else outcome
        lines += [texts[key].format(box=name, count=count, why=why or "?") for why, count in reasons.items()]
    return lines


def plain(text: str) -> str:
    """One line without control characters: a value must not be able to add a header or a line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _day(text: str) -> str:
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}" if len(text) == 8 and text.isdecimal() else "?"
