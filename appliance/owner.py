"""On whose account a command works: on that of whoever owns the data folder, also where root has typed it.

What root writes into the spool, the service, which runs on an account of its own, could not move or remove any more.
It must not know what the commands do.
"""

import os
import pwd
from pathlib import Path

from appliance.settings import SettingsError


def act_as_owner(data: Path) -> None:
    """From now on be the owner of this folder, for good, if we are root and it is not root's.

    Where there is no such folder yet, nothing changes. Raises SettingsError, in words, where that is not allowed.
    """
    if os.geteuid() != 0 or not data.is_dir():
        return
    there = data.stat()
    if there.st_uid == 0:
        return
    try:
        name = pwd.getpwuid(there.st_uid).pw_name
    except KeyError:
        name = ""
    try:
        os.setgroups(os.getgrouplist(name, there.st_gid) if name else [there.st_gid])
        os.setgid(there.st_gid)
        os.setuid(there.st_uid)
    except OSError as error:
        raise SettingsError(
            f"{data} belongs to {name or there.st_uid}, and this command cannot work on that account"
            f" ({error.strerror}): start it as {name or there.st_uid}"
        ) from None
