"""`stellwerk lsp`, the real process, as an editor speaks with it."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.editor.desk import Desk
from appliance.editor.formatting import formatter
from appliance.editor.positions import Positions
from engine.vocabulary import vocabulary
from tests.appliance.editing import Editor

SITES = 'destination PACS = dicom "PACS@192.168.10.5:104"\ncontact admin = "it@praxis.example"\n'
HOUSE = """include "sites.rules"
condition child = PatientAge < 18 years
on port 11112 where child → forward PACS → mail admin
"""
WRONG = 'on port 11112 where InstitutionName = "Köln 😀" and Modalty = US → hold\n'


@pytest.fixture
def house(tmp_path):
    (tmp_path / "sites.rules").write_text(SITES, "utf-8")
    (tmp_path / "house.rules").write_text(HOUSE, "utf-8")
    return tmp_path


@pytest.fixture
def started():
    editors = []

    def start(*args, **kwargs):
        editors.append(Editor(*args, **kwargs))
        return editors[-1]

    yield start
    for editor in editors:
        if editor.process.poll() is None:
            editor.process.kill()
        editor.process.wait(10)


def columns(diagnostic):
    start, end = diagnostic["range"]["start"], diagnostic["range"]["end"]
    return start["line"], start["character"], end["character"]


def test_a_session(house, started):
    editor = started(house)
    found = editor.open("house.rules")
    assert found == {"house.rules": [], "sites.rules": []}
    hover = editor.at("hover", "house.rules", 2, 38)
    assert 'destination PACS = dicom "PACS@192.168.10.5:104"' in hover["contents"]["value"]
    (there,) = editor.at("definition", "house.rules", 2, 38)
    assert there["uri"] == editor.uri("sites.rules")
    assert there["range"] == {"start": {"line": 0, "character": 12}, "end": {"line": 0, "character": 16}}
    (file,) = editor.at("definition", "house.rules", 0, 12)
    assert file["uri"] == editor.uri("sites.rules")
    places = editor.at("references", "house.rules", 2, 38, context={"includeDeclaration": True})
    assert len(places) == 2
    symbols = editor.ask("textDocument/documentSymbol", textDocument={"uri": editor.uri("house.rules")})
    assert [(one["name"], one["detail"]) for one in symbols] == [("child", "condition")]
    assert editor.leave() == 0


@pytest.mark.parametrize(
    ("encodings", "start"), [((), 52), (("utf-16",), 52), (("utf-8", "utf-16"), 55), (("utf-32",), 51)]
)
def test_columns_count_in_the_units_of_the_editor(house, started, encodings, start):
    editor = started(house, encodings=encodings)
    (wrong,) = editor.open("alone.rules", HOUSE.replace("on port", WRONG + "on port"))["alone.rules"]
    assert columns(wrong) == (2, start, start + 7)
    assert (wrong["code"], wrong["severity"], wrong["source"]) == ("E101", 1, "stellwerk")
    assert wrong["message"] == "no DICOM tag is called Modalty\nnot in the dictionary\ndid you mean Modality?"
    hover = editor.at("hover", "alone.rules", 2, start - 8)
    assert hover is None
    assert editor.leave() == 0


def test_a_mark_and_carriage_returns_shift_nothing(house, started):
    editor = started(house)
    (wrong,) = editor.open("house.rules", "\ufeff" + WRONG.replace("\n", "\r\n"))["house.rules"]
    assert columns(wrong) == (0, 53, 60)
    editor.type("house.rules", "# one\r\n\tx\r\n" + WRONG)
    found = editor.diagnostics("house.rules")["house.rules"]
    assert [columns(one) for one in found] == [(1, 1, 2), (2, 52, 59)]


def test_the_findings_are_said_in_german(house, started):
    editor = started(house, "--language", "de")
    (wrong,) = editor.open("house.rules", WRONG)["house.rules"]
    assert wrong["message"].startswith("kein DICOM-Tag heißt Modalty")
    actions = action(editor, wrong)
    assert [one["title"] for one in actions] == ["in Modality ändern"]


def action(editor, diagnostic, name="house.rules"):
    return editor.ask(
        "textDocument/codeAction",
        textDocument={"uri": editor.uri(name)},
        range=diagnostic["range"],
        context={"diagnostics": [diagnostic]},
    )


def test_a_did_you_mean_is_typed_by_a_code_action(house, started):
    editor = started(house)
    (wrong,) = editor.open("house.rules", WRONG)["house.rules"]
    (mend,) = action(editor, wrong)
    assert mend["title"] == "change it to Modality"
    assert mend["kind"] == "quickfix"
    assert mend["edit"]["changes"] == {editor.uri("house.rules"): [{"range": wrong["range"], "newText": "Modality"}]}
    editor.type("house.rules", WRONG.replace("Modalty", "Modality"))
    assert editor.diagnostics("house.rules")["house.rules"] == []


def test_completion_knows_what_is_declared_in_the_included_file(house, started):
    editor = started(house)
    editor.open("house.rules", HOUSE.replace("→ forward PACS → mail admin", "→ forward "))
    answer = editor.at("completion", "house.rules", 2, 36)
    assert answer["isIncomplete"] is False
    assert [item["label"] for item in answer["items"]] == ["PACS", "during", "urgent"]
    pacs = answer["items"][0]
    assert pacs["textEdit"]["range"]["start"] == {"line": 2, "character": 36}


def test_a_space_where_a_line_may_end_opens_no_list(house, started):
    editor = started(house)
    editor.open("house.rules", "on port 11112 \non port 11113 → \n")
    by_space = {"triggerKind": 2, "triggerCharacter": " "}
    assert editor.at("completion", "house.rules", 0, 14, context=by_space)["items"] == []
    assert [one["label"] for one in editor.at("completion", "house.rules", 0, 14)["items"]] == ["where", "→"]
    assert "store" in [one["label"] for one in editor.at("completion", "house.rules", 1, 16, context=by_space)["items"]]


def test_what_is_typed_in_an_included_file_counts_before_it_is_saved(house, started):
    editor = started(house)
    editor.open("house.rules")
    editor.open("sites.rules")
    editor.type("sites.rules", SITES.replace("PACS", "OTHER", 1))
    (wrong,) = editor.diagnostics("house.rules", "sites.rules")["house.rules"]
    assert (wrong["code"], columns(wrong)) == ("E104", (2, 36, 40))
    editor.tell("textDocument/didClose", textDocument={"uri": editor.uri("sites.rules")})
    assert editor.diagnostics("house.rules")["house.rules"] == []


def test_an_included_file_alone_raises_no_false_alarm_and_has_its_findings(house, started):
    editor = started(house)
    assert editor.open("sites.rules")["sites.rules"] == []
    editor.type("sites.rules", SITES + "destination NEW = dicm\n")
    (wrong,) = editor.diagnostics("sites.rules")["sites.rules"]
    assert (wrong["code"], columns(wrong)) == ("E104", (2, 18, 22))


def test_findings_of_an_included_file_go_to_that_file_and_leave_it_again(house, started):
    (house / "shared").mkdir()
    (house / "shared/places.rules").write_text(SITES + "destination NEW = dicm\n", "utf-8")
    (house / "sites.rules").unlink()
    editor = started(house)
    found = editor.open("house.rules", HOUSE.replace("sites", "shared/places"))
    assert [one["code"] for one in found["places.rules"]] == ["E104"]
    editor.type("house.rules", "on port 11112 → hold\n")
    assert editor.diagnostics("house.rules", "places.rules") == {"house.rules": [], "places.rules": []}


def test_a_rename_reaches_every_file(house, started):
    (house / "second.rules").write_text('include "sites.rules"\non port 11113 → forward PACS\n', "utf-8")
    editor = started(house)
    editor.open("house.rules")
    name = editor.at("prepareRename", "house.rules", 2, 38)
    assert name == {
        "range": {"start": {"line": 2, "character": 36}, "end": {"line": 2, "character": 40}},
        "placeholder": "PACS",
    }
    edits = editor.at("rename", "house.rules", 2, 38, newName="ARCHIV")["changes"]
    assert {uri.rpartition("/")[2] for uri in edits} == {"house.rules", "sites.rules", "second.rules"}
    assert {edit["newText"] for ones in edits.values() for edit in ones} == {"ARCHIV"}
    refused = editor.at("rename", "house.rules", 2, 38, newName="hold")
    assert "already means something" in refused["error"]["message"]
    assert editor.at("prepareRename", "house.rules", 2, 1) is None


def test_a_route_whose_name_stands_in_quotes_is_renamed_with_or_without_them(house, started):
    editor = started(house)
    editor.open("house.rules", 'route "night work" on port 11112 → hold\n')
    assert editor.at("prepareRename", "house.rules", 0, 9)["placeholder"] == "night work"
    for new in ("day work", '"day work"'):
        (edit,) = editor.at("rename", "house.rules", 0, 9, newName=new)["changes"][editor.uri("house.rules")]
        assert edit["newText"] == '"day work"'
        assert columns(edit) == (0, 6, 18)


def test_a_text_without_a_file_is_checked_for_itself(house, started):
    editor = started(house)
    document = {"uri": "untitled:Untitled-1", "languageId": "stellwerk", "version": 0, "text": "on port 11112 → hld\n"}
    editor.tell("textDocument/didOpen", textDocument=document)
    (wrong,) = editor.diagnostics("untitled:Untitled-1")["untitled:Untitled-1"]
    assert wrong["code"] == "E103"


def test_an_editor_that_goes_without_a_word_is_not_a_success(house, started):
    editor = started(house)
    editor.tell("exit")
    assert editor.process.wait(30) == 1


def test_without_pygls_it_says_what_to_install_and_the_other_commands_work(tmp_path):
    code = (
        "import sys, importlib.util as u; real = u.find_spec;"
        "u.find_spec = lambda name, *a: None if name == 'pygls' else real(name, *a);"
        "from appliance.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    run = [sys.executable, "-c", code]
    done = subprocess.run([*run, "lsp"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert 'pip install "stellwerk[editor]"' in done.stderr
    (tmp_path / "a.rules").write_text("on port 11112 → hold\n", "utf-8")
    done = subprocess.run([*run, "check", str(tmp_path / "a.rules")], capture_output=True, text=True, check=False)
    assert done.returncode == 0


def test_no_other_command_loads_pygls():
    code = (
        "import sys; from appliance import cli; [cli.command(name) for name in cli.COMMANDS];"
        "sys.exit('pygls' in sys.modules or 'lsprotocol' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_formatter_is_used_where_there_is_one_and_leaves_what_cannot_be_read(monkeypatch):
    module = ModuleType("dsl.format")
    module.format_text = lambda text, **_: text.replace("->", "→") if "(" not in text else ()
    monkeypatch.setitem(sys.modules, "dsl.format", module)
    lay_out = formatter()
    assert lay_out("on port 1 -> hold", "a.rules") == "on port 1 → hold"
    assert lay_out("on port 1 -> (", "a.rules") == "on port 1 -> ("


# --- which files belong together


def books(folder: Path, name: str, rules: str | None = None) -> set[tuple[str, ...]]:
    desk = Desk(vocabulary(), folder / rules if rules else None)
    return {tuple(Path(one).name for one in book) for book in desk.books(str(folder / name))}


def test_a_folder_without_includes_is_one_rule_book(tmp_path):
    for name in ("a.rules", "b.rules", "c.txt"):
        (tmp_path / name).write_text("on port 11112 → hold\n", "utf-8")
    assert books(tmp_path, "a.rules") == {("a.rules", "b.rules")}


def test_an_included_file_belongs_to_those_that_include_it(house):
    (house / "other.rules").write_text('include "house.rules"\n', "utf-8")
    (house / "alone.rules").write_text("on port 11112 → hold\n", "utf-8")
    assert books(house, "sites.rules") == {("other.rules",)}
    assert books(house, "house.rules") == {("other.rules",)}
    assert books(house, "alone.rules") == {("alone.rules",)}


def test_the_rules_that_the_server_was_given_are_one_book(house):
    (house / "alone.rules").write_text("on port 11112 → hold\n", "utf-8")
    assert books(house, "alone.rules", ".") == {("alone.rules", "house.rules", "sites.rules")}
    assert books(house, "sites.rules", "house.rules") == {("house.rules",)}


def test_files_that_include_each_other_are_checked_for_themselves(tmp_path):
    (tmp_path / "a.rules").write_text('include "b.rules"\n', "utf-8")
    (tmp_path / "b.rules").write_text('include "a.rules"\n', "utf-8")
    assert books(tmp_path, "a.rules") == {("a.rules",)}


def test_the_examples_raise_no_clash_with_each_other():
    examples = Path(__file__).parents[2] / "rules/examples"
    desk = Desk(vocabulary())
    for path in sorted(examples.glob("*.rules")):
        desk.open[str(path)] = path.read_text("utf-8")
    codes = {finding.code for found in desk.findings().values() for finding in found}
    assert codes <= {"E108", "E104"}, codes


# --- places


@given(st.text(st.sampled_from("aä😀\t\n\r"), max_size=30), st.booleans(), st.data())
def test_a_place_comes_back_from_the_editor(text, mark, data):
    for encoding in ("utf-8", "utf-16", "utf-32"):
        positions = Positions("\ufeff" * mark + text, encoding)
        lines = positions.text.split("\n")
        line = data.draw(st.integers(1, len(lines)))
        column = data.draw(st.integers(1, len(lines[line - 1]) + 1))
        there = positions.to_editor(line, column)
        assert positions.from_editor(*there) == (line, column)
        before = lines[line - 1][: column - 1].encode(
            encoding.replace("utf-16", "utf-16-le").replace("utf-32", "utf-32-le")
        )
        size = {"utf-8": 1, "utf-16": 2, "utf-32": 4}[encoding]
        own_mark = {"utf-8": 3, "utf-16": 1, "utf-32": 1}[encoding] * (mark and line == 1)
        assert there == (line - 1, len(before) // size + own_mark)
