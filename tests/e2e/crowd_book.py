"""What became of a crowd's operations: what ran, against the book of record and what their people were told."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

from gateway.core.ports import Approval, Entry
from gateway.recording.verify import verify
from gateway.store.ledger import SqlLedger
from tests.e2e.crowd import Fate
from tests.e2e.crowd_town import APPROVERS, PEOPLE, Town


@dataclass(frozen=True)
class Book:
    """The ledger, whole."""

    requests: dict[str, list[Approval]]
    """By their texts."""
    admitted: dict[str, list[Entry]]
    """Of what was held, by its text."""
    entries: list[Entry]


async def read(town: Town, most: int) -> Book:
    """After both gateways have stopped."""
    ledger = await SqlLedger.open(town.ledger, patience=30)
    try:
        entries: list[Entry] = []
        while more := await ledger.entries(after=entries[-1].seq if entries else 0, limit=5000):
            entries += more
        approvals = await ledger.approvals(limit=most)
    finally:
        await ledger.close()
    requests: dict[str, list[Approval]] = {}
    for each in approvals:
        requests.setdefault(each.text, []).append(each)
    admitted: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.name == "operation.admitted":
            admitted.setdefault(entry.body["text"], []).append(entry)
    return Book(requests, admitted, entries)


def compare(town: Town, fates: list[Fate], book: Book) -> Counter[str]:
    """Every operation ran exactly once with an approval, or never. Returns what became of the requests."""
    assert [entry.seq for entry in book.entries] == list(range(1, len(book.entries) + 1))
    times = Counter(town.executed())
    texts = {fate.text for fate in fates}
    assert len(texts) == len(fates)
    assert book.admitted.keys() | book.requests.keys() <= texts
    assert times.keys() <= {_op(fate.text) for fate in fates}
    for fate in fates:
        _one(fate, times[_op(fate.text)], book.requests.get(fate.text, []), book.admitted.get(fate.text, []))
    return Counter(each.state for found in book.requests.values() for each in found)


def _one(fate: Fate, times: int, requests: list[Approval], admitted: list[Entry]) -> None:
    states = [each.state for each in requests]
    told = (fate, times, states, [entry.body["request"] for entry in admitted])
    by_id = {each.id: each for each in requests}
    assert times <= 1, told
    assert times <= len(admitted), told
    assert len({entry.body["request"] for entry in admitted}) == len(admitted), told
    for entry in admitted:
        request = by_id[entry.body["request"]]
        assert request.state == "approved", told
        assert request.sha256 == entry.body["sha256"] == fate.sha256, told
    for request in requests:
        assert request.state != "held" or request.mode == "fail", told
        if request.state == "approved":
            assert _is_granted(request), request
    # What takes too long to be read is held by all rules at once, of which one lets nobody wait.
    waited = all(each.mode == "wait" for each in requests)
    if waited:
        assert len(requests) <= 1, told
        assert fate.told in ("ran", "lost", "cancelled", "denied", "expired", "withdrawn"), told
    if fate.told == "ran":
        assert times == 1, told
        assert len(admitted) == 1 or not waited, told
    elif fate.told in ("denied", "expired", "withdrawn") and waited:
        assert (times, admitted, states) == (0, [], [fate.told]), told
    elif (
        fate.told == "held"
    ):  # where an earlier try was let through and a kill took its answer, it is held anew
        assert fate.request not in [entry.body["request"] for entry in admitted], told


def _is_granted(request: Approval) -> bool:
    """By as many different people as it takes, each in a group that is asked, and by nobody who asked for it."""
    by = [word.by.partition("@")[0] for word in request.decisions]
    if len(set(by)) != len(by) or not all(word.granted for word in request.decisions):
        return False
    asked = [request.approvers] * request.count + [
        each.groups for each in request.also for _ in range(each.count)
    ]
    return set(by) <= set(APPROVERS) and any(
        all(groups & set(PEOPLE[name][0]) for groups, name in zip(asked, some, strict=True))
        for some in permutations(by, len(asked))
    )


async def recordings(town: Town, book: Book) -> Counter[str]:
    """How they end: whole, cut where the gateway was killed, or with nothing in them where that was at once: then
    nobody has asked for anything there. None is damaged."""
    states: Counter[str] = Counter()
    asked = {entry.session for entry in book.entries if entry.name.startswith(("operation.", "approval."))}
    for path in (town.east.directory / "data").rglob("*.hrec"):
        found = await asyncio.to_thread(_verified, path)
        how = "whole" if found == "" else "cut" if found.endswith("it is cut") else "empty"
        states[how] += 1
        assert how != "empty" or found == "the recording is empty", (path, found)
        assert how != "empty" or path.stem not in asked, path
    return states


def _verified(path: Path) -> str:
    return verify([path.read_bytes()]).problem


def _op(text: str) -> str:
    return text.partition("('")[2].partition("')")[0]
