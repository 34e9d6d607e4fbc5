"""The directory's rows: HSDS 3.1 tables under HSDS names, and what HSDS lacks and this product needs.

A record that came from a file keeps `source` and `foreign_id`, so that a newer file updates it. `extra`
holds properties of the source that HSDS does not name: they are exported again, and never searched.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from referral_dir.store.db import Base

CASCADE = "CASCADE"
SET_NULL = "SET NULL"


def _parent(table: str, *, required: bool = False) -> Mapped[Any]:
    return mapped_column(Uuid, ForeignKey(f"{table}.id", ondelete=CASCADE), index=True, nullable=not required)


class Record:
    """What every HSDS row has."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    source: Mapped[str | None] = mapped_column(String(80))
    foreign_id: Mapped[str | None] = mapped_column(String(200))
    extra: Mapped[dict[str, Any] | None]


def _imported_once(table: str) -> UniqueConstraint:
    return UniqueConstraint("source", "foreign_id", name=f"uq_{table}_source_foreign_id")


class Organization(Record, Base):
    __tablename__ = "organization"
    __table_args__ = (_imported_once("organization"),)
    name: Mapped[str] = mapped_column(Text)
    alternate_name: Mapped[str | None] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text, default="")
    email: Mapped[str | None] = mapped_column(Text)
    website: Mapped[str | None] = mapped_column(Text)
    tax_status: Mapped[str | None] = mapped_column(Text)
    tax_id: Mapped[str | None] = mapped_column(Text)
    year_incorporated: Mapped[int | None]
    legal_status: Mapped[str | None] = mapped_column(Text)
    logo: Mapped[str | None] = mapped_column(Text)
    uri: Mapped[str | None] = mapped_column(Text)
    # Not a foreign key: sources name parents that they do not contain, and losing the name would be a loss.
    parent_organization_id: Mapped[UUID | None]
    # False for those who only refer (a border police unit): they are members, not entries of the directory.
    in_directory: Mapped[bool] = mapped_column(default=True)


class Program(Record, Base):
    __tablename__ = "program"
    __table_args__ = (_imported_once("program"),)
    organization_id: Mapped[UUID] = _parent("organization", required=True)
    name: Mapped[str] = mapped_column(Text)
    alternate_name: Mapped[str | None] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text, default="")


class Service(Record, Base):
    __tablename__ = "service"
    __table_args__ = (
        _imported_once("service"),
        CheckConstraint("NOT confidential OR zone_name IS NOT NULL", name="confidential_has_zone"),
    )
    organization_id: Mapped[UUID] = _parent("organization", required=True)
    program_id: Mapped[UUID | None] = mapped_column(ForeignKey("program.id", ondelete=SET_NULL), index=True)
    name: Mapped[str] = mapped_column(Text)
    alternate_name: Mapped[str | None] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    url: Mapped[str | None] = mapped_column(Text)
    email: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(20), default="active", index=True)
    interpretation_services: Mapped[str | None] = mapped_column(Text)
    application_process: Mapped[str | None] = mapped_column(Text)
    fees_description: Mapped[str | None] = mapped_column(Text)
    wait_time: Mapped[str | None] = mapped_column(Text)
    fees: Mapped[str | None] = mapped_column(Text)
    accreditations: Mapped[str | None] = mapped_column(Text)
    eligibility_description: Mapped[str | None] = mapped_column(Text)
    minimum_age: Mapped[float | None]
    maximum_age: Mapped[float | None]
    assured_date: Mapped[date | None]
    assurer_email: Mapped[str | None] = mapped_column(Text)
    licenses: Mapped[str | None] = mapped_column(Text)
    alert: Mapped[str | None] = mapped_column(Text)
    last_modified: Mapped[datetime | None]
    # Beyond HSDS
    confidential: Mapped[bool] = mapped_column(default=False)
    zone_name: Mapped[str | None] = mapped_column(Text)
    zone_latitude: Mapped[float | None]
    zone_longitude: Mapped[float | None]
    country: Mapped[str | None] = mapped_column(String(2))
    timezone: Mapped[str | None] = mapped_column(String(64))
    remote: Mapped[bool] = mapped_column(default=False)
    maximum_household: Mapped[int | None]
    accepts_handoffs: Mapped[bool] = mapped_column(default=True)
    hold_minutes: Mapped[int | None]
    offered_until: Mapped[date | None]
    kept_by_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("organization.id", ondelete=SET_NULL), index=True
    )
    # When somebody must look at it again, and how many months each look is good for.
    verify_due: Mapped[date | None]
    verify_months: Mapped[int | None]
    # Counts edits, so that a form filled in from an older state is refused and not silently written over.
    revision: Mapped[int] = mapped_column(default=1)


