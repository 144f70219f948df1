"""Operations on rules that are on trial, and on those that are watched after they were activated."""

from appliance.console.api import Call, operation
from appliance.console.facts.plain import plain
from appliance.console.operations.rules import ACTIVATED, DIGEST, FILES, FOUND, WHY
from appliance.console.probation import LONGEST as WATCHED
from appliance.console.probation import OUTCOMES
from appliance.console.roles import Role
from appliance.console.schema import array, boolean, choice, integer, nullable, record, table, text
from appliance.console.shadow import LEAST, LONGEST, THEN
from appliance.console.trialwork import Trialwork

_LONG = 20_000
_GROUP = record(
    {
        "way": text(),
        "lost": array(text(5000)),
        "won": array(text(5000)),
        "count": integer(),
        "objects": array(text()),
        "seen": boolean("Known since the trial began"),
    }
)
_TRIAL = nullable(
    record(
        {
            "id": text(),
            "state": choice("running", "asking", "switching", "over"),
            "outcome": choice("", "switched", "cancelled", "conflict", "errors"),
            "by": text(),
            "why": text(2000),
            "begun": text(),
            "until": text(),
            "left": integer(summary="Seconds"),
            "minutes": integer(),
            "then": choice(*THEN),
            "watch": integer(summary="Minutes for which the rules are watched once they were activated"),
            "version": integer(),
            "judged": integer(summary="Objects of which it is known"),
            "differ": integer(summary="How many of them would fare otherwise"),
            "gone": integer(summary="Objects that had gone before they could be judged"),
            "tests": integer(summary="Tests in these rules, all of which passed"),
            "groups": array(_GROUP, 1000),
            "words": array(text(_LONG)),
        }
    )
)
_WATCH = nullable(
    record(
        {
            "id": text(),
            "state": choice("switching", "watching", "back", "over"),
            "outcome": choice("", *OUTCOMES),
            "by": text(),
            "begun": text(),
            "minutes": integer(),
            "left": integer(summary="Minutes"),
            "version": integer(),
            "received": integer(summary="Objects that these rules took in"),
            "held": integer(summary="Those of them that a failure holds"),
            "before_received": integer(),
            "before_held": integer(),
            "moved": integer(summary="Objects that waited for what only these rules know, and are held now"),
            "words": array(text(_LONG)),
        }
    )
)
_STANDING = record({"trial": _TRIAL, "watch": _WATCH})
_BEGIN = record(
    {
        "files": FILES,
        "digest": DIGEST,
        "minutes": integer(LEAST, LONGEST),
        "then": choice(*THEN),
        "watch": integer(0, WATCHED, "Minutes for which they are watched once they were activated; 0: not at all"),
        "why": WHY,
    }
)


def _work(call: Call) -> Trialwork:
    return Trialwork(call.context, call.language)


@operation(
    "GET",
    "/rules/trial",
    summary="Rules on trial, and those that are watched after their activation",
    least=Role.VIEWER,
    answer=_STANDING,
)
def rules_trial(call: Call) -> object:
    """Each null where there is none."""
    return {"trial": plain(_work(call).trial()), "watch": plain(_work(call).watch())}


@operation(
    "POST",
    "/rules/trial",
    summary="Try rules for some time, beside those that run",
    least=Role.ADMIN,
    body=_BEGIN,
    answer=record({"begun": boolean(), "findings": array(FOUND)}),
)
def try_rules(call: Call) -> object:
    """They do not begin where they have errors. 409 where somebody else has changed the rules meanwhile."""
    body = call.body
    chosen = body["minutes"], body["then"], body["watch"]
    found = _work(call).begin(body["files"], body["digest"], *chosen, call.who.name, body["why"])
    begun = all(one.severity != "error" for one in found)
    if begun:
        call.note("rules-trial", detail=f"{body['minutes']} minutes, {body['then']}")
    return {"begun": begun, "findings": plain(found)}


@operation("POST", "/rules/trial/cancel", summary="End the trial; the old rules run on", least=Role.ADMIN)
def cancel_trial(call: Call) -> object:
    """409 where none runs."""
    _work(call).cancel()
    call.note("rules-trial-ended", detail="cancelled")
    return {}


@operation(
    "POST",
    "/rules/trial/switch",
    summary="Activate the rules that are on trial, now",
    least=Role.ADMIN,
    answer=ACTIVATED,
)
def switch_to_trial(call: Call) -> object:
    """As activate-rules."""
    return plain(_work(call).switch(call.who.name))


@operation("POST", "/rules/trial/seen", summary="What became of the trial has been seen", least=Role.ADMIN)
def forget_trial(call: Call) -> object:
    """It is shown no longer."""
    _work(call).forget_trial()
    call.note("rules-seen", detail="trial")
    return {}


@operation("POST", "/rules/watch/end", summary="Watch the new rules no longer", least=Role.ADMIN)
def end_watch(call: Call) -> object:
    """They stay. 409 where none are watched."""
    _work(call).end_watch()
    call.note("rules-watch-ended")
    return {}


@operation("POST", "/rules/watch/seen", summary="What became of the new rules has been seen", least=Role.ADMIN)
def forget_watch(call: Call) -> object:
    """It is shown no longer, and is no trouble any more."""
    _work(call).forget_watch()
    call.note("rules-seen", detail="watch")
    return {}


@operation(
    "POST",
    "/rules/watch/again",
    summary="Send through the rules again what withdrawn ones have taken in and a failure holds",
    least=Role.ADMIN,
    answer=record({"done": integer(), "left": integer(), "unfit": table(text(_LONG), "Why it could not be, by id")}),
)
def send_again(call: Call) -> object:
    """So many as can be in 20 seconds; `left` says how many are not done."""
    done = _work(call).again()
    call.note("rules-again", detail=f"{done.done} images")
    return plain(done)
