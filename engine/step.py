"""Steps: how one is declared, what it may answer, and where all of them are found.

A step is one file in engine/steps with one class, decorated with its signature line. Its docstring is its manual
page and its indented lines are examples. Pure: the registry is filled when engine.steps is imported and frozen then.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol, TypeVar, get_type_hints

from engine.object import Object
from engine.profile.policy import Policy
from engine.program import Program, Rectangle
from engine.schedule import Since
from engine.signature import Argument, Parameter, Signature


@dataclass(frozen=True, slots=True)
class Deliver:
    """Promise the object, as it stands now, to these outboxes; the chain goes on with it.

    place: names of folders below the destination's root, safe for file systems. note: plain facts for the sender.
    reports: this delivery tells of the outcome of the ones before it (mail).
    """

    obj: Object
    to: tuple[str, ...]
    place: tuple[str, ...] = ()
    note: Mapping[str, str] = field(default_factory=dict)
    reports: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """The chain cannot go on with this object, for this reason: `on failure` takes it as it was received.

    note: plain facts for whoever finds it in the hold.
    """

    why: str
    note: Mapping[str, str] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Drop:
    """The object ends here because a rule says so."""

    why: str


@dataclass(frozen=True, slots=True)
class Wait:
    """The chain goes on with the object; its further promises wait until those so far have been delivered."""


@dataclass(frozen=True, slots=True)
class Gather:
    """The rest of the chain waits until no more of the same `unit` has come for `quiet` seconds.

    unit: study or series; uid: which one; words: the same for a reader. note: what else makes it complete, and what
    is done with what comes late, as facts for engine.collector.
    """

    unit: str
    uid: str
    quiet: float
    words: str
    note: Mapping[str, str] = field(default_factory=dict)


Answer = Object | Deliver | Hold | Drop | Wait | Gather


AS_CLEANED: Mapping[str, str | None] = {"BurnedInAnnotation": "NO", "IconImageSequence": None}
"""What can be told of a cleaned image's header without cleaning it, for benches that only try rules."""


class Workbench(Protocol):
    """What a step may ask for beyond the object: the program's definitions, what cleans, the key and the tables."""

    @property
    def program(self) -> Program:
        """The program that runs."""

    def boxes(
        self, obj: Object, blank: Sequence[Rectangle], keep: Sequence[Rectangle], *, declared: bool = False
    ) -> tuple[Rectangle, ...]:
        """What `clean` would blank, from the left and top; nothing where there is no picture. Raises Unclean."""

    def clean(
        self,
        obj: Object,
        blank: Sequence[Rectangle],
        keep: Sequence[Rectangle],
        *,
        same_uid: bool,
        declared: bool = False,
    ) -> Object:
        """The object with boxes blanked (or all but the kept boxes), proved, and attributes that say so.

        declared: all but the ultrasound regions that it declares goes as well, as it does where there are no boxes.
        same_uid: it keeps its SOP Instance UID. Raises engine.errors.Unclean.
        """

    def text(self, obj: Object) -> tuple[Rectangle, ...] | None:
        """Where text is seen in the picture, with a margin; None where there is no picture. Raises Unclean."""

    def refuse_text(self, obj: Object, apart: Sequence[Rectangle]) -> None:
        """Raises Unclean where text is seen in the picture, if there is one, apart from these rectangles."""

    def transcode(self, obj: Object, syntax: str) -> Object:
        """The object in a transfer syntax (UID), proved the same sample by sample. Raises engine.errors.Unclean."""

    def anonymize(self, obj: Object, policy: Policy, names: Mapping[str, str]) -> Object:
        """The object with a header that is proved clean by this policy. Raises engine.errors.Never, Unclean.

        names: spelling of a tag → what is written there instead of the profile's dummy.
        """

    def pseudonym(self, patient: str, table: str) -> str:
        """The pseudonym of a patient ID: by the key, or out of a table that is named. Raises engine.errors.Never."""

    def looked_up(self, tag: str, value: str, table: str) -> str:
        """What a table has for a value of this attribute. Raises engine.errors.Never where it has nothing."""

    def approved(self, device: str) -> int:
        """How many images of a device (engine.device.Known.key) people have approved since they last rejected one."""


class Step(Protocol):
    """One step with its arguments."""

    def apply(self, obj: Object, bench: Workbench) -> Answer:
        """What becomes of the object. Deterministic; touches no network, no clock and no folder."""


