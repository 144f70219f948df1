"""DICOM over networks: listen for objects, send them, ask who is there.

`Listener` hands over what arrives as `Reception`s; `send` and `echo` talk to a `Peer`; outcomes are Done, Later or
Never. pynetdicom is imported in this folder only, and only in associate.py. What this folder must not know: the
spool, rules, outboxes.
"""

from engine.dicom.associate import Claim
from engine.dicom.find import count
from engine.dicom.lookup import Whereabouts, which_are_there
from engine.dicom.negotiate import Policy
from engine.dicom.part10 import sop_class_of
from engine.dicom.peer import Peer
from engine.dicom.pool import Pool
from engine.dicom.receive import Listener, Reception
from engine.dicom.requestor import Patience
from engine.dicom.send import echo, send
from engine.dicom.status import Done, Outcome

__all__ = [
    "Claim",
    "Done",
    "Listener",
    "Outcome",
    "Patience",
    "Peer",
    "Policy",
    "Pool",
    "Reception",
    "Whereabouts",
    "count",
    "echo",
    "send",
    "sop_class_of",
    "which_are_there",
]
