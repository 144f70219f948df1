"""System: the machine, backup and restore, the support bundle."""

import time
from typing import Any

from appliance.console import systemwork
from appliance.console.downloads import download
from appliance.console.handler import PageHandler
from appliance.console.page import page
from appliance.console.roles import Role
from appliance.console.words import Refusal, Sentence
from appliance.support.bundle import write


@page("/system", title="System", template="system.html", least=Role.ADMIN, place="System")
class System(PageHandler):
    """For admins: whoever has a backup and its passphrase has all secrets."""

    async def facts(self, *groups: str) -> dict[str, Any]:
        """The machine, its disks, and how far a restore is."""
        settings = self.context.settings
        facts = await self.aside(lambda: self.context.machine.facts)
        return {
            "machine": settings.machine is not None,
            "image": facts.get("image") is True,
            "runs": str(facts.get("version", "")),
            "other": str(facts.get("other", "")),
            "facts": [(words, facts[name]) for name, words in systemwork.FACT_WORDS.items() if name in facts],
            "disk_words": systemwork.DISK_WORDS,
            "disks": await self.aside(lambda: systemwork.disks(settings)),
            "restore": await self.aside(lambda: systemwork.restore_of(settings)),
            "now": time.time(),
        }

    async def act(self, *groups: str) -> str | None:
        """What the button says."""
        assert self.who is not None
        settings = self.context.settings
        match self.field("do"):
            case "backup":
                await self._backup()
            case "support":
                await self.note("support-downloaded")
                await download(self, "stellwerk-support.zip", "application/zip", lambda into: write(settings, into))
            case "check":
                passphrase = self.get_body_argument("passphrase", "", strip=False)
                found = await self.aside(lambda: systemwork.check(settings, passphrase))
                await self.note("restore-uploaded", detail=found.made)
                self.tell(Sentence("The backup is whole. Nothing has been changed yet."))
            case "apply":
                found_now = await self.aside(lambda: systemwork.restore_of(settings))
                if found_now.state != systemwork.STAGED or found_now.backup is None:
                    raise Refusal(409, "There is no verified backup: upload one first.")
                await self.note("restore-decided", detail=found_now.backup.made)
                restarts = await self.aside(lambda: systemwork.decide(self.context))
                self.tell(
                    Sentence("The machine starts anew, and the backup is put in place. Sign in then as you did there.")
                    if restarts
                    else Sentence("It is decided. Restart the appliance now: the backup is put in place at its start."),
                    "note",
                )
            case "discard":
                if await self.aside(lambda: systemwork.discard(settings)):
                    await self.note("restore-discarded")
                self.tell(Sentence("The upload is removed."))
            case _:
                raise Refusal(400, "The request cannot be understood.")
        return None

    async def _backup(self) -> None:
        assert self.who is not None
        passphrase, again, password = (
            self.get_body_argument(name, "", strip=False) for name in ("passphrase", "again", "password")
        )
        if passphrase != again:
            raise Refusal(422, "The two passphrases are not the same.")
        systemwork.check_passphrase(passphrase)
        await systemwork.prove(self.context, self.who, self.address, password)
        await self.note("backup-downloaded")
        settings, journal = self.context.settings, self.field("history") == "yes"
        await download(
            self,
            systemwork.backup_name(),
            "application/octet-stream",
            lambda into: systemwork.backup(settings, passphrase, journal, into),
        )
