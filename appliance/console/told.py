"""How facts are told on pages and in live events: moments, names, numbers, and how an outbox fares. Pure.

What a page's script puts into place is made here too, in every language, so that no script has to make sentences.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import quote

from appliance.console.facts.outboxes import OutboxLine
from appliance.console.reasons import german
from appliance.console.words import LANGUAGES, say

KIND_WORDS = {
    "dicom": "DICOM node",
    "https": "HTTPS",
    "http": "HTTP",
    "dicomweb": "DICOMweb",
    "folder": "folder",
    "sftp": "SFTP",
    "s3": "S3 bucket",
    "webhook": "webhook",
    "store": "archive",
    "mail": "mail",
    "notify": "reports to a webhook",
    "review": "on the way to a review",
    "collect": "collects whole studies",
    "": "unknown",
}
STATE_WORDS = {
    "sending": "is being sent",
    "waiting": "waits",
    "retrying": "is tried again",
    "gated": "waits for others",
    "unconfirmed": "waits for confirmation",
}
_AGO_WORDS = (
    (3600, 60, "a minute ago", "{count} minutes ago"),
    (86400, 3600, "an hour ago", "{count} hours ago"),
    (7 * 86400, 86400, "a day ago", "{count} days ago"),
)
"""Below so many seconds, by this unit."""
RECENT = 5
"""Minutes that the speed is taken from."""

BOX_WORDS = {
    "archive.store": "archive",
    "store": "archive {name}",
    "mail": "mail to {name}",
    "notify": "reports to {name}",
    "review": "on the way to a review",
    "study.collect": "collected studies",
    "collect": "collected: {name}",
}


def kind_words(language: str, kind: str) -> str:
    """What kind of destination it is."""
    return say(language, KIND_WORDS.get(kind, kind))


def moment(language: str, at: float | str, now: float | None = None) -> str:
    """By this machine's clock, without the day where that is today: seconds since 1970, or ISO 8601. Empty for none."""
    if not at:
        return ""
    then = (datetime.fromtimestamp(at) if isinstance(at, int | float) else datetime.fromisoformat(at)).astimezone()
    today = datetime.fromtimestamp(time.time() if now is None else now).date()
    day = "" if then.date() == today else then.strftime("%d.%m.%Y " if language == "de" else "%Y-%m-%d ")
    return f"{day}{then:%H:%M}"


def second(language: str, at: str, since: str = "") -> str:
    """A moment (ISO 8601) to the second, by this machine's clock; without the day where it is that of `since`, too."""
    if not at:
        return ""
    then = datetime.fromisoformat(at).astimezone()
    same = since and datetime.fromisoformat(since).astimezone().date() == then.date()
    return ("" if same else then.strftime("%d.%m.%Y " if language == "de" else "%Y-%m-%d ")) + f"{then:%H:%M:%S}"


def exact(language: str, at: float | str) -> str:
    """A moment with its day, also where that is today. Empty for none."""
    return moment(language, at, 0.0)


