"""What the engine says of an object, in German: it writes its reasons in English, into log and history.

Pure. What is not here is shown as it was written. A reason of a group (facts.advice.group_of) has … for numbers.
"""

import re
from functools import lru_cache

WAITS = "waits for a person to look at it: `stellwerk review`"
"""As engine.reviewer says it."""

_FIXED = {
    "a rule holds it": "Eine Regel hält es an.",
    "no route takes it": "Keine Regel nimmt es an.",
    WAITS: "Es wartet darauf, dass jemand es ansieht.",
    "it answers": "Es antwortet.",
    "a fault of the software: the log says where": "Ein Fehler der Software: im Protokoll steht, wo.",
    "it is not a DICOM file": "Es ist keine DICOM-Datei.",
    "it is not DICOM": "Es ist nicht DICOM.",
    "not a DICOM file: too short": "Es ist keine DICOM-Datei: zu kurz.",
    "not a DICOM file: the prefix DICM is missing": "Es ist keine DICOM-Datei: am Anfang fehlt DICM.",
    "it has no SOP Instance UID, and without one nobody can say that it was stored": "Es hat keine SOP Instance UID; "
    "ohne sie kann niemand sagen, dass es gespeichert wurde.",
    "the object is truncated": "Das Objekt ist abgeschnitten.",
    "the object has no pixels": "Das Objekt hat keine Pixel.",
    "the pixels are truncated: shorter than rows, columns and frames say": "Die Pixel sind abgeschnitten: weniger, als "
    "Zeilen, Spalten und Bilder verlangen.",
    "the note beside this object cannot be read": "Der Vermerk neben diesem Objekt ist nicht lesbar.",
    "there is no box to blank": "Es ist kein Kasten zum Schwärzen festgelegt.",
    "the mail relay refuses our user name or password": "Der Mailserver lehnt Benutzername oder Passwort ab.",
    "no mail relay is set (mail_host)": "Es ist kein Mailserver eingestellt (mail_host).",
    "the image is too large to be looked at for text": "Das Bild ist zu groß, um darin nach Text zu suchen.",
    "it has been replayed already": "Es wurde schon einmal neu dorthin gesendet.",
    "no copy of it is stored here": "Hier ist keine Kopie davon gespeichert.",
    "another replay runs here": "Hier wird gerade anderes noch einmal gesendet.",
    "the rules by which it went are not kept": "Die Regeln, nach denen es ging, sind nicht mehr da.",
    "these rules discard it": "Diese Regeln verwerfen es.",
    "these rules send it nowhere": "Nach diesen Regeln wird es nirgendwohin gesendet.",
    "a person deleted it": "Ein Mensch hat es gelöscht.",
    "a box lies outside the image": "Ein Kasten liegt außerhalb des Bildes.",
    "a box of the region definition sticks out of the image: it was made for another image size": "Ein Kasten der "
    "Bereichsdefinition ragt aus dem Bild: er wurde für eine andere Bildgröße gemacht.",
}
_WITH_FACTS = (
    (r"(.+) refuses the connection: nothing listens there", "{} nimmt keine Verbindung an: dort läuft nichts."),
    (
        r"(.+) does not answer: no connection within (.+) seconds",
        "{} antwortet nicht: keine Verbindung in {} Sekunden.",
    ),
    (r"(.+) cannot be reached: (.+)", "{} ist nicht erreichbar: {}"),
    (r"(.+): the name (.+) is not known here \(DNS\)", "{}: der Name {} ist hier nicht bekannt (DNS)."),
    (r"(.+): the association was lost: (.+)", "{}: die Verbindung ist abgerissen: {}"),
    (r"(.+) rejects the association: (.+)", "{} lehnt die Verbindung ab: {}"),
    (r"(.+) gives no association: (.+)", "{} lässt keine Verbindung zu: {}"),
    (r"(.+) refuses the object: (.+)", "{} lehnt das Objekt ab: {}"),
    (r"(.+) cannot take the object now: (.+)", "{} kann das Objekt jetzt nicht annehmen: {}"),
    (r"(.+) does not take objects of the class (.+)", "{} nimmt keine Objekte der Klasse {} an."),
    (r"(.+) does not take (.+) for (.+)", "{} nimmt {} für {} nicht an."),
    (r"(.+) takes associations, but answers nothing", "{} nimmt Verbindungen an, antwortet dann aber nicht."),
    (r"(.+) has nothing at this address \(HTTP 404\)", "{} hat unter dieser Adresse nichts (HTTP 404)."),
    (r"(.+) has trouble of its own \(HTTP (.+)\)", "{} hat selbst eine Störung (HTTP {})."),
    (
        r"(.+) refuses our user name and password, or our token \(HTTP (.+)\)",
        "{} lehnt Benutzer und Passwort oder unseren Token ab (HTTP {}).",
    ),
    (r"it came in by (.+), where these rules do not listen", "Es kam über {}; dort nehmen diese Regeln nichts an."),
    (r"it is still owed to (.+)", "Es wartet noch darauf, an {} gesendet zu werden."),
    (r"these rules do not send it to (.+)", "Diese Regeln senden es nicht an {}."),
    (r"these rules would hold it: (.+)", "Diese Regeln würden es anhalten: {}"),
    (r"only (\d+) MB of disk are free", "Auf der Platte sind nur noch {} MB frei."),
    (r"(.+) has taken nothing for (\d+) minutes", "{} hat seit {} Minuten nichts angenommen."),
    (r"(.+) takes our mail", "{} nimmt unsere Mail an."),
    (r"the mail relay cannot be reached \((.+)\)", "Der Mailserver ist nicht erreichbar ({})."),
    (
        r"(.+) is not there; is the share mounted\? A folder of this machine must be made first",
        "{} ist nicht da; ist das Netzlaufwerk verbunden? Ein Ordner auf dieser Maschine muss erst angelegt werden.",
    ),
    (r"(.+) cannot be written \((.+)\)", "{} lässt sich nicht beschreiben ({})."),
    (r"rejected in the review: (.+)", "Beim Prüfen verworfen: {}"),
    (r"the rules that send to (.+) were taken back", "Die Regeln, die an {} senden, wurden zurückgenommen."),
    (r"a person took it out of the outbox of (.+)", "Ein Mensch hat es aus dem Ausgang von {} genommen."),
    (r"the proof failed: (.+)", "Der Beweis ist misslungen: {}"),
    (
        r"the image cannot be read from our own disk \((.+)\)",
        "Das Bild ist auf unserem eigenen Datenträger nicht lesbar ({}).",
    ),
)
"""Expressions for all of a reason, and the German, whose places take their groups in turn."""

