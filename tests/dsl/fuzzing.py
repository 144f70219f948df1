"""What the fuzz tests share. FUZZ=20 in the environment makes each of them twenty times as long (see `make fuzz`)."""

import os
from pathlib import Path

from hypothesis import HealthCheck, settings

FILES = [path.read_text(encoding="utf-8") for path in sorted((Path(__file__).parents[2] / "rules").rglob("*.rules"))]
CASES = [
    path.read_text(encoding="utf-8").partition("----\n")[0].partition("==== ")[0]
    for path in sorted((Path(__file__).parents[1] / "cases").glob("*.case"))
]
SETTINGS = settings(
    max_examples=300 * int(os.environ.get("FUZZ", "1")), deadline=None, suppress_health_check=list(HealthCheck)
)
