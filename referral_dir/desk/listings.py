"""The records that a caseworker's organization keeps: read, corrected, confirmed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from referral_dir.desk import audit
from referral_dir.desk.find import Indexes
from referral_dir.desk.languages import UnknownLanguage, language_codes, language_name
from referral_dir.domain import zones
from referral_dir.domain.access import Actor, require
from referral_dir.domain.errors import Invalid, NotFound, WrongState
from referral_dir.domain.needs import check_code
from referral_dir.domain.vocabulary import Place, ServiceStatus
from referral_dir.index import feed
from referral_dir.store import hiding, listing_queries, records
from referral_dir.store.db import Store, reading
from referral_dir.store.directory import Metadata, Service, ServiceNeed
from referral_dir.store.listing_queries import ServiceParts

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

PAGE: Final = 50
TEXTS: Final = ("name", "alternate_name", "description", "url", "email", "application_process",
                "fees_description", "wait_time", "eligibility_description", "interpretation_services", "alert")
NUMBERS: Final = {"minimum_age": (0, 120), "maximum_age": (0, 120), "maximum_household": (1, 100),
                  "hold_minutes": (5, 24 * 60)}
FLAGS: Final = ("remote", "accepts_handoffs")
EFFECTS: Final = ("serves", "excludes")
CRITERIA: Final = ("gender", "household", "nationality", "status", "accessibility", "community")


@dataclass(frozen=True, slots=True)
class Kept:
    """One line of the list of services that I keep."""

    service: Service
    organization: str
    needs: Sequence[ServiceNeed]


@dataclass(frozen=True, slots=True)
class Listing:
    """A service as its keeper edits it."""

    service: Service
    parts: ServiceParts
    history: Sequence[Metadata]


def my_services(session: "Session", actor: Actor, *, suggested_only: bool = False, words: str = "",
                page: int = 1) -> tuple[Sequence[Kept], int]:
    """A page of the services that the actor's organization keeps, and how many there are in all."""
    require(actor, "listing:read")
    rows, total = listing_queries.services_kept(
        session, actor.organization_id, suggested_only=suggested_only, words=words.strip()[:100], limit=PAGE,
        offset=PAGE * (max(1, page) - 1))
    needs = listing_queries.needs_of(session, [service.id for service, _ in rows])
    return [Kept(service, name, needs.get(service.id, [])) for service, name in rows], total


def read_listing(session: "Session", actor: Actor, service_id: UUID) -> Listing:
    """A service with all its parts and what changed in it. Raises NotFound."""
    require(actor, "listing:read")
    service = _kept(session, actor, service_id)
    return Listing(service, listing_queries.service_parts(session, service),
                   listing_queries.history(session, service_id))


def confirm_needs(session: "Session", actor: Actor, service_id: UUID, codes: Sequence[str], now: datetime) -> None:
    """These are the service's needs: suggestions among them are confirmed, others are gone. Raises Invalid."""
    require(actor, "listing:change")
    service = _kept(session, actor, service_id)
    before = [n.need + (" (suggested)" if n.suggested else "")
              for n in listing_queries.needs_of(session, [service_id]).get(service_id, [])]
    errors: dict[str, str] = {}
    chosen = _try(errors, "needs", lambda: _check_needs(codes))
    if errors:
        raise Invalid(errors)
    listing_queries.replace_needs(session, service.id, chosen)
    _note(session, actor, service.id, "needs", ", ".join(before), ", ".join(chosen), now)
    _changed(session, actor, service.id, ["needs"], now)


def change_listing(session: "Session", actor: Actor, service_id: UUID, revision: int, values: Mapping[str, Any],
                   now: datetime) -> None:
    """Change a service: `values` holds strings by field name as a form gives them, lists for needs, languages.

    Raises Invalid with every field that is wrong, WrongState if somebody edited it since `revision`.
    """
    require(actor, "listing:change")
    service = _kept(session, actor, service_id)
    columns, errors = _columns(values, service.url)
    needs = _try(errors, "needs", lambda: _check_needs(values["needs"])) if "needs" in values else None
    languages = _try(errors, "languages", lambda: language_codes(values["languages"])) \
        if "languages" in values else None
    rules = _try(errors, "eligibility", lambda: _rules(values["eligibility"])) if "eligibility" in values else None
    if service.confidential:
        words = hiding.says_where(session, service.id)
        errors |= {field: "this would say where the hidden service is: leave it out" for field in TEXTS
                   if words.found(columns.get(field))}
    low, high = columns.get("minimum_age"), columns.get("maximum_age")
    if low is not None and high is not None and low > high:
        errors["maximum_age"] = "the highest age is below the lowest"
    if errors:
        raise Invalid(errors)
    changed = {c: v for c, v in columns.items() if getattr(service, c) != v}
    before = {c: getattr(service, c) for c in changed}
    if not listing_queries.bump_revision(session, service.id, revision, last_modified=now, **changed):
        raise WrongState("somebody else changed this service while you were writing: "
                         "your words are kept below, compare and save again")
    for column, value in changed.items():
        _note(session, actor, service.id, column, str(before[column] or ""), str(value or ""), now)
    if needs is not None:
        listing_queries.replace_needs(session, service.id, needs)
    if languages is not None:
        listing_queries.replace_languages(session, service.id, [(c, language_name(c)) for c in languages])
    if rules is not None:
        listing_queries.replace_eligibility(session, service.id, rules)
    session.expire(service)
    _changed(session, actor, service.id, sorted(changed), now)


