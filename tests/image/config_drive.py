"""The stick that sets a machine up: a FAT volume called STELLWERK, with `stellwerk.conf` and rule files on it."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

LABEL = "STELLWERK"


def config_drive(file: Path, texts: Mapping[str, str]) -> Path:
    """Make one. texts: by path on the stick; folders are one deep."""
    with file.open("wb") as stream:
        stream.truncate(8 << 20)
    environment = {**os.environ, "MTOOLS_SKIP_CHECK": "1"}
    subprocess.run(["mformat", "-i", str(file), "-v", LABEL, "::"], check=True, env=environment)
    with file.open("r+b") as stream:
        # mformat writes a partition table into the boot sector as well, and Linux would see a drive with a broken one.
        stream.seek(446)
        stream.write(bytes(64))
    for name, text in texts.items():
        folder, _, _ = name.rpartition("/")
        if folder:
            subprocess.run(["mmd", "-D", "s", "-i", str(file), f"::{folder}"], check=False, env=environment)
        words = ["mcopy", "-o", "-i", str(file), "-", f"::{name}"]
        subprocess.run(words, input=text.encode(), check=True, env=environment)
    return file
