"""The words that every room uses: roles, states, reasons and the frozen values that travel between rooms."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a signed-in person is here to do."""

    OFFICER = "officer"
    CASEWORKER = "caseworker"
    PROVIDER = "provider"
    OVERSEER = "overseer"
    ADMINISTRATOR = "administrator"


class ServiceStatus(StrEnum):
    """HSDS 3.1 service.status; only ACTIVE is ever offered."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    DEFUNCT = "defunct"
    TEMPORARILY_CLOSED = "temporarily closed"


class Priority(StrEnum):
    """How soon a handoff must be answered; see handoff.ANSWER_WITHIN."""

    IMMEDIATE = "immediate"
    EMERGENCY = "emergency"
    URGENT = "urgent"
    NORMAL = "normal"


class AgeBand(StrEnum):
    """Age as a provider may know it before accepting."""

    CHILD = "0-11"
    TEEN = "12-17"
    YOUNG_ADULT = "18-25"
    ADULT = "26-59"
    OLDER = "60+"
    # An adult, as one sees at a glance.
    GROWN_UP = "18+"


class Gender(StrEnum):
    """FHIR administrative-gender, plus the two that services distinguish."""

    FEMALE = "female"
    MALE = "male"
    TRANS = "trans"
    NON_BINARY = "non_binary"
    UNKNOWN = "unknown"


class HandoffState(StrEnum):
    """FHIR Task.status, the subset that a referral walks through."""

    DRAFT = "draft"
    REQUESTED = "requested"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    ON_HOLD = "on_hold"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class HandoffAction(StrEnum):
    """What a party, or time, does to a handoff."""

    REQUEST = "request"
    ACCEPT = "accept"
    REJECT = "reject"
    HOLD = "hold"
    START = "start"
    COMPLETE = "complete"
    FAIL = "fail"
    CANCEL = "cancel"
    EXPIRE = "expire"


class Party(StrEnum):
    """From whom a handoff's move or a reason comes."""

    REQUESTER = "requester"
    RECIPIENT = "recipient"
    PERSON = "person"
    SYSTEM = "system"


class Reason(StrEnum):
    """Why a handoff was rejected, held, cancelled or failed."""

    FULL = "full"
    NOT_ELIGIBLE = "not_eligible"
    LANGUAGE = "language"
    UNSAFE_HERE = "unsafe_here"
    NEED_NOT_MET = "need_not_met"
    CONFLICT_OF_INTEREST = "conflict_of_interest"
    MORE_INFORMATION = "more_information"
    WAITING_FOR_PLACE = "waiting_for_place"
    NO_LONGER_NEEDED = "no_longer_needed"
    CHOSE_ANOTHER = "chose_another"
    DID_NOT_ARRIVE = "did_not_arrive"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    CONSENT_EXPIRED = "consent_expired"
    ACCEPTED_ELSEWHERE = "accepted_elsewhere"
    NO_RESPONSE = "no_response"
    OTHER = "other"


class Purpose(StrEnum):
    """For what someone opens a case that a colleague opened."""

    REFERRAL = "referral"
    FOLLOW_UP = "follow_up"
    HANDOVER = "handover"
    CORRECTION = "correction"
    SUPERVISION = "supervision"


class ConsentState(StrEnum):
    """ISO/IEC TS 27560 record states, as design.md orders them."""

    DRAFT = "draft"
    EXPLAINED = "explained"
    GIVEN = "given"
    REFUSED = "refused"
    ACTIVE = "active"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"


class ConsentMethod(StrEnum):
    """How a person expressed their decision."""

    SIGNED = "signed"
    DIGITAL = "digital"
    WITNESSED_ORAL = "witnessed_oral"


@dataclass(frozen=True, slots=True)
class Place:
    """A point with a name. Degrees are WGS 84; country is ISO 3166-1 alpha-2; timezone is an IANA name."""

    name: str
    country: str
    latitude: float
    longitude: float
    admin1: str = ""
    timezone: str = ""
    population: int = 0
