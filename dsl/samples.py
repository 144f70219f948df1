"""An example for every signature, made from its line: what help shows beside it. Pure."""

from engine import keeping, schedule, text_seen
from engine import parameters as kinds
from engine.signature import Parameter, Signature

_SAMPLES: dict[type[Parameter], str] = {
    kinds.Text: '"Praxis Nord"',
    kinds.Folder: '"teaching"',
    kinds.Word: "basic",
    kinds.TagName: "InstitutionName",
    kinds.Time: "10 minutes",
    kinds.Age: "90 days",
    kinds.Unit: "study",
    kinds.NumberTag: "NumberOfStudyRelatedInstances",
    kinds.Asked: "PACS",
    kinds.Late: "add",
    kinds.Count: "3",
    kinds.Connections: "4",
    kinds.Port: "11112",
    kinds.Destinations: "PACS",
    kinds.Contacts: "admin",
    kinds.Webhooks: "DASHBOARD",
    kinds.RegionsName: "top-banner",
    text_seen.RegionsOrText: "top-banner",
    kinds.ScheduleName: "nights",
    kinds.AETitles: "CT1",
    kinds.OutboxName: "PACS",
    kinds.WatchedFolder: '"/srv/export"',
    kinds.Networks: "192.168.10.0/24",
    kinds.Addresses: '"it@praxis.example"',
    kinds.WebAddress: '"https://host.example/dicom-web"',
    kinds.SecureAddress: '"https://host.example:26130/"',
    kinds.PlainAddress: '"http://192.168.10.7:7777/"',
    kinds.SftpPlace: '"stellwerk@nas.example:/images"',
    kinds.Bucket: '"s3://images/from-us"',
    kinds.HostKey: f'"SHA256:{"A" * 43}"',
    kinds.SecretName: "their-login",
    kinds.Node: '"PACS_A@192.168.10.5:104"',
    schedule.WeekDays: "weekdays",
    schedule.Clock: "03:00",
    schedule.Since: "06:00",
    kinds.Layout: "Institution/PatientName",
    keeping.Few: "20",
    keeping.Kept: "institution, modified-dates",
    keeping.ValueTag: "InstitutionName",
    keeping.TableName: "register",
}

_CLOCKS = {"START": "20:00", "END": "06:00"}
"""Two of one kind that must differ."""


def _sample(kind: type[Parameter] | None) -> str:
    """Of a kind that has few words, the last."""
    if kind is None:
        return "…"
    return _SAMPLES.get(kind) or next(reversed(choices(kind)), "…")


def choices(kind: type[Parameter]) -> tuple[str, ...]:
    """The few words that a kind of value consists of, or takes beside tags; none for most kinds."""
    return tuple(getattr(kind, "choices", ()))


def example(signature: Signature, written: frozenset[str] = frozenset()) -> str:
    """The shortest that the signature takes, with the options that were written; never nothing but the name."""
    written |= {other for word, other in signature.needs.items() if word in written}
    groups = [g for g in signature.groups if not g.optional or (g.word in written and g.word not in signature.later)]
    groups = groups or list(signature.groups[:1])
    name = {"contact": "contact admin =", "schedule": "schedule nights ="}.get(signature.name, signature.name)
    words = [name]
    for group in groups:
        for item in group.items:
            kind = signature.kinds.get(item.lower())
            words.append(item if item.islower() else _CLOCKS.get(item) or _sample(kind))
    return " ".join(words)
