"""tls: our certificate, and whose certificates are trusted; `stellwerk tls` shows all of it."""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from appliance.beginning import last_good
from appliance.commands.common import add_settings, settings_as_owner
from appliance.settings import Settings
from appliance.tls import Certificates, TLSError
from engine.certificates import Facts
from engine.tls import told

_ACTIONS = {
    "show": ("", "our certificate with its fingerprint, and whom we trust"),
    "pem": ("", "our certificate as PEM, to be given to others"),
    "renew": ("[NAME …]", "make a new certificate and key, for these host names and addresses too"),
    "import": ("CERTIFICATE KEY", "use these files from where they lie; when they are renewed there, so is it here"),
    "trust": ("DESTINATION FINGERPRINT", "say yes to the certificate that a destination has shown"),
    "distrust": ("DESTINATION", "take that back"),
    "authority": ("NAME FILE", "trust destinations whose certificate this one has signed"),
    "admit": ("NAME FILE", "let callers in with this certificate, or one it has signed, where one is required"),
}
_TAKES = {"import": 2, "trust": 2, "distrust": 1, "authority": 2, "admit": 2}


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    words = "; ".join(f"{name} {takes}".strip() + f": {does}" for name, (takes, does) in _ACTIONS.items())
    parser.add_argument("action", nargs="?", default="show", choices=list(_ACTIONS), help=words)
    parser.add_argument("values", nargs="*", metavar="VALUE", help="what the action takes")
    add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show or change it. Works beside a running appliance, which takes every change at once."""
    settings = settings_as_owner(arguments)
    action, values = arguments.action, arguments.values
    if action != "renew" and len(values) != _TAKES.get(action, 0):
        print(f"stellwerk: write: stellwerk tls {action} {_ACTIONS[action][0]}".rstrip(), file=sys.stderr)
        return 2
    try:
        return _do(settings, action, values)
    except TLSError as error:
        print(f"stellwerk: {error}", file=sys.stderr)
    except OSError as error:
        print(f"stellwerk: {error.filename or settings.tls}: {error.strerror}", file=sys.stderr)
    except ValueError as error:
        print(f"stellwerk: {error}", file=sys.stderr)
    return 1


def _do(settings: Settings, action: str, values: list[str]) -> int:
    certificates = Certificates(settings.tls, settings.address)
    match action:
        case "pem":
            print(certificates.certificate(), end="")
        case "renew":
            certificates.renew(values)
            _show_own(certificates.own())
            print("whoever has trusted the old one must be told")
        case "import":
            _show_own(certificates.take(Path(values[0]), Path(values[1])))
        case "trust":
            before = certificates.trusted().get(values[0], "")
            certificates.trust(*values)
            print(f"{values[0]}: {'instead of ' + before + ' ' if before else ''}this certificate is trusted")
            print("a running appliance tries at once what waits for it")
            if (program := last_good(settings)) is not None and program.destination(values[0]) is None:
                print(f"note: the rules that ran last declare no destination {values[0]}")
        case "distrust":
            there = certificates.distrust(values[0])
            print(f"{values[0]}: {'no longer trusted by fingerprint' if there else 'nothing was trusted'}")
            return 0 if there else 1
        case "authority" | "admit":
            add_one = certificates.authority if action == "authority" else certificates.admit
            _show(values[0], add_one(values[0], Path(values[1])))
        case _:
            _show_own(certificates.own())
            for name, pin in certificates.trusted().items():
                print(f"destination {name} is trusted by its fingerprint\n  {pin}")
            for kind, words in (("authorities", "may sign destinations"), ("clients", "may call")):
                for name, found in certificates.listed(kind).items():
                    print(f"{name} {words}")
                    _show("", found)
    return 0


def _show_own(own: Facts) -> None:
    print("our certificate")
    _show("", [own])
    if own.names:
        print(f"  for          {', '.join(own.names)}")


def _show(name: str, found: Iterable[Facts]) -> None:
    if name:
        print(name)
    for one in found:
        print(f"  SHA-256      {told(one.fingerprint)}\n  subject      {one.subject}")
        print(f"  valid until  {one.until:%Y-%m-%d}")
