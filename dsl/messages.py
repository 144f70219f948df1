"""Every sentence a finding can say: one table, English with German beside it. No words of a parser in it.

Pure data and its lookup. `{…}` are the facts of a finding; a fact that begins with `@` is itself a phrase
(dsl.phrases) and is said in the language that is asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dsl import phrases


class Text(NamedTuple):
    """title: what is wrong; label: what stands there; help: what to type."""

    title: str
    label: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message in both languages."""

    en: Text
    de: Text


MESSAGES: dict[str, Message] = {
    "E001": Message(
        Text("`{word}` cannot stand here", "not expected here", "here could stand {could}"),
        Text("`{word}` kann hier nicht stehen", "hier nicht erwartet", "hier könnte stehen: {could}"),
    ),
    "E001/equals": Message(
        Text("one `=` is enough", "a second one", "write Modality = US"),
        Text("ein `=` genügt", "ein zweites", "schreiben Sie Modality = US"),
    ),
    "E001/regions": Message(
        Text(
            "`regions` does not say what to do with which device",
            "after its name comes `for`, `blank` or `keep`",
            "write: regions top-banner for Modality = US blank (0, 0, 1024, 60)",
        ),
        Text(
            "`regions` sagt nicht, was bei welchem Gerät zu tun ist",
            "nach dem Namen folgt `for`, `blank` oder `keep`",
            "schreiben Sie: regions kopfzeile for Modality = US blank (0, 0, 1024, 60)",
        ),
    ),
    "E002": Message(
        Text("a quotation mark is missing", "opened here, closed nowhere in this line", 'put a " where the text ends'),
        Text(
            "ein Anführungszeichen fehlt",
            "hier geöffnet, in dieser Zeile nicht geschlossen",
            'setzen Sie " ans Ende des Textes',
        ),
    ),
    "E003": Message(
        Text("the character {sign} means nothing here", "not part of the rule language", "take it out"),
        Text("das Zeichen {sign} bedeutet hier nichts", "gehört nicht zur Regelsprache", "nehmen Sie es heraus"),
    ),
    "E004": Message(
        Text("nested too deep to be read", "too many levels", "give parts of it a name: condition NAME = …"),
        Text("zu tief verschachtelt", "zu viele Ebenen", "geben Sie Teilen davon einen Namen: condition NAME = …"),
    ),
    "E004/names": Message(
        Text(
            "{word} leads through too many other names",
            "more than {number} names, chooses or brackets in each other",
            "write some of them out where they are used",
        ),
        Text(
            "{word} führt durch zu viele andere Namen",
            "mehr als {number} Namen, choose oder Klammern ineinander",
            "schreiben Sie einige davon dort aus, wo sie benutzt werden",
        ),
    ),
    "E005": Message(
        Text("this ends too early", "something is missing after this", "here could follow {could}"),
        Text("hier fehlt noch etwas", "danach fehlt etwas", "hier könnte folgen: {could}"),
    ),
    "E101": Message(
        Text("no DICOM tag is called {word}", "not in the dictionary", "write a keyword or a number like (0010,0010)"),
        Text(
            "kein DICOM-Tag heißt {word}",
            "nicht im Wörterbuch",
            "schreiben Sie ein Schlüsselwort oder eine Nummer wie (0010,0010)",
        ),
    ),
    "E102": Message(
        Text("{tag} can never be {value}", "{tag} holds {kind} ({vr})", "write for example: {example}"),
        Text("{tag} kann nie {value} sein", "{tag} enthält {kind} ({vr})", "schreiben Sie zum Beispiel: {example}"),
    ),
    "E102/order": Message(
        Text(
            "{tag} is {kind}, which has no smaller or larger", "cannot be compared with {operator}", "write {example}"
        ),
        Text(
            "{tag} ist {kind}, da gibt es kein Kleiner oder Größer",
            "lässt sich nicht mit {operator} vergleichen",
            "schreiben Sie {example}",
        ),
    ),
    "E102/unit": Message(
        Text("{value} what? {tag} is an age", "needs days, weeks, months or years", "write {example}"),
        Text("{value} was? {tag} ist ein Alter", "braucht days, weeks, months oder years", "schreiben Sie {example}"),
    ),
    "E102/empty": Message(
        Text("nothing equals an empty text", "no object has this value", "write {tag} is missing"),
        Text("nichts ist gleich einem leeren Text", "kein Objekt hat diesen Wert", "schreiben Sie {tag} is missing"),
    ),
    "E102/opaque": Message(
        Text("{tag} cannot be compared", "{tag} holds {kind} ({vr})", "ask {tag} is present, or is missing"),
        Text(
            "{tag} ist nicht vergleichbar", "{tag} enthält {kind} ({vr})", "fragen Sie {tag} is present oder is missing"
        ),
    ),
    "E102/set": Message(
        Text("{tag} cannot be given a value", "{tag} holds {kind} ({vr})", "name a tag that holds text or a number"),
        Text(
            "{tag} lässt sich kein Wert geben",
            "{tag} enthält {kind} ({vr})",
            "nennen Sie ein Tag mit Text oder einer Zahl",
        ),
    ),
    "E103": Message(
        Text("there is no step called {word}", "unknown step", "the steps are {known}"),
        Text("es gibt keinen Schritt namens {word}", "unbekannter Schritt", "die Schritte sind {known}"),
    ),
    "E104": Message(
        Text("no {kind} is called {word}", "not declared", "declare it: {declaration}"),
        Text("{kind} {word} gibt es nicht", "nicht vereinbart", "vereinbaren Sie: {declaration}"),
    ),
    "E105/surplus": Message(
        Text("{name} does not take {word}", "one word too many", "write: {line}   e.g. {example}"),
        Text("{name} kennt {word} nicht", "ein Wort zu viel", "schreiben Sie: {line}   z. B. {example}"),
    ),
    "E105/missing": Message(
        Text("{name} is not complete", "`{word}` is missing", "write: {line}   e.g. {example}"),
        Text("{name} ist nicht vollständig", "`{word}` fehlt", "schreiben Sie: {line}   z. B. {example}"),
    ),
    "E105/needs": Message(
        Text("{name} is not complete", "`{word}` should stand after this", "write: {line}   e.g. {example}"),
        Text("{name} ist nicht vollständig", "danach fehlt `{word}`", "schreiben Sie: {line}   z. B. {example}"),
    ),
    "E105/instead": Message(
        Text("{name} needs `{word}` here", "`{word}` should stand here", "write: {line}   e.g. {example}"),
        Text("{name} braucht hier `{word}`", "hier sollte `{word}` stehen", "schreiben Sie: {line}   z. B. {example}"),
    ),
    "E105/alone": Message(
        Text("{name} takes no words", "one word too many", "its steps are written where it is declared"),
        Text("{name} nimmt keine Wörter", "ein Wort zu viel", "seine Schritte stehen bei seiner Vereinbarung"),
    ),
    "E106": Message(
        Text("an arrow is missing before {word}", "{word} is a step of its own", "write: → {word}"),
        Text("vor {word} fehlt ein Pfeil", "{word} ist ein eigener Schritt", "schreiben Sie: → {word}"),
    ),
    "E107": Message(
        Text("{word} does not fit here", "should be {expected}", "write: {line}   e.g. {example}"),
        Text("{word} passt hier nicht", "hier gehört hin: {expected}", "schreiben Sie: {line}   z. B. {example}"),
    ),
    "E107/label": Message(
        Text("{word} does not fit as the name of a route", "letters, digits, - and spaces only", "write: route x-ray"),
        Text(
            "{word} passt nicht als Name einer Route",
            "nur Buchstaben, Ziffern, - und Leerzeichen",
            "schreiben Sie: route röntgen",
        ),
    ),
    "E107/name": Message(
        Text("{word} does not fit as a name", "letters, digits, - and _ only", "begin with a letter, like PACS_A"),
        Text(
            "{word} passt nicht als Name",
            "nur Buchstaben, Ziffern, - und _",
            "beginnen Sie mit einem Buchstaben, etwa PACS_A",
        ),
    ),
    "E108": Message(
        Text(
            "{word} is not built yet",
            "known, but cannot be used yet",
            "this rule cannot run yet; without the word it would do something else",
        ),
        Text(
            "{word} ist noch nicht gebaut",
            "bekannt, aber noch nicht nutzbar",
            "diese Regel kann noch nicht laufen; ohne das Wort täte sie etwas anderes",
        ),
    ),
    "E109": Message(
        Text("{word} is declared twice", "second declaration", "give one of them another name"),
        Text("{word} ist zweimal vereinbart", "zweite Vereinbarung", "geben Sie einer einen anderen Namen"),
    ),
    "E110/include": Message(
        Text("{word} includes itself", "leads back to this file: {way}", "take one of the includes out"),
        Text("{word} bindet sich selbst ein", "führt zurück zu dieser Datei: {way}", "nehmen Sie ein include heraus"),
    ),
    "E110/condition": Message(
        Text("the condition {word} is explained by itself", "leads back to {word}: {way}", "say it without {word}"),
        Text("die Bedingung {word} erklärt sich selbst", "führt zurück zu {word}: {way}", "sagen Sie es ohne {word}"),
    ),
    "E110/steps": Message(
        Text("the steps {word} contain themselves", "leads back to {word}: {way}", "write the chain without {word}"),
        Text(
            "die Schritte {word} enthalten sich selbst",
            "führt zurück zu {word}: {way}",
            "schreiben Sie die Kette ohne {word}",
        ),
    ),
    "E111": Message(
        Text("the file {word} cannot be read", "{reason}", "the path counts from this rule file"),
        Text("die Datei {word} ist nicht lesbar", "{reason}", "der Pfad zählt von dieser Regeldatei aus"),
    ),
    "E111/given": Message(
        Text("the rule file {word} cannot be read", "not there, or not readable", "check its name and its rights"),
        Text("die Regeldatei {word} ist nicht lesbar", "nicht da oder nicht lesbar", "prüfen Sie Namen und Rechte"),
    ),
    "E111/none": Message(
        Text("there is no rule file", "nothing to read", "put a file such as house.rules there"),
        Text("es gibt keine Regeldatei", "nichts zu lesen", "legen Sie eine Datei wie house.rules dorthin"),
    ),
    "E112": Message(
        Text("{word} already means something: {meaning}", "cannot be a new name", "choose another name"),
        Text(
            "{word} hat schon eine Bedeutung: {meaning}", "kann kein neuer Name sein", "wählen Sie einen anderen Namen"
        ),
    ),
    "E113": Message(
        Text("there is nothing inside {word}", "holds a value ({vr}), no items", "write {word} alone"),
        Text("in {word} steckt nichts weiter", "enthält einen Wert ({vr}), keine Einträge", "schreiben Sie nur {word}"),
    ),
    "E114/broken": Message(
        Text("this regular expression is broken", "{reason}", "write for example /dose|dosis/"),
        Text("dieser reguläre Ausdruck ist fehlerhaft", "{reason}", "schreiben Sie zum Beispiel /dose|dosis/"),
    ),
    "E114/slow": Message(
        Text("this regular expression could take for ever", "{reason}", "write it without; /dose.*report/ is fine"),
        Text(
            "dieser reguläre Ausdruck könnte ewig dauern",
            "{reason}",
            "schreiben Sie ihn ohne das; /dose.*report/ geht",
        ),
    ),
    "E115": Message(
        Text("this box cannot be used", "{reason}", "write (x, y, width, height), e.g. (0, 0, 1024, 60)"),
        Text(
            "dieses Rechteck hat keine Fläche", "{reason}", "schreiben Sie (x, y, Breite, Höhe), z. B. (0, 0, 1024, 60)"
        ),
    ),
    "E116": Message(
        Text("{word} is a tag; what about it?", "asks nothing", "write {word} = …, or {word} is present"),
        Text("{word} ist ein Tag; was ist damit?", "fragt nichts", "schreiben Sie {word} = … oder {word} is present"),
    ),
    "E117": Message(
        Text("there is no edition {word} of the rule language", "only 1 exists", "write version 1"),
        Text("die Regelsprache hat keine Ausgabe {word}", "es gibt nur 1", "schreiben Sie version 1"),
    ),
    "W120": Message(
        Text("{word} is never used", "declared, but nothing refers to it", "use it, or take it out"),
        Text(
            "{word} wird nie benutzt",
            "vereinbart, aber nichts verweist darauf",
            "benutzen Sie es oder nehmen Sie es heraus",
        ),
    ),
    "E201": Message(
        Text("port {word} is opened twice", "second listener on this port", "give one of them another port"),
        Text(
            "Port {word} wird zweimal geöffnet",
            "zweiter Empfänger an diesem Port",
            "geben Sie einem einen anderen Port",
        ),
    ),
    "E202": Message(
        Text(
            "{word} is this appliance itself",
            "port {port} here is one of its own",
            "what is sent there comes back and is sent again, for ever: write the address of another machine",
        ),
        Text(
            "{word} ist dieses Gerät selbst",
            "Port {port} hier ist einer der eigenen",
            "was dorthin geht, kommt zurück und geht wieder hin, endlos: nennen Sie die Adresse eines anderen Geräts",
        ),
    ),
    "W203": Message(
        Text("port {word} needs special rights", "below 1024", "take a port above 1023, like 11112"),
        Text("Port {word} braucht besondere Rechte", "unter 1024", "nehmen Sie einen Port über 1023, etwa 11112"),
    ),
    "W210": Message(
        Text(
            "this also takes objects without {tag}",
            "a missing {tag} is not equal to anything",
            "add: and {tag} is present   (or, if they are meant: or {tag} is missing)",
        ),
        Text(
            "das nimmt auch Objekte ohne {tag}",
            "fehlt {tag}, ist es ungleich allem",
            "ergänzen Sie: and {tag} is present   (oder, falls sie gemeint sind: or {tag} is missing)",
        ),
    ),
    "W301": Message(
        Text(
            "no object comes to this case",
            "every object that fits here is taken by an earlier case",
            "put this case before that one, or take it out",
        ),
        Text(
            "zu diesem Fall kommt kein Objekt",
            "was hier passt, nimmt schon ein früherer Fall",
            "stellen Sie diesen Fall vor jenen oder nehmen Sie ihn heraus",
        ),
    ),
    "W301/together": Message(
        Text(
            "no object comes to this case",
            "the earlier cases together take every object that fits here",
            "put this case before them, or take it out",
        ),
        Text(
            "zu diesem Fall kommt kein Objekt",
            "die früheren Fälle nehmen zusammen alles, was hier passt",
            "stellen Sie diesen Fall vor jene oder nehmen Sie ihn heraus",
        ),
    ),
    "W302": Message(
        Text("no object comes here", "never done", "put it before the discard, or take it out"),
        Text("hierher kommt kein Objekt", "geschieht nie", "stellen Sie es vor das discard oder nehmen Sie es heraus"),
    ),
    "W303": Message(
        Text("this can never be true", "no object is like this", "change the condition, or take it out"),
        Text("das kann nie zutreffen", "so ist kein Objekt", "ändern Sie die Bedingung oder nehmen Sie sie heraus"),
    ),
    "W303/pair": Message(
        Text(
            "this can never be true",
            "never together with the other part",
            "`and` asks for both at once; if one of them is enough, write `or`",
        ),
        Text(
            "das kann nie zutreffen",
            "nie zugleich mit dem anderen Teil",
            "`and` verlangt beides zugleich; wenn eines genügt, schreiben Sie `or`",
        ),
    ),
    "W303/case": Message(
        Text(
            "no object comes to this case",
            "never true of what comes to this choose",
            "change one of the conditions, or take the case out",
        ),
        Text(
            "zu diesem Fall kommt kein Objekt",
            "trifft nie auf das zu, was zu diesem choose kommt",
            "ändern Sie eine der Bedingungen oder nehmen Sie den Fall heraus",
        ),
    ),
    "W304": Message(
        Text(
            "this route brings nothing anywhere",
            "the route ends here, and no step stores, sends or holds the object",
            "add for example: → store by PatientID   (what no other route takes is held)",
        ),
        Text(
            "diese Route bringt nichts irgendwohin",
            "hier endet sie, und kein Schritt legt ab, sendet oder hält an",
            "ergänzen Sie zum Beispiel: → store by PatientID   (was keine andere Route nimmt, wird angehalten)",
        ),
    ),
    "E401": Message(
        Text(
            "names would leave the house: {word} is outside",
            "receives the object with its name, birth date and IDs",
            "put `→ {step}` before this step, or declare the destination `outside trusted`",
        ),
        Text(
            "Namen würden das Haus verlassen: {word} ist draußen (outside)",
            "bekommt das Objekt mit Name, Geburtsdatum und IDs",
            "setzen Sie `→ {step}` vor diesen Schritt, oder vereinbaren Sie das Ziel als `outside trusted`",
        ),
    ),
    "E402": Message(
        Text(
            "text in the image would leave the house: {word} is outside",
            "receives the image with the text that the device has burned in",
            "put `→ {step}` before this step, or declare the destination `outside trusted`",
        ),
        Text(
            "Text im Bild würde das Haus verlassen: {word} ist draußen (outside)",
            "bekommt das Bild mit dem Text, den das Gerät eingebrannt hat",
            "setzen Sie `→ {step}` vor diesen Schritt, oder vereinbaren Sie das Ziel als `outside trusted`",
        ),
    ),
    "E504": Message(
        Text("the test {word} fails", "does not happen; what happens: {happens}", "change the rules, or the test"),
        Text(
            "der Test {word} schlägt fehl", "geschieht nicht, sondern: {happens}", "ändern Sie die Regeln oder den Test"
        ),
    ),
    "E504/unwanted": Message(
        Text("the test {word} fails", "does happen; what happens: {happens}", "change the rules, or the test"),
        Text("der Test {word} schlägt fehl", "geschieht doch: {happens}", "ändern Sie die Regeln oder den Test"),
    ),
    "E504/where": Message(
        Text("the test {word} does not say where the object comes in", "several ports are open", "add: on port 26131"),
        Text(
            "der Test {word} sagt nicht, wo das Objekt ankommt",
            "es sind mehrere Ports offen",
            "ergänzen Sie: on port 26131",
        ),
    ),
    "E504/given": Message(
        Text("the test {word} gives what no object can have", "{given} cannot be given here", "leave {given} out"),
        Text(
            "der Test {word} gibt vor, was kein Objekt haben kann",
            "{given} lässt sich hier nicht vorgeben",
            "lassen Sie {given} weg",
        ),
    ),
}

