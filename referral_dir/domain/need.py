"""What is asked for, and what a service says of itself: the values that the rules of matching read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from referral_dir.domain.availability import Capacity
from referral_dir.domain.opening import Schedule
from referral_dir.domain.vocabulary import Place, Reason

LARGEST_RADIUS_KM: Final = 5000.0


class Verdict(StrEnum):
    """What was found for one criterion."""

    MET = "met"
    UNKNOWN = "unknown"
    UNMET = "unmet"


@dataclass(frozen=True, slots=True)
class Area:
    """A circle to avoid."""

    name: str
    latitude: float
    longitude: float
    radius_km: float


# After these a service is not offered to the case again: nothing that time changes would change the answer.
LASTING: Final = frozenset({Reason.NOT_ELIGIBLE, Reason.LANGUAGE, Reason.UNSAFE_HERE, Reason.NEED_NOT_MET,
                            Reason.CONFLICT_OF_INTEREST})


@dataclass(frozen=True, slots=True)
class Declined:
    """A service said no to this case, or nothing at all: why, and when."""

    reason: Reason
    at: datetime

    @property
    def lasts(self) -> bool:
        """Whether the no is for good."""
        return self.reason in LASTING


@dataclass(frozen=True, slots=True)
class Need:
    """What is asked for.

    `needs` maps each asked code to the codes that satisfy it (itself and its children); any one of `languages`
    is enough; `ages` is the youngest and oldest the person may be, in years. `excluded_communities` are codes of
    communities whose services and interpreters the person must not meet.
    """

    needs: Mapping[str, frozenset[str]]
    place: Place
    languages: tuple[str, ...] = ()
    radius_km: float = 50.0
    ages: tuple[int, int] | None = None
    gender: str | None = None
    household: int = 1
    nationality: str | None = None
    status: str | None = None
    accessibility: tuple[str, ...] = ()
    excluded_organizations: frozenset[UUID] = frozenset()
    excluded_areas: tuple[Area, ...] = ()
    excluded_communities: frozenset[str] = frozenset()
    declined: Mapping[UUID, Declined] = field(default_factory=dict)
    open_now: bool = False
    open_by: datetime | None = None

    @property
    def reach_km(self) -> float:
        """How far a near miss may be: farther, a service is not worth a call."""
        return min(self.radius_km * 2 + 50, LARGEST_RADIUS_KM)


@dataclass(frozen=True, slots=True)
class EligibilityRule:
    """criterion: gender, household, nationality, status, accessibility or community; effect: serves, excludes."""

    criterion: str
    code: str
    effect: str


@dataclass(frozen=True, slots=True)
class ServedArea:
    """Where a service works: a country, one admin-1 area of it, or a circle in degrees and km."""

    country: str | None
    admin1: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    radius_km: float | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A service as it is now, in the fields that rules read. A confidential one has its zone's point only.

    Points lie on the grid of `distance.grid_point`.
    """

    service_id: UUID
    organization_id: UUID
    name: str
    organization: str
    confirmed_needs: frozenset[str]
    suggested_needs: frozenset[str] = frozenset()
    status: str = "active"
    offered_until: date | None = None
    confidential: bool = False
    zone: str | None = None
    points: tuple[tuple[float, float], ...] = ()
    place_precision: str = "exact"
    areas: tuple[ServedArea, ...] = ()
    country: str | None = None
    remote: bool = False
    languages: frozenset[str] = frozenset()
    own_interpretation: str | None = None
    minimum_age: float | None = None
    maximum_age: float | None = None
    maximum_household: int | None = None
    eligibility: tuple[EligibilityRule, ...] = ()
    eligibility_text: str | None = None
    capacity: Capacity | None = None
    schedules: tuple[Schedule, ...] = ()
    timezone: str | None = None
    accepts_handoffs: bool = True

    @property
    def needs(self) -> frozenset[str]:
        """Confirmed and suggested."""
        return self.confirmed_needs | self.suggested_needs


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion, its verdict, and the sentence that an officer reads. `fit` is the part of the rank."""

    name: str
    verdict: Verdict
    detail: str
    fit: float = 1.0
