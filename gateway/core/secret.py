"""A value that does not show itself: not in a repr, a log line, a traceback or a format string."""

from typing import Final


class Secret:
    """Wraps bytes. `expose()` is the one way to the value, easy to find in a review."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes | str) -> None:
        self._value: Final = value.encode() if isinstance(value, str) else bytes(value)

    def expose(self) -> bytes:
        """The value itself. Call it at the last moment, and keep no copy."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        import hmac

        return isinstance(other, Secret) and hmac.compare_digest(self._value, other._value)

    __hash__ = None  # type: ignore[assignment]  # a dict keyed by secrets would keep them alive

    def __reduce__(self) -> str:
        raise TypeError("a Secret is never pickled")
