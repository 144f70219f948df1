"""A disk that is full stops the journal, in words, and nothing else; with room again, it goes on where it was."""

import resource
import subprocess
import sys
from pathlib import Path

from engine.journal import Journal

NUMBER = "18af0b5cf0a1c2d3abc"

FILL = """
import resource, signal, sys
from pathlib import Path
from engine.journal import Journal, JournalTrouble

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
root = Path(sys.argv[1])
with Journal(root) as journal:
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    try:
        journal.catch_up()
    except JournalTrouble as error:
        print(error.strerror)
"""


def test_what_a_full_disk_has_stopped_is_taken_in_when_there_is_room(tmp_path: Path) -> None:
    (tmp_path / "history").mkdir()
    with (tmp_path / "history" / "2026-03-01.jsonl").open("w") as stream:
        for number in range(20000):
            stream.write(f'{{"at": "2026-03-01T10:00:00", "event": "received", "object": "{number:019x}"}}\n')
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    ended = subprocess.run([sys.executable, "-c", FILL, str(tmp_path)], capture_output=True, text=True, check=True)
    assert ended.stdout.startswith("the journal cannot be used now (SQLITE_")
    with Journal(tmp_path) as journal:
        journal.catch_up()
        assert journal.db.execute("SELECT count(*) FROM objects").fetchone() == (20000,)
        assert journal.db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
