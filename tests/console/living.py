"""A house that lives: a running appliance with its console, a PACS beside it, and images, some of them odd ones.

Of pydicom's test images, those of CT go to a PACS; those of US to a node that is away; NM is refused by the PACS; MR is
held on purpose; RTPLAN waits for a review; what is left matches no rule. What people and machines may have typed has
HTML in it.
"""

import time
from pathlib import Path

import pydicom

from appliance.console.accounts import Accounts
from appliance.console.roles import Role
from appliance.demonstration.images import test_images
from engine.dicom import Listener, Peer, Reception, send
from engine.errors import Never
from tests.appliance.running import Running, started
from tests.console.serving import PASSWORD, Browser, answers
from tests.ports import free_port, give_back

NASTY = "<script>document.title='taken'</script>"
"""As a name. A page that shows it as anything but text has another title, or an error of its policy."""

SECONDARY = "1.2.840.10008.5.1.4.1.1.7"
"""The SOP class that the PACS does not take (Secondary Capture Image Storage); those NM images are of it."""

NASTY_TITLE = "<b>X</b>'\"&"
"""As an AE title; those have 16 characters."""

RULES = """\
destination PACS = dicom "PACS@127.0.0.1:{pacs}"
destination AWAY = dicom "AWAY@127.0.0.1:1" retry every 1 hour for 1 day
destination SHARE = folder "{share}"
contact admin = "it@praxis.example"

route ct on port {port} where Modality = CT → store by PatientID → forward PACS
route nm on port {port} where Modality = NM → forward PACS
route us on port {port} where Modality = US → forward AWAY → mail admin
route plan on port {port} where Modality = RTPLAN → review → forward PACS
route mr on port {port} where Modality = MR → hold "<i>for the study of 2026</i>"
"""


class Living:
    """One house. `line` is the appliance, `port` the console's."""

    def __init__(self, root: Path, empty: bool = False, rules: str = RULES) -> None:
        """empty: with rules that hold everything; else with these, which are told ports and a folder."""
        port, self.port, pacs = free_port(), free_port(), free_port()
        for name in ("pacs", "share", "images"):
            (root / name).mkdir()
        self.refused = {SECONDARY}
        self.taken: list[str] = []
        """What the PACS has taken, by SOP Instance UID; what it was sent twice is here twice."""
        self.pacs = Listener(pacs, self._take, folder=root / "pacs", ae_title="PACS", address="127.0.0.1")
        self.root, self.images = root, root / "images"
        self.pacs.start()
        text = f"on port {port} → hold\n" if empty else rules.format(port=port, pacs=pacs, share=root / "share")
        self.line = Running(root, text, port, console_port=str(self.port))
        started.remove(self.line.process)  # it lives as long as this house
        give_back()
        self.line.wait_for(lambda: answers(self.port), "the console does not answer")
        self._accounts = Accounts(self.line.data / "secrets" / "console-users.json")

    def user(self, role: Role) -> Browser:
        """A browser of a user of this role, signed in."""
        if self._accounts.find(role.word) is None:
            self._accounts.add(role.word, role, PASSWORD)
        return Browser(self.port).sign_in(role.word)

    def fill(self) -> None:
        """Send images of all kinds, and wait until each is where it comes to rest."""
        chosen = {"CT": 3, "US": 3, "MR": 4, "NM": 2, "RTDOSE": 2, "RTPLAN": 1}
        files = []
        for image in test_images():
            modality = str(pydicom.dcmread(image, stop_before_pixels=True).get("Modality"))
            if chosen.get(modality, 0):
                chosen[modality] -= 1
                files.append(self.copy(image))
        self.send(*files)
        self.line.wait_for(lambda: not list(self.line.spool.waiting()), "not all are routed")
        # After the first has failed, the others may not be tried at all.
        self.line.wait_for(lambda: self.count("AWAY", "later") > 0 and self.owed("AWAY") == 3, "AWAY was not tried")
        self.line.wait_for(lambda: len(self.held()) == 9, "not all is held that will be")

    def copy(self, image: Path, name: str = NASTY) -> Path:
        """An image of a patient whose name is not nice, with a UID of its own."""
        dataset = pydicom.dcmread(image)
        dataset.PatientName, dataset.PatientID = name, NASTY[:16]
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
        made = self.images / f"{dataset.SOPInstanceUID}.dcm"
        dataset.save_as(made)
        return made

    def send(self, *files: Path) -> None:
        """As a machine with a strange title."""
        told: dict[Path, object] = {}
        send(Peer("STELLWERK", "127.0.0.1", self.line.port, NASTY_TITLE), files, told.__setitem__)

    def count(self, outbox: str, stage: str) -> int:
        """How many are in a folder of an outbox."""
        return self.line.spool.outbox(outbox).count().get(stage, 0)

    def owed(self, outbox: str) -> int:
        """How many are in an outbox."""
        return sum(self.line.spool.outbox(outbox).count().values())

    def held(self) -> list[str]:
        """The ids of what is held."""
        return sorted(one.stem for one in self.line.spool.held.glob("*.dcm"))

    def until(self, happens: object, seconds: float = 60.0) -> None:
        """Wait until something is so."""
        end = time.monotonic() + seconds
        while not happens():  # type: ignore[operator]
            assert time.monotonic() < end, "it has not happened"
            time.sleep(0.05)

    def stop(self) -> None:
        """All of it."""
        try:
            self.line.stop()
        finally:
            self.line.process.kill()
            self.pacs.stop(1.0)

    def _take(self, reception: Reception) -> None:
        if reception.sop_class_uid in self.refused:
            raise Never("not here")
        self.taken.append(reception.sop_instance_uid)
