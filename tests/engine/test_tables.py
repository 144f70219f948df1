"""Tables: what is looked up, read anew when it has changed, and never quoted."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import Never
from engine.identities import Identities
from engine.tables import Tables

SECRET = "4711-Müller"


def table(folder: Path, text: str, name: str = "register") -> Tables:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return Tables(folder)


@pytest.mark.parametrize(
    "text",
    [
        "4711,P-1\n4712,P-2\n",
        "4711;P-1\r\n4712;P-2\r\n",
        "\ufeffPatientID,Pseudonym\n\n 4711 , P-1 \n4712,P-2\n4711,P-1\n",
        '"4711","P-1"\n4712,P-2',
    ],
)
def test_a_value_is_looked_up_in_what_people_and_their_programs_write(tmp_path: Path, text: str) -> None:
    one = table(tmp_path, text)
    assert one.look_up("register", "4711") == "P-1"
    assert one.look_up("register", " 4712 ") == "P-2"
    assert one.look_up("register", "4713") is None
    assert one.look_up("register", "4711", alone=True) == "P-1"
    assert one.whose("register", "P-2") == ["4712"]
    assert one.names() == ["register"]


def test_a_changed_table_counts_at_once(tmp_path: Path) -> None:
    one = table(tmp_path, "4711,P-1\n")
    assert one.look_up("register", "4712") is None
    with (tmp_path / "register.csv").open("a") as stream:
        stream.write("4712,P-2\n")
    assert one.look_up("register", "4712") == "P-2"
    (tmp_path / "new.csv").write_text("4712,P-9\n")
    (tmp_path / "new.csv").replace(tmp_path / "register.csv")
    assert one.look_up("register", "4712") == "P-9"
    (tmp_path / "register.csv").unlink()
    with pytest.raises(Never, match="cannot be read"):
        one.look_up("register", "4712")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"{SECRET},a\n{SECRET},b\n", "line 2 says something else"),
        (f"{SECRET}\n", "line 1 has not two columns"),
        (f"x,y\n{SECRET},a,b\n", "line 2 has not two columns"),
        (f"x,y\n,{SECRET}\n", "line 2 has not two columns"),
        (f'x,y\n"{SECRET},b\n', "quotation marks"),
    ],
)
def test_a_table_with_a_mistake_is_not_used_at_all_and_the_line_is_named(tmp_path: Path, text: str, why: str) -> None:
    one = table(tmp_path, text)
    for ask in (lambda: one.look_up("register", SECRET), lambda: one.look_up("register", "x")):
        with pytest.raises(Never, match=why) as told:
            ask()
        assert SECRET not in str(told.value)
        assert "register.csv, then release it" in str(told.value)
    assert why in one.trouble("register")


def test_a_table_that_is_not_utf_8_or_a_folder_is_not_used(tmp_path: Path) -> None:
    table(tmp_path, "").folder.joinpath("register.csv").write_bytes("Müller,P-1\n".encode("latin-1"))
    with pytest.raises(Never, match="not UTF-8"):
        Tables(tmp_path).look_up("register", "Müller")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(Never, match="cannot be read"):
        Tables(tmp_path).look_up("folder", "Müller")


def test_two_patients_never_get_one_pseudonym(tmp_path: Path) -> None:
    one = table(tmp_path, "4711,P-1\n4712,P-1\n4713,P-3\n")
    assert one.look_up("register", "4711") == "P-1", "where values are looked up, several may mean the same"
    with pytest.raises(Never, match="gives several the same"):
        one.look_up("register", "4711", alone=True)
    assert one.look_up("register", "4713", alone=True) == "P-3"


def test_it_is_said_when_others_may_read_a_table(tmp_path: Path) -> None:
    one = table(tmp_path, "4711,P-1\n")
    path = tmp_path / "register.csv"
    path.chmod(0o644)
    assert one.trouble("register") == f"others may read the table register: chmod 600 {path}"
    path.chmod(0o600)
    assert one.trouble("register") == ""


CELL = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).map(str.strip).filter(bool)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(CELL, CELL, min_size=1, max_size=6))
def test_whatever_a_spreadsheet_writes_is_read_as_it_was_meant(tmp_path_factory: pytest.TempPathFactory, rows) -> None:
    folder = tmp_path_factory.getbasetemp() / "sheets"
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL).writerows(
        [("value", "other") if "value" not in rows else (), *rows.items()]
    )
    one = table(folder, written.getvalue())
    assert {value: one.look_up("register", value) for value in rows} == rows


# --- pseudonyms


def test_a_patient_who_is_not_in_the_table_is_told_what_to_do_and_not_named(tmp_path: Path) -> None:
    identities = Identities.of(tmp_path)
    table(tmp_path / "tables", "1,P-1\n")
    with pytest.raises(Never) as told:
        identities.pseudonym(SECRET, "register")
    assert str(told.value) == "its PatientID is not in the table register: add a line for it, then release it"
    assert identities.pseudonym("1", "register") == "P-1"
    assert not (tmp_path / "secrets").exists(), "a table needs no key"


@pytest.mark.parametrize("wrong", ["P\\1", "A=B", "Müller", "P" * 65, "P\t1"])
def test_what_cannot_be_an_id_is_no_pseudonym(tmp_path: Path, wrong: str) -> None:
    table(tmp_path / "tables", f"1,{wrong}\n")
    with pytest.raises(Never, match="cannot be an ID") as told:
        Identities.of(tmp_path).pseudonym("1", "register")
    assert wrong not in str(told.value)


def test_a_pseudonym_by_the_key_is_the_same_tomorrow(tmp_path: Path) -> None:
    first = Identities.of(tmp_path).pseudonym("4711")
    assert first == Identities.of(tmp_path).pseudonym("4711")
    assert first != Identities.of(tmp_path).pseudonym("4712")
    assert "4711" not in first
