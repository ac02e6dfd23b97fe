"""What somebody asks for in a start-up packet: a target, perhaps an account, settings. Whether they may have the
settings is decided here; the target is the Lobby's business.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.adapters.postgres import in_band
from gateway.adapters.postgres.greeting.options import read_options
from gateway.adapters.postgres.greeting.turned_away import (
    BROKEN_PROTOCOL,
    NO_SUCH_DATABASE,
    NOT_ALLOWED,
    NOT_OFFERED,
    TurnedAway,
)
from gateway.core.people import Target
from gateway.core.plain import plain

OURS = "hoop."
"""What the names of the gateway's own settings begin with; the server never sees them."""
TARGET = "hoop.target"
SIGN_IN = "hoop.sign_in"
BY_OAUTH = "oauth"
"""A `user` of this name asks for OAuth, as the setting does."""

WHO_OR_WHAT = frozenset(
    {
        "role",
        "session_authorization",
        "is_superuser",
        "session_replication_role",
        "session_preload_libraries",
        "local_preload_libraries",
        "shared_preload_libraries",
        "dynamic_library_path",
        "backslash_quote",
    }
)
"""Settings that change who somebody is, or what statements do or mean. Nobody starts with them."""

ALWAYS = frozenset(
    {"application_name", "client_encoding", "datestyle", "timezone", "intervalstyle", "extra_float_digits"}
)
"""What clients send by themselves: a target's `options` need not name them."""

UNSAFE_ENCODINGS = frozenset(
    {"sjis", "shiftjis", "mskanji", "win932", "windows932", "shiftjis2004", "big5", "win950", "windows950"}
    | {"gbk", "win936", "windows936", "uhc", "win949", "windows949", "gb18030", "johab"}
)
"""In these a character may hold the byte of a backslash or quote: what the gateway reads is not what is run."""

_OFF = frozenset({"", "0", "off", "no", "false", "f", "n"})
_ON = frozenset({"1", "on", "yes", "true", "t", "y"})


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a start-up packet says."""

    user: str
    database: str
    """What they gave as the database; empty where they gave none."""
    target: str
    """The target that they name in so many words; empty where they did not."""
    settings: dict[str, str]
    by_oauth: bool = False
    in_band: dict[str, str] = field(default_factory=dict)
    """What they say about their requests."""

    @property
    def wanted(self) -> str:
        """The name of the target: without one, that of the database is it, which without one is the user's."""
        return self.target or self.database or self.user


def read_wishes(parameters: Iterable[tuple[str, str]]) -> Wishes:
    """Raises `TurnedAway` for what nobody may ask for."""
    special: dict[str, str] = {}
    settings: dict[str, tuple[str, str]] = {}
    given: list[tuple[str, str]] = []
    for name, value in parameters:
        if name in ("user", "database", "options", "replication"):
            special[name] = value
        elif name.lower() == "target":
            special["target"] = value
        else:
            given.append((name, value))
    # What stands in `options` counts less than what stands for itself, as in PostgreSQL.
    for name, value in [*read_options(special.get("options", "")), *given]:
        settings[name.lower()] = (name, value)
    _check_replication(special.get("replication", ""))
    named = {
        name: value for name, value in (settings.pop(each, ("", "")) for each in (TARGET, SIGN_IN)) if name
    }
    ours = {name.lower(): value for name, value in named.items()}
    said = {name: settings.pop(name)[1] for name in sorted(in_band.NAMES & settings.keys())}
    if why := in_band.why_not(said.items()):
        raise TurnedAway(NOT_ALLOWED, why)
    for low, (_, value) in settings.items():
        _check(low, value)
    user, target = special.get("user", ""), special.get("target", "")
    if target and ours.get(TARGET, target) != target:
        raise TurnedAway(BROKEN_PROTOCOL, "two targets are named, and they are not the same")
    asked = ours.get(SIGN_IN, "")
    if asked not in ("", BY_OAUTH, "password"):
        raise TurnedAway(NOT_ALLOWED, f"{SIGN_IN} is {BY_OAUTH} or password")
    return Wishes(
        user,
        special.get("database", ""),
        target or ours.get(TARGET, ""),
        dict(settings.values()),
        asked == BY_OAUTH or (user == BY_OAUTH and not asked),
        said,
    )


def check_for(wishes: Wishes, target: Target) -> None:
    """Is all of it offered on this target? Raises `TurnedAway`."""
    own = target.options.get("options")
    if own is not None:
        allowed = ALWAYS | {name.lower() for name in own}
        for name in wishes.settings:
            if name.lower() not in allowed:
                raise _not_offered(name, f"on {target.name}")
    if wishes.database and wishes.wanted != wishes.database:
        check_database(wishes, target)


def check_database(wishes: Wishes, target: Target) -> None:
    """They named a database besides a target: is it the one that is there? A name that repeats the user's is
    what clients send by themselves. Raises `TurnedAway`."""
    known = (target.name, target.options.get("database", ""), wishes.user, "")
    if wishes.database not in known:
        raise TurnedAway(
            NO_SUCH_DATABASE,
            f'{target.name} is one database, and not "{plain(wishes.database, 64)}"',
            hint=f"connect with dbname={target.name}",
        )


def _check(name: str, value: str) -> None:
    if name.startswith(OURS) or name in WHO_OR_WHAT or name in ("user", "database", "options", "replication"):
        raise _not_offered(name)
    if name == "standard_conforming_strings" and value.lower() not in _ON:
        raise _not_offered(f"{name}={value}")
    if name == "client_encoding" and _letters(value) in UNSAFE_ENCODINGS:
        raise _not_offered(f"{name}={value}")


def _check_replication(value: str) -> None:
    if value.lower() not in _OFF:
        raise TurnedAway(NOT_OFFERED, "replication is not offered through the gateway")


def _not_offered(name: str, where: str = "through the gateway") -> TurnedAway:
    return TurnedAway(
        NOT_ALLOWED,
        f"the setting {plain(name, 80)} is not offered {where}",
        hint="leave it out of the connection's parameters and options",
    )


def _letters(encoding: str) -> str:
    return "".join(each for each in encoding.lower() if each.isalnum())
