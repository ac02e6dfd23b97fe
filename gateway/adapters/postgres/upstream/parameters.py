"""What a server is told at start-up: the account, the database, who it is for, and what the person's client asked.

`application_name` says who it was, so that the server's own log and pg_stat_activity do. It does not judge settings;
it only leaves out what would change how the two ends talk, or who signs in.
"""

from collections.abc import Mapping

NAME_MOST = 63
"""Where PostgreSQL cuts names."""

LEFT_OUT = frozenset(
    {
        "user",
        "database",
        "application_name",
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


def startup_parameters(
    login: str, database: str, on_behalf_of: str, asked: Mapping[str, str]
) -> list[tuple[str, str]]:
    """In the order in which they are sent."""
    application = next((asked[name] for name in asked if name.lower() == "application_name"), "")
    return [
        ("user", login),
        *([("database", database)] if database else []),
        ("application_name", application_name(application, on_behalf_of)),
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
