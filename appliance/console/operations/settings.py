"""Operations on settings: what is set, our certificate, the mail relay."""

from appliance.console.api import Call, operation
from appliance.console.roles import Role
from appliance.console.schema import array, boolean, choice, nullable, record, text
from appliance.console.setup import certificate_of, mail_test, settings_of

ADDRESS = r"[^@\s,;<>]+@[^@\s,;<>]+"

_SETTING = record({"name": text(), "value": text(5000), "origin": choice("default", "file", "environment", "line")})
_CERTIFICATE = record(
    {
        "fingerprint": text(summary="SHA-256"),
        "names": array(text()),
        "until": nullable(text(summary="ISO 8601")),
        "own": boolean("Signed by nobody else"),
        "trouble": text(5000),
    }
)


@operation(
    "GET",
    "/settings",
    summary="What is set, and where",
    least=Role.OPERATOR,
    answer=record({"settings": array(_SETTING), "certificate": _CERTIFICATE}),
)
def settings(call: Call) -> object:
    """Without secrets."""
    own = certificate_of(call.context)
    return {
        "settings": [{"name": one.name, "value": one.value, "origin": one.origin} for one in settings_of(call.context)],
        "certificate": {
            "fingerprint": own.fingerprint,
            "names": list(own.names),
            "until": None if own.until is None else own.until.isoformat(),
            "own": own.own,
            "trouble": own.trouble,
        },
    }


@operation(
    "POST",
    "/settings/mail-test",
    summary="Send a mail, to see whether the relay takes it",
    least=Role.ADMIN,
    body=record({"to": text(254, 3, ADDRESS)}),
)
def try_mail(call: Call) -> object:
    """Answers once the relay has taken it."""
    body = call.say("This mail was sent from the console, to see whether the mail relay works. It does.")
    mail_test(call.context, call.body["to"], call.say("Stellwerk: a mail to try the relay"), body)
    call.note("mail-test")
    return {}