ADVICE: dict[str, tuple[str, str]] = {
    "guess": ("did you mean {guess}?", "meinten Sie {guess}?"),
    "signs": (
        'a text with such signs needs quotation marks, like "Doe^Jane"',
        'ein Text mit solchen Zeichen braucht Anführungszeichen, wie "Doe^Jane"',
    ),
    "plain quotes": ('write plain quotation marks: "', 'schreiben Sie gerade Anführungszeichen: "'),
    "arrow or quotes": (
        'write → {word}, or "{word}" if it is a text',
        'schreiben Sie → {word}, oder "{word}" als Text',
    ),
    "ago": ("write {tag} > today - 30 days", "schreiben Sie {tag} > today - 30 days"),
    "not built": (
        "`→ {step}` will take that out, but is not built yet: until then leave {word} out here, or, if it may have all "
        "that, declare it `outside trusted`",
        "`→ {step}` nimmt das einmal heraus, ist aber noch nicht gebaut: lassen Sie {word} hier bis dahin weg, oder "
        "vereinbaren Sie es, wenn es all das haben darf, als `outside trusted`",
    ),
}
"""Help that is better than a message's own in some cases."""

NOTES: dict[str, tuple[str, str]] = {
    "first": ("first declaration", "erste Vereinbarung"),
    "first port": ("first listener", "erster Empfänger"),
    "own port": ("listens on this port", "empfängt an diesem Port"),
    "takes them": ("this case takes them", "dieser Fall nimmt sie"),
    "takes some": ("this case takes some of them", "dieser Fall nimmt einen Teil davon"),
    "ends here": ("every object ends here", "hier endet jedes Objekt"),
    "every case ends": ("every case of this choose ends in a discard", "jeder Fall dieses choose endet mit discard"),
    "excludes it": ("excludes it", "schließt es aus"),
    "known here": ("only what fits here comes to the choose", "zum choose kommt nur, was hier passt"),
    "the way": ("the way there: {way}", "der Weg dorthin: {way}"),
}
"""What stands at the other place of a finding."""

