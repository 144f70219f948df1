"""Can it be read? What E0xx says."""

from dsl.messages.form import Message, Text

MESSAGES: dict[str, Message] = {
    "E001": Message(
        Text("`{word}` cannot stand here", "not expected here", "here could stand {could}"),
        Text("`{word}` kann hier nicht stehen", "hier nicht erwartet", "hier könnte stehen: {could}"),
    ),
    "E001/equals": Message(
        Text("one `=` is enough", "a second one", "write Modality = US"),
        Text("ein `=` genügt", "ein zweites", "schreiben Sie Modality = US"),
    ),
    "E001/clause": Message(
        Text(
            "`on {word}` belongs to a route, and to each only once",
            "no route before it, or one that says it already",
            "write it once, behind the steps of its route",
        ),
        Text(
            "`on {word}` gehört zu einer Route, und zu jeder nur einmal",
            "keine Route davor, oder eine, die es schon sagt",
            "schreiben Sie es einmal, hinter die Schritte seiner Route",
        ),
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
}
