"""`hoop-tui sessions pause|resume|message|end`: what staff do to live sessions, for scripts and for haste."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from gateway.api.schema import SessionSummary
from hoop_tui.cli.printing import complain, hint, print_json
from hoop_tui.cli.sessions import with_gateway
from hoop_tui.client import GatewayClient
from hoop_tui.moments import whole_id
from hoop_tui.safe_text import visible

NOT_FOUND = 7
CHANGED = 8


def pause(gateway: str, token_file: Path | None, id: str, *, output: str) -> int:
    return _steer(gateway, token_file, id, lambda client, id: client.pause(id), output)


def resume(gateway: str, token_file: Path | None, id: str, *, output: str) -> int:
    return _steer(gateway, token_file, id, lambda client, id: client.resume(id), output)


def message(gateway: str, token_file: Path | None, id: str, text: str, *, output: str) -> int:
    return _steer(gateway, token_file, id, lambda client, id: client.message(id, text), output)


def end(gateway: str, token_file: Path | None, id: str, reason: str, *, output: str) -> int:
    return _steer(gateway, token_file, id, lambda client, id: client.end(id, reason), output)


def end_person(gateway: str, token_file: Path | None, name: str, reason: str, *, output: str) -> int:
    """Prints the ids of what was ended. Fails if anything of this person goes on, and if nothing was to be ended: the
    name may be a wrong one."""

    async def work(client: GatewayClient) -> int:
        answer = await client.end_person(name, reason)
        if output == "table":
            for id in answer.ended:
                print(visible(id))
            hint(f"{len(answer.ended)} sessions of {name} were ended")
        else:
            print_json(answer.model_dump(mode="json"), lines=output == "jsonl")
        if answer.elsewhere:
            return complain(
                f"live on other gateways, which have to be asked: {', '.join(answer.elsewhere)}", CHANGED
            )
        if not answer.ended:
            return complain(f"nothing of {name} is open - look whether this is their name", NOT_FOUND)
        return 0

    return with_gateway(gateway, token_file, work)


def _steer(
    gateway: str,
    token_file: Path | None,
    id: str,
    act: Callable[[GatewayClient, str], Awaitable[SessionSummary]],
    output: str,
) -> int:
    async def work(client: GatewayClient) -> int:
        session = await act(client, whole_id(id))
        if output == "table":
            paused = f"  paused by {session.paused_by}" if session.paused_by else ""
            print(visible(f"{session.id}  {session.state.value}{paused}"))
        else:
            print_json(session.model_dump(mode="json"), lines=output == "jsonl")
        return 0

    return with_gateway(gateway, token_file, work)
