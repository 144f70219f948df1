"""CTP's export services as destinations. No user and no password of theirs goes on."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from appliance.migration.chain import Chain, Remark, Step
from appliance.migration.configuration import Stage
from appliance.migration.desk import Desk, compiles
from appliance.migration.words import plain
from engine.dicom import Peer

KINDS = {
    "DicomExportService": "dicom",
    "HttpExportService": "https",
    "DicomSTOWRSExportService": "dicomweb",
    "SftpExportService": "sftp",
}
_BY_TAGS = ("hostTag", "portTag", "calledAETTag", "callingAETTag")
_AT_HOME = (".local", ".lan", ".intern", ".internal", ".home", ".praxis", ".localdomain")


def export(stage: Stage, chain: Chain, desk: Desk) -> None:
    """The forward, or a remark where rules cannot send there."""
    kind = KINDS[stage.kind]
    if kind == "https" and stage.get("url").startswith("http:"):
        kind = "http"
    by_tags = [attribute for attribute in _BY_TAGS if stage.get(attribute)]
    if by_tags:
        desk.note("do", "by tags", name=stage.name, what=", ".join(by_tags))
    try:
        declared, host, shown, hint = _dicom(stage) if kind == "dicom" else _url(stage, kind)
    except ValueError:
        address = re.sub(r"//.*@", "//", stage.get("url")).partition("?")[0]
        desk.note("do", "sent odd", name=stage.name, to=address)
        chain.items.append(Remark(f"{desk.words('cannot')} {desk.words('sent', name=stage.name, to=address)}"))
        return
    if stage.has_secrets:
        declared += f" login {_secret(stage, desk)}"
    outside = _is_outside(host)
    if outside:
        declared += " outside trusted"
    if not compiles(f"destination X-1 = {declared}\non port 1 → forward X-1"):
        desk.note("gap", "sent missing", name=stage.name, to=shown, kind=kind)
        chain.items.append(Remark(f"{desk.words('not yet')} destination {desk.names.new(hint, 'TARGET')} = {declared}"))
        return
    if declared not in desk.known:
        name = desk.known[declared] = desk.names.new(hint, "TARGET")
        desk.declare(f"destination {name} = {declared}")
        if outside or outside is None:
            desk.note("do", "outside" if outside else "outside?", to=name)
    name = desk.known[declared]
    desk.note("became", "sent", name=stage.name, to=name)
    desk.note("better", "sent better")
    step = Step(f"forward {name}")
    if step not in chain.items:
        chain.items.append(step)


def _secret(stage: Stage, desk: Desk) -> str:
    """The name of the secret that takes the place of its user and password."""
    known = f"secret of {stage.name} {stage.get('url')}"
    if known not in desk.known:
        desk.known[known] = desk.names.new(f"{plain(stage.name)}-login", "login")
    desk.note("do", "secret named", name=stage.name, secret=desk.known[known])
    return desk.known[known]


def _dicom(stage: Stage) -> tuple[str, str, str, str]:
    """Its declaration, its host, what to show, and what to call it. ValueError where it is no address."""
    peer = Peer.parse(stage.get("url"))
    if '"' in f"{peer.called_ae}{peer.calling_ae}":
        raise ValueError
    calling = peer.calling_ae if re.fullmatch(r"[A-Za-z]\w*", peer.calling_ae) else f'"{peer.calling_ae}"'
    return f'dicom "{peer}" as {calling}', peer.host, str(peer), peer.called_ae


def _url(stage: Stage, kind: str) -> tuple[str, str, str, str]:
    """The same for a URL: without user, password, query and fragment."""
    parts = urlsplit(stage.get("url"))
    host = parts.hostname or ""
    if not re.fullmatch(r"[\w.:-]+", host, re.ASCII) or not re.fullmatch(r"[\w./~+-]*", parts.path, re.ASCII):
        raise ValueError
    shown_host = f"[{host}]" if ":" in host else host
    port = f":{parts.port}" if parts.port else ""
    url = SplitResult(parts.scheme, f"{shown_host}{port}", parts.path, "", "").geturl()
    return f'{kind} "{url}"', host, url, stage.name


def _is_outside(host: str) -> bool | None:
    """Whether it is not in this house; None where nobody can tell."""
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        low = host.casefold()
        return False if "." not in low or low.endswith(_AT_HOME) else None
