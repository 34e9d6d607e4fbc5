"""Members of organizations, and their sessions."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from referral_dir.store.db import Base


class Person(Base):
    """Someone who signs in; belongs to one organization and has one role."""

    __tablename__ = "person"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organization.id"), index=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(String(20))
    password_hash: Mapped[str] = mapped_column(Text)
    active: Mapped[bool] = mapped_column(default=True)
    created: Mapped[datetime]


class LoginSession(Base):
    """One sign-in. The cookie carries a random token; only its SHA-256 is kept."""

    __tablename__ = "login_session"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    created: Mapped[datetime]
    last_seen: Mapped[datetime]
    ended: Mapped[datetime | None]


class SignInFailure(Base):
    """One failed sign-in, for slowing down guesses across processes; the key is a keyed hash, not an address."""

    __tablename__ = "sign_in_failure"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    key: Mapped[str] = mapped_column(String(64), index=True)
    at: Mapped[datetime]
