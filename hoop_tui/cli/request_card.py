"""One request on standard output, in the words of `hoop_tui.request_words`."""

from gateway.api.schema import RequestCard
from hoop_tui.cli.printing import print_facts
from hoop_tui.request_words import (
    about,
    about_file,
    events,
    facts,
    file_heading,
    headline,
    proposed_lines,
    standing,
    statement_lines,
)
from hoop_tui.safe_text import visible


def print_card(card: RequestCard) -> None:
    """All of it."""
    print(visible(headline(card)))
    print_facts(list(facts(card)))
    print("-" * 79)
    for line in statement_lines(card.statement):
        print(line)
    for each in card.attachments:
        print("-" * 79)
        print(visible(file_heading(each)))
        if each.contents is not None:
            for line in (*statement_lines(each.contents), *map(visible, about_file(each.contents))):
                print(line)
    if card.amendment is not None:
        print("-" * 79)
        for line in proposed_lines(card):
            print(line)
    print("-" * 79)
    for line in (*about(card.statement), *events(card), *standing(card)):
        print(visible(line))
