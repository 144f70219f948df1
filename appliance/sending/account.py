"""The account of one sending: what was delivered, was there before, failed, by patient and study.

Pure. It holds patients' names, for the eyes of whoever sends; `as_json` has none.
"""

from collections import Counter
from dataclasses import dataclass, field

from engine.sources.taking import shown

DELIVERED, BEFORE, REPEATED, FAILED, LATER = "delivered", "sent before", "repeated", "failed", "later"
"""What became of one object. later: it may work another time."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose object it is, and which."""

    study: str = ""
    instance: str = ""
    sop_class: str = ""
    patient: str = ""
    patient_id: str = ""
    date: str = ""
    modality: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """One object that was not delivered. later: sending again may help."""

    name: str
    why: str
    later: bool = False


@dataclass
class Study:
    """What became of one study."""

    subject: Subject
    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    instances: dict[str, str] = field(default_factory=dict)
    """SOP Instance UIDs, with their classes, of what the destination has taken, now or before."""
    modalities: set[str] = field(default_factory=set)

    @property
    def total(self) -> int:
        """How many objects of it were looked at."""
        return sum(self.counts.values())


@dataclass
class Account:
    """Everything so far."""

    studies: dict[str, Study] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    """What the destination has said of objects that it has taken."""
    sent_bytes: int = 0
    left_out: int = 0
    seconds: float = 0.0
    interrupted: bool = False

    def add(self, name: str, subject: Subject, state: str, size: int, why: str = "") -> None:
        """One object has come to its end."""
        study = self.studies.setdefault(subject.study, Study(subject))
        study.counts[state] += 1
        self.counts[state] += 1
        if subject.modality:
            study.modalities.add(subject.modality)
        if state in (DELIVERED, BEFORE) and subject.instance:
            study.instances[subject.instance] = subject.sop_class
        if state == DELIVERED:
            self.sent_bytes += size
        if state in (FAILED, LATER):
            self.failures.append(Failure(name, why, state == LATER))
            study.reasons[why] += 1

    def unsendable(self, name: str, why: str) -> None:
        """What could not even be looked at."""
        self.counts[FAILED] += 1
        self.failures.append(Failure(name, why))

    @property
    def complete(self) -> bool:
        """Whether everything is where it should be."""
        return not self.failures and not self.interrupted

    def as_json(self) -> dict[str, object]:
        """For programs: numbers, reasons and UIDs, no names."""
        return {
            "delivered": self.counts[DELIVERED],
            "sent_before": self.counts[BEFORE],
            "repeated": self.counts[REPEATED],
            "failed": self.counts[FAILED] + self.counts[LATER],
            "left_out": self.left_out,
            "bytes": self.sent_bytes,
            "seconds": round(self.seconds, 3),
            "interrupted": self.interrupted,
            "warnings": dict(self.warnings),
            "studies": [
                {
                    "study": uid,
                    "delivered": study.counts[DELIVERED],
                    "sent_before": study.counts[BEFORE],
                    "failed": study.counts[FAILED] + study.counts[LATER],
                    "reasons": dict(study.reasons),
                }
                for uid, study in self.studies.items()
            ],
            "failures": [{"file": shown(one.name), "why": one.why, "again": one.later} for one in self.failures],
        }