class Location(Record, Base):
    __tablename__ = "location"
    __table_args__ = (_imported_once("location"),)
    organization_id: Mapped[UUID | None] = _parent("organization")
    location_type: Mapped[str] = mapped_column(String(10), default="physical")
    url: Mapped[str | None] = mapped_column(Text)
    name: Mapped[str | None] = mapped_column(Text)
    alternate_name: Mapped[str | None] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    transportation: Mapped[str | None] = mapped_column(Text)
    # As the source gave them; only pairs on the globe are indexed (the standard's own example says 100, 101).
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    # Where no point was given: the town of the address, found offline. Good for "about n km", not for a map.
    near_name: Mapped[str | None] = mapped_column(Text)
    near_latitude: Mapped[float | None]
    near_longitude: Mapped[float | None]
    external_identifier: Mapped[str | None] = mapped_column(Text)
    external_identifier_type: Mapped[str | None] = mapped_column(Text)


class ServiceAtLocation(Record, Base):
    __tablename__ = "service_at_location"
    __table_args__ = (_imported_once("service_at_location"),)
    service_id: Mapped[UUID] = _parent("service", required=True)
    location_id: Mapped[UUID] = _parent("location", required=True)
    description: Mapped[str | None] = mapped_column(Text)


class Address(Record, Base):
    __tablename__ = "address"
    __table_args__ = (_imported_once("address"),)
    location_id: Mapped[UUID | None] = _parent("location")
    attention: Mapped[str | None] = mapped_column(Text)
    address_1: Mapped[str] = mapped_column(Text, default="")
    address_2: Mapped[str | None] = mapped_column(Text)
    city: Mapped[str] = mapped_column(Text, default="")
    region: Mapped[str | None] = mapped_column(Text)
    state_province: Mapped[str] = mapped_column(Text, default="")
    postal_code: Mapped[str] = mapped_column(Text, default="")
    country: Mapped[str] = mapped_column(Text, default="")
    address_type: Mapped[str] = mapped_column(String(10), default="physical")


class Contact(Record, Base):
    __tablename__ = "contact"
    __table_args__ = (_imported_once("contact"),)
    organization_id: Mapped[UUID | None] = _parent("organization")
    service_id: Mapped[UUID | None] = _parent("service")
    service_at_location_id: Mapped[UUID | None] = _parent("service_at_location")
    location_id: Mapped[UUID | None] = _parent("location")
    name: Mapped[str | None] = mapped_column(Text)
    title: Mapped[str | None] = mapped_column(Text)
    department: Mapped[str | None] = mapped_column(Text)
    email: Mapped[str | None] = mapped_column(Text)


class Phone(Record, Base):
    __tablename__ = "phone"
    __table_args__ = (_imported_once("phone"),)
    location_id: Mapped[UUID | None] = _parent("location")
    service_id: Mapped[UUID | None] = _parent("service")
    organization_id: Mapped[UUID | None] = _parent("organization")
    contact_id: Mapped[UUID | None] = _parent("contact")
    service_at_location_id: Mapped[UUID | None] = _parent("service_at_location")
    number: Mapped[str] = mapped_column(Text)
    number_e164: Mapped[str | None] = mapped_column(String(20))
    extension: Mapped[str | None] = mapped_column(String(20))
    type: Mapped[str | None] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)


class Schedule(Record, Base):
    __tablename__ = "schedule"
    __table_args__ = (_imported_once("schedule"),)
    service_id: Mapped[UUID | None] = _parent("service")
    location_id: Mapped[UUID | None] = _parent("location")
    service_at_location_id: Mapped[UUID | None] = _parent("service_at_location")
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
    dtstart: Mapped[date | None]
    timezone: Mapped[float | None]
    until: Mapped[date | None]
    count: Mapped[int | None]
    wkst: Mapped[str | None] = mapped_column(String(2))
    freq: Mapped[str | None] = mapped_column(String(10))
    interval: Mapped[int | None]
    byday: Mapped[str | None] = mapped_column(Text)
    byweekno: Mapped[str | None] = mapped_column(Text)
    bymonthday: Mapped[str | None] = mapped_column(Text)
    byyearday: Mapped[str | None] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    opens_at: Mapped[str | None] = mapped_column(String(32))
    closes_at: Mapped[str | None] = mapped_column(String(32))
    schedule_link: Mapped[str | None] = mapped_column(Text)
    attending_type: Mapped[str | None] = mapped_column(Text)
    notes: Mapped[str | None] = mapped_column(Text)
    # Beyond HSDS: the days named here are closed, whatever other rows say (a holiday).
    closed: Mapped[bool] = mapped_column(default=False)


