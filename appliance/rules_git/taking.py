"""From a commit to rules: checked, with their examples, and put in place whole; or nothing, and a person is told.

What the machine stops in the middle of is known by the note, and ended at the next start. It must not know Git.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from ssl import SSLContext

from appliance.alone import alone
from appliance.console.audit import Audit
from appliance.console.facts.rule_files import Conflict, RuleFiles, digest
from appliance.rulebook import NoRules, RuleBook
from appliance.rules_git.fetching import Found, look
from appliance.rules_git.note import Doing, Note, NotTaken, read, write
from appliance.rules_git.place import SECRET, Login, Place, login
from appliance.settings import Settings
from appliance.tls import Certificates
from dsl.finding import Finding
from engine.errors import Later

AUTHOR = "(Git)"

Look = Callable[[Place, Login | None, SSLContext, str], Found | None]


def pull(settings: Settings, anew: bool = False, look: Look = look) -> Found | None:
    """Look into the repository, and take over what is new; None where nothing is.

    anew: also where its history was written anew. Raises NotTaken, which is noted, and OSError.
    """
    with alone(settings.data / "rules-git.lock"):
        rules = _files(settings)
        _finish(settings.data, rules)
        note = read(settings.data)
        try:
            place = Place.of(settings)
            known = note.commit if note.place == place.name and not anew else ""
            try:
                context = Certificates(settings.tls, settings.address).client(SECRET)
            except Later as error:
                raise NotTaken(error.reason, error.reason) from None
            found = look(place, login(settings), context, known)
            if found is not None:
                _take(settings, rules, place, found)
        except NotTaken as no:
            _note(settings.data, replace(note, words=no.trouble.words, german=no.trouble.german))
            raise
        if found is None:
            _note(settings.data, replace(note, words="", german=""))
        return found


def finish(settings: Settings) -> None:
    """At a start: where the machine stopped while files were put in place, all of them are new now. Raises OSError."""
    if read(settings.data).doing is not None:
        with alone(settings.data / "rules-git.lock"):
            _finish(settings.data, _files(settings))


def _finish(data: Path, rules: RuleFiles) -> None:
    note = read(data)
    if (doing := note.doing) is None:
        return
    now, old, new = rules.current(), doing.old, doing.new
    is_half = all(now.get(name) in (old.get(name), new.get(name)) for name in {*now, *old, *new})
    if is_half and now != old:
        rules.complete(new)
        note = replace(note, commit=doing.commit, words="", german="")
    # Where nothing had begun, the next look takes it; where somebody has changed the files since, theirs count.
    write(data, replace(note, doing=None))


def _take(settings: Settings, rules: RuleFiles, place: Place, found: Found) -> None:
    name = found.commit[:12]
    try:
        old = rules.current()
        judged = rules.book.compile_to_run(instead=rules.instead(found.texts))
        if judged.program is None:
            raise NotTaken(*(_wrong(name, judged.findings, language) for language in ("en", "de")))
        if old != dict(found.texts):
            note = Note(place.name, read(settings.data).commit, doing=Doing(found.commit, old, found.texts))
            write(settings.data, note)
            done = rules.activate(found.texts, AUTHOR, found.said, digest(old), lambda _: judged)
            assert done.version is not None
            audit, version = Audit(settings.data / "audit"), f"version {done.version.number}"
            audit.note(AUTHOR, "rules-activated", (version,), detail=name)
        write(settings.data, Note(place.name, found.commit))
    except Conflict:
        write(settings.data, replace(read(settings.data), doing=None))
        raise NotTaken(
            f"commit {name} is not taken yet: the rules are being changed here just now; it is tried again",
            f"Commit {name} ist noch nicht übernommen: Die Regeln werden hier gerade geändert; es wird wieder versucht",
        ) from None
    except NoRules as error:
        raise NotTaken(
            f"commit {name} is not taken, the old rules run on: {error}",
            f"Commit {name} wird nicht übernommen, die alten Regeln laufen weiter: {error}",
        ) from None
    except KeyError as error:
        raise NotTaken(
            f"commit {name} is not taken, the old rules run on: no rule file can have the name {error.args[0]} here",
            f"Commit {name} wird nicht übernommen, die alten Regeln laufen weiter: {error.args[0]} kann hier keine "
            "Regeldatei heißen",
        ) from None


def _wrong(name: str, findings: tuple[Finding, ...], language: str) -> str:
    errors = [one for one in findings if one.is_error]
    first = errors[0]
    said = f"{Path(first.span.file).name}:{first.span.line}: {first.code} {first.texts(language).title}"
    more = len(errors) - 1
    if language == "de":
        also = f" (und {more} weitere)" if more else ""
        return f"Commit {name} hat Fehler und wird nicht übernommen, die alten Regeln laufen weiter: {said}{also}"
    also = f" (and {more} more)" if more else ""
    return f"commit {name} has errors and is not taken, the old rules run on: {said}{also}"


def _files(settings: Settings) -> RuleFiles:
    return RuleFiles(RuleBook(settings.rules_path, settings.own_folders), settings.data)


def _note(data: Path, note: Note) -> None:
    """Only what is news is written: a look every few minutes wears no disk."""
    if note != read(data):
        write(data, note)
