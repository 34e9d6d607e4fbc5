"""Queries on the links that remind keepers of their numbers. A link is taken by an update that names its state."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CursorResult, exists, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from referral_dir.domain.vocabulary import Role
from referral_dir.store.people import CapacityLink, Person

KEEPERS = (Role.CASEWORKER, Role.PROVIDER)


def to_remind(session: Session, not_since: datetime) -> Sequence[Person]:
    """Keepers who may sign in and were not sent a link since then."""
    lately = exists().where(CapacityLink.person_id == Person.id, CapacityLink.created > not_since)
    return session.scalars(select(Person).where(Person.role.in_([str(role) for role in KEEPERS]), Person.active,
                                                ~lately).order_by(Person.organization_id, Person.id)).all()


def add_link(session: Session, **values: Any) -> bool:
    """Keep the link. False: this person has one of today already, from another process."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    query = insert(CapacityLink).values(**values).on_conflict_do_nothing(index_elements=["person_id", "day"])
    return session.scalar(query.returning(CapacityLink.id)) is not None


def open_link(session: Session, token_hash: str, now: datetime) -> tuple[CapacityLink, Person] | None:
    """The link and whose it is, while it works and they may sign in."""
    row = session.execute(select(CapacityLink, Person).join(Person, Person.id == CapacityLink.person_id).where(
        CapacityLink.token_hash == token_hash, CapacityLink.used.is_(None), CapacityLink.expires > now,
        Person.active).execution_options(populate_existing=True)).first()
    return (row[0], row[1]) if row else None


def use_link(session: Session, link_id: UUID, now: datetime) -> bool:
    """Take the link. False where it was used a moment ago."""
    return _rows(session, update(CapacityLink).where(CapacityLink.id == link_id, CapacityLink.used.is_(None))
                 .values(used=now)) == 1


def void_links(session: Session, person_id: UUID, now: datetime, *, but: UUID | None = None) -> None:
    """No link that this person was sent works any more, but this one."""
    query = update(CapacityLink).where(CapacityLink.person_id == person_id, CapacityLink.used.is_(None))
    _rows(session, (query if but is None else query.where(CapacityLink.id != but)).values(used=now))


def _rows(session: Session, query: Any) -> int:
    result = session.execute(query.execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", result).rowcount
