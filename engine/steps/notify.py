"""notify: tell a webhook what has become of a study."""

from dataclasses import dataclass

from engine.object import Object
from engine.parameters import Webhooks
from engine.step import NOTICE, Deliver, Workbench, report_note, step


@step("notify WEBHOOKS")
@dataclass(frozen=True)
class Notify:
    """Tell a program of yours what has become of a study: one HTTPS request per study, after it has been quiet.

    It reports as a mail does: it waits until the steps before it have an outcome and says it (stored, forwarded,
    held and why), as JSON. It names no patient unless the webhook `may see names`.

        on port 11112 → store by PatientID → notify DASHBOARD
        on port 11112 → forward PACS → await → notify DASHBOARD
    """

    webhooks: Webhooks

    def apply(self, obj: Object, bench: Workbench) -> Deliver:
        """One promise for each webhook, which waits for the outcomes of the chain so far."""
        return Deliver(
            obj, tuple(f"{name}{NOTICE}" for name in self.webhooks.names), (), report_note(obj), reports=True
        )
