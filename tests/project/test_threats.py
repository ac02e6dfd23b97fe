"""docs/threats.md keeps its word: no case is left out, and the tests that it names are there and do run."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "threats.md").read_text(encoding="utf-8")

CASES = [
    *(f"S-{number}" for number in range(1, 32)),
    *(f"F-{number}" for number in range(1, 19)),
    *(f"R-{number}" for number in range(1, 21)),
    *(f"I-{number}" for number in range(1, 19)),
    *(f"P-{number}" for number in range(1, 27)),
    *(f"K-{number}" for number in range(1, 19)),
    *(f"A-{number}" for number in range(1, 20)),
    *(f"T-{number}" for number in range(1, 11)),
    *("C-1", "C-8"),
]
NOT_YET = {
    "S-30",
    "R-5",
    "R-6",
    "R-7",
    "R-12",
    "R-14",
    "R-15",
    "I-11",
    "I-12",
    "I-13",
    "K-4",
    "K-18",
}
"""Cases of parts that the gateway has not got. They may name tests of what holds today."""

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match(r"\| [A-Z]-\d+ \|", line)
]
PROOFS = [(row[0], proof) for row in ROWS for proof in re.findall(r"`([^`]+)`", row[3])]


@cache
def functions(path: str) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    """The functions of a module, by name."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_case_has_one_row() -> None:
    assert sorted(row[0] for row in ROWS) == sorted(CASES)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_says_what_and_how(row: list[str]) -> None:
    assert len(row) == 4
    case, threat, answer, proof = row
    assert threat.endswith((".", "?"))
    assert answer.endswith(".")
    assert answer.startswith("**Not yet there.**") == (case in NOT_YET)
    assert re.fullmatch(r"-|`[^`]+`(, `[^`]+`)*", proof)
    assert case in NOT_YET or proof != "-", "a case without a test is not proven"


@pytest.mark.parametrize("case", CASES)
def test_what_is_named_is_there(case: str) -> None:
    for proof in (proof for owner, proof in PROOFS if owner == case):
        path, _, name = proof.partition("::")
        assert re.fullmatch(r"tests/[a-z0-9_/]+/test_[a-z0-9_]+\.py", path)
        assert (ROOT / path).is_file(), f"{case} names {path}"
        assert name.startswith("test_")
        assert name in functions(path), f"{case} names {proof}"
        marks = [ast.unparse(mark) for mark in functions(path)[name].decorator_list]
        assert not [mark for mark in marks if re.search(r"\b(skip|xfail)\b", mark)], f"{proof} proves nothing"


def test_every_test_of_threats_is_named() -> None:
    named = {proof for _, proof in PROOFS}
    written = {
        f"{path.relative_to(ROOT)}::{name}"
        for path in ROOT.glob("tests/*/test_threats_*.py")
        for name in functions(str(path.relative_to(ROOT)))
        if name.startswith("test_")
    }
    assert written - named == set()
