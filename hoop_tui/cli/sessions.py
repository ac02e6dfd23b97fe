"""`hoop-tui sessions ...`: what the app shows of sessions, for scripts and screen readers."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from gateway.api.schema import SessionState, SessionSummary
from hoop_tui.cli.printing import complain, hint, print_facts, print_json, print_table
from hoop_tui.client import GatewayClient, HttpGateway
from hoop_tui.errors import GatewayTrouble
from hoop_tui.login.renewal import token_of, usable_sign_in
from hoop_tui.moments import whole_id
from hoop_tui.safe_text import visible
from hoop_tui.wording import clock_length, flags_of, full_time, length_of, short_id, size, target_of

_TITLES = ("STATE", "ID", "WHO", "TARGET", "STARTED", "LENGTH", "CMDS", "FLAGS")


def list_sessions(
    gateway: str, token_file: Path | None, *, live: bool, user: str, target: str, limit: int, output: str
) -> int:
    async def work(client: GatewayClient) -> int:
        state = "live" if live else "all"
        page = await client.sessions(state=state, person=user, target=target, limit=limit)
        if output == "table":
            print_table(_TITLES, [_row(each) for each in page.sessions], bold_words=(SessionState.LIVE,))
            hint(f"{page.live} live, {page.today} today")
        else:
            print_json([each.model_dump(mode="json") for each in page.sessions], lines=output == "jsonl")
        return 0

    return with_gateway(gateway, token_file, work)


def show_session(gateway: str, token_file: Path | None, id: str, *, output: str) -> int:
    async def work(client: GatewayClient) -> int:
        session = await client.session(whole_id(id))
        if output == "table":
            print_facts(_facts(session))
        else:
            print_json(session.model_dump(mode="json"), lines=output == "jsonl")
        return 0

    return with_gateway(gateway, token_file, work)


def export_session(gateway: str, token_file: Path | None, id: str, *, form: str, file: Path | None) -> int:
    if file is None:
        return with_gateway(gateway, token_file, _exporting(id, form, sys.stdout.buffer, sys.stdout.isatty()))
    try:
        with file.open("xb") as target:
            code = with_gateway(gateway, token_file, _exporting(id, form, target, to_terminal=False))
    except FileExistsError:
        return complain(f"{file} exists already and was left as it is.", 1)
    except OSError:
        return complain(f"{file} can not be written.", 1)
    if code:
        file.unlink(missing_ok=True)
    return code


def _exporting(
    id: str, form: str, target: BinaryIO, to_terminal: bool
) -> Callable[[GatewayClient], Awaitable[int]]:
    async def work(client: GatewayClient) -> int:
        await _export_to(client, whole_id(id), form, target, to_terminal)
        return 0

    return work


async def _export_to(client: GatewayClient, id: str, form: str, target: BinaryIO, to_terminal: bool) -> None:
    rest = b""
    async for piece in client.export(id, form):
        if not to_terminal:
            target.write(piece)
            continue
        # A terminal gets whole lines, made harmless: a recording can hold anything.
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            target.write(visible(line.decode(errors="replace"), keep="\t").encode() + b"\n")
    if rest:
        target.write(visible(rest.decode(errors="replace"), keep="\t").encode() + b"\n")
    target.flush()


def with_gateway(gateway: str, token_file: Path | None, work: Callable[[HttpGateway], Awaitable[int]]) -> int:
    """Sign in, work, close; every trouble ends in one sentence and the exit code that belongs to it."""

    async def run() -> int:
        sign_in = usable_sign_in(os.environ, gateway=gateway, token_file=token_file)
        client = HttpGateway(sign_in.gateway, token_of(sign_in))
        try:
            return await work(client)
        finally:
            await client.close()

    try:
        return asyncio.run(run())
    except GatewayTrouble as trouble:
        return complain(trouble.sentence, trouble.exit_code)
    except ValueError as problem:
        return complain(str(problem), 2)


def _row(session: SessionSummary) -> tuple[str, ...]:
    target, env = target_of(session)
    return (
        session.state.value,
        short_id(session.id),
        session.person,
        f"{target} {env}".strip(),
        full_time(session.started_at, "utc"),
        clock_length(length_of(session, datetime.now(UTC))),
        str(session.commands),
        " ".join(flag for flag, _ in flags_of(session)),
    )


def _facts(session: SessionSummary) -> list[tuple[str, str]]:
    target, _ = target_of(session)
    labels = ", ".join(f"{name}={value}" for name, value in sorted(session.labels.items()))
    return [
        ("id", session.id),
        ("state", session.state.value),
        ("outcome", session.outcome),
        ("person", session.person),
        ("from", f"{session.address} {session.client}".strip()),
        ("target", f"{target} ({labels})" if labels else target),
        ("login", session.login),
        ("started", full_time(session.started_at, "utc")),
        ("ended", full_time(session.ended_at, "utc") if session.ended_at else ""),
        ("length", clock_length(length_of(session, datetime.now(UTC)))),
        ("commands", str(session.commands)),
        ("held", str(session.held)),
        ("blocked", str(session.blocked)),
        ("masked", str(session.masked)),
        ("shown", size(session.bytes_shown)),
        ("imported from", session.imported_from),
    ]
