"""What a rule wants to hear from whoever asks, before other people are asked: a reason, a ticket.

An adapter whose client can be asked, or has said it beforehand, passes the gate a notice that is `Answering` as well.
Without that, people answer by `hoop-tui request reply`. How a question looks in a client is the adapter's business.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Protocol, runtime_checkable

from gateway.session.remarks import MOST_LETTERS


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


async def given(notice: object, required: AbstractSet[str]) -> dict[str, str]:
    """The answers that come along with a request."""
    if not required or not isinstance(notice, Answering):
        return {}
    said = await notice.answers(required)
    texts = {name: said[name].strip() for name in sorted(required) if name in said}
    return {name: text for name, text in texts.items() if 0 < len(text) <= MOST_LETTERS}
