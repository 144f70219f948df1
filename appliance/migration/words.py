"""What is said about a migration, in English and German: of each stage what it became, what has no equivalent, what is
better now and what is left to do. Pure. No fact in a note may be a password.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

KINDS = ("became", "do", "gap", "better")
"""In this order they are told."""


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to say, with its facts."""

    kind: str
    key: str
    facts: tuple[tuple[str, str], ...]

    def __init__(self, kind: str, key: str, /, **facts: str) -> None:
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "key", key)
        object.__setattr__(self, "facts", tuple((name, plain(value)) for name, value in facts.items()))

    def said(self, language: str) -> str:
        """In words. A fact whose name is `why` is a key of its own."""
        facts: Mapping[str, str] = dict(self.facts)
        if "why" in facts:
            inner = dict(facts)
            facts = inner | {"why": _WORDS[facts["why"]][language == "de"].format(**inner)}
        return _WORDS[self.key][language == "de"].format(**facts)


def plain(text: str) -> str:
    """One short line of what stands in a configuration; of an address, not who logs in there."""
    text = re.sub(r"//[^/@\s]*@", "//", text)
    short = " ".join(re.sub(r"[^\x20-\x7e\xa0-\ud7ff\ue000-\ufffd]", " ", text).split())
    return short if len(short) <= 100 else short[:99] + "…"


def heading(kind: str, language: str) -> str:
    """Over all notes of a kind."""
    return _WORDS[f"heading {kind}"][language == "de"]


def words(key: str, language: str, **facts: str) -> str:
    """A sentence that is no note."""
    return _WORDS[key][language == "de"].format(**{name: plain(value) for name, value in facts.items()})


