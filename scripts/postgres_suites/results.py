"""What a suite said, test by test, and where one way in is worse than another. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
_OF_ONE_RUN = re.compile(r"/tmp/\w+/\d+")


class Unavailable(Exception):
    """A suite, or something that it needs, can not be had here; the text is one clause."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One suite over one way in. `words` is the word of each test by name."""

    words: Mapping[str, str]
    seconds: float = 0.0
    trouble: str = ""
    """Why there are fewer words than there should be: it could not begin, or was ended."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """What a failed test said last, where the suite tells."""

    def count(self, word: str) -> int:
        return sum(each == word for each in self.words.values())


def worse(direct: Ran, other: Ran) -> list[str]:
    """Tests that pass directly and do not pass here."""
    passed = {name for name, word in direct.words.items() if word == PASSED}
    return sorted(name for name in passed if other.words.get(name) != PASSED)


def of_pg_regress(text: str) -> dict[str, str]:
    """`     boolean                      ... ok           50 ms`, alone or behind `test`."""
    found = re.findall(r"^(?:test)?\s+(\S+)\s+\.\.\. (ok|FAILED|failed)", text, re.MULTILINE)
    return {name: PASSED if word == "ok" else FAILED for name, word in found}


def of_junit(document: str) -> tuple[dict[str, str], dict[str, str]]:
    """Words and notes of a report as pytest and Surefire write it."""
    words: dict[str, str] = {}
    notes: dict[str, str] = {}
    for case in ElementTree.fromstring(document).iter("testcase"):
        name = f"{case.get('classname', '')}::{case.get('name', '')}"
        problems = [each for each in case if each.tag in ("failure", "error")]
        if problems:
            notes[name] = (problems[0].get("message") or "").strip()[:300]
        skipped = case.find("skipped") is not None
        word = FAILED if problems else SKIPPED if skipped else PASSED
        words[name] = FAILED if words.get(name) == FAILED else word  # a test and its teardown are two cases
    return words, notes


def of_go(events: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The events of `go test -json`. A package that fails without a test is one that can not be built. Directories of
    one run that stand in a name are left out of it."""
    names = {"pass": PASSED, "fail": FAILED, "skip": SKIPPED}
    words: dict[str, str] = {}
    for event in events:
        action, package = event.get("Action", ""), event.get("Package", "")
        if action in names and "Test" in event:
            words[f"{package}::{_OF_ONE_RUN.sub('/...', event['Test'])}"] = names[action]
        elif action == "fail" and not any(name.startswith(f"{package}::") for name in words):
            words[f"{package}::(package)"] = FAILED
    return words


def of_lines(text: str) -> dict[str, str]:
    """Our own small programs say `ok NAME`, `not ok NAME` or `skip NAME`, one a line."""
    names = {"ok": PASSED, "not ok": FAILED, "skip": SKIPPED}
    return {
        name.strip(): names[word] for word, name in re.findall(r"^(ok|not ok|skip) (.+)$", text, re.MULTILINE)
    }
