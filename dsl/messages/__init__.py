"""Every sentence a finding can say: one table, English with German beside it. No words of a parser in it.

Pure data and its lookup. `{…}` are the facts of a finding; a fact that begins with `@` is itself a phrase
(dsl.phrases) and is said in the language that is asked for.
"""

from collections.abc import Mapping, Sequence

from dsl import phrases
from dsl.messages import effects, meaning, reading
from dsl.messages.form import Message, Text

__all__ = ["ADVICE", "MESSAGES", "NOTES", "STOPS", "Text", "note", "texts"]

MESSAGES: dict[str, Message] = {**reading.MESSAGES, **meaning.MESSAGES, **effects.MESSAGES}

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
}
"""Help that is better than a message's own in some cases."""

NOTES: dict[str, tuple[str, str]] = {
    "first": ("first declaration", "erste Vereinbarung"),
    "first port": ("first listener", "erster Empfänger"),
    "first folder": ("watched here", "hier beobachtet"),
    "own port": ("listens on this port", "empfängt an diesem Port"),
    "takes them": ("this case takes them", "dieser Fall nimmt sie"),
    "takes some": ("this case takes some of them", "dieser Fall nimmt einen Teil davon"),
    "ends here": ("every object ends here", "hier endet jedes Objekt"),
    "every case ends": ("every case of this choose ends in a discard", "jeder Fall dieses choose endet mit discard"),
    "excludes it": ("excludes it", "schließt es aus"),
    "known here": ("only what fits here comes to the choose", "zum choose kommt nur, was hier passt"),
    "kept here": ("kept by this word", "durch dieses Wort behalten"),
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
