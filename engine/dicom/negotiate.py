"""Which presentation contexts we accept, and which we propose (PS3.8 9.3.2.2, Annex B).

Pure: it must not know sockets, files or how a PDU is laid out.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from pydicom.config import IGNORE
from pydicom.uid import UID

ACCEPTED, USER_REJECTION, NO_REASON, ABSTRACT_SYNTAX_NOT_SUPPORTED, TRANSFER_SYNTAXES_NOT_SUPPORTED = range(5)
MOST_CONTEXTS = 128  # the odd numbers from 1 to 255

VERIFICATION = "1.2.840.10008.1.1"
STORAGE_COMMITMENT = "1.2.840.10008.1.20.1"
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
DEFLATED_LITTLE = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
NATIVE = frozenset({IMPLICIT_LITTLE, EXPLICIT_LITTLE, DEFLATED_LITTLE, EXPLICIT_BIG})
# What we offer beside a native syntax. Implicit little endian every peer must take (PS3.5 10.1); explicit keeps the
# VRs of private elements, so it comes first. Big endian was retired in 2006 and nobody needs the deflated one.
ALTERNATIVES = (EXPLICIT_LITTLE, IMPLICIT_LITTLE)

# In the directory of a medium, not sent over networks (PS3.10 8.6).
_MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"


@dataclass(frozen=True)
class Context:
    """One presentation context as proposed: an abstract syntax and the transfer syntaxes it may come in."""

    id: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """What became of one proposed context: `result` is ACCEPTED or a reason of PS3.8 Table 9-18."""

    id: int
    abstract_syntax: str
    result: int
    transfer_syntax: str


@dataclass(frozen=True)
class Policy:
    """What a listener takes: empty `transfer_syntaxes` means any; `others` are further classes that are served."""

    verification: bool = True
    storage: bool = True
    transfer_syntaxes: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()


EVERYTHING = Policy()


@dataclass(frozen=True)
class Batch:
    """One association to ask for: the contexts to propose, and which entries (by position) go over it."""

    contexts: tuple[Context, ...]
    entries: tuple[int, ...]


def accept(proposed: Sequence[Context], policy: Policy = EVERYTHING) -> tuple[Answer, ...]:
    """Answer each proposed context on its own.

    Of several transfer syntaxes in one context we take the sender's first. We never decode a dataset, so all are
    equal to us; to the sender the first is the one it has the object in or would rather send, and any other choice
    would make it transcode, perhaps with loss.
    """
    return tuple(_answer(context, policy) for context in proposed)


def _answer(context: Context, policy: Policy) -> Answer:
    first = context.transfer_syntaxes[0] if context.transfer_syntaxes else ""
    if context.abstract_syntax in policy.others:
        # These data sets are read and written by us, so only what every peer can (PS3.5 10.1) is agreed on.
        plain = next((one for one in context.transfer_syntaxes if one in ALTERNATIVES), None)
        result = TRANSFER_SYNTAXES_NOT_SUPPORTED if plain is None else ACCEPTED
        return Answer(context.id, context.abstract_syntax, result, plain or first)
    wanted = policy.verification if context.abstract_syntax == VERIFICATION else policy.storage
    if not wanted or not (context.abstract_syntax == VERIFICATION or is_storage(context.abstract_syntax)):
        return Answer(context.id, context.abstract_syntax, ABSTRACT_SYNTAX_NOT_SUPPORTED, first)
    for syntax in context.transfer_syntaxes:
        if syntax and (not policy.transfer_syntaxes or syntax in policy.transfer_syntaxes):
            return Answer(context.id, context.abstract_syntax, ACCEPTED, syntax)
    return Answer(context.id, context.abstract_syntax, TRANSFER_SYNTAXES_NOT_SUPPORTED, first)


def is_storage(uid: str) -> bool:
    """Whether objects of this SOP class are stored: everything but the other service classes we know by name.

    Private classes and those of editions newer than pydicom's dictionary count as storage: refusing an image because
    its class is unknown loses it at the modality, while a query sent to us is answered with "unrecognized operation".
    """
    known = UID(uid, validation_mode=IGNORE)  # a malformed UID is no reason for a warning on stderr
    if not uid or uid == _MEDIA_DIRECTORY:
        return False
    if known.is_private or known.type == "":  # "" : not in the dictionary
        return True
    if known.type != "SOP Class":
        return False  # a meta class, a transfer syntax, a frame of reference …
    # Two retired classes have lost their names in PS3.6; they lie in the arc of the storage classes.
    return known.name == "" or ("Storage" in known.name and "Commitment" not in known.name)


def batches(
    entries: Sequence[tuple[str, str]],
    most_contexts: int = MOST_CONTEXTS,
    decodable: Collection[str] = (),
) -> Iterator[Batch]:
    """Group objects, given as (SOP class UID, transfer syntax UID), into associations, keeping their order.

    Each context has exactly one transfer syntax. With a list the acceptor chooses, and many choose what they like
    best rather than what the file is in; one by one they accept the file's own syntax beside the others, and it is
    sent as it is. A native object also gets contexts for ALTERNATIVES, for peers that do not take its syntax, and so
    does one in a `decodable` syntax.
    """
    contexts: dict[tuple[str, str], None] = {}  # a dict, because it keeps the order of proposal
    members: list[int] = []
    for position, (sop_class, syntax) in enumerate(entries):
        offers = dict.fromkeys((sop_class, offer) for offer in offered(syntax, decodable))
        if members and len(contexts | offers) > most_contexts:
            yield _batch(contexts, members)
            contexts, members = {}, []
        contexts |= offers
        members.append(position)
    if members:
        yield _batch(contexts, members)


def offered(syntax: str, decodable: Collection[str] = ()) -> tuple[str, ...]:
    """The transfer syntaxes to propose for an object in this one, best first."""
    changeable = syntax in NATIVE or syntax in decodable
    return tuple(dict.fromkeys((syntax, *ALTERNATIVES))) if changeable else (syntax,)


def _batch(contexts: dict[tuple[str, str], None], members: list[int]) -> Batch:
    numbered = (Context(2 * n + 1, sop_class, (syntax,)) for n, (sop_class, syntax) in enumerate(contexts))
    return Batch(tuple(numbered), tuple(members))
