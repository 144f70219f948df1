"""How this machine is set up, as page and API show it: what is set and where, our certificate, the mail relay."""

import secrets
from dataclasses import dataclass, fields
from datetime import datetime

from appliance.console.context import Context
from appliance.console.words import Refusal
from appliance.settings import SettingsError
from appliance.tls import TLSError
from engine.destinations.relay import post
from engine.tls import told


@dataclass(frozen=True, slots=True)
class Setting:
    """origin: default, file, environment or line."""

    name: str
    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class Certificate:
    """Ours. trouble: why it cannot be used, or will not be for long."""

    fingerprint: str
    names: tuple[str, ...]
    until: datetime | None
    own: bool
    trouble: str


def settings_of(context: Context) -> list[Setting]:
    """Each of them. None holds a secret: the mail password is a file, of which only the name is here."""
    found = []
    for field in fields(context.settings):
        value = getattr(context.settings, field.name)
        found.append(
            Setting(field.name, "" if value is None else str(value), context.origins.get(field.name, "default"))
        )
    return found


def certificate_of(context: Context) -> Certificate:
    """What a browser is shown."""
    try:
        own = context.certificates.own()
    except TLSError as error:
        return Certificate("", (), None, False, str(error))
    return Certificate(told(own.fingerprint), own.names, own.until, own.own, context.certificates.trouble())


def mail_test(context: Context, to: str, subject: str, body: str) -> None:
    """Send a mail by the relay that is set. Raises Refusal with what the relay has said."""
    try:
        relay = context.settings.relay()
    except SettingsError as error:
        raise Refusal(409, "The mail could not be sent: {why}.", why=str(error)) from None
    if relay is None:
        raise Refusal(409, "No mail relay is set: mail_host in the settings.")
    refused = post(relay, [to], subject, body, secrets.token_hex(8))
    if refused is not None:
        raise Refusal(409, "The mail could not be sent: {why}.", why=refused.reason)
