"""pseudonymize: anonymize, with a name by which the same patient is known again."""

from dataclasses import dataclass

from engine.errors import Never
from engine.keeping import Kept, TableName
from engine.object import Object
from engine.profile.policy import Policy
from engine.step import Hold, Workbench, step


@step("pseudonymize [with TABLE] [keep KEEP]", clears=("header",))
@dataclass(frozen=True)
class Pseudonymize:
    """Anonymize, and give the patient a pseudonym as ID and name: the same for every image with that PatientID.

    Without a table, the pseudonym comes from the ID and a key that this appliance keeps: nobody else can tell which
    patient it is, or make it. With one, it is what the file `DATA/tables/TABLE.csv` says of the ID; a patient who is
    not in it is held until somebody adds a line. An object without a PatientID is held. Everything else is as with
    `anonymize`, in whose place it stands: behind that, there is no PatientID any more. Whoever has the key and the
    journal finds the patient again: `stellwerk reidentify`.

        on port 11112 → anonymize-pixels → pseudonymize keep modified-dates → forward READER
        on port 11112 → pseudonymize with register → store in "study" by PatientID
    """

    table: TableName | None = None
    keep: Kept = Kept()

    def apply(self, obj: Object, bench: Workbench) -> Object | Hold:
        """The object with a clean header and a pseudonym, or the reason why it has none."""
        try:
            patient = obj.header.first("PatientID")
            if not patient:
                return Hold("it has no PatientID, so no pseudonym can be made: `set` one, or `anonymize` it")
            pseudonym = bench.pseudonym(patient, "" if self.table is None else self.table.name)
            names = {"PatientID": pseudonym, "PatientName": pseudonym}
            return bench.anonymize(obj, Policy(self.keep.options, self.keep.tags), names).with_cleared("header")
        except Never as refusal:
            return Hold(refusal.reason)