STOPS: dict[str, tuple[str, str]] = {
    "as written": ("{}", "{}"),
    "case": ("case at line {}", "Fall in Zeile {}"),
    "otherwise": ("otherwise at line {}", "otherwise in Zeile {}"),
    "no case": ("choose at line {} (no case fits)", "choose in Zeile {} (kein Fall passt)"),
    "steps": ("steps {} at line {}", "steps {} in Zeile {}"),
    "failure": ("on failure (as it was received)", "on failure (wie es ankam)"),
}
"""What an object passes on its way, in a note that tells the way."""


def texts(message: str, advice: str, words: Mapping[str, str], language: str) -> Text:
    """The sentences of a message, with the facts in their places."""
    entry = MESSAGES[message]
    text = entry.de if language == "de" else entry.en
    said = {name: phrases.say(word, language) for name, word in words.items()}
    help_text = ADVICE[advice][language == "de"] if advice else text.help
    return Text(text.title.format(**said), text.label.format(**said), help_text.format(**said))


def note(key: str, language: str, way: Sequence[tuple[str, ...]] = ()) -> str:
    """The label of another place; `way` are stops and their facts."""
    stops = [STOPS[stop][language == "de"].format(*facts) for stop, *facts in way]
    return NOTES[key][language == "de"].format(way=" → ".join(stops))
