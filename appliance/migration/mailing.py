"""CTP's EmailService as contact and mail. The settings of its mail server are told, and its password is not copied."""

import re

from appliance.migration.conditions import Untranslatable, quoted
from appliance.migration.configuration import Stage
from appliance.migration.desk import Desk, compiles

_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w.-]+", re.ASCII)


def mail(stage: Stage, desk: Desk) -> str:
    """The step; empty where there is nobody to tell."""
    addresses = _ADDRESS.findall(f"{stage.get('to')} {stage.get('cc')}")
    may_see = " may see names" if stage.says("includePatientName") or stage.says("includePatientID") else ""
    contact = f"{', '.join(quoted(one) for one in dict.fromkeys(addresses))}{may_see}"
    if not addresses or not compiles(f"contact x-1 = {contact}\non port 1 → mail x-1"):
        desk.note("do", "mail none", name=stage.name)
        return ""
    if contact not in desk.known:
        name = desk.known[contact] = desk.names.new(addresses[0].partition("@")[0], "contact")
        desk.declare(f"contact {name} = {contact}")
    name = desk.known[contact]
    _relay(stage, desk)
    desk.note("became", "mailed", name=stage.name, to=name)
    desk.note("better", "mail better")
    return f"mail {name}{_subject(stage, desk)}"


def _subject(stage: Stage, desk: Desk) -> str:
    subject = stage.get("subject")
    if not subject:
        return ""
    if re.search(r"[\[{(]", subject):
        desk.note("gap", "mail subject", name=stage.name)
        return ""
    try:
        words = f" subject {quoted(subject)}"
    except Untranslatable:
        return ""
    return words if compiles(f'contact x-1 = "a@b.example"\non port 1 → mail x-1{words}') else ""


def _relay(stage: Stage, desk: Desk) -> None:
    """CTP knew encryption from the first byte or none; a port says what is meant today."""
    port = stage.get("smtpPort")
    port = port if port.isascii() and port.isdecimal() else "25"
    security = "starttls" if port == "587" else "tls" if stage.says("tls", otherwise=True) else "none"
    server, sender = stage.get("smtpServer") or "?", (_ADDRESS.findall(stage.get("from")) or ["?"])[0]
    desk.note("do", "mail relay", host=server, port=port, security=security, sender=sender)
    if stage.has_secrets:
        desk.note("do", "secret", name=stage.name)
