"""Slack's incoming webhooks, and what understands the same (Mattermost, Rocket.Chat).

What others have written stands only in text objects of the type `plain_text`, where nothing is a link, a mention or
bold, and is escaped besides. The line for pop-ups and for programs that know no blocks, which is read as markup, has
nothing in it but the gateway's own words and ids. Such a message can not be changed later: what becomes of a request
is another message with its id.
"""

import json
import re
from typing import Any, Final

from gateway.core.notices import Notice
from gateway.notify.http import Poster
from gateway.notify.wording import said

_MOST_FACTS: Final = 10
_ID: Final = re.compile(r"[^A-Za-z0-9._-]")


class Slack:
    """One channel, by its address."""

    kind = "slack"

    def __init__(self, poster: Poster) -> None:
        self._poster = poster

    async def send(self, notice: Notice) -> str:
        """Post it."""
        return await self._poster.post(json.dumps(message(notice)).encode(), {})

    async def close(self) -> None:
        """Close its connections."""
        await self._poster.close()


def message(notice: Notice) -> dict[str, Any]:
    """The body."""
    words = said(notice)
    facts = [f"{label}: {value}" for label, value in words.facts]
    few = [each for each in facts if len(each) <= 200][:_MOST_FACTS]
    long = [each for each in facts if each not in few]
    blocks: list[dict[str, Any]] = [{"type": "section", "text": _text(words.title)}]
    if few:
        blocks.append({"type": "section", "fields": [_text(each) for each in few]})
    blocks += [{"type": "section", "text": _text(each)} for each in long]
    if words.look:
        blocks.append({"type": "section", "text": _text(words.look)})
    return {"text": summary(notice), "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def summary(notice: Notice) -> str:
    """The event and the request's id, and of those only what ids are made of."""
    parts = ("hoop:", *(_ID.sub("", each)[:40] for each in (notice.event, notice.request, notice.risk)))
    return " ".join(filter(None, parts))


def _text(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": escaped(text), "emoji": False}


def escaped(text: str) -> str:
    """Without anything that Slack's markup begins with."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
