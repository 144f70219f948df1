"""What does a keystroke cost? The answers of the language server for a rule file of 200 lines; 50 ms is the aim."""

import time

from appliance.editor import names
from appliance.editor.desk import Desk
from dsl.complete import complete
from dsl.hover import hover
from engine.vocabulary import vocabulary
from tests.benchmarks.__main__ import say

FILE = "/keystroke/house.rules"
PLACES = """version 1
contact admin = "it@praxis.example"
condition child = PatientAge < 18 years
condition lung = Modality = CT and BodyPartExamined in (CHEST, LUNG)
steps clean = → anonymize-pixels
"""
ROUTE = """destination PACS{n} = dicom "PACS{n}@192.168.10.5:{port}" retry every 5 minutes for 12 hours
route r{n}
  on port 11112 where Modality = US and InstitutionName = "Praxis {n}" and not child or lung
  → clean
  → choose
      when StudyDate > today - 30 days → store by Institution/PatientName
      when PatientSex in (M, F) and StationName contains "{n}" → forward PACS{n}
      otherwise → hold "room {n}"
    end
  → store in "room{n}" by Institution/StudyDate/PatientID
  → forward PACS{n}
  → mail admin subject "Room {n}"
  on failure → hold → mail admin
"""


def main() -> None:
    """Print milliseconds, the median and the slowest of 40 rounds; each round sees another text."""
    text = PLACES + "".join(ROUTE.format(n=n, port=104 + n) for n in range(15))
    broken = text.replace("→ forward PACS7\n", "→ forwrd PACS7 mail\n  → ( \n", 1)
    say(f"{text.count(chr(10))} lines, {len(text)} characters")
    desk = Desk(vocabulary())
    at = text.index("forward PACS7") + 9
    for name, written, work in (
        ("check, nothing wrong", text, lambda _: desk.findings()),
        ("check, a mistake in it", broken, lambda _: desk.findings()),
        ("check, then completion", text, lambda now: (desk.findings(), _complete(desk, now, at))),
        ("check, then hover", text, lambda now: (desk.findings(), _hover(desk, now, at))),
        ("check, then definition", text, lambda _: (desk.findings(), names.definitions(desk, FILE, at))),
    ):
        spent = []
        for number in range(40):
            start = time.perf_counter()
            desk.open[FILE] = f"{written}# keystroke {number} of: {name}\n"
            work(desk.open[FILE])
            spent.append((time.perf_counter() - start) * 1000)
        assert bool(desk.findings()[FILE]) == (written is broken)
        say(f"{name:24} {sorted(spent)[20]:7.1f} ms, at most {max(spent):7.1f} ms")


def _complete(desk: Desk, text: str, at: int) -> object:
    return complete(text, at, rules=desk.resolved((FILE,)), vocabulary=desk.vocabulary)


def _hover(desk: Desk, text: str, at: int) -> object:
    return hover(text, at, rules=desk.resolved((FILE,)), vocabulary=desk.vocabulary)
