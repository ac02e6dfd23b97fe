"""What an operation over SSH would touch: read from its line or its paths, for whoever looks at the target.

Adapters know no grammar and no masks, so both are asked here. Nothing in here looks at a target.
"""

from collections.abc import Iterator, Sequence

from gateway.core.impact import Impact, ImpactQuestion, ImpactTable, ImpactText
from gateway.masking.text import TextMasker
from gateway.policy.shell.touches import MOVES, REMOVES, WRITES, Part, Touch, files_touched
from gateway.policy.verbs import FILE_VERBS, TWO_PATHS

REMOVING, MOVING, WRITING = REMOVES, MOVES, WRITES
_DOES = {
    "remove": REMOVES,
    "rmdir": REMOVES,
    "rename": MOVES,
    "upload": WRITES,
    "link": WRITES,
    "chmod": "changes",
}

__all__ = ["MOVING", "REMOVING", "WRITING", "Part", "Touch", "masked", "touches", "why_not"]


def why_not(question: ImpactQuestion) -> str:
    """Why nothing can be said of it: one clause, or nothing."""
    operation = question.operation
    if operation.verb in ("exec", "typed"):
        return (
            ""
            if touches(question)
            else "the line names no files that it plainly removes, moves or overwrites"
        )
    if operation.verb in FILE_VERBS:
        return ""
    return f"nothing can be found out about {operation.verb}"


def touches(question: ImpactQuestion) -> Sequence[Touch]:
    """Files, and what would become of them."""
    operation, facts = question.operation, question.approval.facts
    if operation.verb == "exec":
        return files_touched(operation.text, "")
    if operation.verb == "typed":
        directory = facts.get("directory")
        return files_touched(operation.text, directory if isinstance(directory, str) else None)
    return list(_named(question)) if operation.verb in FILE_VERBS else ()


def _named(question: ImpactQuestion) -> Iterator[Touch]:
    operation = question.operation
    given = operation.resources or (str(operation.details.get("path", "")),)
    does = _DOES.get(operation.verb, "is about")
    for at, path in enumerate(given):
        last = operation.verb in TWO_PATHS and at
        yield Touch(WRITES if last else does, path, tuple(path.split("/")), tree=operation.verb == "remove")


def masked(found: Impact, masks: frozenset[str]) -> Impact:
    """The same, without what the requester or the asker would not see."""
    masker = TextMasker(masks)

    def mask(text: str) -> str:
        return masker.mask_text(text)[0]

    return Impact(
        found.lines,
        tuple(
            ImpactTable(mask(table.title), table.columns, tuple(tuple(map(mask, row)) for row in table.rows))
            for table in found.tables
        ),
        tuple(ImpactText(mask(each.title), mask(each.text)) for each in found.texts),
        found.refused,
        found.took_ms,
        found.rows,
        found.no_dry_run,
    )
