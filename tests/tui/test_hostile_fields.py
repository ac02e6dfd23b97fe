"""Each text that means no good alone, in every field of a request that somebody else can write: what is drawn of
it, and what commands print. In a terminal, with several to a field: `test_threats_terminal.py`."""

import unicodedata
from collections.abc import Iterable

import pytest

from hoop_tui.card_lines import card_lines
from hoop_tui.cli.request_card import print_card
from hoop_tui.demo_requests import summary
from hoop_tui.request_cells import request_cells
from hoop_tui.widgets.lines_view import _content
from tests.tui.hostile_corpus import CORPUS
from tests.tui.hostile_scenes import evil_card

SENT = [each for each in CORPUS if not any("\ud800" <= letter <= "\udfff" for letter in each)]
"""JSON carries no halves of letters."""
_JOINERS = "\u200c\u200d"


def assert_letters(texts: Iterable[str], evil: str) -> None:
    for letter in set("".join(texts)) - {"\n"}:
        category = unicodedata.category(letter)
        assert category[0] != "C" or letter in _JOINERS, (evil, letter)
        assert category not in ("Zl", "Zp"), (evil, letter)


@pytest.mark.parametrize("raw", [False, True])
def test_on_a_card(raw: bool) -> None:
    for number, evil in enumerate(SENT):
        lines = card_lines(evil_card(number, evil), 100, raw=raw).lines
        assert len(lines) > 10
        assert_letters((_content(piece).plain for line in lines for piece in line), evil)


def test_in_the_queue() -> None:
    for number, evil in enumerate(SENT):
        row = summary(evil_card(number, evil)).model_copy(
            update={"what": evil, "state": evil, "risk": evil, "decided_by": evil, "id": evil}
        )
        for fresh in (True, False):
            cells = request_cells(row, 60, marked=True, fresh=fresh)
            assert_letters((cell.plain for cell in cells), evil)


def test_printed_by_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    for number, evil in enumerate(SENT):
        print_card(evil_card(number, evil))
        assert_letters([capsys.readouterr().out.replace("\t", "")], evil)  # tabs of a statement stay tabs
