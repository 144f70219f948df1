"""Can it be read? E0xx, and the arrow that is missing in a line that could not be read (E106)."""

from collections.abc import Iterator

from dsl import ast, scan
from dsl.finding import Finding, finding
from dsl.resolve import Rules

_SPOKEN = {
    "ARROW": "→",
    "EQUALS": "=",
    "COMPARE": "@comparison",
    "NAME": "@name",
    "STRING": "@text",
    "REGEX": "@expression",
    "ON_FAILURE": "on failure",
    "ON_DUPLICATE": "on duplicate",
    "TODAY": "today",
    "LPAR": "(",
    "RPAR": ")",
    "INT": "@number",
    "DURATION": "@duration",
    "RIGHT": "right",
    "BOTTOM": "bottom",
}
_VALUES = frozenset({"STRING", "NUMBER", "INT", "NAME", "DATE"})
_OPEN = frozenset({"SLASH", "DOT", "LSQB", "COMMA", "SHIFT", "ON_DAYS", "DOTTED", "MIXED", "CLOCK", "TAG", "DURATION"})
_SIGNS = "^*\\@&%$~"
_QUOTES = "“”„‟«»’‘'`´"


def check(rules: Rules) -> Iterator[Finding]:
    """A finding for each place where reading stopped."""
    for unread in rules.unread:
        yield told(unread)


def told(unread: ast.Unread) -> Finding:
    """What to say about one place where reading stopped."""
    at, word = unread.span, unread.text
    match unread.kind:
        case "arrow":
            return finding("E106", at, word=word)
        case "quote":
            return finding("E002", at)
        case "deep":
            return finding("E004", at)
        case "sign":
            advice = "plain quotes" if word in _QUOTES else "signs" if word in _SIGNS else ""
            return finding("E003", at, advice, sign="`" if word == "`" else word if word.isprintable() else "�")
        case "end":
            return finding("E005", at, could=could(unread.could))
    if word == "regions" and "REGIONS" in unread.could:
        return finding("E001/regions", at)
    if unread.guess == word in scan.CLAUSES:
        return finding("E001/clause", at, word=word)
    if unread.guess:
        return finding("E001", at, "guess", word=word, guess=unread.guess)
    if word == "=" and unread.could >= _VALUES and "ARROW" not in unread.could:
        return finding("E001/equals", at)
    return finding("E001", at, word=word, could=could(unread.could))


def could(terminals: frozenset[str]) -> str:
    """What could follow, in the reader's words, the likeliest first."""
    statements = {name.upper() for name in scan.STATEMENTS}
    spoken = []
    rest = set(terminals) - _OPEN
    if rest >= _VALUES:
        rest -= _VALUES
        spoken.append("value")
    if rest and rest - {"$END"} <= statements | {"ON_FAILURE", "ON_DUPLICATE"} and "ARROW" not in rest and not spoken:
        return "@" + "|".join(f"`{word}`" for word in scan.STATEMENTS if word.upper() in rest)
    for terminal, phrase in _SPOKEN.items():
        if terminal in rest:
            spoken.append(phrase[1:] if phrase.startswith("@") else f"`{phrase}`")
    spoken += [f"`{word}`" for word in scan.INNER if word.upper() in rest]
    if statements & rest:
        spoken.append("next")
    return "@" + "|".join(spoken or ["value"])
