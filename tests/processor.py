"""What a process has had of this host's processor."""

import os
from pathlib import Path


def processor_seconds(process: int) -> float:
    """Seconds that it has used so far, by its number (proc(5), stat). Raises OSError where there is none."""
    facts = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(facts[11]) + int(facts[12])) / os.sysconf("SC_CLK_TCK")
