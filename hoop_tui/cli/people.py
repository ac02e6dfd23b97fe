"""`hoop-tui people ls|show|lock|unlock`: who there is, and keeping somebody out."""

from pathlib import Path
from urllib.parse import quote

from gateway.api.schema import LockPerson, PeoplePage, PersonLockedOut, PersonSummary
from hoop_tui.cli.asked import Ask, signed_in
from hoop_tui.cli.printing import complain, hint, print_facts, print_json, print_table
from hoop_tui.login.desk import parsed
from hoop_tui.safe_text import visible
from hoop_tui.wording import full_time, minute_time

_TITLES = ("NAME", "FROM", "ROLES", "GROUPS", "LIVE", "STATE")


def list_people(gateway: str, token_file: Path | None, *, locked: bool, output: str) -> int:
    def work(ask: Ask) -> int:
        everybody = parsed(PeoplePage, ask("GET", "/v1/people")).people
        found = [person for person in everybody if person.locked_at or not locked]
        if output == "table":
            print_table(_TITLES, [_row(person) for person in found])
        else:
            print_json([person.model_dump(mode="json") for person in found], lines=output == "jsonl")
        return 0

    return signed_in(gateway, token_file, work)


def show_person(gateway: str, token_file: Path | None, name: str, *, output: str) -> int:
    def work(ask: Ask) -> int:
        person = parsed(PersonSummary, ask("GET", f"/v1/people/{quote(name, safe='')}"))
        if output == "table":
            print_facts(_facts(person))
        else:
            print_json(person.model_dump(mode="json"), lines=output == "jsonl")
        return 0

    return signed_in(gateway, token_file, work)


def lock_person(gateway: str, token_file: Path | None, name: str, reason: str, *, output: str) -> int:
    """Prints the ids of the sessions that ended."""
    try:
        why = LockPerson(reason=reason)
    except ValueError:
        return complain("Say why with --reason, in one line of up to 300 characters.", 2)

    def work(ask: Ask) -> int:
        path = f"/v1/people/{quote(name, safe='')}/lock"
        answer = parsed(PersonLockedOut, ask("POST", path, why.model_dump()))
        if output == "table":
            for id in answer.ended:
                print(visible(id))
            hint(
                f"{answer.person.name} is locked out: {len(answer.ended)} sessions, {answer.tokens} tokens and "
                f"{answer.certificates} certificates ended"
            )
            if answer.elsewhere:
                hint(f"ending within two seconds on other gateways: {', '.join(answer.elsewhere)}")
        else:
            print_json(answer.model_dump(mode="json"), lines=output == "jsonl")
        return 0

    return signed_in(gateway, token_file, work)


def unlock_person(gateway: str, token_file: Path | None, name: str, *, output: str) -> int:
    def work(ask: Ask) -> int:
        path = f"/v1/people/{quote(name, safe='')}/unlock"
        person = parsed(PersonSummary, ask("POST", path, {}))
        if output == "table":
            hint(f"{person.name} may sign in again")
        else:
            print_json(person.model_dump(mode="json"), lines=output == "jsonl")
        return 0

    return signed_in(gateway, token_file, work)


def _state(person: PersonSummary) -> str:
    if person.locked_at:
        return f"LOCKED by {person.locked_by} {minute_time(person.locked_at, 'utc')}"
    return "GONE" if person.gone else ""


def _row(person: PersonSummary) -> tuple[str, ...]:
    return (
        person.name,
        person.issuer or "configuration",
        ",".join(person.roles),
        ",".join(person.groups),
        str(person.sessions) if person.sessions else "",
        _state(person),
    )


def _facts(person: PersonSummary) -> list[tuple[str, str]]:
    return [
        ("name", person.name),
        ("id", person.id),
        ("from", person.issuer or "configuration"),
        ("state", _state(person)),
        ("reason", person.locked_reason),
        ("roles", ", ".join(person.roles)),
        ("groups", ", ".join(person.groups)),
        ("vouched for", full_time(person.checked_at, "utc") if person.checked_at else ""),
        ("live sessions", str(person.sessions)),
    ]
