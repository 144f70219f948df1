"""What a signature still takes after some arguments: the words and the parameters that may come next. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.signature import Argument, Signature, Vocabulary


@dataclass(frozen=True, slots=True)
class Wanted:
    """Words as written, and parameters in capitals; `enough` when nothing of it has to come."""

    words: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    enough: bool = True


def wanted(signature: Signature, given: Sequence[Argument], more: bool = False) -> Wanted:
    """What may come next. `more`: the last argument goes on, after a comma or a slash."""
    groups = list(signature.groups)
    at, last = 0, ""
    while at < len(given):
        argument = given[at]
        group = next((g for g in groups if g.word and argument.kind == "word" and g.word == argument.text), None)
        group = group or next((g for g in groups if not g.word), None)
        if group is None:
            at += 1  # a word too many: the signature takes no other for that
            continue
        groups.remove(group)
        for item in group.items:
            if at >= len(given):
                return Wanted((item,), (), False) if item.islower() else Wanted((), (item,), False)
            last = "" if item.islower() else item
            at += 1
    if more:
        return Wanted((), (last,) if last else (), False)
    words = tuple(group.word for group in groups if group.word and group.word not in signature.later)
    parameters = tuple(group.items[0] for group in groups if not group.word)
    return Wanted(words, parameters, all(group.optional for group in groups))


def signature_of(what: str, name: str, vocabulary: Vocabulary) -> Signature | None:
    """The signature of a call: what is called (step, source …), and its name."""
    if what == "contact":
        return vocabulary.contact
    kinds = {
        "step": vocabulary.steps,
        "expect": vocabulary.steps,
        "source": vocabulary.sources,
        "destination": vocabulary.destinations,
        "listener": vocabulary.listeners,
    }
    return kinds.get(what, {}).get(name)
