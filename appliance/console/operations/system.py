"""Operations on the whole system: how the machine is, backup, restore, support bundle."""

import json
from typing import Any

from tornado.web import HTTPError

from appliance.backup.unpacking import Unpacked
from appliance.console import systemwork
from appliance.console.api import BASE, ApiHandler, Call, operation
from appliance.console.downloads import download
from appliance.console.roles import Role
from appliance.console.schema import array, boolean, choice, integer, nullable, record, text
from appliance.console.words import Refusal
from appliance.support.bundle import write

_WORDS = text(1000)
_BACKUP = record(
    {
        "made": text(summary="ISO 8601"),
        "version": text(summary="Of the software that has made it"),
        "host": text(),
        "history": boolean("Whether it has what became of each image"),
        "files": integer(),
        "bytes": integer(),
        "lay": integer(summary="Images that lay in the spool of that machine then"),
    }
)
_SECRET = text(1024, 1)


@operation(
    "GET",
    "/system",
    summary="Disks, what the machine says of itself, how far a restore is",
    least=Role.ADMIN,
    answer=record(
        {
            "machine": record({name: nullable(boolean()) for name in systemwork.FACT_WORDS}),
            "disks": array(record({"name": text(), "free_mb": integer(), "total_mb": integer()})),
            "restore": record(
                {
                    "state": choice(*systemwork.STATES),
                    "have": integer(summary="Bytes of the upload that are there"),
                    "backup": nullable(_BACKUP),
                }
            ),
        }
    ),
)
def show_system(call: Call) -> object:
    """A backup is made by POST /system/backup, with {"passphrase", "password", "history"}; the answer is the file. With
    a token no password is needed. A support bundle is made by POST /system/support. A backup is uploaded to
    /system/restore/upload: POST, up to 1 MB at a time, with X-File-Size and X-File-Offset.
    """
    settings = call.context.settings
    facts, restore = call.context.machine.facts, systemwork.restore_of(settings)
    return {
        "machine": {name: facts.get(name) is True if name in facts else None for name in systemwork.FACT_WORDS},
        "disks": [{"name": one.name, "free_mb": one.free, "total_mb": one.total} for one in systemwork.disks(settings)],
        "restore": {
            "state": restore.state,
            "have": restore.have,
            "backup": None if restore.backup is None else told(restore.backup),
        },
    }


def told(backup: Unpacked) -> dict[str, object]:
    """What a backup says of itself."""
    values: dict[str, object] = {"made": backup.made, "version": backup.version, "host": backup.host}
    return {
        **values,
        "history": backup.history,
        "files": backup.files,
        "bytes": backup.size,
        "lay": backup.lay,
    }


@operation(
    "POST",
    "/system/restore/check",
    summary="Read and verify what was uploaded; nothing is changed",
    least=Role.ADMIN,
    body=record({"passphrase": _SECRET}),
    answer=_BACKUP,
)
def check_restore(call: Call) -> object:
    """It may take minutes."""
    found = systemwork.check(call.context.settings, call.body["passphrase"])
    call.note("restore-uploaded", detail=found.made)
    return told(found)


@operation(
    "POST",
    "/system/restore/apply",
    summary="Have the next start of the appliance put it in place, and start anew where that can be asked for",
    least=Role.ADMIN,
    answer=record({"restarts": boolean("Whether the machine was asked to start anew")}),
)
def apply_restore(call: Call) -> object:
    """What it replaces is moved aside."""
    found = systemwork.restore_of(call.context.settings)
    if found.state != systemwork.STAGED or found.backup is None:
        raise Refusal(409, "There is no verified backup: upload one first.")
    call.note("restore-decided", detail=found.backup.made)
    return {"restarts": systemwork.decide(call.context)}


@operation("DELETE", "/system/restore", summary="Forget what was uploaded", least=Role.ADMIN)
def discard_restore(call: Call) -> object:
    """Not once it is decided."""
    if systemwork.discard(call.context.settings):
        call.note("restore-discarded")
    return {}


class _Asked(ApiHandler):
    """What brings JSON along and answers with a file."""

    def asked(self, **kinds: type) -> dict[str, Any]:
        """The values of the request. Raises HTTPError, Refusal."""
        try:
            said = json.loads(self.request.body or b"{}")
        except (ValueError, RecursionError):
            raise Refusal(400, "The request is no JSON.") from None
        if not isinstance(said, dict) or any(
            not isinstance(said.get(name, kind()), kind) for name, kind in kinds.items()
        ):
            raise Refusal(422, "The request is not as it should be.")
        return {name: said.get(name, kind()) for name, kind in kinds.items()}


class BackupDownload(_Asked):
    """A backup, made while it is downloaded."""

    route = BASE + "/system/backup"

    async def post(self) -> None:
        """With {"passphrase": …, "password": one's own, "history": true}."""
        who = self.let_in(Role.ADMIN)
        said = self.asked(passphrase=str, password=str)
        journal = json.loads(self.request.body).get("history", True) is not False
        systemwork.check_passphrase(said["passphrase"])
        await systemwork.prove(self.context, who, self.address, said["password"])
        await self.note("backup-downloaded")
        settings = self.context.settings
        await download(
            self,
            systemwork.backup_name(),
            "application/octet-stream",
            lambda into: systemwork.backup(settings, said["passphrase"], journal, into),
        )


class SupportDownload(_Asked):
    """A support bundle, made while it is downloaded."""

    route = BASE + "/system/support"

    async def post(self) -> None:
        """Nothing is asked for."""
        self.let_in(Role.ADMIN)
        await self.note("support-downloaded")
        settings = self.context.settings
        await download(self, "stellwerk-support.zip", "application/zip", lambda into: write(settings, into))


class RestoreUpload(ApiHandler):
    """Some bytes of a backup."""

    route = BASE + "/system/restore/upload"

    async def post(self) -> None:
        """Take them, if they are the next ones."""
        self.let_in(Role.ADMIN)
        size, offset = self._count("X-File-Size"), self._count("X-File-Offset")
        data, settings = self.request.body, self.context.settings
        have = await self.aside(lambda: systemwork.put(settings, size, offset, data))
        self.answer_json({"have": have})

    def _count(self, name: str) -> int:
        value = self.request.headers.get(name, "")
        if not (value.isascii() and value.isdecimal() and len(value) < 16):
            raise HTTPError(400)
        return int(value)
