"""Webhook: a program elsewhere is told what has become of a study, by one HTTPS POST of JSON.

It gets no patient data unless it `may see names` and is of the house: without that no name, no date, no UID and no
folder; and outside the house not even who has sent. Told is what answers with a status of 2xx; no redirection is
followed.
"""

import hashlib
import json
import re
import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from engine.destinations.credentials import Secrets, authorization
from engine.destinations.exchange import PATIENT, Answer, Patience, Site
from engine.destinations.https import reached
from engine.destinations.reports import Reporter, known_by
from engine.destinations.usual import retrying
from engine.entry import Entry, Receipt
from engine.errors import Later, Never
from engine.parameters import WebAddress
from engine.program import Destination
from engine.pump import Sent

_MODALITY = re.compile(r"[A-Z0-9_]{1,16}")
"""How one is written (PS3.3 C.7.3.1.1.1, in one word). Whatever else stands there may be a name."""

VERSION = 1
"""Of what is told; a higher one means something else by the same words."""

_ABOUT_WHAT_IS_TOLD = (400, 405, 409, 410, 413, 415, 422)
"""Statuses that will be the same at the next try."""


class Webhook(Reporter):
    """One declared `webhook`."""

    def __init__(
        self,
        declared: Destination,
        secrets: Secrets,
        context: Callable[[], ssl.SSLContext],
        quiet: float,
        patience: Patience = PATIENT,
    ) -> None:
        super().__init__(quiet)
        address = WebAddress.of(declared.arguments["address"])
        self._declared, self._secrets, self._path = declared, secrets, address.path
        self.every, self.patience = retrying(declared)
        self._site = Site(address, context, patience=patience)

    def close(self) -> None:
        """Close the connections that lie idle."""
        self._site.close()

    def reach(self) -> str:
        """Whether somebody answers there and lets us in; in words. Nothing is told. Raises Later."""
        return reached(
            self._site.get(self._path, authorization(self._declared.arguments, self._secrets)), self._site.who
        )

    def tell(self, group: Sequence[Entry], receipts: Sequence[Receipt]) -> Sent | Later | Never:
        """One request."""
        body = json.dumps(notice(self._declared, group, receipts)).encode()
        headers = {"Content-Type": "application/json", "Accept": "*/*"}
        try:
            headers |= authorization(self._declared.arguments, self._secrets)
            answer = self._site.post(self._path, headers, [body])
        except Later as later:
            return later
        return _understood(answer, self._site.who) or Sent(self._declared.name)


def notice(declared: Destination, group: Sequence[Entry], receipts: Sequence[Receipt]) -> dict[str, object]:
    """What is told of one study, as JSON values: counts, places and reasons, which never hold values of an image."""
    names = "may" in declared.arguments and not declared.outside
    note = group[0].note
    study: dict[str, object] = {
        "objects": len({entry.object for entry in group}),
        "modalities": sorted({said for entry in group if _MODALITY.fullmatch(said := entry.note.get("Modality", ""))}),
    }
    if not declared.outside:
        study["institution"] = note.get("InstitutionName", "")
    if names:
        study |= {
            "uid": note.get("study", ""),
            "date": note.get("StudyDate", ""),
            "patient": {
                "name": note.get("PatientName", ""),
                "id": note.get("PatientID", ""),
                "birth_date": note.get("PatientBirthDate", ""),
            },
        }
    complete = {key: note[key] for key in ("complete", "came", "expected") if note.get(key)}
    failures = sorted({entry.note.get("failure", "") for entry in group} - {""})
    return {
        "version": VERSION,
        "event": "study",
        "id": hashlib.blake2b(known_by(group).encode(), digest_size=12).hexdigest(),
        "route": group[0].route,
        "study": study,
        "outcomes": _outcomes(receipts, names=names),
        **({"completeness": complete} if complete else {}),
        **({"failures": failures} if failures else {}),
    }


def _outcomes(receipts: Sequence[Receipt], *, names: bool) -> list[dict[str, object]]:
    """By where to and what became of it; what failed for different reasons stands apart."""
    counts: Counter[tuple[str, str, str]] = Counter()
    last: dict[tuple[str, str, str], float] = {}
    places: dict[tuple[str, str, str], set[str]] = {}
    for receipt in receipts:
        key = receipt.outbox, receipt.outcome, "" if receipt.outcome == "delivered" else receipt.why
        counts[key] += 1
        last[key] = max(last.get(key, 0.0), receipt.at)
        places.setdefault(key, set()).add(receipt.place.rpartition("/")[0])
    return [
        {
            "to": key[0].removesuffix(".store"),
            "kind": "archive" if key[0].endswith(".store") else "hold" if key[0] == "hold" else "destination",
            "outcome": key[1],
            "objects": count,
            "at": datetime.fromtimestamp(last[key], UTC).isoformat(timespec="seconds"),
            **({"why": key[2]} if key[2] else {}),
            **({"folders": sorted(places[key] - {""})} if names and places[key] - {""} else {}),
        }
        for key, count in counts.items()
    ]


def _understood(answer: Answer, who: str) -> Later | Never | None:
    """Why it counts as not told; None where it is. None of the other side's own words are shown."""
    status = answer.status
    if 200 <= status < 300:
        return None
    if status in _ABOUT_WHAT_IS_TOLD:
        return Never(f"{who} does not want to be told so (HTTP {status}); is the address that of the webhook?")
    if status in (401, 403):
        return Later(f"{who} refuses our user name and password, or our token (HTTP {status})")
    if 300 <= status < 400:
        return Later(f"{who} sends us to another address (HTTP {status}); write that one into the rules")
    if status == 404:
        return Later(f"{who} has nothing at this address (HTTP 404)")
    return Later(f"{who} cannot be told now (HTTP {status})")
