"""A program that is told by a signed POST of JSON. Values are exact: what they mean to a screen is its business."""

import json
from collections.abc import Sequence
from typing import Final

from gateway.core.notices import Notice
from gateway.core.ports import Clock
from gateway.notify.http import Poster
from gateway.notify.receiver import Fetch, NotTaken
from gateway.notify.signing import SHORTEST, signed
from gateway.notify.wording import said

FORMAT: Final = 1


class Webhook:
    """`secrets`: the one in force, and while it is being changed the one from before."""

    kind = "webhook"

    def __init__(self, poster: Poster, secrets: Sequence[Fetch], clock: Clock) -> None:
        self._poster = poster
        self._secrets = secrets
        self._clock = clock

    async def send(self, notice: Notice) -> str:
        """The signature is made for this attempt: its time is now."""
        secrets = [await fetch() for fetch in self._secrets]
        if any(len(secret.expose()) < SHORTEST for secret in secrets):
            raise NotTaken(f"what secret points at is shorter than {SHORTEST} bytes")
        body = payload(notice)
        headers = signed(body, int(self._clock.now().timestamp()), secrets)
        return await self._poster.post(body, {**headers, "Hoop-Notice": said_id(notice)})

    async def close(self) -> None:
        """Close its connections."""
        await self._poster.close()


def payload(notice: Notice) -> bytes:
    """JSON in ASCII. Fields that are empty are there, too."""
    body = {"format": FORMAT, **notice.as_mapping(), "title": said(notice).title, "look": said(notice).look}
    exact = {name: _whole(value) if isinstance(value, str) else value for name, value in body.items()}
    return json.dumps(exact, ensure_ascii=True, separators=(",", ":")).encode()


def _whole(text: str) -> str:
    """Half a character, from bytes that are no text, is not JSON to everybody."""
    return text.encode("utf-8", "replace").decode()


def said_id(notice: Notice) -> str:
    """The id as a header can hold it. Ours always can."""
    return "".join(
        letter for letter in notice.id if letter.isascii() and (letter.isalnum() or letter in "-_.")
    )
