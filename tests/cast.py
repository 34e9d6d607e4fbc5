"""The cast: invented people of three organizations each way, and an outsider for every role."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from referral_dir.desk import cases, consents, handoffs
from referral_dir.domain.access import Actor
from referral_dir.domain.consent_record import Answer, Explanation, Terms
from referral_dir.domain.vocabulary import Place, Role
from referral_dir.store.db import Store, transaction
from referral_dir.store.directory import (
    Eligibility,
    Language,
    Organization,
    Phone,
    Service,
    ServiceCapacity,
    ServiceNeed,
    Unit,
)
from referral_dir.store.people import Person
from referral_dir.store.records import service_changed

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
MIAMI = Place("Miami", "US", 25.7743, -80.1937, "Florida", "America/New_York")
PASSWORD = "invented words in a row"
EXPLAINED = Explanation("fr", "professional_remote", "adult", interpreter_reference="Agency 4711")
SAID_YES = Answer("witnessed_oral", "second_officer")


@dataclass
class Cast:
    """Who is there, and what they have."""

    olga: Actor  # officer of the border unit
    omar: Actor  # officer of another unit: an outsider
    petra: Actor  # provider at the shelter
    pablo: Actor  # provider at the clinic: an outsider
    clara: Actor  # caseworker of the network that keeps the shelter's record
    carl: Actor  # caseworker of another network: an outsider
    vera: Actor  # overseer
    adam: Actor  # administrator
    shelter: UUID
    clinic: UUID
    beds: UUID
    emails: dict[UUID, str]


def build(store: Store, *, beds: int = 3, hold_minutes: int | None = 120, password_hash: str = "x") -> Cast:
    """The cast with a shelter that has beds and a clinic."""
    with transaction(store) as session:
        def org(name: str) -> Organization:
            row = Organization(name=f"{name} (invented)", description="")
            session.add(row)
            session.flush()
            return row

        emails: dict[UUID, str] = {}

        def person(name: str, role: Role, home: Organization) -> Actor:
            row = Person(organization_id=home.id, email=f"{name.casefold()}@test.example", name=name, role=role,
                         password_hash=password_hash, created=NOW)
            session.add(row)
            session.flush()
            emails[row.id] = row.email
            return Actor(row.id, home.id, role, name)

        border, police, harbour, clinic_org = org("Border Unit"), org("City Police"), org("Harbour"), org("Clinic")
        network, rivals, office = org("Network"), org("Other Network"), org("Office")
        cast = {name.casefold(): person(name, role, home) for name, role, home in (
            ("Olga", Role.OFFICER, border), ("Omar", Role.OFFICER, police), ("Petra", Role.PROVIDER, harbour),
            ("Pablo", Role.PROVIDER, clinic_org), ("Clara", Role.CASEWORKER, network),
            ("Carl", Role.CASEWORKER, rivals), ("Vera", Role.OVERSEER, office), ("Adam", Role.ADMINISTRATOR, office))}
        shelter = Service(organization_id=harbour.id, name="Harbour Shelter (invented)", status="active",
                          confidential=True, zone_name="Miami", zone_latitude=25.77, zone_longitude=-80.19,
                          country="US", timezone="America/New_York", hold_minutes=hold_minutes, kept_by_id=network.id)
        clinic = Service(organization_id=clinic_org.id, name="Clinic (invented)", status="active", country="US",
                         timezone="America/New_York", remote=True, kept_by_id=rivals.id)
        unit = Unit(name="bed")
        session.add_all([shelter, clinic, unit])
        session.flush()
        capacity = ServiceCapacity(service_id=shelter.id, unit_id=unit.id, available=beds, maximum=10,
                                   updated=NOW - timedelta(hours=1))
        session.add_all([
            capacity, ServiceNeed(service_id=shelter.id, need="shelter.emergency"),
            ServiceNeed(service_id=clinic.id, need="medical.general"),
            Phone(service_id=shelter.id, number="+1 305 555 0100", number_e164="+13055550100")])
        session.flush()
        return Cast(**cast, shelter=shelter.id, clinic=clinic.id, beds=capacity.id, emails=emails)


def new_case(store: Store, cast: Cast, household: int = 1) -> UUID:
    """Olga opens a case with a name in it."""
    with transaction(store) as session:
        case = cases.open_case(session, cast.olga, cases.NewCase(
            needs=["shelter.emergency"], languages=["ht"], place=MIAMI, household=household, gender="female"), NOW)
        cases.set_identifying(session, cast.olga, case.id, {"name": "Invented Person", "health": "asthma"}, NOW)
        return case.id


def consent(store: Store, cast: Cast, case_id: UUID, service_id: UUID, fields: tuple[str, ...] = ("name",)) -> UUID:
    """An active consent for the service's organization."""
    with transaction(store) as session:
        row = consents.draft(session, cast.olga, case_id, service_id, Terms(fields), NOW)
        consents.explain(session, cast.olga, row.id, EXPLAINED, NOW)
        consents.give(session, cast.olga, row.id, SAID_YES, NOW)
        return row.id


def request(store: Store, cast: Cast, *, household: int = 1) -> tuple[UUID, UUID, UUID]:
    """(case, consent, handoff) of a request to the shelter."""
    case_id = new_case(store, cast, household)
    consent_id = consent(store, cast, case_id, cast.shelter)
    with transaction(store) as session:
        return case_id, consent_id, handoffs.request(session, cast.olga, case_id, cast.shelter, NOW).id


def free_beds(store: Store, cast: Cast) -> int:
    """How many beds are free now."""
    with transaction(store) as session:
        return session.get_one(ServiceCapacity, cast.beds).available


def interpreter(store: Store, name: str, language: str = "ht", phone: str = "", **rule: str) -> UUID:
    """A service that interprets by phone, anywhere."""
    with transaction(store) as session:
        home = Organization(name=f"Voices of {name} (invented)", description="")
        session.add(home)
        session.flush()
        service = Service(organization_id=home.id, name=name, status="active", remote=True, country="US")
        session.add(service)
        session.flush()
        session.add_all([ServiceNeed(service_id=service.id, need="interpretation"),
                         Language(service_id=service.id, code=language, name=language)])
        if phone:
            session.add(Phone(service_id=service.id, number=phone))
        if rule:
            session.add(Eligibility(service_id=service.id, **rule))
        service_changed(session, service.id)
        return service.id