_STATUS = {
    "processing failure": "ein Fehler bei der Verarbeitung",
    "there is such an object already": "ein solches Objekt gibt es schon",
    "SOP class not supported": "diese SOP-Klasse wird nicht unterstützt",
    "not authorized": "keine Berechtigung",
    "resource limitation": "die Mittel reichen nicht",
    "out of resources": "kein Platz mehr",
    "the data set does not match its SOP class": "der Inhalt passt nicht zu seiner SOP-Klasse",
    "it cannot be understood": "es versteht das Objekt nicht",
    "duplicate invocation": "doppelter Aufruf",
    "unknown status": "unbekannter Status",
}
"""What a DICOM node answers (engine.dicom.status.words), before its number."""

LONGEST = 1000
"""Characters of a reason that is looked at."""


@lru_cache(4096)
def german(why: str) -> str:
    """The reason in German; empty where we have no words for it."""
    if len(why) > LONGEST:
        return ""
    if why in _FIXED:
        return _FIXED[why]
    for expression, sentence in _WITH_FACTS:
        found = re.fullmatch(expression, why)
        if found:
            return sentence.format(*map(_part, found.groups()))
    return ""


def _part(text: str) -> str:
    """A status of DICOM in German; anything else as it is."""
    said, space, number = text.rpartition(" (")
    return f"{_STATUS[said]}{space}{number}" if said in _STATUS else text
