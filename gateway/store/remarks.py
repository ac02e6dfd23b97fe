"""What is said of a held approval beside decisions: claims, comments, replies, and the requester's answers.

Everything here runs inside a transaction whose `head` row is locked. Nothing is added to what is settled.
"""

from collections.abc import Mapping

from sqlalchemy import Connection, insert, update

from gateway.core.ports import Approval, Remark
from gateway.store import approvals, entries
from gateway.store.entries import NewEntry
from gateway.store.tables import APPROVALS, REMARKS


def remark(connection: Connection, id: str, said: Remark, entry: NewEntry) -> bool:
    """Keep it. False: it is settled, or claimed by somebody else."""
    approval = approvals.find(connection, id)
    if approval is None or approval.state != "held" or not _claims(connection, approval, said):
        return False
    row = {"by": said.by, "name": said.name, "kind": said.kind, "text": said.text, "at": said.at}
    connection.execute(insert(REMARKS), {"approval": id, "n": len(approval.remarks) + 1, **row})
    entries.add(connection, [entry])
    return True


def _claims(connection: Connection, approval: Approval, said: Remark) -> bool:
    if said.kind not in ("claim", "unclaim"):
        return True
    before, after = ("", said.by) if said.kind == "claim" else (said.by, "")
    if approval.claimed_by != before:
        return False
    connection.execute(update(APPROVALS).where(APPROVALS.c.id == approval.id).values(claimed_by=after))
    return True


def answer(connection: Connection, id: str, answers: Mapping[str, str], entry: NewEntry) -> bool:
    """Keep what the requester gives; what is shown is another version then. False: it is settled, somebody has
    decided on what was shown before, or one of these was given."""
    approval = approvals.find(connection, id)
    if approval is None or approval.state != "held" or approval.decisions:
        return False
    if any(approval.answers.get(name) for name in answers):
        return False
    given = {**approval.answers, **answers}
    values = {"answers": given, "version": approval.version + 1}
    connection.execute(update(APPROVALS).where(APPROVALS.c.id == id).values(values))
    entries.add(connection, [entry])
    return True
