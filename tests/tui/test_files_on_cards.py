"""Files that a held command runs, on its card: all of them before anybody can say yes."""

from datetime import UTC, datetime

from gateway.api.schema import CardAttachment, RequestCard, Statement
from hoop_tui.card_lines import card_lines
from hoop_tui.demo_requests import demo_requests

DIGEST = "a" * 64


def card() -> RequestCard:
    contents = Statement(
        text="rm -rf /srv\n\x1b[2J", size=15, characters=15, lines=2, sha256=DIGEST, version=1
    )
    files = [
        CardAttachment(name="x.sh", path="/srv/x.sh", size=15, sha256=DIGEST, contents=contents),
        CardAttachment(name="y.sh", inside="x.sh", why="not looked inside: it is a pipe"),
    ]
    some = next(iter(demo_requests(lambda: datetime.now(UTC)).cards.values()))
    return some.model_copy(update={"attachments": files})


def texts(raw: bool = False) -> tuple[list[str], int]:
    shown = card_lines(card(), 80, raw=raw)
    return ["".join(piece.text for piece in line) for line in shown.lines], shown.end


def test_every_file_is_there_before_the_end_of_what_has_to_be_seen() -> None:
    lines, end = texts()
    for wanted in (
        "FILE x.sh (/srv/x.sh):",
        "1  rm -rf /srv",
        "FILE y.sh, which x.sh runs: not looked inside: ",
    ):
        (at,) = (number for number, line in enumerate(lines) if line.startswith(wanted))
        assert at < end


def test_the_bytes_of_files_too() -> None:
    lines, end = texts(raw=True)
    assert any(line.startswith("00000000  72 6d 20 2d") for line in lines[:end])
