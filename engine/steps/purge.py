"""purge: remove old copies from a folder of the archive."""

from dataclasses import dataclass

from engine.parameters import Age, Folder
from engine.step import Caretaker, chore


@chore("purge FOLDER older AGE")
@dataclass(frozen=True)
class Purge:
    """Remove the copies from a folder of the archive that have lain there for longer than this.

    It counts from the day on which the copy was stored, not from the day of the study. Only DICOM files go, and the
    folders that they leave empty; whatever else lies there stays. What was removed is in the history, with the rule.

        on every day at 03:00 → purge "teaching" older 90 days
        on every day at 22:30 on weekends → purge archive older 10 years
    """

    folder: Folder
    age: Age

    def work(self, caretaker: Caretaker) -> str:
        """What was removed."""
        removed = caretaker.purge(self.folder.name, self.age.duration.seconds)
        return f"{removed} removed from {self.folder.name}, older than {self.age.duration}"