@dataclass(frozen=True, slots=True)
class Hiding:
    """What a caseworker should know before a service is hidden: why the zone hides little, what would be withheld in
    other texts, and which services stay in the open at the same place."""

    service: Service
    warnings: tuple[str, ...]
    repeats: Sequence[hiding.Repeat]
    sharing: Sequence[str]


def plan_hiding(session: "Session", actor: Actor, service_id: UUID, zone: Place) -> Hiding:
    """Look before `make_confidential`. Nothing changes. Raises NotFound."""
    require(actor, "listing:change")
    service = _kept(session, actor, service_id)
    needs = [n.need for n in listing_queries.needs_of(session, [service_id]).get(service_id, [])]
    near = listing_queries.neighbours(session, service_id, needs, zone.latitude, zone.longitude)
    return Hiding(service, zones.warnings(zone, needs, (zones.Neighbour(*row) for row in near)),
                  hiding.repeats(session, service_id), hiding.sharing(session, service_id))


def make_confidential(session: "Session", actor: Actor, service_id: UUID, zone: Place, now: datetime) -> None:
    """From now on only the zone is known: addresses and coordinates are sealed, and gone from everywhere else. For a
    service that is hidden already this changes the zone.

    `zone` is a town of the gazetteer that a person chose. Have `forget_places` run after the commit. Raises NotFound,
    WrongState if somebody edited the service at the same moment.
    """
    require(actor, "listing:change")
    service = _kept(session, actor, service_id)
    before = service.zone_name or ""
    values = {"confidential": True, "zone_name": zone.name, "zone_latitude": zone.latitude,
              "zone_longitude": zone.longitude, "country": zone.country,
              "timezone": zone.timezone or service.timezone}
    # First, as it locks the row: what is sealed below is then what will stand.
    if not listing_queries.bump_revision(session, service.id, service.revision, **values):
        raise WrongState("somebody else changed this service at the same moment: look at it and try again")
    hiding.seal_places(session, service.id)
    _note(session, actor, service.id, "zone_name", before, zone.name, now)
    _changed(session, actor, service.id, ["confidential"], now)


def forget_places(store: Store, indexes: Indexes) -> None:
    """After a service has become hidden, at once: both indexes, the snapshot on disk and the database's journal give up
    what they held of its place."""
    with reading(store) as session:
        feed.catch_up(session, indexes.match, indexes.text)
    indexes.match.forget()
    hiding.clean_disk(store)


def _kept(session: "Session", actor: Actor, service_id: UUID) -> Service:
    service = listing_queries.service_kept(session, service_id, actor.organization_id, own_only=False)
    if service is None:
        raise NotFound("no such service")
    return service


def _columns(values: Mapping[str, Any], kept_url: str | None) -> tuple[dict[str, Any], dict[str, str]]:
    columns: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for field in TEXTS:
        if field in values:
            columns[field] = str(values[field]).strip() or None
            if len(str(values[field])) > 10_000:
                errors[field] = "at most 10,000 characters"
    for field, (low, high) in NUMBERS.items():
        if field in values:
            columns[field] = _number(field, str(values[field]), low, high, errors)
    columns |= {flag: bool(values[flag]) for flag in FLAGS if flag in values}
    if "status" in values:
        columns["status"] = values["status"]
        if values["status"] not in set(ServiceStatus):
            errors["status"] = "choose from the list"
    if "name" in columns and not columns["name"]:
        errors["name"] = "a service needs a name"
    url = str(columns.get("url") or "")
    # What a source brought stays as it is, and is shown as text: an edit of something else must not fail by it.
    if url and url != kept_url and not url.startswith("https://"):
        errors["url"] = "start it with https://: an address without the s shows others on the network what is opened"
    return columns, errors


def _number(field: str, text: str, low: int, high: int, errors: dict[str, str]) -> int | None:
    if not text.strip():
        return None
    try:
        number = int(float(text))
    except (ValueError, OverflowError):
        number = low - 1
    if not low <= number <= high:
        errors[field] = f"a whole number from {low} to {high}, or nothing"
        return None
    return number


def _rules(text: str) -> list[tuple[str, str, str]]:
    """ "serves gender female", one rule on each line -> (criterion, code, effect)."""
    rules = set()
    for line in filter(None, (line.strip() for line in text.splitlines())):
        effect, _, rest = line.partition(" ")
        criterion, _, code = rest.strip().partition(" ")
        if effect not in EFFECTS or criterion not in CRITERIA or not code.strip() or len(code) > 60:
            raise ValueError(f"“{line[:60]}”: write {' or '.join(EFFECTS)}, then one of {', '.join(CRITERIA)}, "
                             "then whom")
        rules.add((criterion, code.strip(), effect))
    return sorted(rules)


def _check_needs(codes: Sequence[str]) -> list[str]:
    return sorted({check_code(code) for code in codes})


def _try(errors: dict[str, str], field: str, make: Any) -> Any:
    try:
        return make()
    except (UnknownLanguage, ValueError) as error:
        errors[field] = str(error)
        return None


def _note(session: "Session", actor: Actor, service_id: UUID, field: str, before: str, after: str,
          now: datetime) -> None:
    """HSDS metadata: what changed, by which organization's member."""
    session.add(Metadata(resource_id=service_id, resource_type="service", last_action_date=now.date(),
                         last_action_type="update", field_name=field, previous_value=before,
                         replacement_value=after, updated_by=actor.name or "member"))


def _changed(session: "Session", actor: Actor, service_id: UUID, fields: Sequence[str], now: datetime) -> None:
    records.service_changed(session, service_id)
    audit.record(session, actor, "listing:change", now, subject=f"service:{service_id}",
                 details={"fields": list(fields)})