class ServiceArea(Record, Base):
    """Where people may live or be to use the service. A circle, country or named area is matched by place."""

    __tablename__ = "service_area"
    __table_args__ = (_imported_once("service_area"),)
    service_id: Mapped[UUID | None] = _parent("service")
    service_at_location_id: Mapped[UUID | None] = _parent("service_at_location")
    name: Mapped[str | None] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    extent: Mapped[str | None] = mapped_column(Text)
    extent_type: Mapped[str | None] = mapped_column(Text)
    uri: Mapped[str | None] = mapped_column(Text)
    # Beyond HSDS, resolved when it is saved: whole country, one admin-1 area of it, or a circle.
    country: Mapped[str | None] = mapped_column(String(2))
    admin1: Mapped[str | None] = mapped_column(Text)
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    radius_km: Mapped[float | None]


class Language(Record, Base):
    __tablename__ = "language"
    __table_args__ = (_imported_once("language"),)
    service_id: Mapped[UUID | None] = _parent("service")
    location_id: Mapped[UUID | None] = _parent("location")
    phone_id: Mapped[UUID | None] = _parent("phone")
    name: Mapped[str | None] = mapped_column(Text)
    code: Mapped[str | None] = mapped_column(String(35))
    note: Mapped[str | None] = mapped_column(Text)


class Accessibility(Record, Base):
    __tablename__ = "accessibility"
    __table_args__ = (_imported_once("accessibility"),)
    location_id: Mapped[UUID | None] = _parent("location")
    description: Mapped[str | None] = mapped_column(Text)
    details: Mapped[str | None] = mapped_column(Text)
    url: Mapped[str | None] = mapped_column(Text)


class RequiredDocument(Record, Base):
    __tablename__ = "required_document"
    __table_args__ = (_imported_once("required_document"),)
    service_id: Mapped[UUID | None] = _parent("service")
    document: Mapped[str | None] = mapped_column(Text)
    uri: Mapped[str | None] = mapped_column(Text)


class CostOption(Record, Base):
    __tablename__ = "cost_option"
    __table_args__ = (_imported_once("cost_option"),)
    service_id: Mapped[UUID] = _parent("service", required=True)
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
    option: Mapped[str | None] = mapped_column(Text)
    currency: Mapped[str | None] = mapped_column(String(3))
    amount: Mapped[float | None]
    amount_description: Mapped[str | None] = mapped_column(Text)


class Funding(Record, Base):
    __tablename__ = "funding"
    __table_args__ = (_imported_once("funding"),)
    organization_id: Mapped[UUID | None] = _parent("organization")
    service_id: Mapped[UUID | None] = _parent("service")
    source_text: Mapped[str | None] = mapped_column("source_of_funds", Text)


class Url(Record, Base):
    __tablename__ = "url"
    __table_args__ = (_imported_once("url"),)
    organization_id: Mapped[UUID | None] = _parent("organization")
    service_id: Mapped[UUID | None] = _parent("service")
    label: Mapped[str | None] = mapped_column(Text)
    url: Mapped[str] = mapped_column(Text)


class OrganizationIdentifier(Record, Base):
    __tablename__ = "organization_identifier"
    __table_args__ = (_imported_once("organization_identifier"),)
    organization_id: Mapped[UUID] = _parent("organization", required=True)
    identifier_scheme: Mapped[str | None] = mapped_column(Text)
    identifier_type: Mapped[str] = mapped_column(Text)
    identifier: Mapped[str] = mapped_column(Text)


class Taxonomy(Record, Base):
    __tablename__ = "taxonomy"
    __table_args__ = (_imported_once("taxonomy"),)
    name: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text, default="")
    uri: Mapped[str | None] = mapped_column(Text)
    version: Mapped[str | None] = mapped_column(Text)


