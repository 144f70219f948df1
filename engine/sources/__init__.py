"""Ways in: their signature lines. A source that is not built yet is planned here, so that `check` can say so."""

from engine.parameters import AETitles, Networks, OutboxName, Port, Time, UserNames, WatchedFolder
from engine.schedule import Clock, WeekDays
from engine.signature import Signature

SOURCES = {
    signature.name: signature
    for signature in (
        Signature.of("port PORT", {"port": Port}),
        Signature.of("https port PORT", {"port": Port}),
        Signature.of("http port PORT", {"port": Port}),
        Signature.of("folder PATH [then delete]", {"path": WatchedFolder}),
        Signature.of("outbox NAME", {"name": OutboxName}),
        Signature.of("every day at TIME [on DAYS]", {"time": Clock, "days": WeekDays}, bare=True),
        Signature.of("trouble [lasting LASTING]", {"lasting": Time}, bare=True),
    )
}
"""What may stand after `on`, beside the name of a listener."""

LISTENERS = {
    signature.name: signature
    for signature in (
        Signature.of(
            "dicom port PORT [as TITLE] [accept CALLERS] [from NETWORKS] [users USERS] [tls] [require certificate]",
            {"port": Port, "title": AETitles, "callers": AETitles, "networks": Networks, "users": UserNames},
        ),
        Signature.of(
            "https port PORT [accept USERS] [from NETWORKS] [require certificate]",
            {"port": Port, "users": UserNames, "networks": Networks},
        ),
        Signature.of(
            "http port PORT [accept USERS] [from NETWORKS]",
            {"port": Port, "users": UserNames, "networks": Networks},
        ),
        Signature.of("folder PATH [then delete]", {"path": WatchedFolder}),
    )
}
"""What may stand after `listener NAME =`."""
