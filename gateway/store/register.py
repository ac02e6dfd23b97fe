"""Who is known, and by what, in SQL: tokens, people of providers, locks, certificates, passwords.

Every function runs inside a transaction that somebody else opened. Whatever changes who may come in counts up the
number in the head, so that whoever remembers people knows when to look again.
"""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Table, insert, select, update

from gateway.core.ports import CertificateRow, LockRow, PasswordRow, PersonRow, TokenRow
from gateway.store import entries
from gateway.store.entries import NewEntry
from gateway.store.tables import CERTIFICATES, HEAD, LOCKS, NAMES, PASSWORDS, PEOPLE, TOKENS


def note(connection: Connection, *new: NewEntry) -> None:
    """Keep these entries, and that something has changed about who may come in. Comes first in every transaction: it
    makes every other writer wait."""
    connection.execute(update(HEAD).values(people=HEAD.c.people + 1))
    entries.add(connection, new)


def version(connection: Connection) -> int:
    """How often anything has changed."""
    return int(connection.execute(select(HEAD.c.people)).scalar_one())


# Tokens.


def add_token(connection: Connection, row: TokenRow, entry: NewEntry) -> None:
    """A token of somebody who is locked is over before it begins."""
    note(connection, entry)
    kept = asdict(row) | {"roles": sorted(row.roles)}
    kept["revoked"] = row.revoked or _is_locked(connection, row.person) or _is_over(connection, row.parent)
    connection.execute(insert(TOKENS), kept)


def token(connection: Connection, id: str) -> TokenRow | None:
    """The token with this id."""
    row = connection.execute(select(TOKENS).where(TOKENS.c.id == id)).one_or_none()
    return None if row is None else _token(row)


def tokens(connection: Connection) -> list[TokenRow]:
    """Every token, newest first."""
    query = select(TOKENS).order_by(TOKENS.c.created_at.desc(), TOKENS.c.id)
    return [_token(row) for row in connection.execute(query)]


def revoke_token(connection: Connection, id: str, entry: NewEntry) -> bool:
    """End it, and all that was made with it."""
    entries.lock(connection)
    if not _revoke(connection, TOKENS, TOKENS.c.id == id):
        return False
    note(connection, entry)
    ended = [id]
    while ended:
        _revoke(connection, CERTIFICATES, CERTIFICATES.c.token.in_(ended))
        below = select(TOKENS.c.id).where(TOKENS.c.parent.in_(ended), TOKENS.c.revoked.is_(False))
        ended = list(connection.execute(below).scalars())
        _revoke(connection, TOKENS, TOKENS.c.id.in_(ended))
    return True


def token_used(connection: Connection, id: str, at: datetime) -> None:
    """Nothing that anybody needs to know at once, so the head does not count it."""
    connection.execute(update(TOKENS).where(TOKENS.c.id == id).values(used_at=at))


def renew_token(
    connection: Connection, id: str, digest: str, fresh: str, expires_at: datetime, entry: NewEntry
) -> bool:
    """Compare-and-set: of two who renew it at once, one gets it."""
    entries.lock(connection)
    same = (TOKENS.c.id == id) & (TOKENS.c.digest == digest) & TOKENS.c.revoked.is_(False)
    if (
        connection.execute(update(TOKENS).where(same).values(digest=fresh, expires_at=expires_at)).rowcount
        != 1
    ):
        return False
    note(connection, entry)
    return True


def revoked(connection: Connection, since: datetime) -> tuple[frozenset[str], frozenset[int]]:
    """Of tokens and of certificates, those that were ended before their time. One that was renewed may be old."""
    lasting = (TOKENS.c.expires_at > since) | TOKENS.c.expires_at.is_(None)
    dead_tokens = select(TOKENS.c.id).where(TOKENS.c.revoked, lasting)
    dead_certificates = select(CERTIFICATES.c.serial).where(
        CERTIFICATES.c.revoked, CERTIFICATES.c.expires_at > since
    )
    return (
        frozenset(connection.execute(dead_tokens).scalars()),
        frozenset(connection.execute(dead_certificates).scalars()),
    )


# People.


def keep_person(connection: Connection, row: PersonRow, entry: NewEntry | None) -> bool:
    """Insert or change. Without an entry nothing has changed but when they were last seen."""
    entries.lock(connection)
    folded = row.name.casefold()
    holder = connection.execute(select(NAMES.c.person).where(NAMES.c.folded == folded)).scalar_one_or_none()
    if holder not in (None, row.id):
        return False
    if holder is None:
        connection.execute(insert(NAMES), {"folded": folded, "person": row.id})
    if entry is not None:
        note(connection, entry)
    kept = asdict(row) | {"groups": sorted(row.groups), "folded": folded}
    known = connection.execute(select(PEOPLE.c.id).where(PEOPLE.c.id == row.id)).one_or_none()
    if known is None:
        connection.execute(insert(PEOPLE), kept)
    else:
        del kept["created_at"]
        connection.execute(update(PEOPLE).where(PEOPLE.c.id == row.id).values(kept))
    return True


def forget_person(connection: Connection, id: str, entry: NewEntry) -> bool:
    """Their names are free, and all that they hold is over. A lock on them stays."""
    entries.lock(connection)
    if connection.execute(PEOPLE.delete().where(PEOPLE.c.id == id)).rowcount != 1:
        return False
    note(connection, entry)
    connection.execute(NAMES.delete().where(NAMES.c.person == id))
    _revoke(connection, TOKENS, TOKENS.c.person == id)
    _revoke(connection, CERTIFICATES, CERTIFICATES.c.person == id)
    return True


