"""Queries on invitations. A link is used, approved or revoked once: by an UPDATE that names the state before it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, CursorResult, or_, select, update
from sqlalchemy.orm import Session, aliased

from referral_dir.store.directory import Organization
from referral_dir.store.people import Invitation, Person


def everyone_invited(session: Session) -> Sequence[tuple[Invitation, Person, str, str, str | None]]:
    """Invitations with the person, their organization, who invited and who approved; newest first."""
    inviter, approver = aliased(Person), aliased(Person)
    query = (select(Invitation, Person, Organization.name, inviter.name, approver.name)
             .join(Person, Person.id == Invitation.person_id)
             .join(Organization, Organization.id == Person.organization_id)
             .join(inviter, inviter.id == Invitation.invited_by_id)
             .outerjoin(approver, approver.id == Invitation.approved_by_id)
             .order_by(Invitation.created.desc(), Invitation.id))
    return [(row[0], row[1], row[2], row[3], row[4]) for row in session.execute(query)]


def unanswered(session: Session, person_id: UUID) -> bool:
    """Whether the newest invitation of this person has not been accepted."""
    newest = session.scalar(select(Invitation).where(Invitation.person_id == person_id)
                            .order_by(Invitation.created.desc(), Invitation.accepted.is_not(None)).limit(1))
    return newest is not None and newest.accepted is None


def invited(session: Session, person_id: UUID, now: datetime) -> Person | None:
    """The person, if a link that they could use was sent to them."""
    return session.scalar(select(Person).join(Invitation, Invitation.person_id == Person.id)
                          .where(Person.id == person_id, _usable(now)).limit(1))


def by_token(session: Session, token_hash: str, now: datetime) -> tuple[Invitation, Person] | None:
    """The invitation that this link opens, if it may still be used."""
    row = session.execute(select(Invitation, Person).join(Person, Person.id == Invitation.person_id)
                          .where(Invitation.token_hash == token_hash, _usable(now))).first()
    return (row[0], row[1]) if row else None


def approve(session: Session, invitation_id: UUID, by: UUID, token_hash: str, expires: datetime) -> bool:
    """Note the second word, once, and the link that it lets out. False: it is not waiting for this person's."""
    query = update(Invitation).where(
        Invitation.id == invitation_id, Invitation.needs_second, Invitation.approved_by_id.is_(None),
        Invitation.invited_by_id != by, Invitation.accepted.is_(None), Invitation.revoked.is_(None))
    return _rows(session, query.values(approved_by_id=by, token_hash=token_hash, expires=expires)) == 1


def renew(session: Session, invitation_id: UUID, token_hash: str, expires: datetime) -> bool:
    """A new link in place of the old one. False: there is nothing to send."""
    query = update(Invitation).where(
        Invitation.id == invitation_id, Invitation.token_hash.is_not(None), Invitation.accepted.is_(None),
        Invitation.revoked.is_(None))
    return _rows(session, query.values(token_hash=token_hash, expires=expires)) == 1


def accept(session: Session, token_hash: str, now: datetime) -> bool:
    """Use the link up. False: someone was first, or it may no longer be used."""
    query = update(Invitation).where(Invitation.token_hash == token_hash, _usable(now))
    return _rows(session, query.values(accepted=now)) == 1


def revoke(session: Session, now: datetime, *, invitation_id: UUID | None = None,
           person_id: UUID | None = None) -> bool:
    """End one invitation, or all of a person's, that nobody has accepted."""
    which = Invitation.id == invitation_id if invitation_id else Invitation.person_id == person_id
    query = update(Invitation).where(which, Invitation.accepted.is_(None), Invitation.revoked.is_(None))
    return _rows(session, query.values(revoked=now)) > 0


def _usable(now: datetime) -> ColumnElement[bool]:
    return ((Invitation.token_hash.is_not(None)) & Invitation.accepted.is_(None) & Invitation.revoked.is_(None)
            & (Invitation.expires > now) & or_(~Invitation.needs_second, Invitation.approved_by_id.is_not(None)))


def _rows(session: Session, query: Any) -> int:
    result = session.execute(query.execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", result).rowcount
