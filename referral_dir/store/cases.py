"""Cases, consent, handoffs, holds and disclosures."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, Text, event, false, text
from sqlalchemy.orm import Mapped, mapped_column

from referral_dir.store.db import Base


class Case(Base):
    """One person or a group that stays together, known by a random reference, never by a name."""

    __tablename__ = "case"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    reference: Mapped[str] = mapped_column(String(32), unique=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organization.id"), index=True)
    created_by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    created: Mapped[datetime]
    closed: Mapped[datetime | None]
    # Shared by cases that were opened together, as after a raid; it says nothing else.
    batch_id: Mapped[UUID | None] = mapped_column(index=True)
    # The line of their list that it was, so that they come back in its order.
    batch_line: Mapped[int | None]
    priority: Mapped[str] = mapped_column(String(10))
    needs: Mapped[list[str]]
    languages: Mapped[list[str]]
    age_band: Mapped[str | None] = mapped_column(String(8))
    gender: Mapped[str | None] = mapped_column(String(12))
    household: Mapped[int] = mapped_column(default=1)
    # Of a group, where it is known: each {gender, youngest, oldest}, see domain/members.py.
    members: Mapped[list[dict[str, Any]]] = mapped_column(default=list, server_default=text("'[]'"))
    accessibility: Mapped[list[str]]
    place_name: Mapped[str] = mapped_column(Text)
    place_country: Mapped[str] = mapped_column(String(2))
    place_latitude: Mapped[float]
    place_longitude: Mapped[float]
    excluded_organizations: Mapped[list[str]]
    excluded_communities: Mapped[list[str]]
    # Each {name, latitude, longitude, radius_km}.
    excluded_areas: Mapped[list[dict[str, Any]]]
    # Sealed under the key below, as it may say who must not pick up the phone.
    safe_contact: Mapped[bytes | None] = mapped_column(LargeBinary)


class CaseKey(Base):
    """The case's own key, wrapped by the key ring: destroying it erases what it sealed. It is kept out of the
    database's ordinary backups, so that it is destroyed there too."""

    __tablename__ = "case_key"
    case_id: Mapped[UUID] = mapped_column(ForeignKey("case.id", ondelete="CASCADE"), primary_key=True)
    wrapped: Mapped[bytes] = mapped_column(LargeBinary)


class CaseField(Base):
    """One identifying field of a case, sealed under the case's key."""

    __tablename__ = "case_field"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("case.id", ondelete="CASCADE"), index=True)
    field: Mapped[str] = mapped_column(String(40))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    __table_args__ = (Index("uq_case_field", "case_id", "field", unique=True),)


class Consent(Base):
    """A consent record after ISO/IEC TS 27560: its content never changes once it has been explained."""

    __tablename__ = "consent"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("case.id", ondelete="CASCADE"), index=True)
    recipient_organization_id: Mapped[UUID] = mapped_column(ForeignKey("organization.id"), index=True)
    purpose: Mapped[str] = mapped_column(String(40))
    fields: Mapped[list[str]]
    state: Mapped[str] = mapped_column(String(12))
    notice_id: Mapped[str | None] = mapped_column(String(40))
    notice_version: Mapped[str | None] = mapped_column(String(20))
    notice_language: Mapped[str | None] = mapped_column(String(35))
    notice_sha256: Mapped[str | None] = mapped_column(String(64))
    explained_in: Mapped[str | None] = mapped_column(String(35))
    interpreter: Mapped[str | None] = mapped_column(String(40))
    explained_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    # text, read_aloud, easy_read or signed: in which form the notice was given.
    notice_format: Mapped[str | None] = mapped_column(String(12))
    # A number or name by which the interpreter's agency knows them; never a person's own data.
    interpreter_reference: Mapped[str | None] = mapped_column(String(80))
    # Whether the person could decide: adult, minor, or unclear; for a minor the guardian and the child's own assent.
    capacity: Mapped[str | None] = mapped_column(String(12))
    guardian: Mapped[str | None] = mapped_column(String(20))
    guardian_suspected: Mapped[bool] = mapped_column(default=False, server_default=false())
    assent: Mapped[bool | None]
    onward_sharing: Mapped[bool] = mapped_column(default=False, server_default=false())
    # The legal basis stands apart: consent to a referral is not always the basis on which data are kept.
    legal_basis: Mapped[str | None] = mapped_column(String(24))
    method: Mapped[str | None] = mapped_column(String(20))
    evidence_sha256: Mapped[str | None] = mapped_column(String(64))
    # Who heard a spoken yes, as a kind; never a name.
    witness: Mapped[str | None] = mapped_column(String(20))
    valid_from: Mapped[datetime | None]
    review: Mapped[datetime | None]
    withdrawn_by: Mapped[str | None] = mapped_column(String(20))
    withdrawal_method: Mapped[str | None] = mapped_column(String(20))
    created: Mapped[datetime]
    explained: Mapped[datetime | None]
    given: Mapped[datetime | None]
    expires: Mapped[datetime]
    ended: Mapped[datetime | None]


