"""Word of rules that were taken back: a trouble of the running appliance, told in a mail like any other."""

from pathlib import Path

from appliance import withdrawn
from appliance.health import Health
from appliance.settings import Settings
from engine.destinations import alarms
from engine.program import Program
from engine.spool import Spool
from engine.trouble import Known, News, Trouble

AT = 1790000000.0


def test_it_is_a_trouble_until_somebody_has_seen_it(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    health = Health(Spool(settings.spool), settings, Program, lambda: ())
    health.also("new rules", lambda: withdrawn.trouble(tmp_path))
    assert "new rules" not in health.trouble()
    withdrawn.say(tmp_path, 7, AT)
    found = health.trouble()["new rules"]
    assert "version 7 of the rules was taken back on 2026-09-" in found.said("en")
    assert "Fassung 7 der Regeln wurde am " in found.said("de")
    assert found.newest == AT
    withdrawn.forget(tmp_path)
    withdrawn.forget(tmp_path)
    assert "new rules" not in health.trouble()


def test_half_a_note_is_none(tmp_path: Path) -> None:
    withdrawn.say(tmp_path, 7, AT)
    path = tmp_path / "console" / "withdrawn.json"
    for text in ("", "{", "[]", "{}", '{"version": "x", "at": 1}', '{"version": 1, "at": null}'):
        path.write_text(text)
        assert withdrawn.trouble(tmp_path) == ""


def test_it_is_mailed_under_a_name_of_its_own(tmp_path: Path) -> None:
    withdrawn.say(tmp_path, 7, AT)
    said = withdrawn.trouble(tmp_path)
    assert isinstance(said, Trouble)
    news = News({"new rules": Known(said, AT)}, {}, {})
    subject, body = alarms.trouble(news, {}, "de")
    assert "neue Regeln" in subject
    assert "Fassung 7 der Regeln wurde am" in body
    subject, body = alarms.trouble(news, {}, "en")
    assert "new rules" in subject
    assert "version 7 of the rules was taken back" in body
