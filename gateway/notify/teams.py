"""Microsoft Teams: an Adaptive Card to a workflow that takes webhooks.

What others have written stands in text runs, which know no markdown, no HTML and no mentions, so that there is
nothing to be escaped. The card has no actions. It can not be changed later: what becomes of a request is another
card.
"""

import json
from typing import Any

from gateway.core.notices import Notice
from gateway.notify.http import Poster
from gateway.notify.wording import said


class Teams:
    """One channel or chat, by its address."""

    kind = "teams"

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
    body = [_line(_run(words.title, weight="Bolder"))]
    body += [_line(_run(f"{label}: ", isSubtle=True), _run(value)) for label, value in words.facts]
    if words.look:
        body.append(_line(_run(words.look, fontType="Monospace")))
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "contentUrl": None, "content": card}]}


def _line(*runs: dict[str, Any]) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": list(runs)}


def _run(text: str, **look: object) -> dict[str, Any]:
    return {"type": "TextRun", "text": text, **look}
