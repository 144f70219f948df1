"""Studies: search, one study with its journey and all that happened, one object of it.

What is looked for comes by POST and stays with the session: an address has nothing but our own numbers.
"""

import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from appliance.console import told, told_history, told_studies
from appliance.console.effects import effect
from appliance.console.facts import journeys, studies
from appliance.console.facts.explaining import Explanation, of_object
from appliance.console.facts.house import NoSpool
from appliance.console.facts.journeys import Journey, Journeys
from appliance.console.facts.plain import Json, plain
from appliance.console.facts.standing import STANDINGS
from appliance.console.facts.studies import ObjectFacts
from appliance.console.facts.timeline import timeline
from appliance.console.handler import PageHandler
from appliance.console.page import page
from appliance.console.roles import Role
from appliance.console.studywork import FIELDS, NUMBER, Work, looked, search, study_at
from appliance.console.words import Refusal
from engine.errors import Never
from engine.study_search import words_known

SEARCHES = 30
"""What was looked for lately, that a session remembers."""

CHOICES = 200
"""Modalities and senders that can be chosen from."""

RESENDINGS = 5
"""Times that a study was sent again, of which its page tells."""

JOURNEY_WORDS = {
    "only": "When they came",
    "newest": "By the newest rules",
    "before": "By the rules before",
    "again": "Sent again",
    "assumed": "By rules that are not known any more, drawn on those of today",
}

JOURNEYS = 5
"""Programs by which objects of one study went that are drawn."""


class _Studies(PageHandler):
    """What all of them do."""

    def tools(self) -> dict[str, Any]:
        """What the templates of all of them use."""
        return {
            "told": told,
            "studies": told_studies,
            "history": told_history,
            "labels": lambda drawn: {node["id"]: node["label"] for node in drawn["nodes"]},
        }

    def noting(self) -> Callable[..., None]:
        """Writes into the audit, also from a thread."""
        assert self.who is not None
        name, address, audit = self.who.name, self.address, self.context.audit
        return lambda did, *on, detail="": audit.note(name, did, on, address, detail)

    def needs_operator(self) -> None:
        """Raises Refusal."""
        if self.who is None or self.who.role < Role.OPERATOR:
            raise Refusal(403, "Your role does not allow this.")

    def drawings(self, found: Journeys) -> list[dict[str, Json]]:
        """As they are drawn: what somebody went along, and nothing else of the rules. Those that were replayed last."""
        own = [one for one in found.journeys if not one.replayed]
        again = [one for one in found.journeys if one.replayed]
        titles = ["only" if len(own) == 1 else "newest", *["before"] * len(own)]
        drawn = [self._drawing(one, title) for one, title in zip(own, titles, strict=False)]
        drawn += [self._drawing(one, "again") for one in again]
        return [one for one in drawn if one["edges"]][:JOURNEYS]

    def _drawing(self, one: Journey, title: str) -> dict[str, Json]:
        value = plain(one.drawing)
        assert isinstance(value, dict)
        words = self.say(JOURNEY_WORDS["assumed" if one.assumed else title])
        shown: dict[str, Json] = {"program": one.program, "title": words}
        for part in ("nodes", "edges"):
            rows = value[part]
            assert isinstance(rows, list)
            shown[part] = [row for row in rows if isinstance(row, dict) and row["count"]]
        for node in _rows(shown["nodes"]):
            if node["kind"] == "outbox":
                node["label"] = told_history.way_out(self.language, str(node["id"]))
        return shown


def _rows(value: Json) -> list[dict[str, Json]]:
    assert isinstance(value, list)
    return [row for row in value if isinstance(row, dict)]


@page("/studies", title="Studies", template="studies.html", place="Studies")
class StudiesPage(_Studies):
    """The newest, or what was looked for."""

    async def facts(self, *groups: str) -> dict[str, Any]:
        """A page of them."""
        house, key = self.context.house, self.get_query_argument("search", "")[:40]
        after = self.get_query_argument("after", "")[:20]
        assert self.who is not None
        kept = {} if self.who.session is None else self.who.session.searches
        asked, refusal, found = kept.get(key, {}), "", None
        try:
            found = await self.aside(lambda: search(house, asked, after))
        except Refusal as refused:
            refusal = refused.sentence.said(self.language)
        known = await self.aside(self._known)
        return {
            **self.tools(),
            "asked": asked,
            "forgotten": bool(key) and key not in kept,
            "refusal": refusal,
            "found": found,
            "older": urlencode({**({"search": key} if asked else {}), "after": found.next}) if found else "",
            "again": urlencode({"search": key}) if asked else "",
            "after": after,
            "modalities": [one.upper() for one in known["modality"]],
            "senders": known["sender"],
            "standings": ["", *STANDINGS],
        }

    async def act(self, *groups: str) -> str | None:
        """Remember what is looked for, under a name that says nothing."""
        assert self.who is not None
        asked = {name: self.field(name) for name in (*FIELDS, "standing")}
        asked = {name: value for name, value in asked.items() if value}
        if not asked or self.who.session is None:
            return "/studies"
        kept = self.who.session.searches
        while len(kept) >= SEARCHES:
            kept.pop(next(iter(kept)))
        key = secrets.token_urlsafe(12)
        kept[key] = asked
        return f"/studies?{urlencode({'search': key})}"

    def _known(self) -> dict[str, list[str]]:
        try:
            with self.context.house.journals.open() as journal:
                return {kind: words_known(journal, kind, CHOICES) for kind in ("modality", "sender")}
        except OSError:
            return {"modality": [], "sender": []}


