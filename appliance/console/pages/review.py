"""Review: what was cleaned and waits for a person, by device; one image before and after, approved or rejected."""

import re
from typing import Any
from urllib.parse import urlencode

from appliance.console import review_told, told
from appliance.console.facts.house import NoSpool
from appliance.console.facts.reviews import Device, Groups
from appliance.console.handler import PageHandler
from appliance.console.hands import Hands
from appliance.console.lightbox import in_words
from appliance.console.page import page
from appliance.console.roles import Role
from appliance.console.rulework import BECAME_WORDS
from appliance.console.words import Refusal
from engine.text.installed import missing

FEW, MOST = 6, 20
"""Images of each device that are shown where all devices are, and devices."""

DOES = {"approve": "review-approved", "reject": "review-rejected", "again": "review-again"}


@page("/review", title="Review", template="review.html", place="Review")
class ReviewPage(PageHandler):
    """All devices with a few of their images each, or all images of one."""

    async def facts(self, *groups: str) -> dict[str, Any]:
        """What waits."""
        reviews = self.context.reviews
        chosen, after = self.get_query_argument("device", ""), self.get_query_argument("after", "")[:80]
        if not re.fullmatch(r"[0-9a-f]{16}", chosen):
            chosen = ""
        try:
            found, lines = await self.aside(lambda: reviews.overview(chosen, after, FEW, MOST))
        except NoSpool:
            found, lines = Groups((), 0, 0), {}
        some = [one for one in found.groups if chosen in ("", one.device.key)]
        page_of = lines.get(chosen)
        more = urlencode({"device": chosen, "after": page_of.next}) if page_of and page_of.next else ""
        return {
            "told": told,
            "review_told": review_told,
            "found": found,
            "groups": some[:MOST],
            "others": len(some[MOST:]),
            "lines": lines,
            "chosen": chosen,
            "after": after,
            "more": more,
        }


@page(r"/review/([0-9A-Za-z-]{1,80})", title="An image in the review", template="review_image.html", under="Review")
class ReviewImage(PageHandler):
    """One image: before and after at full size, and what becomes of it."""

    async def facts(self, *groups: str) -> dict[str, Any]:
        """All of it; nothing where it is not held any more."""
        assert self.who is not None
        number = groups[0]
        try:
            with in_words(self.language):
                image = await self.aside(lambda: self.context.lightbox.look().image(number))
        except Refusal as refusal:
            if refusal.status != 404:
                raise
            self.set_status(404)
            return {"image": None}
        following, count = await self.aside(lambda: self.context.reviews.next(number)) if image.waits else ("", 0)
        device = Device("", image.manufacturer, image.model, image.columns, image.rows)
        return {
            "told": told,
            "review_told": review_told,
            "image": image,
            "device": device,
            "following": following,
            "count": count,
            "may": self.who.role >= Role.OPERATOR,
            "finds_text": not missing(),
            "became": {name: words for name, words in BECAME_WORDS.items() if name != "errors"},
        }

    def show(self, *, status: int = 200, template: str = "", title: str = "", **facts: Any) -> None:
        """With the status for what is not there."""
        super().show(status=404 if facts.get("image", "") is None else status, template=template, title=title, **facts)

    async def act(self, *groups: str) -> str | None:
        """Approve, reject, or clean anew; then the next one."""
        assert self.who is not None
        who, address, number, do = self.who, self.address, groups[0], self.field("do")
        if do not in DOES or who.role < Role.OPERATOR:
            raise Refusal(403, "Your role does not allow this.")
        why = self.field("why", 500)
        hands = Hands(
            self.context, lambda did, *on, detail="": self.context.audit.note(who.name, did, on, address, detail)
        )
        following, _ = await self.aside(lambda: self.context.reviews.next(number))
        if do == "approve":
            done = await self.aside(lambda: hands.approve([number], who.name))
        elif do == "reject":
            done = await self.aside(lambda: hands.reject([number], why, who.name))
        else:
            done = await self.aside(lambda: hands.review_again([number], who.name))
        if done.missing:
            raise Refusal(404, "It does not wait for a review any more.")
        for sentence, kind in done.sentences(DOES[do]):
            self.tell(sentence, kind)
        return f"/review/{following}" if following else "/review"
