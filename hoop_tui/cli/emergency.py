"""What is done to a request instead of deciding, and afterwards: break the glass, sign its review, revoke."""

from pathlib import Path

from hoop_tui.cli.printing import complain, tell
from hoop_tui.cli.review import FORBIDDEN, print_done, say, too_late
from hoop_tui.cli.sessions import with_gateway
from hoop_tui.client import HttpGateway
from hoop_tui.requests_client import Requests
from hoop_tui.wording import full_time


def break_glass(gateway: str, token_file: Path | None, id: str, *, reason: str, output: str) -> int:
    """Of exactly what the gateway shows now."""

    async def work(client: HttpGateway) -> int:
        requests = Requests(client)
        card = await requests.card(id)
        if code := too_late(card):
            return code
        if card.glass is None:
            return complain(f"{card.id} has no glass to break: its rule lists nobody for that", FORBIDDEN)
        after = await requests.break_glass(card, reason)
        print_done(after, "let through by you (break-glass)", output)
        if output == "table" and after.review is not None:
            tell(
                f"a review is open: somebody of {', '.join(after.rule.asked)} has to sign it by "
                f"{full_time(after.review.due_at, 'utc')}"
            )
        return 0

    return with_gateway(gateway, token_file, work)


def sign(gateway: str, token_file: Path | None, id: str, *, verdict: str, reason: str, output: str) -> int:
    return say(
        gateway, token_file, lambda requests: requests.sign(id, verdict, reason), f"signed: {verdict}", output
    )


def revoke(gateway: str, token_file: Path | None, id: str, *, reason: str, output: str) -> int:
    return say(
        gateway,
        token_file,
        lambda requests: requests.revoke(id, reason),
        "revoked: it covers nothing more",
        output,
    )
