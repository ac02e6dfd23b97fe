"""A sentence to a person whose client can show more than one line: what stands alone, the details, what they can do.

It is the sentence for whoever shows one line only, and an ordinary text for everybody who only passes it on.
"""

from typing import Literal, Self

Kind = Literal["", "held", "waiting", "approved"]
"""`waiting`: said again, or of somebody who looks at it."""


class Said(str):
    """Made harmless already, all of it."""

    __slots__ = ("detail", "hint", "kind", "missing", "primary")

    kind: Kind
    primary: str
    """The sentence where `detail` and `hint` are shown as well."""
    detail: str
    hint: str
    missing: tuple[str, ...]
    """What the person has to give before anybody can grant it: `reason`, `ticket`."""

    def __new__(
        cls,
        sentence: str,
        kind: Kind = "",
        *,
        primary: str = "",
        detail: str = "",
        hint: str = "",
        missing: tuple[str, ...] = (),
    ) -> Self:
        said = super().__new__(cls, sentence)
        said.kind = kind
        said.primary = primary or sentence
        said.detail = detail
        said.hint = hint
        said.missing = missing
        return said
