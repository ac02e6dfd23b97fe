"""`hoop-tui review amend` and `hoop-tui request accept`: another text for what is held, from both sides."""

import sys
from pathlib import Path

from gateway.api.schema import RequestCard
from hoop_tui.cli.printing import complain, print_json
from hoop_tui.cli.request_create import written
from hoop_tui.cli.review import CHANGED, print_done, shortened, too_late
from hoop_tui.cli.sessions import with_gateway
from hoop_tui.client import HttpGateway
from hoop_tui.request_words import proposed_lines
from hoop_tui.requests_client import Requests
from hoop_tui.safe_text import visible


def amend(
    gateway: str,
    token_file: Path | None,
    id: str,
    *,
    text: str,
    file: Path | None,
    reason: str,
    sha: str,
    output: str,
) -> int:
    """With `sha`, instead of exactly what that is the beginning of the digest of."""
    try:
        sha = shortened(sha)
        wanted = written(text, file)
    except ValueError as problem:
        return complain(str(problem), 2)
    if not wanted.strip():
        return complain("Say what to run instead: --text or --file.", 2)

    async def work(client: HttpGateway) -> int:
        requests = Requests(client)
        card = await requests.card(id)
        if code := too_late(card):
            return code
        if not card.statement.sha256.startswith(sha):
            return complain(f"{card.id} is not what you were shown: look again", CHANGED)
        after = await requests.amend(card, wanted, reason)
        print_done(after, f"proposed: it runs if {after.who.person} accepts it", output)
        return 0

    return with_gateway(gateway, token_file, work)


def accept(gateway: str, token_file: Path | None, id: str, *, yes: bool, sha: str, output: str) -> int:
    """With `yes`, exactly what `sha` is the beginning of the digest of. Else whoever sits there is asked."""
    try:
        sha = shortened(sha)
    except ValueError as problem:
        return complain(str(problem), 2)
    if yes and not sha:
        return complain("--yes needs --sha: the beginning of the sha256 of the text that is proposed", 2)
    if not yes and not sys.stdin.isatty():
        return complain("Without a terminal to ask at, accepting takes --yes and --sha.", 2)

    async def work(client: HttpGateway) -> int:
        requests = Requests(client)
        card = await requests.card(id)
        if code := too_late(card):
            return code
        if card.amendment is None:
            return complain(f"nobody has proposed another text for {card.id}", 1)
        if not card.amendment.statement.sha256.startswith(sha):
            return complain(f"what is proposed for {card.id} is not what you were shown: look again", CHANGED)
        if not yes and not _agreed(card):
            return complain(f"{card.id} was left as it is", 1)
        after = await requests.accept(card)
        if output != "table":
            print_json(after.model_dump(mode="json"), lines=output == "jsonl")
        else:
            print(visible(f"{card.id}  accepted{_became(card, after)}"))
        return 0

    return with_gateway(gateway, token_file, work)


def _became(before: RequestCard, after: RequestCard) -> str:
    runs = "run it" if before.mode == "fail" or before.about == "text" else "it goes on where yours waits"
    if after.id == before.id:
        return f": no rule holds it, {runs}"
    if after.state == "approved":
        return f" as {after.id}, approved: {runs}"
    lacking = " and ".join(f"{each.missing} of {' or '.join(each.groups)}" for each in after.rule.missing)
    return f" as {after.id}, which still needs {lacking}"


def _agreed(card: RequestCard) -> bool:
    for line in proposed_lines(card):
        print(line)
    said = card.amendment
    print(f"sha256 {said.statement.sha256 if said else ''}", flush=True)
    sys.stderr.write(f"Run this instead of yours ({visible(card.id)})? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
