"""What the upkeep of the directory leaves behind for a while: corrections that wait, pairs that are not doubles, files
whose changes wait to be confirmed."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from referral_dir.store.db import Base


class Correction(Base):
    """Somebody says that something of a service is wrong. `body` is sealed: people write what they should not."""

    __tablename__ = "correction"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    service_id: Mapped[UUID] = mapped_column(ForeignKey("service.id", ondelete="CASCADE"), index=True)
    about: Mapped[str] = mapped_column(String(40))
    body: Mapped[bytes] = mapped_column(LargeBinary)
    # Nobody: it came from the public pages, and nothing of who sent it is kept.
    person_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id", ondelete="SET NULL"))
    created: Mapped[datetime] = mapped_column(index=True)
    state: Mapped[str] = mapped_column(String(10), default="open")
    reason: Mapped[str | None] = mapped_column(String(40))
    decided: Mapped[datetime | None]
    decided_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id", ondelete="SET NULL"))


class NotDouble(Base):
    """Two services that look alike and are not the same, by somebody who keeps one of them. The smaller id first."""

    __tablename__ = "not_double"
    first_id: Mapped[UUID] = mapped_column(ForeignKey("service.id", ondelete="CASCADE"), primary_key=True)
    second_id: Mapped[UUID] = mapped_column(ForeignKey("service.id", ondelete="CASCADE"), primary_key=True)
    at: Mapped[datetime]


class MergedService(Base):
    """A double that was merged into another: nothing of it is left but its name, and this, so that links lead on."""

    __tablename__ = "merged_service"
    service_id: Mapped[UUID] = mapped_column(ForeignKey("service.id", ondelete="CASCADE"), primary_key=True)
    into_id: Mapped[UUID] = mapped_column(ForeignKey("service.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime]


class MergeUndo(Base):
    """What a merge changed, row by row and sealed, so that it can be given back while it is fresh."""

    __tablename__ = "merge_undo"
    service_id: Mapped[UUID] = mapped_column(ForeignKey("service.id", ondelete="CASCADE"), primary_key=True)
    into_id: Mapped[UUID] = mapped_column(ForeignKey("service.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime] = mapped_column(index=True)
    body: Mapped[bytes] = mapped_column(LargeBinary)


class BulkDraft(Base):
    """A spreadsheet that was sent in, read and not confirmed yet, or the report of what it did; sealed."""

    __tablename__ = "bulk_draft"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organization.id", ondelete="CASCADE"), index=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"))
    created: Mapped[datetime] = mapped_column(index=True)
    done: Mapped[datetime | None]
    body: Mapped[bytes] = mapped_column(LargeBinary)