class _One(_Studies):
    """One thing, which may not be there."""

    async def or_none(self, work: Callable[[], Any]) -> Any:
        """What was asked for; None where it is not there, which is said on the page."""
        try:
            return await self.aside(work)
        except Refusal as refusal:
            if refusal.status != 404:
                raise
            return None
        except NoSpool:
            return None

    def show(self, *, status: int = 200, template: str = "", title: str = "", **facts: Any) -> None:
        """With the status for what is not there."""
        super().show(status=404 if facts.get("facts", "") is None else status, template=template, title=title, **facts)


@page(r"/studies/([0-9]{1,19})", title="Study", template="study.html", under="Studies")
class StudyPage(_One):
    """One study: how it stands, its journey, its series, what happened, its objects."""

    async def facts(self, *groups: str) -> dict[str, Any]:
        """All of it."""
        house, context = self.context.house, self.context
        study = await self.or_none(lambda: study_at(house, groups[0]))
        if study is None:
            return {**self.tools(), "facts": None}
        facts = await self.aside(lambda: looked(lambda: studies.study_facts(house, study.uid)))
        if facts is None:
            return {**self.tools(), "facts": None}
        asked = self.get_query_argument("series", "")[:6]
        chosen = int(asked) if asked.isdecimal() and 0 < int(asked) <= len(facts.series) else 0
        series = facts.series[chosen - 1].uid if chosen else None
        after = self.get_query_argument("after", "")[:40]
        listed = await self.aside(lambda: looked(lambda: studies.objects(house, study.uid, after, series=series)))
        went = await self.aside(lambda: looked(lambda: journeys.of_study(house, study.uid)))
        happened = await self.aside(lambda: looked(lambda: timeline(house, study.uid)))
        return {
            **self.tools(),
            "facts": facts,
            "study": study,
            "chosen": chosen,
            "after": after,
            "listed": listed,
            "more": urlencode({**({"series": chosen} if chosen else {}), "after": listed.next}) if listed.next else "",
            "drawings": self.drawings(went),
            "lost": went.lost,
            "followed": went.objects,
            "timeline": happened,
            "resendings": (await self.aside(lambda: context.resendings.of(study.id)))[:RESENDINGS],
            "waits": context.resendings.waits,
            "destinations": await self.aside(context.resendings.destinations),
        }

    async def act(self, *groups: str) -> str | None:
        """Release what of it is held."""
        self.needs_operator()
        if self.field("do") != "release" or self.who is None:
            raise Refusal(400, "The request cannot be understood.")
        context, name, note = self.context, self.who.name, self.noting()
        done = await self.aside(lambda: Work(context, name, note, groups[0]).release())
        for sentence, kind in done.sentences("release"):
            self.tell(sentence, kind)
        return None


@page(
    r"/studies/([0-9]{1,19})/send-again",
    title="Send again",
    template="study_send.html",
    least=Role.OPERATOR,
    under="Studies",
)
class SendAgainPage(_One):
    """What would go where, before it goes."""

    async def facts(self, *groups: str) -> dict[str, Any]:
        """`?to=` a destination."""
        house, resendings, to = self.context.house, self.context.resendings, self.get_query_argument("to", "")[:200]
        study = await self.or_none(lambda: study_at(house, groups[0]))
        if study is None:
            return {**self.tools(), "facts": None}
        would, refusal = None, ""
        try:
            would = await self.aside(lambda: looked(lambda: resendings.would(study, to))) if to else None
        except Refusal as refused:
            refusal = refused.sentence.said(self.language)
        return {
            **self.tools(),
            "facts": study,
            "study": study,
            "to": to,
            "would": would,
            "refusal": refusal,
            "destinations": await self.aside(resendings.destinations),
            "name": secrets.token_hex(8),
        }

    async def act(self, *groups: str) -> str | None:
        """Send it."""
        self.needs_operator()
        assert self.who is not None
        context, who, note, to = self.context, self.who.name, self.noting(), self.field("to")
        name = self.field("name", 16) if self.field("do") == "once-more" else ""
        if self.field("do") not in ("send", "once-more"):
            raise Refusal(400, "The request cannot be understood.")
        await self.aside(lambda: Work(context, who, note, groups[0]).send_again(to, name))
        return f"/studies/{groups[0]}#sent-again"


@page(f"/studies/object/({NUMBER})", title="An image", template="study_object.html", under="Studies")
class ObjectPage(_One):
    """One object: all that happened to it, where it is, and why."""

    async def facts(self, *groups: str) -> dict[str, Any]:
        """All of it."""
        house = self.context.house
        facts = await self.or_none(lambda: looked(lambda: studies.object_facts(house, groups[0])))
        if facts is None:
            return {**self.tools(), "facts": None}
        went = await self.aside(lambda: looked(lambda: journeys.of_object(house, facts.number)))
        return {
            **self.tools(),
            "facts": facts,
            "drawings": self.drawings(went),
            "lost": went.lost,
            "effect": effect,
            "why": await self.aside(lambda: self._why(facts, went)),
        }

    def _why(self, facts: ObjectFacts, went: Journeys) -> tuple[Explanation, bool] | None:
        """What the rules say of it by which it went last, or (False) those that run; None where nobody knows."""
        house = self.context.house
        journey = next((one for one in went.journeys if not one.replayed), None)
        own = house.kept(journey.program) if journey else None
        program = own or house.program()
        try:
            found = None if program is None else of_object(house, program, facts.number)
        except (OSError, Never):
            return None
        return None if found is None else (found, own is not None)