def person(connection: Connection, id: str) -> PersonRow | None:
    """Somebody, by their id."""
    row = connection.execute(select(PEOPLE).where(PEOPLE.c.id == id)).one_or_none()
    return None if row is None else _person(row)


def people(connection: Connection) -> list[PersonRow]:
    """Everybody, by name."""
    return [_person(row) for row in connection.execute(select(PEOPLE).order_by(PEOPLE.c.folded))]


def lock_person(connection: Connection, lock: LockRow, entry: NewEntry) -> bool:
    """Nobody is let in between the lock and the end of what they hold: it is one transaction."""
    entries.lock(connection)
    if _is_locked(connection, lock.person):
        return False
    note(connection, entry)
    connection.execute(insert(LOCKS), asdict(lock))
    _revoke(connection, TOKENS, TOKENS.c.person == lock.person)
    _revoke(connection, CERTIFICATES, CERTIFICATES.c.person == lock.person)
    return True


def unlock_person(connection: Connection, id: str, entry: NewEntry) -> bool:
    """False: they were not locked."""
    entries.lock(connection)
    if connection.execute(LOCKS.delete().where(LOCKS.c.person == id)).rowcount != 1:
        return False
    note(connection, entry)
    return True


def locks(connection: Connection) -> list[LockRow]:
    """Everybody who may not come in."""
    return [LockRow(**row._mapping) for row in connection.execute(select(LOCKS).order_by(LOCKS.c.person))]


# Certificates.


def add_certificate(connection: Connection, row: CertificateRow, entry: NewEntry) -> None:
    """As with tokens: one of somebody who is locked is over before it begins."""
    note(connection, entry)
    kept = asdict(row)
    kept["revoked"] = row.revoked or _is_locked(connection, row.person) or _is_over(connection, row.token)
    connection.execute(insert(CERTIFICATES), kept)


def certificate(connection: Connection, serial: int) -> CertificateRow | None:
    """The one with this serial number."""
    row = connection.execute(select(CERTIFICATES).where(CERTIFICATES.c.serial == serial)).one_or_none()
    return None if row is None else CertificateRow(**row._mapping)


def certificates(connection: Connection, whose: str) -> list[CertificateRow]:
    """Newest first; everybody's where nobody is named."""
    query = select(CERTIFICATES).order_by(CERTIFICATES.c.issued_at.desc(), CERTIFICATES.c.serial)
    if whose:
        query = query.where(CERTIFICATES.c.person == whose)
    return [CertificateRow(**row._mapping) for row in connection.execute(query)]


def revoke_certificate(connection: Connection, serial: int, entry: NewEntry) -> bool:
    """False: there is none, or it was over already."""
    entries.lock(connection)
    if not _revoke(connection, CERTIFICATES, CERTIFICATES.c.serial == serial):
        return False
    note(connection, entry)
    return True


# Passwords.


def password(connection: Connection, whose: str) -> PasswordRow | None:
    """How this person signs in without a provider."""
    row = connection.execute(select(PASSWORDS).where(PASSWORDS.c.person == whose)).one_or_none()
    return None if row is None else PasswordRow(**row._mapping)


def set_password(connection: Connection, row: PasswordRow, entry: NewEntry) -> None:
    """In place of what there was."""
    note(connection, entry)
    connection.execute(PASSWORDS.delete().where(PASSWORDS.c.person == row.person))
    connection.execute(insert(PASSWORDS), asdict(row))


def rehash_password(connection: Connection, whose: str, old: str, new: str) -> bool:
    """Nothing but the hash changes, and only where it is still the one that the new one was made for."""
    same = (PASSWORDS.c.person == whose) & (PASSWORDS.c.phc == old)
    return connection.execute(update(PASSWORDS).where(same).values(phc=new)).rowcount == 1


def use_totp_step(connection: Connection, whose: str, step: int) -> bool:
    """One statement, so that of two who show the same code one is late."""
    fresh = (PASSWORDS.c.person == whose) & (PASSWORDS.c.last_step < step)
    return connection.execute(update(PASSWORDS).where(fresh).values(last_step=step)).rowcount == 1


def _is_locked(connection: Connection, person: str) -> bool:
    return (
        connection.execute(select(LOCKS.c.person).where(LOCKS.c.person == person)).one_or_none() is not None
    )


def _is_over(connection: Connection, token: str) -> bool:
    """What is made with a token that was revoked meanwhile is over, too."""
    found = connection.execute(select(TOKENS.c.revoked).where(TOKENS.c.id == token)).scalar_one_or_none()
    return bool(found)


def _revoke(connection: Connection, table: Table, which: Any) -> bool:
    valid = update(table).where(which, table.c.revoked.is_(False)).values(revoked=True)
    return connection.execute(valid).rowcount > 0


def _token(row: Row[Any]) -> TokenRow:
    kept = dict(row._mapping)
    return TokenRow(**kept | {"roles": frozenset(kept["roles"])})


def _person(row: Row[Any]) -> PersonRow:
    kept = dict(row._mapping)
    del kept["folded"]
    return PersonRow(**kept | {"groups": frozenset(kept["groups"])})
