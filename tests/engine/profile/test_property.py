"""Any names, identifiers and dates, put anywhere and in any encoding: none is in the bytes of what is written."""

import tempfile
from datetime import date
from pathlib import Path

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from engine.errors import Never
from engine.profile.deidentify import deidentify
from engine.profile.keyed import Keyed
from engine.profile.policy import OPTIONS, Policy
from tests.engine.profile.kit import BIG, CT, EXPLICIT, IMPLICIT, US, Element, file

KEYED = Keyed(b"k" * 32)
CHARSETS = {
    b"ISO_IR 100": ("latin-1", "abcdefghijklmnopäöüßéñ"),
    b"ISO_IR 192": ("utf-8", "abcdefgäöüжшя山田김희"),
    b"ISO_IR 144": ("iso8859_5", "абвгдежзиклмнопрст"),
    b"GB18030": ("gb18030", "王小东李明张伟"),
    b"ISO_IR 13": ("shift_jis", "ﾔﾏﾀﾞﾀﾛｳｱｲ"),
}
SEQUENCE, DROPPED = 0x00409096, 0x00101002
CARRIERS = (
    *((0x00181020, "LO"), (0x00080104, "LO"), (0x00185100, "CS"), (0x00200052, "UI"), (0x00281201, "OW")),
    *((0x00104000, "LT"), (0x00081030, "LO"), (0x00204000, "LT"), (0x00283006, "OW"), (0x00189004, "CS")),
    *((0x00200013, "IS"), (0x60003000, "OW"), (0x00400254, "LO"), (0x00081160, "IS"), (0x00091001, "UN")),
    (0x0018FFF0, "UN"),
)
"""Where a value may have come to lie: in the table and not, in text, numbers and binary."""


@st.composite
def objects(draw: st.DrawFn) -> tuple[list[Element], set[str], str]:
    """Elements, what identifies the patient in them, and the codec of their character set."""
    charset = draw(st.sampled_from(sorted(CHARSETS)))
    codec, letters = CHARSETS[charset]
    word = st.text(letters, min_size=6, max_size=9).map(str.capitalize)
    person = st.tuples(word, word).map("^".join)
    number = st.text("0123456789ABCDEFGHKX-", min_size=7, max_size=12).filter(lambda one: one.strip("-0") == one)
    day = st.dates(date(1901, 1, 1), date(2029, 12, 31)).map("{:%Y%m%d}".format)
    secrets: set[str] = set()

    def identity() -> list[Element]:
        found: list[Element] = []
        for tag, vr, kind in ((0x00100010, "PN", person), (0x00100020, "LO", number), (0x00100030, "DA", day),
                              (0x00080050, "SH", number), (0x00080090, "PN", person)):  # fmt: skip
            if draw(st.booleans()):
                text = draw(kind)
                secrets.update(text.split("^"))
                found.append((tag, vr, text.encode(codec)))
        return found

    elements: dict[int, Element] = {one[0]: one for one in identity()}
    elements[0x00080005] = (0x00080005, "CS", charset)
    for holder in (SEQUENCE, DROPPED):
        if draw(st.booleans()):
            elements[holder] = (holder, "SQ", [identity()])
    for tag, vr in draw(st.lists(st.sampled_from(CARRIERS), max_size=3)) if secrets else ():
        text = draw(st.sampled_from(sorted(secrets)))
        text = draw(st.sampled_from([text, text.upper(), text.lower(), f"of {text}'s", f"x{text}y"]))
        encoding = draw(st.sampled_from([codec, "utf-8", "utf-16-le", "utf-16-be"]))
        elements[tag] = (tag, vr, text.encode(encoding, "ignore"))
    return list(elements.values()), secrets, codec


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    objects(),
    st.sets(st.sampled_from(OPTIONS), max_size=4),
    st.sampled_from([EXPLICIT, IMPLICIT, BIG]),
    st.sampled_from([CT, US]),
)
def test_no_value_that_identifies_the_patient_is_written(
    made: tuple[list[Element], set[str], str], options: set[str], syntax: str, sop_class: str
) -> None:
    elements, secrets, codec = made
    if "full-dates" in options:
        options.discard("modified-dates")
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        source, target = Path(folder, "a.dcm"), Path(folder, "b.dcm")
        file(source, elements, syntax=syntax, sop_class=sop_class, pixels=b"\0\1" * 8)
        try:
            deidentify(source, target, Policy(frozenset(options)), KEYED)
        except Never:
            event("held")
            assert not target.exists()
            return
        event("written")
        data = target.read_bytes()
    for secret in secrets:
        for text in (secret, secret.upper(), secret.lower()):
            for encoding in {codec, "utf-8", "utf-16-le", "utf-16-be"}:
                assert text.encode(encoding, "ignore") not in data, (secret, encoding)