_WORDS: dict[str, tuple[str, str]] = {
    "heading became": ("What became of it", "Was daraus wurde"),
    "heading do": ("Left for you to do", "Das bleibt zu tun"),
    "heading gap": ("Has no equivalent, or differs", "Ohne Entsprechung, oder anders"),
    "heading better": ("Better now", "Jetzt besser"),
    "title": (
        "Made by `stellwerk migrate` from a CTP configuration. Read it, try it with `stellwerk check` and `explain`.",
        "Von `stellwerk migrate` aus einer CTP-Konfiguration gemacht. Lesen, mit `stellwerk check` und "
        "`explain` erproben.",
    ),
    "pipeline": ("CTP's pipeline {name}", "CTPs Pipeline {name}"),
    "pipeline off": (
        "CTP's pipeline {name} was switched off (enabled=no); so is this",
        "CTPs Pipeline {name} war abgeschaltet (enabled=no); dies auch",
    ),
    "not yet": ("not built yet:", "noch nicht gebaut:"),
    "off": ("switched off in CTP:", "in CTP abgeschaltet:"),
    "behind": ("what CTP did behind it:", "was CTP dahinter tat:"),
    "cannot": ("this could not be taken over:", "dies war nicht zu übernehmen:"),
    "xml large": ("it is too large to be a configuration", "sie ist zu groß für eine Konfiguration"),
    "xml doctype": (
        "it has a document type (<!DOCTYPE), which is not read for safety: take it out",
        "sie hat einen Dokumenttyp (<!DOCTYPE), der aus Sicherheit nicht gelesen wird: herausnehmen",
    ),
    "xml broken": ("it is no well-formed XML, see line {place}", "sie ist kein wohlgeformtes XML, siehe Zeile {place}"),
    "no configuration": (
        "it has no <Pipeline>: is it CTP's config.xml?",
        "sie hat keine <Pipeline>: ist es CTPs config.xml?",
    ),
    # ── why something cannot be said
    "script broken": ("it cannot be read at “{word}”", "bei „{word}“ nicht zu lesen"),
    "script long": ("it is too long or too deeply nested", "zu lang oder zu tief geschachtelt"),
    "script method": ("there is no method {word}", "es gibt keine Methode {word}"),
    "element": ("{word} is no DICOM tag", "{word} ist kein DICOM-Tag"),
    "meta": (
        "{word} is of the file, not of the image (group 0002), and rules do not ask for it",
        "{word} gehört zur Datei, nicht zum Bild (Gruppe 0002), und Regeln fragen nicht danach",
    ),
    "value": ("a value in it cannot stand in a rule", "ein Wert darin kann nicht in einer Regel stehen"),
    "order": (
        "{word} is compared as a number, and is none",
        "{word} wird als Zahl verglichen und ist keine",
    ),
    "always": ("it is always true", "es gilt immer"),
    "never": ("it is never true", "es gilt nie"),
    "no file": ("the file {word} is not there", "die Datei {word} ist nicht da"),
    "no script": ("it names no script", "es nennt kein Skript"),
    # ── ways in
    "port": ("{name}: DICOM on port {port}", "{name}: DICOM an Port {port}"),
    "https in": (
        "{name} took files by HTTP on port {port}, from CTP and FileSender: `on {wire} port {port}`",
        "{name} nahm Dateien per HTTP an Port {port} an, von CTP und FileSender: `on {wire} port {port}`",
    ),
    "https in missing": (
        "{name} (port {port}): rules cannot take files by HTTPS yet; its route is written as a comment",
        "{name} (Port {port}): Regeln können noch nichts per HTTPS annehmen; die Route steht als Kommentar da",
    ),
    "http plain": (
        "{name} took patients' images unencrypted (ssl=no): have its senders use https",
        "{name} nahm Bilder unverschlüsselt an (ssl=no): die Absender auf https umstellen",
    ),
    "folder in": ("{name}: the watched folder {path}", "{name}: der beobachtete Ordner {path}"),
    "folder path": (
        "{name} watched {path}, which is no path on Linux: name the folder where it is mounted",
        "{name} beobachtete {path}, unter Linux kein Pfad: den Ordner nennen, wo er eingehängt ist",
    ),
    "archive in": (
        "{name} copied an archive once: `stellwerk import FOLDER --to NAME` does it",
        "{name} kopierte einmal ein Archiv: das tut `stellwerk import ORDNER --to NAME`",
    ),
    "rejects": (
        "{name}: who was not admitted was told “success”, and the image thrown away; now he is refused, or it is held",
        "{name}: wer nicht zugelassen war, bekam „Erfolg“, und das Bild wurde weggeworfen; jetzt Ablehnung oder Halt",
    ),
    "classes": (
        "{name}: its list of SOP classes is not needed, every storage class is taken",
        "{name}: die Liste der SOP-Klassen entfällt, jede Speicherklasse wird angenommen",
    ),
    "facts": (
        "{name} wrote {what} into the images; rules ask for `sender`, `called`, `address`, and leave the images alone",
        "{name} schrieb {what} in die Bilder; Regeln fragen `sender`, `called`, `address` und ändern die Bilder nicht",
    ),
    "logins": (
        "{name} asked for a user and password, and none was taken over: set up the user ctp (`stellwerk user`)",
        "{name} verlangte Benutzer und Passwort, keines wurde übernommen: den Benutzer ctp anlegen (`stellwerk user`)",
    ),
    "no way in": (
        "{name} has no way in that rules know, and is not written",
        "{name} hat keinen Eingang, den Regeln kennen, und steht nicht da",
    ),
    # ── stages
    "filter": ("{name}: a condition", "{name}: eine Bedingung"),
    "filter case": (
        "{name}: CTP's conditions told upper from lower case, and took several values for one text; ours do not",
        "{name}: CTPs Bedingungen unterschieden groß und klein und nahmen mehrere Werte als einen Text; unsere nicht",
    ),
    "filter odd": (
        "{name}: its condition cannot be said in rules ({why}); what comes there is held, not passed on",
        "{name}: die Bedingung ist in Regeln nicht zu sagen ({why}); was dorthin kommt, wird angehalten",
    ),
    "filter held": (
        "{name}: what does not fit is held with its reason, and never vanishes",
        "{name}: was nicht passt, wird mit Grund angehalten und verschwindet nie",
    ),
    "stored": (
        "{name}: `store by {layout}`; the copies lie in DATA/{folder}, CTP's lay in {root}",
        "{name}: `store by {layout}`; die Kopien liegen in DATA/{folder}, CTPs lagen in {root}",
    ),
    "old files": (
        "CTP's old files: `stellwerk import FOLDER --to NAME` brings them into the PACS",
        "CTPs alte Dateien: `stellwerk import ORDNER --to NAME` bringt sie ins PACS",
    ),
    "layout split": (
        "structure: the folder {folder} is put together of several; here each is a folder of its own",
        "structure: der Ordner {folder} ist aus mehreren zusammengesetzt; hier wird jedes ein eigener",
    ),
    "layout none": ("structure: none was given; `store by {layout}`", "structure: fehlte; `store by {layout}`"),
    "layout tag": ("structure: {tag} is no DICOM tag, left out", "structure: {tag} ist kein DICOM-Tag, entfällt"),
    "stored better": (
        "folders keep umlauts and every script; two patients of one name have a folder each; copies end in .dcm",
        "Ordner behalten Umlaute und jede Schrift; gleiche Namen bekommen je einen Ordner; Kopien enden auf .dcm",
    ),
    "duplicates": (
        "{name}: repeats are known everywhere, by UID and bytes, without a stage (`on duplicate`)",
        "{name}: Wiederholungen werden überall erkannt, nach UID und Inhalt, ohne Stufe (`on duplicate`)",
    ),
    "purge": ("{name}: deleted after {days} days: `purge`", "{name}: nach {days} Tagen gelöscht: `purge`"),
    "web store": (
        "{name} had a web viewer and users of its own; here it is only the archive",
        "{name} hatte eine Webansicht und eigene Benutzer; hier ist es nur das Archiv",
    ),
    "sent": ("{name}: forwarded to {to}", "{name}: Weiterleitung an {to}"),
    "sent better": (
        "what a destination refuses is held with its answer; what it cannot take now is tried again, and waits "
        "for no other",
        "was ein Ziel ablehnt, wird mit dessen Antwort angehalten; was es jetzt nicht nehmen kann, später versucht",
    ),
    "sent missing": (
        "{name} sent to {to}: rules cannot send there yet ({kind}); it is written as a comment",
        "{name} sandte an {to}: dorthin können Regeln noch nicht senden ({kind}); es steht als Kommentar da",
    ),
    "sent odd": (
        "{name}: its address {to} is none that rules know; it is written as a comment",
        "{name}: die Adresse {to} kennen Regeln nicht; es steht als Kommentar da",
    ),
    "outside": (
        "{to} is not in this house: it is declared `outside trusted`, so it gets what it got. Take `trusted` away, and "
        "only what is clean may go there",
        "{to} liegt außer Haus: als `outside trusted` erklärt, bekommt es, was es bekam. Ohne `trusted` geht "
        "nur Sauberes",
    ),
    "outside?": (
        "{to}: if it is not in this house, write `outside` behind its address",
        "{to}: liegt es außer Haus, `outside` hinter die Adresse schreiben",
    ),
    "by tags": (
        "{name} took the address out of the image ({what}); rules do so with `where`",
        "{name} nahm die Adresse aus dem Bild ({what}); Regeln tun das mit `where`",
    ),
    "secret": (
        "{name} had a user or password, which is not copied: keep it in a file that only the service may read",
        "{name} hatte Benutzer oder Passwort, nicht übernommen: in einer Datei ablegen, die nur der Dienst lesen darf",
    ),
    "secret named": (
        "{name} had a user or password, which is not copied: the rules call it {secret}; keep it in "
        "DATA/secrets/{secret}, the user in the first line and the password in the second",
        "{name} hatte Benutzer oder Passwort, nicht übernommen: die Regeln nennen es {secret}; in "
        "DATA/secrets/{secret} ablegen, in der ersten Zeile der Benutzer, in der zweiten das Passwort",
    ),
    "mailed": ("{name}: mail to {to}", "{name}: Mail an {to}"),
    "mail relay": (
        "mail relay: STELLWERK_MAIL_HOST={host}, STELLWERK_MAIL_PORT={port}, STELLWERK_MAIL_SECURITY={security}, "
        "STELLWERK_MAIL_FROM={sender}; "
        "a password in the file STELLWERK_MAIL_PASSWORD_FILE",
        "Mailserver: STELLWERK_MAIL_HOST={host}, STELLWERK_MAIL_PORT={port}, STELLWERK_MAIL_SECURITY={security}, "
        "STELLWERK_MAIL_FROM={sender}; "
        "ein Passwort in der Datei STELLWERK_MAIL_PASSWORD_FILE",
    ),
    "mail subject": (
        "{name}: its subject has values of the image, and is left out: a subject is read on the way",
        "{name}: der Betreff enthielt Werte des Bilds und entfällt: ein Betreff wird unterwegs gelesen",
    ),
    "mail none": ("{name}: it names no address, and is left out", "{name}: nennt keine Adresse und entfällt"),
    "mail better": (
        "mails say what became of the study, also what failed and why; `alarm` and `report` tell of silence and "
        "trouble",
        "Mails sagen, was aus der Studie wurde, auch was scheiterte; `alarm` und `report` melden Stille und Störung",
    ),
    "pixels": ("{name}: `anonymize-pixels` with {count} regions", "{name}: `anonymize-pixels` mit {count} Regionen"),
    "pixels better": (
        "an unknown device, and a compression that cannot be cleaned, are held; CTP passed them on with the "
        "names in them",
        "unbekannte Geräte und nicht zu reinigende Kompressionen werden angehalten; CTP gab sie mit Namen weiter",
    ),
    "pixels held": (
        "{name}: {why}; what comes there is held until `regions` are written and the step is put in",
        "{name}: {why}; was dorthin kommt, wird angehalten, bis `regions` geschrieben und der Schritt eingesetzt sind",
    ),
    "pixels part": (
        "not all of its script can be said in rules",
        "nicht alles in seinem Skript ist in Regeln zu sagen",
    ),
    "pixels other": (
        "it has another script than the first, and regions are for all pipelines",
        "es hat ein anderes Skript als die erste, und Regionen gelten für alle Pipelines",
    ),
    "pixels only": (
        "{name}: only images for which its condition holds were cleaned; the others went on as they were, and "
        "do so here",
        "{name}: nur Bilder, für die seine Bedingung gilt, wurden gereinigt; die anderen gingen weiter, so auch hier",
    ),
    "section broken": (
        "pixel script, section {number}: {why}; CTP skipped it, so it is left out",
        "Pixel-Skript, Abschnitt {number}: {why}; CTP überging ihn, er entfällt",
    ),
    "section meta": (
        "pixel script, section {number}: it asks for {word}, which never fits what comes by DICOM, here or in "
        "CTP; left out",
        "Pixel-Skript, Abschnitt {number}: fragt nach {word}, was bei DICOM-Empfang nie zutrifft, auch in CTP; "
        "entfällt",
    ),
    "section odd": (
        "pixel script, section {number}: {why}; it is left out",
        "Pixel-Skript, Abschnitt {number}: {why}; er entfällt",
    ),
    "section boxes": (
        "pixel script, section {number}: something in parentheses is no box; compare it",
        "Pixel-Skript, Abschnitt {number}: etwas in Klammern ist kein Rechteck; bitte vergleichen",
    ),
    "section empty": (
        "pixel script, section {number}: it blanks nothing, and the size of its images is not said; they are held",
        "Pixel-Skript, Abschnitt {number}: schwärzt nichts, und die Bildgröße fehlt; solche Bilder werden angehalten",
    ),
    "no sections": (
        "the pixel script has no section that could be taken over: write `regions` for your devices",
        "das Pixel-Skript hat keinen Abschnitt, der zu übernehmen war: `regions` für die Geräte schreiben",
    ),
    "header": (
        "{name} cleaned the header by its script, which is not taken over: `{word}` does it by the profile of "
        "the standard (PS3.15); compare what comes out",
        "{name} reinigte den Kopf nach seinem Skript, das nicht übernommen wird: `{word}` tut es nach dem "
        "Profil des Standards (PS3.15); bitte vergleichen, was herauskommt",
    ),
    "header table": (
        "{name} looked the patient ID up in a table: write its lines, each a value, a comma and what takes its place, "
        "to DATA/tables/{table}.csv; until then what comes there is held",
        "{name} schlug die Patienten-ID in einer Tabelle nach: ihre Zeilen, je ein Wert, ein Komma und was an seine "
        "Stelle tritt, nach DATA/tables/{table}.csv schreiben; bis dahin wird angehalten, was dorthin kommt",
    ),
    "hold pixels": (
        "CTP blanked the picture here, which could not be taken over",
        "CTP schwärzte hier das Bild, das war nicht zu übernehmen",
    ),
    "hold filter": (
        "CTP asked a condition here that could not be taken over",
        "CTP fragte hier eine Bedingung, die nicht zu übernehmen war",
    ),
    "hold refused": ("refused by {name}", "abgelehnt von {name}"),
    "hold nothing": (
        "nothing of what CTP did here is built yet",
        "nichts von dem, was CTP hier tat, ist schon gebaut",
    ),
    "converted": (
        "{name}: {word} is not built yet, and is written as a comment",
        "{name}: {word} ist noch nicht gebaut und steht als Kommentar da",
    ),
    "journal": (
        "{name}: not needed, as every image is in the history (`stellwerk journal`, `ledger`)",
        "{name}: entfällt, denn jedes Bild steht im Verlauf (`stellwerk journal`, `ledger`)",
    ),
    "no equivalent": (
        "{name} ({kind}) has no equivalent, and is left out",
        "{name} ({kind}) hat keine Entsprechung und entfällt",
    ),
    "quarantine": (
        "CTP's quarantines: what is held says why, and can be released or deleted (`stellwerk spool`); nothing "
        "is deleted "
        "by age. Look into the old ones before CTP goes",
        "CTPs Quarantänen: was angehalten ist, sagt warum, und wird freigegeben oder gelöscht (`stellwerk "
        "spool`); nichts "
        "nach Alter. Vor dem Abschalten in die alten sehen",
    ),
    "server": (
        "CTP's web server (port {port}) has no equivalent here; it showed its configuration with all passwords "
        "to anybody. "
        "Change those passwords",
        "CTPs Webserver (Port {port}) entfällt; er zeigte jedem die Konfiguration mit allen Passwörtern. Diese ändern",
    ),
    "conflict": (
        "{name}: it does not go together with what stands before it, and is written as a comment ({code})",
        "{name}: es verträgt sich nicht mit dem Vorigen und steht als Kommentar da ({code})",
    ),
    "better reload": (
        "rules are changed while it runs: no restart, and a mistake changes nothing",
        "Regeln ändern sich im Betrieb: kein Neustart, und ein Fehler ändert nichts",
    ),
    "better safe": (
        "a sender is told “success” when the image is safe on disk; CTP said it always, also with a full disk",
        "„Erfolg“ hört ein Absender, wenn das Bild sicher auf der Platte ist; CTP sagte es immer, auch bei "
        "voller Platte",
    ),
    "better any": (
        "private and new SOP classes and all transfer syntaxes are taken; CTP refused many",
        "auch private und neue SOP-Klassen und alle Transfersyntaxen werden angenommen; CTP lehnte viele ab",
    ),
}