class TaxonomyTerm(Record, Base):
    __tablename__ = "taxonomy_term"
    __table_args__ = (_imported_once("taxonomy_term"),)
    taxonomy_id: Mapped[UUID | None] = _parent("taxonomy")
    code: Mapped[str | None] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text, default="")
    # Not a foreign key: a term may arrive before its parent, or without it.
    parent_id: Mapped[UUID | None]
    taxonomy: Mapped[str | None] = mapped_column(Text)
    language: Mapped[str | None] = mapped_column(Text)
    term_uri: Mapped[str | None] = mapped_column(Text)


class Attribute(Record, Base):
    """A taxonomy term, or a labelled value, on any record: `link_entity` names its table, `link_id` its row."""

    __tablename__ = "attribute"
    __table_args__ = (
        _imported_once("attribute"),
        Index("ix_attribute_link", "link_entity", "link_id"),
    )
    link_id: Mapped[UUID]
    link_entity: Mapped[str] = mapped_column(Text)
    link_type: Mapped[str | None] = mapped_column(Text)
    taxonomy_term_id: Mapped[UUID | None] = _parent("taxonomy_term")
    value: Mapped[str | None] = mapped_column(Text)
    label: Mapped[str | None] = mapped_column(Text)


class Metadata(Record, Base):
    """What changed in which record, when and by whom."""

    __tablename__ = "metadata"
    __table_args__ = (
        _imported_once("metadata"),
        Index("ix_metadata_resource", "resource_type", "resource_id"),
    )
    resource_id: Mapped[UUID]
    resource_type: Mapped[str] = mapped_column(Text)
    last_action_date: Mapped[date]
    last_action_type: Mapped[str] = mapped_column(Text)
    field_name: Mapped[str] = mapped_column(Text)
    previous_value: Mapped[str] = mapped_column(Text)
    replacement_value: Mapped[str] = mapped_column(Text)
    updated_by: Mapped[str] = mapped_column(Text)
    # Beyond HSDS: the moment, and whose act it was. Not a foreign key: a history outlives who made it.
    at: Mapped[datetime | None]
    person_id: Mapped[UUID | None]


class Unit(Record, Base):
    __tablename__ = "unit"
    __table_args__ = (_imported_once("unit"),)
    name: Mapped[str] = mapped_column(Text)
    scheme: Mapped[str | None] = mapped_column(Text)
    identifier: Mapped[str | None] = mapped_column(Text)
    uri: Mapped[str | None] = mapped_column(Text)


class ServiceCapacity(Record, Base):
    """How many units are free right now: those held for an unanswered handoff are already taken off."""

    __tablename__ = "service_capacity"
    __table_args__ = (
        _imported_once("service_capacity"),
        CheckConstraint("available >= 0", name="never_below_zero"),
    )
    service_id: Mapped[UUID] = _parent("service", required=True)
    unit_id: Mapped[UUID] = _parent("unit", required=True)
    available: Mapped[int]
    maximum: Mapped[int | None]
    description: Mapped[str | None] = mapped_column(Text)
    updated: Mapped[datetime]
    updated_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id", ondelete=SET_NULL))


class Eligibility(Base):
    """Who a service is for, and who it turns away, in codes that can be matched.

    criterion: gender, household, nationality, status, accessibility, community; effect: serves or excludes.
    """

    __tablename__ = "eligibility"
    __table_args__ = (UniqueConstraint("service_id", "criterion", "code"),)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    service_id: Mapped[UUID] = _parent("service", required=True)
    criterion: Mapped[str] = mapped_column(String(20))
    code: Mapped[str] = mapped_column(String(60))
    effect: Mapped[str] = mapped_column(String(8))


class ServiceNeed(Base):
    """A need that a service meets. `suggested` until a person has confirmed it; `evidence` says why."""

    __tablename__ = "service_need"
    service_id: Mapped[UUID] = mapped_column(ForeignKey("service.id", ondelete=CASCADE), primary_key=True)
    need: Mapped[str] = mapped_column(String(60), primary_key=True, index=True)
    suggested: Mapped[bool] = mapped_column(default=False)
    evidence: Mapped[str | None] = mapped_column(Text)


class SecretLocation(Base):
    """Where a confidential service is. Sealed with a key from outside the database; no find path reads it."""

    __tablename__ = "secret_location"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    service_id: Mapped[UUID] = mapped_column(ForeignKey("service.id", ondelete=CASCADE), unique=True)
    address: Mapped[bytes | None] = mapped_column(LargeBinary)
    coordinates: Mapped[bytes | None] = mapped_column(LargeBinary)
