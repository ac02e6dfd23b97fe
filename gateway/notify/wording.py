"""The words of a notice, for people: a title, facts in their order, where to look. Plain ASCII, whatever is in it.

Text that others have written passes `plain` here, so that nothing in it is a control character, a line break, or
something else than it seems. What a medium would act upon beyond that is escaped by the module of the medium.
"""

from dataclasses import dataclass

from gateway.core.notices import (
    BREAK_GLASS,
    DECIDED,
    EXPIRED,
    OPENED,
    REVIEW_OPEN,
    REVIEW_SIGNED,
    REVOKED,
    TEST,
    WITHDRAWN,
    Notice,
)
from gateway.core.plain import plain

_LONGEST = 120
_LONGEST_TEXT = 600


@dataclass(frozen=True, slots=True)
class Said:
    """A notice in words."""

    title: str
    facts: tuple[tuple[str, str], ...]
    look: str
    """A command line that shows more; empty where there is nothing."""

    def lines(self) -> list[str]:
        """All of it, for whatever shows plain text."""
        width = max((len(label) for label, _ in self.facts), default=0)
        lines = [self.title, "", *(f"{label:<{width}}  {value}" for label, value in self.facts)]
        return [*lines, "", f"Look at it: {self.look}"] if self.look else lines


def said(notice: Notice) -> Said:
    """The words."""
    return Said(_title(notice), tuple(_facts(notice)), _look(notice))


def _title(notice: Notice) -> str:
    request, target = short(notice.request), short(notice.target)
    by = f" by {short(notice.by)}" if notice.by else ""
    match notice.event:
        case event if event == OPENED:
            return f"{request} waits for approval: {short(notice.verb)} on {target}"
        case event if event == DECIDED:
            return f"{request} is {short(notice.state)}{by}"
        case event if event == EXPIRED:
            return f"{request} expired: nobody decided in time"
        case event if event == WITHDRAWN:
            return f"{request} was withdrawn"
        case event if event == REVOKED:
            return f"{request} was revoked{by}"
        case event if event in (BREAK_GLASS, REVIEW_OPEN):
            return f"CRITICAL: the glass of {request} on {target} was broken, and a review is open"
        case event if event == REVIEW_SIGNED:
            return f"the review of {request} is signed{by}: {short(notice.state)}"
        case event if event == TEST:
            return f"a test: {short(notice.gateway)} can send notices here"
        case _:
            return f"alert on {target}: {short(notice.rule)}"


def _facts(notice: Notice) -> list[tuple[str, str]]:
    found = [
        ("who", short(notice.person)),
        ("target", short(notice.target)),
        ("what", " ".join(filter(None, (short(notice.kind), short(notice.verb))))),
        ("rule", short(notice.rule)),
        ("risk", short(notice.risk)),
        ("until", short(notice.expires_at)),
        ("session", short(notice.session)),
        ("reason", plain(notice.reason, _LONGEST_TEXT)),
        ("statement", plain(notice.statement, _LONGEST_TEXT)),
        ("they said", plain(notice.word, _LONGEST_TEXT)),
        ("gateway", short(notice.gateway)),
    ]
    return [(label, value) for label, value in found if value]


def _look(notice: Notice) -> str:
    if notice.request:
        return f"hoop-tui review show {short(notice.request)}"
    return f"hoop-tui sessions show {short(notice.session)}" if notice.session else ""


def short(text: str) -> str:
    """A name, an id or a word."""
    return plain(text, _LONGEST)