class Caretaker(Protocol):
    """What a step may ask for that works without an object. All of it raises engine.errors.Later."""

    def purge(self, folder: str, older: float) -> str:
        """Remove the copies of an archive folder that lie there for longer than `older` seconds; what was removed."""

    def report(self, contacts: Sequence[str]) -> str:
        """Mail to contacts what has happened since their last such mail; to whom it went."""

    def alarm(self, contacts: Sequence[str]) -> str:
        """Mail to contacts what does not work, where something does not; what was found."""

    def alarm_unless(self, contacts: Sequence[str], senders: Sequence[str], since: Since) -> str:
        """Mail to contacts which of these have sent nothing since then, where there is one; what was found."""


class Chore(Protocol):
    """One step that works without an object, with its arguments."""

    def work(self, caretaker: Caretaker) -> str:
        """Do it; in words, what was done. To do it twice must do no harm. Raises engine.errors.Later."""


def report_note(obj: Object) -> dict[str, str]:
    """What a report on the object's study may need. Whoever tells it must know what it may tell to whom."""
    tags = ("Modality", "InstitutionName", "PatientName", "PatientID", "PatientBirthDate", "StudyDate")
    return {"study": obj.header.first("StudyInstanceUID"), **{tag: obj.header.first(tag) for tag in tags}}


S = TypeVar("S", bound=Step)
C = TypeVar("C", bound=Chore)

HOLD = "hold"
"""The outbox that people empty."""

GATHERING = ".collect"
"""How the names of the outboxes end in which studies and series are collected."""

REVIEW = f"review{GATHERING}"
"""The outbox of what a person is to look at (`review`), on its way into the hold and out of it."""

MAIL, NOTICE = ".mail", ".notify"
"""How the names of the outboxes end from which a contact gets mail, and a webhook is told."""

TELLING = (MAIL, NOTICE)
"""How the names of all outboxes end that only tell of objects: nobody has an object by them."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A step's class with its signature and its manual page."""

    signature: Signature
    make: Callable[..., Step]
    manual: str

    def of(self, arguments: Mapping[str, Argument]) -> Step:
        """The step with these arguments."""
        return self.make(**self.signature.read(arguments))


@dataclass(frozen=True, slots=True)
class DeclaredChore:
    """The class of a step that works without an object, with its signature and its manual page."""

    signature: Signature
    make: Callable[..., Chore]
    manual: str

    def of(self, arguments: Mapping[str, Argument]) -> Chore:
        """The step with these arguments."""
        return self.make(**self.signature.read(arguments))


_registry: dict[str, Declared] = {}
_chores: dict[str, DeclaredChore] = {}


def step(
    line: str, *, clears: Sequence[str] = (), needs: Mapping[str, str] | None = None
) -> Callable[[type[S]], type[S]]:
    """Declare a step by its signature line, and what every object that it answers is cleared of.

    needs: words that mean something only beside another. A second step of the same name is a programmer's mistake.
    """

    def declare(cls: type[S]) -> type[S]:
        signature = _new(Signature.of(line, parameters(cls), clears=clears, needs=needs))
        _registry[signature.name] = Declared(signature, cls, cls.__doc__ or "")
        return cls

    return declare


def chore(line: str, *, behind: Sequence[str] = ("every",)) -> Callable[[type[C]], type[C]]:
    """Declare a step that works without an object: behind these sources, and nowhere else."""

    def declare(cls: type[C]) -> type[C]:
        signature = _new(Signature.of(line, parameters(cls), behind=behind))
        _chores[signature.name] = DeclaredChore(signature, cls, cls.__doc__ or "")
        return cls

    return declare


def _new(signature: Signature) -> Signature:
    if signature.name in (*_registry, *_chores):
        raise ValueError(f"two steps are called {signature.name}")
    return signature


def parameters(cls: type) -> dict[str, type[Parameter]]:
    """The kinds of value that a component's fields take, from their annotations; flags (bool) have none."""
    kinds = {}
    for name, hint in get_type_hints(cls).items():
        kind = next((option for option in getattr(hint, "__args__", (hint,)) if hasattr(option, "of")), None)
        if kind is not None:
            kinds[name] = kind
    return kinds


def all_steps() -> Mapping[str, Declared]:
    """Every step that is built, by name; complete once engine.steps is imported."""
    return MappingProxyType(_registry)


def all_chores() -> Mapping[str, DeclaredChore]:
    """Every step that works without an object, by name; complete once engine.steps is imported."""
    return MappingProxyType(_chores)
