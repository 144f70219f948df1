"""Is it there? Asks a destination how much it has of each study, when all has been sent. It must not know files."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from appliance.sending.account import Account, Study
from appliance.sending.ways import Way
from engine.errors import Later, Never


@dataclass(frozen=True, slots=True)
class Check:
    """One study: how much was sent, now or before, and how much the destination says that it has."""

    study: Study
    sent: int
    there: int | None
    why: str = ""
    """Why it is not known."""

    @property
    def short(self) -> bool:
        """Whether the destination has less than it has taken."""
        return self.there is not None and self.there < self.sent


def check(way: Way, account: Account, stop: Callable[[], bool]) -> Iterator[Check]:
    """Each study of which something was taken. A destination that answers no queries is asked once."""
    silent = ""
    for uid, study in account.studies.items():
        sent = len(study.instances)
        if not uid or not sent:
            continue
        if stop():
            return
        if silent:
            yield Check(study, sent, None, silent)
            continue
        try:
            there = way.count(uid)
        except Never as refusal:
            silent = refusal.reason
            yield Check(study, sent, None, silent)
        except Later as trouble:
            yield Check(study, sent, None, trouble.reason)
        else:
            yield Check(study, sent, there, "" if there is not None else "it does not say how many objects it has")
