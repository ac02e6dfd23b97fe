"""What a server is told at start-up: the account, the database, who it is for, and what the person's client asked.

`application_name` says who it was, so that the server's own log and pg_stat_activity do. What the server reports of
that name unasked is told as the client's own: poolers compare it with theirs, and would set it otherwise. It does not
judge settings; it only leaves out what would change how the two ends talk, or who signs in.
"""

from collections.abc import Mapping
from dataclasses import dataclass

APPLICATION = "application_name"
NAME_MOST = 63
"""Where PostgreSQL cuts names."""

LEFT_OUT = frozenset(
    {
        "user",
        "database",
        APPLICATION,
        # Redshift's drivers ask by these for another shape of answers, or to come in as somebody else.
        "client_protocol_version",
        "plugin_name",
        "idp_type",
        "provider_name",
        "token_type",
        "identity_namespace",
        "idc_client_display_name",
    }
)


@dataclass(frozen=True, slots=True)
class Called:
    """What a program calls itself, and what the server was told that it is called."""

    itself: str
    there: str

    def reported(self, name: str, value: str) -> str:
        """A setting that the server reports, as the program is told it."""
        return self.itself if name == APPLICATION and value == self.there else value


def called(asked: Mapping[str, str], on_behalf_of: str) -> Called:
    """By the start-up parameters of the person's client."""
    itself = next((asked[name] for name in asked if name.lower() == APPLICATION), "")
    return Called(_printable(itself)[:NAME_MOST], application_name(itself, on_behalf_of))


def startup_parameters(
    login: str, database: str, on_behalf_of: str, asked: Mapping[str, str]
) -> list[tuple[str, str]]:
    """In the order in which they are sent."""
    return [
        ("user", login),
        *([("database", database)] if database else []),
        (APPLICATION, called(asked, on_behalf_of).there),
        *((name, value) for name, value in asked.items() if _is_passed_on(name)),
    ]


def application_name(application: str, on_behalf_of: str) -> str:
    """`psql (alice@example.com)`. Of what is too long, the person stays."""
    who = _printable(on_behalf_of)
    program = _printable(application)
    if not program or not who:
        return (who or program)[:NAME_MOST]
    who = f" ({who[: NAME_MOST - 4]})"
    return program[: NAME_MOST - len(who)] + who


def _is_passed_on(name: str) -> bool:
    """Options of the protocol itself (`_pq_.`) are between the gateway and each of its peers."""
    return name.lower() not in LEFT_OUT and not name.startswith("_pq_.")


def _printable(text: str) -> str:
    return "".join(c if " " <= c <= "~" else "?" for c in text).strip()
