"""Do names and values mean something? What E1xx, W120 and W122 say."""

from dsl.messages.form import Message, Text

MESSAGES: dict[str, Message] = {
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
    "E107/webhook": Message(
        Text(
            "{word} is a webhook, and takes no objects",
            "should be a destination for objects",
            "write: → notify {word}   (it is told what has become of the study)",
        ),
        Text(
            "{word} ist ein Webhook und nimmt keine Objekte",
            "hier gehört ein Ziel für Objekte hin",
            "schreiben Sie: → notify {word}   (er erfährt, was aus der Studie geworden ist)",
        ),
    ),
    "E107/no webhook": Message(
        Text(
            "{word} is no webhook: nobody there understands what `notify` tells",
            "should be a destination of the kind webhook",
            'write: destination DASHBOARD = webhook "https://host.example/path"',
        ),
        Text(
            "{word} ist kein Webhook: dort versteht niemand, was `notify` mitteilt",
            "hier gehört ein Ziel der Art webhook hin",
            'schreiben Sie: destination DASHBOARD = webhook "https://host.example/pfad"',
        ),
    ),
    "E107/label": Message(
        Text("{word} does not fit as the name of a route", "letters, digits, - and spaces only", "write: route x-ray"),
        Text(
            "{word} passt nicht als Name einer Route",
            "nur Buchstaben, Ziffern, - und Leerzeichen",
            "schreiben Sie: route röntgen",
        ),
    ),
    "E107/duplicate": Message(
        Text(
            "{word} is nothing that can be done with duplicates",
            "should be keep, replace or drop",
            "write: on duplicate keep   (or leave it out: what is the same is dropped, what differs is held)",
        ),
        Text(
            "{word} ist nichts, was mit Doppeltem geschehen kann",
            "hier gehört hin: keep, replace oder drop",
            "schreiben Sie: on duplicate keep   (oder nichts: Gleiches entfällt, Abweichendes wird angehalten)",
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
    "E118": Message(
        Text(
            "{word} needs an object, and {way} none comes",
            "has nothing to work on",
            "behind `on {source}` stands what works without one: → {example}",
        ),
        Text(
            "{word} braucht ein Objekt, und {way} kommt keines",
            "hat nichts, womit es arbeiten könnte",
            "hinter `on {source}` steht, was ohne auskommt: → {example}",
        ),
    ),
    "E118/choose": Message(
        Text(
            "choose needs an object, and {way} none comes",
            "has nothing to choose by",
            "write a route for each time of day instead",
        ),
        Text(
            "choose braucht ein Objekt, und {way} kommt keines",
            "hat nichts, wonach es wählen könnte",
            "schreiben Sie stattdessen eine Route für jede Uhrzeit",
        ),
    ),
    "E118/where": Message(
        Text(
            "a condition asks about an object, and {way} none comes",
            "has nothing to ask about",
            "take `where` out; a time of day may name its days: on every day at 03:00 on weekdays",
        ),
        Text(
            "eine Bedingung fragt nach einem Objekt, und {way} kommt keines",
            "hat nichts, wonach sie fragen könnte",
            "nehmen Sie `where` heraus; eine Uhrzeit kann Tage nennen: on every day at 03:00 on weekdays",
        ),
    ),
    "E118/failure": Message(
        Text(
            "on failure takes an object, and {way} none comes",
            "never happens",
            "take it out: what could not be done is tried again by itself, and shows in the log",
        ),
        Text(
            "on failure nimmt ein Objekt, und {way} kommt keines",
            "geschieht nie",
            "nehmen Sie es heraus: was nicht ging, wird von selbst wieder versucht und steht im Protokoll",
        ),
    ),
    "E118/duplicate": Message(
        Text(
            "on duplicate is about an object, and by the clock none comes",
            "never happens",
            "take it out",
        ),
        Text(
            "on duplicate handelt von einem Objekt, und nach der Uhr kommt keines",
            "geschieht nie",
            "nehmen Sie es heraus",
        ),
    ),
    "E118/clock": Message(
        Text(
            "{word} works without an object",
            "would be done once for every image",
            "give it a route of its own: on every day at 03:00 → {example}",
        ),
        Text(
            "{word} arbeitet ohne Objekt",
            "geschähe einmal für jedes Bild",
            "geben Sie ihm eine eigene Route: on every day at 03:00 → {example}",
        ),
    ),
    "E118/test": Message(
        Text(
            "a test is about an object, and {way} none comes",
            "no object comes this way",
            "name a port or a listener, or nothing: then it comes on every way",
        ),
        Text(
            "eine Prüfung handelt von einem Objekt, und {way} kommt keines",
            "auf diesem Weg kommt kein Objekt",
            "nennen Sie einen Port oder einen Empfänger, oder nichts: dann kommt es auf jedem Weg",
        ),
    ),
    "E118/expect": Message(
        Text(
            "{word} works without an object",
            "is never done with an object",
            "expect something that a route does with the object, or take the line out",
        ),
        Text(
            "{word} arbeitet ohne Objekt",
            "geschieht nie mit einem Objekt",
            "erwarten Sie etwas, was eine Route mit dem Objekt tut, oder nehmen Sie die Zeile heraus",
        ),
    ),
    "E118/behind": Message(
        Text(
            "{word} works at a time of day, not on trouble",
            "has no time here",
            "give it a time: on every day at 03:00 → {example}",
        ),
        Text(
            "{word} arbeitet zu einer Uhrzeit, nicht bei Störungen",
            "hat hier keine Uhrzeit",
            "geben Sie ihm eine Uhrzeit: on every day at 03:00 → {example}",
        ),
    ),
    "E118/silence": Message(
        Text(
            "who has not sent is asked at a time of day, not on trouble",
            "has no time here",
            "give it a time: on every day at 10:00 → alarm admin unless CT1 sent since 06:00",
        ),
        Text(
            "wer nicht gesendet hat, wird zu einer Uhrzeit gefragt, nicht bei Störungen",
            "hat hier keine Uhrzeit",
            "geben Sie ihm eine Uhrzeit: on every day at 10:00 → alarm admin unless CT1 sent since 06:00",
        ),
    ),
    "W122": Message(
        Text(
            "{word} needs libraries that are not installed",
            "without them every object that comes here is held",
            "type: pip install 'stellwerk[{extra}]'   (into the environment of the appliance; then start it again)",
        ),
        Text(
            "{word} braucht Bibliotheken, die nicht installiert sind",
            "ohne sie wird jedes Objekt, das hierher kommt, angehalten",
            "tippen Sie: pip install 'stellwerk[{extra}]'   (in die Umgebung der Appliance; danach neu starten)",
        ),
    ),
    "W120": Message(
        Text("{word} is never used", "declared, but nothing refers to it", "use it, or take it out"),
        Text(
            "{word} wird nie benutzt",
            "vereinbart, aber nichts verweist darauf",
            "benutzen Sie es oder nehmen Sie es heraus",
        ),
    ),
}