@event.listens_for(Consent, "before_update")
def _consent_is_append_only(_mapper: object, _connection: object, _row: Consent) -> None:
    raise ValueError("a consent record changes only by case_queries.move_consent: widening needs a new one")


class ConsentNotice(Base):
    """The exact text that was explained, kept by its hash for as long as a record points at it."""

    __tablename__ = "consent_notice"
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    notice_id: Mapped[str] = mapped_column(String(40))
    version: Mapped[str] = mapped_column(String(20))
    language: Mapped[str] = mapped_column(String(35))
    text: Mapped[str] = mapped_column(Text)


class ConsentEvent(Base):
    """Append-only history of a consent record's states."""

    __tablename__ = "consent_event"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    consent_id: Mapped[UUID] = mapped_column(ForeignKey("consent.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime]
    by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    state: Mapped[str] = mapped_column(String(12))
    how: Mapped[str | None] = mapped_column(String(40))


class BreakGlass(Base):
    """Vital interests where consent can't be had: who, why, the fewest fields, one hour, and its review."""

    __tablename__ = "break_glass"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("case.id", ondelete="CASCADE"), index=True)
    recipient_organization_id: Mapped[UUID] = mapped_column(ForeignKey("organization.id"), index=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"), index=True)
    reason: Mapped[str] = mapped_column(String(24))
    imminence: Mapped[str] = mapped_column(String(24))
    why_no_consent: Mapped[str] = mapped_column(String(24))
    # In words, sealed under the case's key.
    explanation: Mapped[bytes] = mapped_column(LargeBinary)
    fields: Mapped[list[str]]
    granted: Mapped[datetime]
    expires: Mapped[datetime]
    review_by: Mapped[datetime] = mapped_column(index=True)
    reviewed: Mapped[datetime | None]
    reviewed_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    verdict: Mapped[str | None] = mapped_column(String(16))


class CaseExclusion(Base):
    """Someone for whom the case does not exist: an organization, or a person by a keyed hash of their address."""

    __tablename__ = "case_exclusion"
    __table_args__ = (
        CheckConstraint("(organization_id IS NULL) <> (person_key IS NULL)", name="one_of_both"),
        Index("uq_case_exclusion", "case_id", "organization_id", "person_key", unique=True))
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("case.id", ondelete="CASCADE"), index=True)
    organization_id: Mapped[UUID | None] = mapped_column(ForeignKey("organization.id"), index=True)
    person_key: Mapped[str | None] = mapped_column(String(64), index=True)
    # What was named, as it was named, sealed under the case's key.
    named: Mapped[bytes] = mapped_column(LargeBinary)
    created: Mapped[datetime]


class AddressReveal(Base):
    """A provider shows where a confidential service is to one named person, for one handoff, for a while."""

    __tablename__ = "address_reveal"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    handoff_id: Mapped[UUID] = mapped_column(ForeignKey("handoff.id", ondelete="CASCADE"), index=True)
    service_id: Mapped[UUID] = mapped_column(ForeignKey("service.id", ondelete="CASCADE"), index=True)
    to_person_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"), index=True)
    granted_by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    granted: Mapped[datetime]
    expires: Mapped[datetime]
    ended: Mapped[datetime | None]
    viewed: Mapped[datetime | None]


class Handoff(Base):
    """A request that a service takes a case, and all that follows: the states of a FHIR Task."""

    __tablename__ = "handoff"
    __table_args__ = (
        Index(
            "uq_handoff_open", "case_id", "service_id", unique=True,
            postgresql_where=text("state IN ('draft','requested','accepted','on_hold','in_progress')"),
            sqlite_where=text("state IN ('draft','requested','accepted','on_hold','in_progress')"),
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("case.id", ondelete="CASCADE"), index=True)
    service_id: Mapped[UUID] = mapped_column(ForeignKey("service.id"), index=True)
    interpreter_service_id: Mapped[UUID | None] = mapped_column(ForeignKey("service.id"))
    requester_organization_id: Mapped[UUID] = mapped_column(ForeignKey("organization.id"), index=True)
    recipient_organization_id: Mapped[UUID] = mapped_column(ForeignKey("organization.id"), index=True)
    consent_id: Mapped[UUID | None] = mapped_column(ForeignKey("consent.id"), index=True)
    kind: Mapped[str] = mapped_column(String(10), default="referral")
    needs: Mapped[list[str]]
    priority: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(12), index=True)
    requested_by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    created: Mapped[datetime]
    requested: Mapped[datetime | None]
    answer_by: Mapped[datetime | None] = mapped_column(index=True)
    answered: Mapped[datetime | None]
    ended: Mapped[datetime | None]
    reason: Mapped[str | None] = mapped_column(String(24))
    reason_party: Mapped[str | None] = mapped_column(String(10))
    # Where and how to meet, in the provider's words; sealed, shown to the requester while it is under way.
    meeting_point: Mapped[bytes | None] = mapped_column(LargeBinary)


class HandoffEvent(Base):
    """Append-only history of a handoff's states."""

    __tablename__ = "handoff_event"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    handoff_id: Mapped[UUID] = mapped_column(ForeignKey("handoff.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime]
    by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    party: Mapped[str] = mapped_column(String(10))
    action: Mapped[str] = mapped_column(String(10))
    from_state: Mapped[str] = mapped_column(String(12))
    to_state: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str | None] = mapped_column(String(24))


class Hold(Base):
    """Capacity set aside for one handoff: held until answered, occupied once accepted, or released."""

    __tablename__ = "hold"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="positive"),
        Index("uq_hold_live", "handoff_id", unique=True,
              postgresql_where=text("state IN ('held','occupied')"),
              sqlite_where=text("state IN ('held','occupied')")),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    handoff_id: Mapped[UUID] = mapped_column(ForeignKey("handoff.id", ondelete="CASCADE"), index=True)
    capacity_id: Mapped[UUID] = mapped_column(ForeignKey("service_capacity.id", ondelete="CASCADE"), index=True)
    quantity: Mapped[int]
    state: Mapped[str] = mapped_column(String(10))
    until: Mapped[datetime | None] = mapped_column(index=True)


class Disclosure(Base):
    """One organization was shown one set of fields of a case, under one consent, or one break of glass."""

    __tablename__ = "disclosure"
    __table_args__ = (CheckConstraint("(consent_id IS NULL) <> (break_glass_id IS NULL)", name="one_ground"),)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("case.id", ondelete="CASCADE"), index=True)
    handoff_id: Mapped[UUID] = mapped_column(ForeignKey("handoff.id", ondelete="CASCADE"), index=True)
    consent_id: Mapped[UUID | None] = mapped_column(ForeignKey("consent.id"))
    break_glass_id: Mapped[UUID | None] = mapped_column(ForeignKey("break_glass.id"))
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organization.id"))
    person_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    fields: Mapped[list[str]]
    at: Mapped[datetime]


