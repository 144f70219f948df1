"""anonymize: take everything out of the header that says who the patient is."""

from dataclasses import dataclass

from engine.errors import Never
from engine.keeping import Kept
from engine.object import Object
from engine.profile.policy import Policy
from engine.step import Hold, Workbench, step


@step("anonymize [keep KEEP]", clears=("header",))
@dataclass(frozen=True)
class Anonymize:
    """Take everything out of the header that says who the patient is, by the Basic Profile of PS3.15 Annex E.

    Every attribute of its table is removed, emptied or given a dummy value, in sequences too; private attributes go.
    UIDs become others, the same ones wherever they stand, by a key that this appliance keeps. Other text that holds
    what identifies the patient is replaced too; words that the standard itself has for a place stay there (body part
    `BREAST`, of a patient called so). What was written is read again: a header that cannot be proved clean is held.

    `keep` takes words and tags. `uids`, `device`, `institution`, `patient-characteristics` and `dates` stay as they
    are. `modified-dates`: all dates of a patient are moved by the same number of days. `descriptions` stay where
    nothing of the header stands in them; `structured-content` and `graphics` as far as they can be cleaned;
    `safe-private`: private attributes that are known to be harmless. A tag that is named stays as it is, whatever is
    in it ([W403](../findings/W403.md)). Steps in front change what is anonymized; `set` and `map` behind it have the
    last word.

        on port 11112 → anonymize-pixels → anonymize → forward READER
        on port 11112 → anonymize keep institution, modified-dates → store in "teaching" by Institution/StudyDate
    """

    keep: Kept = Kept()

    def apply(self, obj: Object, bench: Workbench) -> Object | Hold:
        """The object with a clean header, or the reason why it has none."""
        try:
            return bench.anonymize(obj, Policy(self.keep.options, self.keep.tags), {}).with_cleared("header")
        except Never as refusal:
            return Hold(refusal.reason)
