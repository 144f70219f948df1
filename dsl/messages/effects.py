"""What would happen: what E2xx to E5xx say."""

from dsl.messages.form import Message, Text

MESSAGES: dict[str, Message] = {
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
    "E202/folder": Message(
        Text(
            "what is sent to {word} comes back",
            "this folder is watched",
            "it would be sent again, for ever: watch another folder, or write to another",
        ),
        Text(
            "was an {word} geht, kommt zurück",
            "dieser Ordner wird beobachtet",
            "es ginge wieder hin, endlos: beobachten Sie einen anderen Ordner, oder schreiben Sie in einen anderen",
        ),
    ),
    "W203": Message(
        Text("port {word} needs special rights", "below 1024", "take a port above 1023, like 11112"),
        Text("Port {word} braucht besondere Rechte", "unter 1024", "nehmen Sie einen Port über 1023, etwa 11112"),
    ),
    "E204": Message(
        Text(
            "{word} lies in {other}, and both are watched",
            "inside another watched folder",
            "what is put there would be taken twice: watch one of them, and ask for the rest in `where`",
        ),
        Text(
            "{word} liegt in {other}, und beide werden beobachtet",
            "in einem anderen beobachteten Ordner",
            "was dorthin kommt, würde zweimal genommen: beobachten Sie nur einen, und fragen Sie den Rest in `where`",
        ),
    ),
    "E204/twice": Message(
        Text(
            "{word} is watched in two ways",
            "the same folder, with other words",
            "declare it once, listener NAME = folder …, and write on NAME",
        ),
        Text(
            "{word} wird auf zwei Weisen beobachtet",
            "derselbe Ordner mit anderen Worten",
            "vereinbaren Sie ihn einmal, listener NAME = folder …, und schreiben Sie on NAME",
        ),
    ),
    "E206": Message(
        Text(
            "{word} is a folder of this appliance itself",
            "{own} is written to by the appliance",
            "what it stores there would come in again, for ever: watch another folder",
        ),
        Text(
            "{word} ist ein Ordner dieses Geräts selbst",
            "in {own} schreibt das Gerät",
            "was es dort ablegt, käme wieder herein, endlos: beobachten Sie einen anderen Ordner",
        ),
    ),
    "E206/destination": Message(
        Text(
            "{word} is a folder of this appliance itself",
            "{own} belongs to the appliance",
            "copies of our own are made with `store`; a destination is a folder for others: name another one",
        ),
        Text(
            "{word} ist ein Ordner dieses Geräts selbst",
            "{own} gehört dem Gerät",
            "eigene Kopien macht `store`; ein Ziel ist ein Ordner für andere: nennen Sie einen anderen",
        ),
    ),
    "W207": Message(
        Text(
            "no destination is called {word}, but one is called {guess}",
            "this watches a folder of its own",
            "did you mean {guess}? What is put into its own folder goes there past this rule",
        ),
        Text(
            "kein Ziel heißt {word}, aber eines heißt {guess}",
            "das beobachtet einen eigenen Ordner",
            "meinten Sie {guess}? Was in dessen Ordner gelegt wird, geht an dieser Regel vorbei dorthin",
        ),
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
    "W305": Message(
        Text(
            "there is nothing that this `await` could wait for",
            "nothing has been stored or forwarded before it",
            "put it between two effects: → store by PatientID → await → forward PACS",
        ),
        Text(
            "es gibt nichts, worauf dieses `await` warten könnte",
            "davor wird nichts abgelegt und nichts weitergeleitet",
            "stellen Sie es zwischen zwei Wirkungen: → store by PatientID → await → forward PACS",
        ),
    ),
    "W305/collected": Message(
        Text(
            "there is nothing that this `await` could wait for",
            "nothing has been stored or forwarded since the collect or review in front of it",
            "write it in front of that, if the study is to wait: → await → collect study quiet 2 minutes",
        ),
        Text(
            "es gibt nichts, worauf dieses `await` warten könnte",
            "seit dem collect oder review davor wird nichts abgelegt und nichts weitergeleitet",
            "stellen Sie es davor, wenn die Studie warten soll: → await → collect study quiet 2 minutes",
        ),
    ),
    "W305/behind": Message(
        Text(
            "nothing waits behind this `await`",
            "no effect follows it",
            "put it between two effects: → store by PatientID → await → forward PACS",
        ),
        Text(
            "hinter diesem `await` wartet nichts",
            "danach folgt keine Wirkung",
            "stellen Sie es zwischen zwei Wirkungen: → store by PatientID → await → forward PACS",
        ),
    ),
    "W306": Message(
        Text(
            "nothing is done with what is collected here",
            "no step behind it keeps, sends or tells of it",
            "put it before the effects that are for the whole: → collect study quiet 2 minutes → forward PACS",
        ),
        Text(
            "mit dem, was hier gesammelt wird, geschieht nichts",
            "kein Schritt dahinter bewahrt, sendet oder meldet es",
            "stellen Sie es vor die Wirkungen für das Ganze: → collect study quiet 2 minutes → forward PACS",
        ),
    ),
    "W306/review": Message(
        Text(
            "nothing is done with what is approved here",
            "no step behind it keeps, sends or tells of it",
            "put it before the effects that are to wait for a person: → anonymize-pixels → review → forward PACS",
        ),
        Text(
            "mit dem, was hier freigegeben wird, geschieht nichts",
            "kein Schritt dahinter bewahrt, sendet oder meldet es",
            "stellen Sie es vor die Wirkungen, die auf einen Menschen warten sollen: → anonymize-pixels → review → "
            "forward PACS",
        ),
    ),
    "W307": Message(
        Text(
            "no rule stores anything in {word}",
            "nothing new comes here",
            'name a folder as a rule stores in it: store in "teaching" by StudyDate; `archive` is the one without '
            "a name",
        ),
        Text(
            "keine Regel legt etwas in {word} ab",
            "hierhin kommt nichts Neues",
            'nennen Sie einen Ordner, wie eine Regel ihn nennt: store in "teaching" by StudyDate; `archive` ist der '
            "ohne Namen",
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
    "E401/ask": Message(
        Text(
            "a study would be named outside the house: {word} is outside",
            "would be asked for the study by its UID",
            "ask a destination of the house, or declare this one `outside trusted`",
        ),
        Text(
            "eine Studie würde draußen genannt: {word} ist draußen (outside)",
            "würde mit der UID der Studie gefragt",
            "fragen Sie ein Ziel im Haus, oder vereinbaren Sie dieses als `outside trusted`",
        ),
    ),
    "E401/webhook": Message(
        Text(
            "names would leave the house: {word} is outside",
            "would be told the patient's name, birth date and IDs",
            "leave `may see names` out, or declare it `outside trusted`",
        ),
        Text(
            "Namen würden das Haus verlassen: {word} ist draußen (outside)",
            "würde Name, Geburtsdatum und IDs des Patienten erfahren",
            "lassen Sie `may see names` weg, oder vereinbaren Sie das Ziel als `outside trusted`",
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
    "W403": Message(
        Text(
            "{tag} is kept, and shows in the name of a folder",
            "folders are named after it",
            "leave it out of the layout, or out of `keep`",
        ),
        Text(
            "{tag} wird behalten und steht im Namen eines Ordners",
            "danach heißen Ordner",
            "lassen Sie es im Layout weg, oder bei `keep`",
        ),
    ),
    "W403/folder": Message(
        Text(
            "{tag} is kept, and shows in the name of a folder",
            "{word} names its folders after it",
            "leave it out of the layout of {word}, or out of `keep`",
        ),
        Text(
            "{tag} wird behalten und steht im Namen eines Ordners",
            "{word} nennt seine Ordner danach",
            "lassen Sie es im Layout von {word} weg, oder bei `keep`",
        ),
    ),
    "W403/mail": Message(
        Text(
            "{tag} is kept, and stands in the mail to {word}",
            "may see names",
            "leave it out of `keep`, or mail somebody who may not see names",
        ),
        Text(
            "{tag} wird behalten und steht in der Mail an {word}",
            "darf Namen sehen (may see names)",
            "lassen Sie es bei `keep` weg, oder mailen Sie jemandem, der keine Namen sehen darf",
        ),
    ),
    "W403/webhook": Message(
        Text(
            "{tag} is kept, and {word} is told of it",
            "may see names",
            "leave it out of `keep`, or declare {word} without `may see names`",
        ),
        Text(
            "{tag} wird behalten, und {word} erfährt es",
            "darf Namen sehen (may see names)",
            "lassen Sie es bei `keep` weg, oder vereinbaren Sie {word} ohne `may see names`",
        ),
    ),
    "W403/outside": Message(
        Text(
            "{tag} is kept, and leaves the house: {word} is outside",
            "receives it as it came, whatever is in it",
            "leave it out of `keep`, or name an option of the profile there, like institution",
        ),
        Text(
            "{tag} wird behalten und verlässt das Haus: {word} ist draußen (outside)",
            "bekommt es, wie es kam, was immer darin steht",
            "lassen Sie es bei `keep` weg, oder nennen Sie dort eine Option des Profils, etwa institution",
        ),
    ),
    "E501": Message(
        Text(
            "{word} is no longer declared, but objects still wait for it: {count}",
            "no file declares it",
            "declare {word} again until its outbox is empty, or hold them: stellwerk spool hold {word}",
        ),
        Text(
            "{word} kommt nicht mehr vor, aber Objekte warten noch darauf: {count}",
            "keine Datei nennt es",
            "behalten Sie {word}, bis sein Ausgang leer ist, oder halten Sie sie an: stellwerk spool hold {word}",
        ),
    ),
    "E501/renamed": Message(
        Text(
            "{word} is no longer declared, but objects still wait for it: {count}",
            "has its address",
            "keep the name {word}, or declare both until its outbox is empty",
        ),
        Text(
            "{word} kommt nicht mehr vor, aber Objekte warten noch darauf: {count}",
            "hat dessen Adresse",
            "behalten Sie den Namen {word}, oder nennen Sie beide, bis der Ausgang leer ist",
        ),
    ),
    "W502": Message(
        Text(
            "port {word} is closed by this change",
            "nothing listens on port {word} any more",
            "whoever sends there is refused from now on; keep a route on it until all senders know the new one",
        ),
        Text(
            "diese Änderung schließt Port {word}",
            "auf Port {word} hört nichts mehr",
            "wer dorthin sendet, wird abgewiesen; behalten Sie eine Route darauf, bis alle den neuen Port kennen",
        ),
    ),
    "W503": Message(
        Text(
            "this change opens port {word} to everyone",
            "no `accept` and no `from` any more",
            "write who may send, for example: accept SONO1 from 192.168.10.0/24",
        ),
        Text(
            "diese Änderung öffnet Port {word} für jeden",
            "kein `accept` und kein `from` mehr",
            "schreiben Sie, wer senden darf, zum Beispiel: accept SONO1 from 192.168.10.0/24",
        ),
    ),
    "W505": Message(
        Text(
            "{word} is no longer watched after this change",
            "nothing takes what is put there any more",
            "what lies there stays there; keep a route on it until nobody puts anything in",
        ),
        Text(
            "{word} wird nach dieser Änderung nicht mehr beobachtet",
            "niemand nimmt mehr, was dorthin kommt",
            "was dort liegt, bleibt liegen; behalten Sie eine Route darauf, bis niemand mehr etwas hineinlegt",
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
