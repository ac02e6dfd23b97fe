"""What a rule wants to hear from whoever asks, before other people are asked: a reason, a ticket.

An adapter whose client can be asked, or has said it beforehand, passes the gate a notice that is `Answering` as well.
Without that, people answer by `hoop-tui request reply`. How a question looks in a client is the adapter's business.
"""

from collections.abc import Awaitable, Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from gateway.core.plain import plain, sentence
from gateway.session.remarks import MOST_LETTERS

LAST_SHOWN = 32
"""Letters of the last answer that stand in a question."""


@runtime_checkable
class Answering(Protocol):
    """A `Notice` that can also answer."""

    async def __call__(self, text: str) -> None:
        """Say something to the person."""
        ...

    async def answers(self, required: AbstractSet[str]) -> Mapping[str, str]:
        """What is known of `required` (`reason`, `ticket`), asking the person where they can be asked. Called before
        there is a request, each time that one is about to be opened. Whatever is missing is asked for later. Where
        it is cancelled or raises `Denied` there is no request."""
        ...


@dataclass(frozen=True, slots=True)
class Dialogue:
    """Both halves of it, made of two functions."""

    say: Callable[[str], Awaitable[None]]
    answer: Callable[[AbstractSet[str]], Awaitable[Mapping[str, str]]]
    changed: Callable[[], Awaitable[str]] | None = None
    """What of the operation is not as people were shown it: one clause, or nothing. Asked once it is approved, before
    it is let go."""

    async def __call__(self, text: str) -> None:
        await self.say(text)

    async def answers(self, required: AbstractSet[str]) -> Mapping[str, str]:
        return await self.answer(required)


def question(name: str, last: str = "") -> str:
    """What somebody at a terminal reads, with what they said the last time."""
    asks = "reason (why do you need this?)" if name == "reason" else name
    return sentence(f"{asks} [{plain(last, LAST_SHOWN)}]" if last else asks) + ": "


async def given(notice: object, required: AbstractSet[str]) -> dict[str, str]:
    """The answers that come along with a request."""
    if not required or not isinstance(notice, Answering):
        return {}
    said = await notice.answers(required)
    texts = {name: said[name].strip() for name in sorted(required) if name in said}
    return {name: text for name, text in texts.items() if 0 < len(text) <= MOST_LETTERS}


async def why_changed(notice: object) -> str:
    """Why what was approved may not be let go after all: one clause, or nothing."""
    if not isinstance(notice, Dialogue) or notice.changed is None:
        return ""
    return await notice.changed()
