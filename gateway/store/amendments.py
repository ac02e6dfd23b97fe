"""Other texts for what is held, in the database: proposed by one who decides, taken by who asks.

Everything here runs inside a transaction whose `head` row is locked. Who may do it is not known here. What was asked
never changes: a text that is taken is another request, and the first is over in the same transaction.
"""

from dataclasses import asdict, replace

from sqlalchemy import Connection, insert, update

from gateway.core import quorum
from gateway.core.approval import ACCESS, Acceptance, Amendment, Approval
from gateway.store import approvals, entries
from gateway.store.approvals import Note
from gateway.store.entries import NewEntry
from gateway.store.tables import APPROVALS, REMARKS

AMEND = "amend"


def propose(connection: Connection, id: str, said: Amendment, version: int, entry: NewEntry) -> bool:
    """Keep it in place of an earlier one; what is shown is another version then. False: it is settled, has expired,
    or is another version."""
    approval = approvals.find(connection, id)
    if not _is_open(approval, version) or approval is None or said.at >= approval.expires_at:
        return False
    kept = {**asdict(said), "at": said.at.isoformat()}
    values = {"amendment": kept, "version": version + 1}
    connection.execute(update(APPROVALS).where(APPROVALS.c.id == id).values(values))
    row = {"by": said.by, "name": said.name, "kind": AMEND, "text": said.reason, "at": said.at}
    connection.execute(insert(REMARKS), {"approval": id, "n": len(approval.remarks) + 1, **row})
    entries.add(connection, [entry])
    return True


def accept(connection: Connection, id: str, taken: Acceptance, note: Note) -> bool:
    """End the first, and open the other with the word of whoever proposed it. False, with nothing written: it is
    settled, has expired, is another version, or the other can not be opened like this."""
    approval = approvals.find(connection, id)
    if not _is_open(approval, taken.version) or approval is None or taken.at >= approval.expires_at:
        return False
    said, other = approval.amendment, taken.other
    if said is None or said.sha256 != taken.sha256 or approval.requester != taken.by:
        return False
    if other is not None and (other.sha256 != said.sha256 or (taken.word and quorum.missing(other))):
        return False
    approvals.close(connection, id, "withdrawn")
    kept = {**asdict(said), "at": said.at.isoformat(), "accepted": True}
    values = {"amendment": kept, "replaced_by": other.id if other else ""}
    connection.execute(update(APPROVALS).where(APPROVALS.c.id == id).values(values))
    entries.add(connection, [note(taken.event)])
    if other is not None and taken.held is not None:
        approvals.open_approval(connection, replace(other, replaces=id), note(taken.held))
        if taken.word is not None:
            approvals.settle(connection, other.id, taken.word, other.version, note)
    return True


def _is_open(approval: Approval | None, version: int) -> bool:
    held = approval is not None and approval.state == "held" and approval.kind != ACCESS
    return held and approval is not None and approval.version == version
