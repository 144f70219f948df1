"""Hold: what needs a person, by reason; the images of one reason; one image."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from appliance.console import told
from appliance.console.facts.advice import BY_HAND, REFUSED, TO_REVIEW, UNCLEAN
from appliance.console.facts.held import HeldFacts, held_facts
from appliance.console.facts.holds import Group, Groups
from appliance.console.facts.house import NoSpool
from appliance.console.facts.pictures import pictures
from appliance.console.handler import PageHandler
from appliance.console.hands import Hands
from appliance.console.page import Page, page
from appliance.console.roles import Role
from appliance.console.words import Refusal

HEADER_WORDS = {
    "PatientName": "Patient",
    "PatientID": "Patient ID",
    "PatientBirthDate": "Born",
    "PatientSex": "Sex",
    "StudyDate": "Date of the study",
    "StudyTime": "Time of the study",
    "AccessionNumber": "Accession number",
    "StudyDescription": "Study",
    "SeriesDescription": "Series",
    "Modality": "Modality",
    "Manufacturer": "Manufacturer",
    "ManufacturerModelName": "Model",
    "StationName": "Station",
    "InstitutionName": "Institution",
    "ReferringPhysicianName": "Referring physician",
    "Rows": "Rows",
    "Columns": "Columns",
    "NumberOfFrames": "Frames",
    "PhotometricInterpretation": "Colours",
    "BurnedInAnnotation": "Text burned in",
}
"""What people read first; the rest is under its name in the standard."""


class _Hold(PageHandler):
    """What all of them do."""

    async def act(self, *groups: str) -> str | None:
        """Release or delete: all of a group, or the chosen ones."""
        assert self.who is not None
        who, address, act = self.who, self.address, self.field("do")
        if act not in ("release", "delete") or who.role < (Role.OPERATOR if act == "release" else Role.ADMIN):
            raise Refusal(403, "Your role does not allow this.")
        hands = Hands(
            self.context, lambda did, *on, detail="": self.context.audit.note(who.name, did, on, address, detail)
        )
        group = self.field("group", 16)
        chosen = None if group else [one[:80] for one in self.get_body_arguments("id")][:1000]
        if chosen == []:
            raise Refusal(422, "Choose at least one first.")
        do = hands.release if act == "release" else hands.delete
        done = await self.aside(lambda: do(chosen, group))
        for sentence, kind in done.sentences(act):
            self.tell(sentence, kind)
        return await self.after(*groups)

    async def after(self, *groups: str) -> str | None:
        """Where to go on."""
        return None

    def _draws(self, held: HeldFacts) -> bool:
        """Whether boxes may be drawn on it: it is an image, and could not be cleaned."""
        assert self.who is not None
        return held.kind == UNCLEAN and held.is_image and self.who.role >= Role.OPERATOR

    def _may(self, place: Page) -> bool:
        return self.who is not None and place.least is not None and self.who.role >= place.least

    def tools(self) -> dict[str, Any]:
        """What the templates of all of them use."""
        return {
            "told": told,
            "draws": self._draws,
            "waits_for_review": lambda kind: kind == TO_REVIEW,
            "review": next((one.path for one in self.places if one.place == "Review" and self._may(one)), ""),
            "sends_again": lambda kind: kind in (REFUSED, BY_HAND),
            "advice_of": lambda one: one.advice.german if self.language == "de" else one.advice.english,
        }


@page("/hold", title="Hold", template="hold.html", place="Hold")
class HoldPage(_Hold):
    """The groups; what a rule holds on purpose apart."""

    async def facts(self, *groups: str) -> dict[str, Any]:
        """All of them."""
        try:
            found = await self.aside(self.context.holds.groups)
        except NoSpool:
            found = Groups((), 0, 0)
        moments = await self.aside(lambda: {one.key: self._moments(one) for one in found.groups})
        return {
            **self.tools(),
            "wrong": [one for one in found.groups if not one.on_purpose],
            "meant": [one for one in found.groups if one.on_purpose],
            "count": found.count,
            "unread": found.unread,
            "moments": moments,
        }

    def _moments(self, group: Group) -> tuple[str, str]:
        """When its first and its last one were held."""
        home = self.context.house.spool.outbox("hold")
        entries = (home.entry(group.oldest), home.entry(group.newest))
        first, last = ("" if one is None else told.moment(self.language, one.since) for one in entries)
        return first, last


@page(r"/hold/reason/([0-9a-f]{16})", title="Held for one reason", template="hold_reason.html", under="Hold")
class ReasonPage(_Hold):
    """The images that are held for one reason."""

    async def facts(self, *groups: str) -> dict[str, Any]:
        """Fifty of them."""
        key, after = groups[0], self.get_query_argument("after", "")[:80]
        holds = self.context.holds
        try:
            found = await self.aside(holds.groups)
            group = next((one for one in found.groups if one.key == key), None)
            page = None if group is None else await self.aside(lambda: holds.entries(key, after))
        except (KeyError, NoSpool):
            group, page = None, None
        more = urlencode({"after": page.next}) if page and page.next else ""
        return {**self.tools(), "group": group, "page": page, "more": more, "after": after}

    async def after(self, *groups: str) -> str | None:
        """To this page, as long as something is held for this reason."""
        found = await self.aside(self.context.holds.groups)
        return f"/hold/reason/{groups[0]}" if any(one.key == groups[0] for one in found.groups) else "/hold"


@page(r"/hold/image/([0-9A-Za-z-]{1,80})", title="A held image", template="held.html", under="Hold")
class HeldPage(_Hold):
    """One image: what its header says, how it came, why it is here; its pictures, if there are any."""

    async def facts(self, *groups: str) -> dict[str, Any]:
        """All of it; nothing where it is not held any more."""
        house = self.context.house
        try:
            held = await self.aside(lambda: held_facts(house, groups[0]))
            shown = await self.aside(lambda: pictures(house, groups[0]))
        except NoSpool:
            held, shown = None, []
        if held is None:
            self.set_status(404)
            return {**self.tools(), "held": None}
        assert self.who is not None
        written = self._written(held.written)
        return {
            **self.tools(),
            "held": held,
            "people": self._values(held, told_first=True),
            "technical": self._values(held, told_first=False),
            "written": written,
            "rule": line_of_rules(self.places, self.who.role, written),
            "frames": _by_frame(shown),
        }

    def show(self, *, status: int = 200, template: str = "", title: str = "", **facts: Any) -> None:
        """With the status for what is not there."""
        super().show(status=404 if facts.get("held", "") is None else status, template=template, title=title, **facts)

    async def after(self, *groups: str) -> str | None:
        """It is gone from here."""
        return "/hold"

    def _values(self, held: HeldFacts, told_first: bool) -> list[tuple[str, str]]:
        return [
            (self.say(HEADER_WORDS[one.keyword]) if told_first else one.name, self._value(one.keyword, one.value))
            for one in held.header
            if (one.keyword in HEADER_WORDS) == told_first
        ]

    def _value(self, keyword: str, value: str) -> str:
        if keyword.endswith("Name") and "^" in value:
            return told.person(value)
        if keyword.endswith("Date"):
            return told.day(self.language, value)
        if keyword.endswith("Time") and value[:6].isdecimal() and len(value) >= 6:
            return f"{value[:2]}:{value[2:4]}:{value[4:6]}"
        return value

    def _written(self, written: str) -> str:
        """File and line, seen from the folder of the rules."""
        file, colon, line = written.rpartition(":")
        rules = self.context.settings.rules_path
        path = Path(file)
        inside = path.is_relative_to(rules) and path != rules
        return f"{path.relative_to(rules) if inside else path.name}{colon}{line}" if file else ""


def line_of_rules(places: Sequence[Page], role: Role, written: str) -> str:
    """The address at which this line (`file:line`) is edited; empty where there is no such page for this role."""
    file, _, line = written.rpartition(":")
    at = next((one.path for one in places if one.place == "Rules" and one.least is not None and role >= one.least), "")
    return f"{at}?{urlencode({'file': file, 'line': line}, quote_via=quote)}" if at and file else ""


def _by_frame(names: list[str]) -> list[tuple[str, list[str]]]:
    """Frame → its pictures."""
    frames: dict[str, list[str]] = {}
    for name in names:
        frames.setdefault(name.partition("-")[2].removesuffix(".png"), []).append(name)
    return list(frames.items())