def ago(language: str, at: float | str, now: float) -> str:
    """How long ago, as people say it; of what is longer ago than a week, the day. Empty for none."""
    if not at:
        return ""
    then = at if isinstance(at, int | float) else datetime.fromisoformat(at).timestamp()
    seconds = max(0.0, now - then)
    if seconds < 60:
        return say(language, "just now")
    for most, unit, one, many in _AGO_WORDS:
        if seconds < most:
            passed = int(seconds // unit)
            return say(language, one) if passed == 1 else say(language, many, count=passed)
    return moment(language, at, now)


def person(name: str) -> str:
    """A person name (PS3.5 section 6.2.1) as people write it."""
    return name.partition("=")[0].replace("^", ", ", 1).replace("^", " ").strip(" ,")


def day(language: str, date: str) -> str:
    """A date of DICOM (DA, PS3.5 section 6.2) as people write it; anything else as it is."""
    plain = date.replace(".", "")  # as ACR-NEMA wrote it
    if len(plain) != 8 or not plain.isdecimal():
        return date
    year, month, of_month = plain[:4], plain[4:6], plain[6:]
    return f"{of_month}.{month}.{year}" if language == "de" else f"{year}-{month}-{of_month}"


def reason(language: str, why: str) -> str:
    """A reason of the engine in this language, as far as we have words for it."""
    return (german(why) if language == "de" else "") or why


def tongue(language: str, why: str) -> str:
    """The language in which `reason` says it."""
    return language if language == "en" or german(why) else "en"


def count(language: str, number: float) -> str:
    """A whole number with its thousands apart."""
    text = f"{number:,.0f}"
    return text.replace(",", ".") if language == "de" else text


def size(language: str, octets: int) -> str:
    """In the unit that suits it."""
    value, unit = float(octets), "B"
    for larger in ("kB", "MB", "GB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    text = f"{value:.1f}" if unit != "B" and value < 100 else f"{value:.0f}"
    return f"{text.replace('.', ',') if language == 'de' else text} {unit}"


def speed(minutes: Sequence[int], now: float) -> float:
    """Images a minute of late; the last of these minutes has begun only. 0 where none went."""
    late = list(minutes[-RECENT:])
    while late and not late[0]:
        late.pop(0)
    if not late:
        return 0.0
    return sum(late) / (len(late) - 1 + max(now % 60 / 60, 1 / 6))


def box_words(language: str, name: str, kind: str) -> str:
    """What an outbox is called: a destination by its name, others by what they do."""
    words = BOX_WORDS.get(name) or BOX_WORDS.get(kind)
    return name if words is None else say(language, words, name=name.rpartition(".")[0])


def box_title(language: str, name: str, kind: str) -> str:
    """The same where it stands alone. A destination keeps its name as it is written."""
    words = box_words(language, name, kind)
    return words if words == name else words[:1].upper() + words[1:]


def outbox_path(name: str) -> str:
    """The address of the page of what waits there."""
    return f"/outbox/{quote(name, safe='')}"


def owed(line: OutboxLine) -> int:
    """How many are still to be sent."""
    return sum(line.counts.get(state, 0) for state in ("sending", "waiting", "retrying", "gated"))


def fares(line: OutboxLine, language: str, running: bool, now: float, relay: bool = True) -> dict[str, object]:
    """An outbox for a page: texts by the place where they go; `badge` how its state looks, `paused` and `again` what
    can be done, `most` and `value` for its bar. relay: whether mail can go anywhere."""
    left, rate = owed(line), speed(line.rate.minutes, now)
    badge, state, note = _state(line, language, running)
    if line.kind == "mail" and not relay and not note:
        note = say(language, "No mail relay is set, so reports wait here: set mail_host.")
    goes_on = running and not line.paused_since and not line.paused_until and rate > 0
    texts = {name: count(language, number) for name, number in line.counts.items()}
    return {
        **texts,
        "done": count(language, line.done_today),
        "badge": badge,
        "state": state,
        "note": note,
        "why": reason(language, line.why) if line.why and line.why not in line.trouble else "",
        "speed": say(language, "{count} a minute", count=_rate(language, rate)) if rate else "–",
        "left": _left(language, left / rate) if goes_on and left else "",
        "oldest": moment(language, line.oldest, now),
        "last": moment(language, line.last, now) or "–",
        "failed": moment(language, line.failed, now) or "–",
        "paused": bool(line.paused_since),
        "again": bool(line.counts.get("retrying") or line.paused_until) and not line.paused_since,
        "most": left + line.done_today,
        "value": line.done_today,
        "busy": left > 0 and (rate > 0 or line.done_today > 0),
    }


def live(lines: Sequence[OutboxLine], running: bool, now: float, relay: bool = True) -> Mapping[str, object]:
    """Every outbox for the pages that are open, in each language; with their rates."""
    return {
        "minute": int(now // 60),
        "outboxes": [
            {
                "name": line.name,
                "minutes": list(line.rate.minutes),
                **{language: fares(line, language, running, now, relay) for language in LANGUAGES},
            }
            for line in lines
        ],
    }


def _state(line: OutboxLine, language: str, running: bool) -> tuple[str, str, str]:
    """How it looks, in a word or two, and in a sentence."""
    if line.paused_since:
        facts = {"who": line.paused_by or "–", "time": moment(language, line.paused_since)}
        note = say(language, "{who} has paused it at {time}. What waits stays here until it is resumed.", **facts)
        return "warn", say(language, "paused"), note
    if not running:
        return "warn", say(language, "stands still"), ""
    if line.trouble:
        return "bad", say(language, "in trouble"), reason(language, line.trouble)
    if line.paused_until:
        at = _second(line.paused_until)
        note = say(language, "It takes nothing at the moment. The next try is at {time}.", time=at)
        return "bad", say(language, "does not answer"), note
    if not line.declared:
        note = say(language, "No rule names it any more. Take back what waits here; then decide in the hold.")
        return "warn", say(language, "without a rule"), note if owed(line) else ""
    if line.counts.get("sending") or line.in_hand:
        return "good", say(language, "is sending"), ""
    if line.counts.get("retrying"):
        return "warn", say(language, "tries again"), ""
    return ("", say(language, "is waiting"), "") if owed(line) else ("good", say(language, "nothing to do"), "")


def _second(at: str) -> str:
    return f"{datetime.fromisoformat(at).astimezone():%H:%M:%S}"


def _rate(language: str, rate: float) -> str:
    if rate >= 10:
        return count(language, rate)
    return f"{rate:.1f}".replace(".", "," if language == "de" else ".")


def _left(language: str, minutes: float) -> str:
    if minutes < 1:
        return say(language, "less than a minute left")
    if minutes < 90:
        return say(language, "about {count} minutes left", count=max(2, round(minutes)))
    return say(language, "about {count} hours left", count=round(minutes / 60))
