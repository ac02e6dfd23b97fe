"""What is given to commands in words - how long, and why - and times as they print them."""

from datetime import UTC, datetime

from gateway.cli.exits import BadUsage

LONGEST_NOTE = 200


def moment(at: datetime | None) -> str:
    """In UTC, to the second; empty where there is none."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ") if at else ""


def end_after(expires: str, now: datetime) -> datetime | None:
    """When something ends that is made now with `--expires`. None: never."""
    from gateway.app.config_values import read_duration

    if expires == "never":
        return None
    try:
        length = read_duration(expires)
        if not length:
            raise ValueError("must be longer than nothing")
        return now + length
    except (ValueError, OverflowError) as problem:
        sentence = str(problem) if isinstance(problem, ValueError) else "is too far away"
        raise BadUsage(f"--expires: {sentence}") from None


def note(text: str, option: str) -> str:
    """A remark that is kept: one line. Raises `BadUsage`."""
    if len(text) > LONGEST_NOTE or not text.isprintable():
        raise BadUsage(f"{option}: must be one line of at most {LONGEST_NOTE} characters")
    return text.strip()
