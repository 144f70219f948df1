"""Whether an appliance runs on a data folder. It must not know what for."""

import fcntl

from appliance.settings import Settings


def is_running(settings: Settings) -> bool:
    """Whether an appliance has this spool locked."""
    try:
        with (settings.spool / ".lock").open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False
