"""Members of organizations, and their sessions."""

from datetime import date, datetime
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, LargeBinary, String, Text, UniqueConstraint, false
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
    # Of the pages and of messages to them; None: as their browser wishes, and English in messages.
    language: Mapped[str | None] = mapped_column(String(10))
    # The town that their questions begin with; chosen by them, never a position.
    usual_place: Mapped[str | None] = mapped_column(String(200))
    # Sealed; and the last time step whose code was used, so that none is taken twice.
    totp_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    totp_step: Mapped[int | None]
    # Privileges beside the role: to break glass, and to be told of it and review it.
    may_break_glass: Mapped[bool] = mapped_column(default=False, server_default=false())
    is_supervisor: Mapped[bool] = mapped_column(default=False, server_default=false())


class LoginSession(Base):
    """One sign-in. The cookie carries a random token; only its SHA-256 is kept, and it changes at each step up."""

    __tablename__ = "login_session"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    # What the person sees of it, and ends it by.
    id: Mapped[UUID] = mapped_column(default=uuid4, unique=True)
    # password, totp, passkey or recovery: what it was last proved by; `pending` until the second factor was shown.
    factor: Mapped[str] = mapped_column(String(10), default="password", server_default="password")
    pending: Mapped[bool] = mapped_column(default=False, server_default=false())
    stepped_up: Mapped[datetime | None]
    # What a passkey is asked to sign: for this session, until then, and taken out by the first answer.
    challenge: Mapped[bytes | None] = mapped_column(LargeBinary)
    challenge_until: Mapped[datetime | None]
    person_id: Mapped[UUID] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    created: Mapped[datetime]
    last_seen: Mapped[datetime]
    ended: Mapped[datetime | None]


class Passkey(Base):
    """A WebAuthn credential: the public key and what the authenticator said of itself."""

    __tablename__ = "passkey"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    credential_id: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sign_count: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(String(80))
    created: Mapped[datetime]
    last_used: Mapped[datetime | None]


class RecoveryCode(Base):
    """A code that stands in for a lost second factor, once; a keyed hash of it."""

    __tablename__ = "recovery_code"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    code_hash: Mapped[str] = mapped_column(String(64))
    used: Mapped[datetime | None]


class Invitation(Base):
    """The only way to an account. The person is there already, and not active until they have accepted.

    Where it `needs_second`, there is no link before a second administrator has approved.
    """

    __tablename__ = "invitation"
    __table_args__ = (
        CheckConstraint("approved_by_id IS NULL OR approved_by_id <> invited_by_id", name="second"),
        CheckConstraint("NOT needs_second OR token_hash IS NULL OR approved_by_id IS NOT NULL", name="approved"))
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    invited_by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    approved_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    needs_second: Mapped[bool]
    token_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    created: Mapped[datetime]
    expires: Mapped[datetime]
    accepted: Mapped[datetime | None]
    revoked: Mapped[datetime | None]


class PasswordReset(Base):
    """Someone asked for a link to a new password; later, if the address is someone's, the link itself.

    Asking writes the same row whoever's the address is: whose it is, is looked up only when mail is prepared.
    """

    __tablename__ = "password_reset"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    # What was typed, sealed; gone once it was looked up.
    address: Mapped[bytes | None] = mapped_column(LargeBinary)
    person_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    created: Mapped[datetime]
    expires: Mapped[datetime] = mapped_column(index=True)
    used: Mapped[datetime | None]


class RateCount(Base):
    """How often something was done in a window of time, across processes; the key is a keyed hash of who and what."""

    __tablename__ = "rate_count"
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    window: Mapped[datetime] = mapped_column(primary_key=True, index=True)
    count: Mapped[int]


class CapacityLink(Base):
    """A link in a mail that can confirm or set these numbers, once, as this person; at most one a day for each.

    `capacities` are ids: whether the person still keeps them is asked when the link is used.
    """

    __tablename__ = "capacity_link"
    __table_args__ = (UniqueConstraint("person_id", "day"),)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    capacities: Mapped[list[str]]
    day: Mapped[date]
    created: Mapped[datetime]
    expires: Mapped[datetime] = mapped_column(index=True)
    used: Mapped[datetime | None]
