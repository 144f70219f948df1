"""What the tests of the rule language share: a vocabulary of its own, so that a new step changes no expectation."""

from collections.abc import Callable, Mapping

import pytest

from dsl.compile import Compiled, compile_text
from engine import parameters as kinds
from engine.destinations import DESTINATIONS
from engine.keeping import Few, Kept, TableName, ValueTag
from engine.schedule import Clock, Since, WeekDays
from engine.signature import Signature, Vocabulary
from engine.text_seen import RegionsOrText

S = Signature.of
VOCABULARY = Vocabulary(
    steps={
        s.name: s
        for s in (
            S(
                "anonymize-pixels [regions REGIONS] [keep ultrasound-regions] [check text] [apart from PARTS]",
                {"regions": RegionsOrText, "parts": kinds.RegionsName},
                clears=("pixels",),
                needs={"apart": "check"},
                lacks={"text": "text"},
            ),
            S("anonymize [keep KEEP]", {"keep": Kept}, clears=("header",)),
            S("store [in FOLDER] by LAYOUT", {"folder": kinds.Folder, "layout": kinds.Layout}),
            S(
                "forward DESTINATIONS [during SCHEDULE]",
                {"destinations": kinds.Destinations, "schedule": kinds.ScheduleName},
            ),
            S("mail CONTACTS [subject SUBJECT]", {"contacts": kinds.Contacts, "subject": kinds.Text}),
            S("notify WEBHOOKS", {"webhooks": kinds.Webhooks}),
            S("hold [WHY]", {"why": kinds.Text}),
            S("discard WHY", {"why": kinds.Text}),
            S("set TAG to VALUE", {"tag": kinds.TagName, "value": kinds.Text}),
            S("remove TAG", {"tag": kinds.TagName}),
            S("await"),
            S("pseudonymize [with TABLE] [keep KEEP]", {"table": TableName, "keep": Kept}, clears=("header",)),
            S("map TAG with TABLE", {"tag": ValueTag, "table": TableName}),
            S("review [first NUMBER of each device] [one of COUNT]", {"number": Few, "count": kinds.Count}),
            S("print", built=False),
            S("purge FOLDER older AGE", {"folder": kinds.Folder, "age": kinds.Age}, behind=["every"]),
            S("report to CONTACTS", {"contacts": kinds.Contacts}, behind=["every"]),
            S(
                "alarm CONTACTS [unless SENDERS sent since SINCE]",
                {"contacts": kinds.Contacts, "senders": kinds.AETitles, "since": Since},
                behind=["every", "trouble"],
            ),
            S(
                "collect UNIT quiet QUIET [released] [count TAG] [ask DESTINATION] [late LATE]",
                {
                    "unit": kinds.Unit,
                    "quiet": kinds.Time,
                    "tag": kinds.NumberTag,
                    "destination": kinds.Asked,
                    "late": kinds.Late,
                },
            ),
        )
    },
    sources={
        s.name: s
        for s in (
            S("https port PORT", {"port": kinds.Port}),
            S("tape port PORT", built=False),
            S("outbox NAME", {"name": kinds.OutboxName}),
            S("folder PATH [then delete]", {"path": kinds.WatchedFolder}),
            S("port PORT", {"port": kinds.Port}),
            S("every day at TIME [on DAYS]", {"time": Clock, "days": WeekDays}, bare=True),
            S("trouble [lasting LASTING]", {"lasting": kinds.Time}, bare=True),
        )
    },
    listeners={
        "dicom": S(
            "dicom port PORT [as TITLE] [accept CALLERS] [from NETWORKS] [tls]",
            {"port": kinds.Port, "title": kinds.AETitles, "callers": kinds.AETitles, "networks": kinds.Networks},
            later=("tls",),
        ),
        "folder": S("folder PATH [then delete]", {"path": kinds.WatchedFolder}),
    },
    destinations={
        "dicom": S(
            "dicom ADDRESS [as TITLE] [retry every EVERY for PATIENCE] [outside] [trusted] [tls] [confirm]"
            " [within WITHIN] [transcode SYNTAX]",
            {
                "address": kinds.Node,
                "title": kinds.AETitles,
                "every": kinds.Time,
                "patience": kinds.Time,
                "within": kinds.Time,
            },
            later=("tls", "transcode"),
            needs={"within": "confirm"},
        ),
        **{kind: DESTINATIONS[kind] for kind in ("https", "http", "dicomweb", "folder", "sftp", "s3", "webhook")},
        "ftp": S("ftp ADDRESS", built=False),
    },
    contact=S("contact ADDRESSES [may see names]", {"addresses": kinds.Addresses}),
    profiled=frozenset({"PatientName", "PatientID", "StudyDate", "InstitutionName", "StationName", "StudyDescription"}),
    retained={"institution": frozenset({"InstitutionName"}), "dates": frozenset({"StudyDate"})},
)


@pytest.fixture(scope="session")
def compiled() -> Callable[..., Compiled]:
    """Compile a text; other files by name."""

    def run(text: str, files: Mapping[str, str] | None = None, name: str = "test.rules") -> Compiled:
        def read(path: str) -> str:
            try:
                return (files or {})[path]
            except KeyError:
                raise FileNotFoundError(path) from None

        return compile_text(text, name=name, vocabulary=VOCABULARY, read=read)

    return run
