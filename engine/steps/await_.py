"""await: nothing behind it is sent before everything in front of it has been delivered."""

from dataclasses import dataclass

from engine.object import Object
from engine.step import Wait, Workbench, step


@step("await")
@dataclass(frozen=True)
class Await:
    """Send nothing that stands behind it until everything that stands in front of it has been delivered.

    Everything is promised at once all the same, and waits in its outbox. What is held in front of it keeps the rest
    waiting until a person releases it; where `on failure` takes over, the rest is left out, for the failure chain has
    the object then. Mail in front of it is not waited for, as it only reports; `hold` neither waits nor is waited for.

        on port 11112 → store by PatientID → await → forward PACS
        on port 11112 → forward PACS → await → mail admin subject "in the PACS"
    """

    def apply(self, obj: Object, bench: Workbench) -> Wait:
        """A gate: the chain goes on, with its promises waiting."""
        return Wait()
