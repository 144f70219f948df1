"""Words that sentences are made of: what a tag holds, what could follow, what fits a place. English and German.

Pure data and its lookup. A fact that begins with `@` is looked up here; several are separated by `|`.
"""

PHRASES: dict[str, tuple[str, str]] = {
    # what could stand somewhere
    "name": ("a name", "ein Name"),
    "text": ('text in "quotes"', 'Text in "Anführungszeichen"'),
    "value": ("a value", "ein Wert"),
    "number": ("a number", "eine Zahl"),
    "duration": ("a time like 10 minutes", "eine Zeit wie 10 minutes"),
    "expression": ("a pattern like /dose/", "ein Muster wie /dose/"),
    "comparison": ("a comparison like = or <", "ein Vergleich wie = oder <"),
    "next": ("the next statement", "die nächste Anweisung"),
    # what a tag holds
    "kind number": ("a number", "eine Zahl"),
    "kind age": ("an age", "ein Alter"),
    "kind date": ("a date", "ein Datum"),
    "kind moment": ("a date and time", "ein Datum mit Uhrzeit"),
    "kind time": ("a time of day", "eine Uhrzeit"),
    "kind text": ("text", "Text"),
    "kind name": ("the name of a person", "der Name einer Person"),
    "kind uid": ("a UID", "eine UID"),
    "kind items": ("further tags", "weitere Tags"),
    "kind binary": ("binary data", "Binärdaten"),
    # what can be declared
    "destination": ("destination", "Ein Ziel"),
    "contact": ("contact", "Einen Kontakt"),
    "listener": ("listener", "Einen Empfänger"),
    "regions": ("regions definition", "Eine Regionen-Angabe"),
    "schedule": ("schedule", "Ein Zeitfenster"),
    "condition": ("condition", "Eine Bedingung"),
    "destination kind": ("kind of destination", "Eine Art von Ziel"),
    "listener kind": ("kind of listener", "Eine Art von Empfänger"),
    # why a name is taken
    "a word of the language": ("a word of the rule language", "ein Wort der Regelsprache"),
    "a tag": ("a DICOM tag", "ein DICOM-Tag"),
    "a fact": ("a fact of the connection", "eine Angabe zur Verbindung"),
    "a step": ("a step", "ein Schritt"),
    "a source": ("a way in", "ein Eingang"),
    "text that is seen": ("all text that is seen in an image", "aller Text, der in einem Bild zu sehen ist"),
    "a queue": ("the place where held objects wait", "der Ort, an dem angehaltene Objekte warten"),
    # what starts something without an object
    "by every": ("by the clock", "nach der Uhr"),
    "by trouble": ("on trouble", "bei Störungen"),
    # why a box has no area, an expression is refused, a file cannot be read
    "box size": ("width and height must be at least 1", "Breite und Höhe müssen mindestens 1 sein"),
    "box number": ("whole numbers only, none below 0", "nur ganze Zahlen, keine unter 0"),
    "box count": ("needs four numbers", "braucht vier Zahlen"),
    "box right": ("`right` belongs to x, `bottom` to y", "`right` gehört zu x, `bottom` zu y"),
    "expression broken": ("brackets or signs do not fit together", "Klammern oder Zeichen passen nicht zusammen"),
    "expression nested": ("a repeat inside a repeat", "eine Wiederholung in einer Wiederholung"),
    "expression back": ("refers back to what was found", "verweist auf schon Gefundenes"),
    "expression around": ("looks ahead or behind", "schaut voraus oder zurück"),
    "expression long": ("repeats more than 100 times", "wiederholt mehr als 100-mal"),
    "not found": ("not there, or not readable", "nicht da oder nicht lesbar"),
    # what fits a parameter: the English is engine.signature's own
    "fits text": ('text in quotes, like "Praxis Nord"', 'Text in Anführungszeichen, wie "Praxis Nord"'),
    "fits folder": ('the name of a folder, like "teaching"', 'der Name eines Ordners, wie "teaching"'),
    "fits name": ("a name", "ein Name"),
    "fits tag": ("the name of a DICOM tag, like InstitutionName", "der Name eines DICOM-Tags, wie InstitutionName"),
    "fits unit": (
        "study or series, like collect study quiet 2 minutes",
        "study oder series, wie collect study quiet 2 minutes",
    ),
    "fits age": ("an age of a day or more, like 90 days", "ein Alter von mindestens einem Tag, wie 90 days"),
    "fits time": ("a time, like 10 minutes", "eine Zeit, wie 10 minutes"),
    "fits number tag": (
        "a tag that holds a whole number, like NumberOfStudyRelatedInstances",
        "ein Tag mit einer ganzen Zahl, wie NumberOfStudyRelatedInstances",
    ),
    "fits late": ("again, add or hold, like late hold", "again, add oder hold, wie late hold"),
    "fits count": ("a whole number, like 3", "eine ganze Zahl, wie 3"),
    "fits few": ("a number from 1 to 1000, like 20", "eine Zahl von 1 bis 1000, wie 20"),
    "fits connections": ("a number from 1 to 32, like connections 4", "eine Zahl von 1 bis 32, wie connections 4"),
    "fits port": ("a port number from 1 to 65535, like 11112", "eine Portnummer von 1 bis 65535, wie 11112"),
    "fits destination": ("the name of a destination", "der Name eines Ziels"),
    "fits contact": ("the name of a contact", "der Name eines Kontakts"),
    "fits regions": ("the name of a regions", "der Name einer Regionen-Angabe"),
    "fits since": (
        "a time of day or a day of the week, like 06:00 or monday",
        "eine Uhrzeit oder ein Wochentag, wie 06:00 oder monday",
    ),
    "fits schedule": ("the name of a schedule", "der Name eines Zeitfensters"),
    "fits title": (
        "an AE title of at most 16 letters, digits, - or _, like CT1",
        "ein AE-Titel aus höchstens 16 Buchstaben, Ziffern, - oder _, wie CT1",
    ),
    "fits user": (
        "the name of a user, as `stellwerk user list` shows it, like ward1",
        "der Name eines Benutzers, wie `stellwerk user list` ihn zeigt, etwa ward1",
    ),
    "fits network": (
        "an address or a network, like 192.168.10.0/24",
        "eine Adresse oder ein Netz, wie 192.168.10.0/24",
    ),
    "fits outbox": (
        "the name of a destination, or of a folder of its own",
        "der Name eines Ziels oder eines eigenen Ordners",
    ),
    "fits watched folder": (
        'the path of a folder, from the root on and in quotes, like "/srv/export"',
        'der Pfad eines Ordners ab der Wurzel, in Anführungszeichen, wie "/srv/export"',
    ),
    "fits mail": (
        'a mail address in quotes, like "it@praxis.example"',
        'eine Mailadresse in Anführungszeichen, wie "it@praxis.example"',
    ),
    "fits web": (
        'an address on the web, like "https://host.example:26130/", without user name and password',
        'eine Adresse im Netz, wie "https://host.example:26130/", ohne Benutzer und Kennwort',
    ),
    "fits plain web": (
        'an address on the web, like "http://host.example:26130/", without user name and password',
        'eine Adresse im Netz, wie "http://host.example:26130/", ohne Benutzer und Kennwort',
    ),
    "fits sftp": (
        'a user, a host and a folder there, like "stellwerk@nas.example:/images"',
        'Benutzer, Rechner und ein Ordner dort, wie "stellwerk@nas.example:/images"',
    ),
    "fits bucket": (
        'a bucket and a prefix, like "s3://images/from-us"',
        'ein Bucket und ein Präfix, wie "s3://images/from-us"',
    ),
    "fits host key": (
        'the fingerprint of a host key, "SHA256:" and 43 signs, as ssh-keygen -l shows it',
        'der Fingerabdruck eines Hostschlüssels, "SHA256:" und 43 Zeichen, wie ssh-keygen -l ihn zeigt',
    ),
    "fits secret": ("the name of a secret, like ctp-login", "der Name eines Geheimnisses, wie ctp-login"),
    "fits own secret": (
        "the name of a secret, like ctp-login; users, deid, rules-git are the appliance's",
        "der Name eines Geheimnisses, wie ctp-login; users, deid und rules-git gehören dem Gerät selbst",
    ),
    "fits kept": (
        "what may stay: uids, device, institution, patient-characteristics, dates, modified-dates, descriptions, "
        "structured-content, graphics, safe-private, or a tag",
        "was bleiben darf: uids, device, institution, patient-characteristics, dates, modified-dates, descriptions, "
        "structured-content, graphics, safe-private oder ein Tag",
    ),
    "fits one of dates": ("dates or modified-dates, not both", "dates oder modified-dates, nicht beides"),
    "fits value tag": (
        "a tag with a value, outside of sequences, like InstitutionName",
        "ein Tag mit einem Wert, außerhalb von Sequenzen, wie InstitutionName",
    ),
    "fits table": (
        "the name of a table, like register: it is the file DATA/tables/register.csv",
        "der Name einer Tabelle, wie register: das ist die Datei DATA/tables/register.csv",
    ),
    "fits node": (
        'an AE title, a host and a port, like "PACS_A@192.168.10.5:104"',
        'AE-Titel, Rechner und Port, wie "PACS_A@192.168.10.5:104"',
    ),
    "fits layout": (
        "folder names from tags, like Institution/PatientName",
        "Ordnernamen aus Tags, wie Institution/PatientName",
    ),
}

_FITS = {english: key for key, (english, _) in PHRASES.items() if key.startswith("fits ")}


def fitting(expected: str) -> str:
    """What engine.signature says would fit, as a phrase where it is one of ours."""
    key = _FITS.get(expected)
    return f"@{key}" if key else expected


def say(word: str, language: str) -> str:
    """A fact in the language: phrases are looked up, lists of them joined, everything else stays as it is."""
    if not word.startswith("@"):
        return word
    parts = [_one(part, language) for part in word[1:].split("|")]
    if len(parts) == 1:
        return parts[0]
    return f"{', '.join(parts[:-1])} {'oder' if language == 'de' else 'or'} {parts[-1]}"


def _one(part: str, language: str) -> str:
    return PHRASES[part][language == "de"] if part in PHRASES else part
