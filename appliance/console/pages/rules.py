"""Rules: the rule files in an editor, the ways through them, what a change would do, and all versions there were."""

from typing import Any

from appliance.console.facts.explaining import ways
from appliance.console.facts.plain import plain
from appliance.console.handler import PageHandler
from appliance.console.page import page
from appliance.console.roles import Role
from appliance.console.rulework import BECAME_WORDS, Rulework, expected_of
from appliance.console.trialwork import Trialwork
from appliance.console.words import Refusal, Sentence
from appliance.rules_git.note import NotTaken, read
from appliance.rules_git.place import Place
from appliance.settings import Settings
from engine.vocabulary import vocabulary


@page("/rules", title="Rules", template="rules.html", place="Rules")
class Rules(PageHandler):
    """Viewers read, admins change."""

    async def facts(self, *groups: str) -> dict[str, Any]:
        """The files, and how they stand."""
        assert self.who is not None
        work = Rulework(self.context, self.language)
        files = await self.aside(work.current)
        state = await self.aside(self.context.running.state)
        program = await self.aside(work.house.program)
        trials = Trialwork(self.context, self.language)
        standing = await self.aside(lambda: {"trial": plain(trials.trial()), "watch": plain(trials.watch())})
        first = self.get_query_argument("file", "")
        return {
            "files": files,
            "first": first if first in files else next(iter(files), ""),
            "line": self.get_query_argument("line", ""),
            "digest": expected_of(files),
            "versions": await self.aside(work.files.versions),
            "state": state,
            "standing": standing,
            "steps": sorted(vocabulary().steps),
            "git": await self.aside(lambda: _git(self.context.settings, self.language)),
            "may": self.who.role >= Role.ADMIN and not self.context.settings.rules_git,
            "samples": self.who.role >= Role.OPERATOR,
            "ways": [] if program is None else ways(program),
            "destinations": [] if program is None else [one.name for one in program.destinations],
        }


@page(r"/rules/versions/(\d{1,6})", title="A version of the rules", template="rules_version.html", under="Rules")
class RuleVersion(PageHandler):
    """What it differs in from the rules as they are; admins go back to it."""

    async def facts(self, *groups: str) -> dict[str, Any]:
        """Its texts, and those that count."""
        assert self.who is not None
        work = Rulework(self.context, self.language)
        version = await self.aside(lambda: work.version(int(groups[0])))
        current = await self.aside(work.current)
        return {
            "version_of": version,
            "current": current,
            "digest": expected_of(current),
            "same": version.files == current,
            "names": sorted({*version.files, *current}),
            "may": self.who.role >= Role.ADMIN and not self.context.settings.rules_git,
        }

    async def act(self, *groups: str) -> str | None:
        """Make it the rules again."""
        assert self.who is not None
        if self.who.role < Role.ADMIN:
            raise Refusal(403, "Your role does not allow this.")
        work, name = Rulework(self.context, self.language), self.who.name
        why, expected = self.field("why", 2000), self.field("digest", 64)
        version = await self.aside(lambda: work.version(int(groups[0])))
        done = await self.aside(lambda: work.activate(version.files, name, why, expected))
        if done.version:
            await self.note("rules-restored", f"version {done.version}", detail=done.became)
        sentence = Sentence(BECAME_WORDS[done.became], {"version": done.version, "words": done.words})
        self.tell(sentence, "good" if done.became in ("runs", "stopped") else "bad")
        return "/rules" if done.version else None


def _git(settings: Settings, language: str) -> dict[str, str]:
    """Where the rules come from, and what is wrong there; empty where they are changed here."""
    if not settings.rules_git:
        return {}
    note = read(settings.data)
    try:
        place = Place.of(settings).name
    except NotTaken as no:
        return {"place": "", "commit": note.commit[:12], "words": no.trouble.said(language)}
    trouble = note.german if language == "de" else note.words
    return {"place": place, "commit": note.commit[:12] if note.place == place else "", "words": trouble}
