"""Needles: which there are, and where they are found, in text and in bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import Unclean
from engine.profile.needles import Needles, Value, bytes_of, needles_of, text_of, thinned

JAPANESE = b"\\ISO 2022 IR 87"
YAMADA = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B"


def words(kind: str, raw: bytes, charset: bytes = b"") -> list[str]:
    return [one.text for one in needles_of(Value(kind, raw, charset))]


def test_names_are_looked_for_by_component() -> None:
    assert words("name", b"Sample^Anna Maria^^Dr.^med.") == ["Sample", "Anna", "Maria"]
    assert words("name", b"Li^Xu") == []  # two letters are found everywhere
    assert words("name", YAMADA, JAPANESE) == ["Yamada", "Tarou", "山田", "太郎", "やまだ", "たろう"]


def test_identifiers_are_looked_for_whole() -> None:
    assert words("id", b"K-4711\\77\\ 0815 ") == ["K-4711", "0815"]
    assert words("id", b"Main Street 7\r\n12345 Somewhere") == ["Main Street 7", "12345 Somewhere"]
    assert words("id", b"-----") == []
    assert not Needles({Value("uid", b"\0q\0a"): 1}).candidates(b"1.2.3")  # zeros in it are not counted
    assert words("uid", b"1.2.840.10008.1.2\\1.2.3.4") == ["1.2.3.4"]


def test_dates_are_looked_for_as_people_write_them() -> None:
    found = words("birth", b"19700131")
    assert {"19700131", "31.01.1970", "01/31/1970", "1970-01-31"} <= set(found)
    assert words("date", b"20200131101530.5+0100")[0] == "20200131"
    assert words("date", b"2020.01.31")[0] == "20200131"
    assert words("date", b"2020") == []


MUELLER = Needles(dict.fromkeys(
    [Value("name", "Müller^Änne^^Dr.".encode(), b"ISO_IR 192"), Value("birth", b"19700131"),
     Value("id", b"47-11-0815"), Value("name", b"Kim^Li"), Value("name", YAMADA, JAPANESE), Value("id", b"123")], 1)
)  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["MUELLER", "Frau Muller", "Mueller's knee", "müller,ä.", "geb. 31.1.1970", "31. Jan 1970", "January 31, 1970",
     "31.01.70", "47110815", "47 11 0815", "kim", "xAnnex", "山田さん", "no. 123", "a123b"],
)  # fmt: skip
def test_what_is_in_a_text_is_found(text: str) -> None:
    assert MUELLER.within(text)


@pytest.mark.parametrize("text", ["", "kimono", "knee left", "dr. med.", "1970", "4711", "1234", "31.01.1971", "li"])
def test_what_is_no_needle_is_not(text: str) -> None:
    assert not MUELLER.within(text)


@pytest.mark.parametrize("codec", ["utf-8", "utf-16-le", "utf-16-be", "latin-1"])
@pytest.mark.parametrize("text", ["Müller", "MÜLLER", "of müller's", "19700131", "47-11-0815"])
def test_what_is_in_bytes_is_found(text: str, codec: str) -> None:
    assert MUELLER.candidates(b"\1\2" + text.encode(codec) + b"\3")
    assert not MUELLER.candidates(b"\1\2" + "Meier 1.1.1970".encode(codec) + b"\3")


def test_what_was_encoded_with_escapes_is_found() -> None:
    assert Needles({Value("name", YAMADA, JAPANESE): 1}).candidates(b"at " + "太郎".encode("iso2022_jp"))


def test_another_encoding_than_declared_is_read_too() -> None:
    latin, utf = Value("name", "Jürgens".encode("latin-1"), b"ISO_IR 192"), Value("name", "Jürgens".encode(), b"")
    assert Needles({latin: 1}).candidates("of Jürgens".encode("latin-1"))
    assert Needles({utf: 1}).candidates("of JÜRGENS".encode())
    assert Needles({utf: 1}).within("Juergens")


def test_what_is_kept_is_no_needle() -> None:
    found = [Value("date", b"20200131"), Value("birth", b"20200131"), Value("id", b"4711"), Value("name", b"Sample")]
    left = Needles(dict.fromkeys(found, 1), [Value("date", b"20200131"), Value("id", b"Sample"), Value("id", b"4711")])
    assert [one.text for one in left.all] == ["Sample"]


def test_an_unknown_character_set_is_refused() -> None:
    with pytest.raises(Unclean, match="Specific Character Set"):
        text_of("Müller".encode(), b"SECRET")
    assert text_of(b"Miller", b"SECRET") == "Miller"
    assert bytes_of("Müller", b"ISO_IR 100") == b"M\xfcller"
    with pytest.raises(ValueError, match="character set"):
        bytes_of("山田", b"ISO_IR 100")


VALUES = st.one_of(
    st.tuples(st.sampled_from(["birth", "date"]), st.dates().map("{:%Y%m%d}".format)),
    st.tuples(st.just("uid"), st.from_regex(r"1(\.[0-9]{1,5}){1,6}", fullmatch=True)),
    st.tuples(st.just("id"), st.text("0123456789-./ AK", min_size=3, max_size=12)),
    st.tuples(st.just("name"), st.text("abcÄöß^ ", min_size=3, max_size=12)),
)
BETWEEN = st.binary(max_size=6) | st.text("0123456789.-/", max_size=4).map(str.encode)


@given(st.lists(VALUES, min_size=1, max_size=4), st.data())
def test_no_pattern_that_is_there_is_overlooked(made: list[tuple[str, str]], data: st.DataObject) -> None:
    needles = Needles(dict.fromkeys([Value(kind, text.encode(), b"ISO_IR 192") for kind, text in made], 1))
    every = [(needle, pattern) for needle in needles.all for pattern in needle.patterns]
    planted = [pattern for _, pattern in every if data.draw(st.booleans())][:5]
    spread = [data.draw(st.sampled_from([one, one.upper(), b"\0".join([bytes([b]) for b in one])])) for one in planted]
    parts = [part for one in spread for part in (data.draw(BETWEEN), one)]
    haystack = b"".join([*parts, data.draw(BETWEEN)])
    expected = {(needle, pattern) for needle, pattern in every if pattern in thinned(haystack)}
    assert set(needles.candidates(haystack)) == expected
    assert set(planted) <= {pattern for _, pattern in expected}
