"""The records that a caseworker's organization keeps: listed, read, changed, checked, confirmed."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from referral_dir.desk import audit, listing_values, listing_writing
from referral_dir.desk.find import Indexes, ServiceView
from referral_dir.domain import zones
from referral_dir.domain.access import Actor, require
from referral_dir.domain.errors import Invalid, NotFound, WrongState
from referral_dir.domain.listing import PLACE, Change, Seen, Values, Weighed, read_seen, seen, weigh
from referral_dir.domain.needs import check_code
from referral_dir.domain.opening import opening
from referral_dir.domain.saying import say
from referral_dir.domain.upkeep import due_on, is_due, next_check
from referral_dir.domain.vocabulary import Place, ServiceStatus
from referral_dir.index import feed
from referral_dir.store import candidates, hiding, listing_queries, listing_rows, records, upkeep_queries
from referral_dir.store.db import Store, reading
from referral_dir.store.directory import Metadata, Service, ServiceNeed
from referral_dir.store.listing_queries import ServiceParts, Wanted

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

PAGE: Final = 20


@dataclass(frozen=True, slots=True)
class Kept:
    """One line of the list of services that I keep. `due` is the day of its next check; None: it never had one."""

    service: Service
    organization: str
    needs: Sequence[ServiceNeed]
    due: date | None
    is_due: bool


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One change of one field, and whose it was."""

    at: datetime | None
    day: date
    field: str
    before: str
    after: str
    updated_by: str
    organization: str | None


@dataclass(frozen=True, slots=True)
class Listing:
    """A service as its keeper edits it: `values` are its fields, `seen` says which version these are."""

    service: Service
    parts: ServiceParts
    history: Sequence[HistoryLine]
    values: Values
    seen: str
    due: date | None
    is_due: bool
    open_corrections: int


class Clash(WrongState):
    """Somebody else changed the same fields meanwhile. `weighed` says which; `seen` is what is there now."""

    def __init__(self, weighed: Weighed, values: Values, revision: int) -> None:
        super().__init__(say("somebody else changed this service while you were writing: your words are kept below, "
                             "compare and save again"))
        self.weighed, self.values, self.seen = weighed, values, seen(revision, values)


@dataclass(frozen=True, slots=True)
class Preview:
    """What saving would do, and how the page would look then."""

    changes: Sequence[Change]
    view: ServiceView
    warnings: Sequence[str]


def my_services(session: "Session", actor: Actor, now: datetime, wanted: Wanted, *,
                page: int = 1) -> tuple[Sequence[Kept], int]:
    """A page of the services that the actor's organization keeps, and how many there are in all."""
    require(actor, "listing:read")
    rows, total = listing_queries.services_kept(session, actor.organization_id, wanted, now.date(), limit=PAGE,
                                                offset=PAGE * (max(1, page) - 1))
    needs = listing_queries.needs_of(session, [service.id for service, _ in rows])
    return [Kept(service, name, needs.get(service.id, []), due_on(service.assured_date, service.verify_due),
                 is_due(service.assured_date, service.verify_due, now.date())) for service, name in rows], total


def read_listing(session: "Session", actor: Actor, service_id: UUID, now: datetime) -> Listing:
    """A service with all its parts and what changed in it. Raises NotFound."""
    require(actor, "listing:read")
    service = _kept(session, actor, service_id)
    rows = listing_rows.rows_of(session, [service])[service_id]
    values = listing_values.texts(rows)
    return Listing(service, listing_queries.service_parts(session, service),
                   [_line(*row) for row in listing_queries.history(session, service_id)], values,
                   seen(service.revision, values), due_on(service.assured_date, service.verify_due),
                   is_due(service.assured_date, service.verify_due, now.date()),
                   upkeep_queries.count_open(session, [service_id]))


def _line(row: Metadata, organization: str | None) -> HistoryLine:
    return HistoryLine(row.at, row.last_action_date, row.field_name, row.previous_value, row.replacement_value,
                       row.updated_by, organization)


def confirm_needs(session: "Session", actor: Actor, service_id: UUID, codes: Sequence[str], now: datetime) -> None:
    """These are the service's needs: suggestions among them are confirmed, others are gone. Raises Invalid."""
    require(actor, "listing:change")
    service = _kept(session, actor, service_id)
    before = listing_values.read(session, [service])[service_id]["needs"]
    try:
        chosen = sorted({check_code(code) for code in codes})
    except ValueError as error:
        raise Invalid({"needs": error.args[0]}) from error
    listing_queries.replace_needs(session, service.id, chosen)
    note(session, actor, service.id, [Change("needs", before, ", ".join(chosen))], now)
    changed(session, actor, service.id, ["needs"], now)


def change_listing(session: "Session", actor: Actor, service_id: UUID, was_seen: "str | int",
                   written: Mapping[str, object], now: datetime) -> Sequence[Change]:
    """Change a service: `written` holds texts by field name, as a form or a spreadsheet gives them.

    1. What was written is understood. 2. Only what differs from what its writer saw (`was_seen`) is theirs to change.
    3. The service moves on from exactly the version that was read here. 4. The history says what changed.

    Raises Invalid with every field that is wrong, Clash where somebody changed the same field since, WrongState.
    """
    require(actor, "listing:change")
    service = _kept(session, actor, service_id)
    changes = apply(session, service, was_seen, written, now)
    if changes:
        note(session, actor, service.id, changes, now)
        changed(session, actor, service.id, sorted(change.field for change in changes), now)
    return changes


def preview_change(session: "Session", actor: Actor, service_id: UUID, was_seen: "str | int",
                   written: Mapping[str, object], now: datetime) -> Preview:
    """What `change_listing` would do, done and undone. Raises what it raises."""
    require(actor, "listing:change")
    service = _kept(session, actor, service_id)
    with undone(session):
        changes = apply(session, service, was_seen, written, now)
        session.expire_all()
        view = view_of(session, service_id, now)
        warnings = _warnings(view, listing_values.read(session, [view.service])[service_id])
        session.expunge_all()
    return Preview(changes, view, warnings)


@contextmanager
def undone(session: "Session") -> Iterator[None]:
    """What the block writes is looked at, and taken back when it ends."""
    savepoint = session.begin_nested()
    try:
        yield
    finally:
        savepoint.rollback()


def view_of(session: "Session", service_id: UUID, now: datetime) -> ServiceView:
    """The service as a page shows it."""
    service = session.get_one(Service, service_id)
    [candidate] = candidates.load_candidates(session, [service_id])
    return ServiceView(service, listing_queries.service_parts(session, service),
                       opening(candidate.schedules, candidate.timezone, now))


def apply(session: "Session", service: Service, was_seen: "str | int", written: Mapping[str, object],
          now: datetime, rows: listing_rows.Rows | None = None) -> Sequence[Change]:
    """Write what was written, without a word to trail, history or indexes. Raises as `change_listing` does."""
    rows = rows or listing_rows.rows_of(session, [service])[service.id]
    current = listing_values.texts(rows)
    understood = listing_values.understand(written, current, service)
    errors = understood.errors | _giving_away(session, service, current, understood.values)
    if errors:
        raise Invalid(errors)
    weighed = weigh(_seen(was_seen, service), current, understood.values)
    if weighed.clashes:
        raise Clash(weighed, current, service.revision)
    if not weighed.mine:
        return ()
    columns = {change.field: listing_writing.column(change) for change in weighed.mine
               if hasattr(Service, change.field) and change.field not in PLACE}
    if "verify_months" in columns and service.assured_date:
        columns["verify_due"] = next_check(service.assured_date, columns["verify_months"])
    if not listing_queries.bump_revision(session, service.id, service.revision, last_modified=now, **columns):
        raise WrongState(say("somebody else changed this service at the same moment: look at it and try again"))
    listing_writing.write_parts(session, rows, weighed.mine,
                               current | {change.field: change.after for change in weighed.mine})
    session.expire(service)
    return weighed.mine


def _seen(was_seen: "str | int", service: Service) -> Seen | None:
    """What the writer had before them. A bare number must be the newest: it can't be told what they changed."""
    found = read_seen(was_seen) if isinstance(was_seen, str) else None
    if found is None and str(was_seen) != str(service.revision):
        raise WrongState(say("somebody else changed this service while you were writing: your words are kept below, "
                             "compare and save again"))
    return found


def _giving_away(session: "Session", service: Service, current: Values, values: Values) -> dict[str, str]:
    if not service.confidential:
        return {}
    words = hiding.says_where(session, service.id)
    return {field: say("this would say where the hidden service is: leave it out") for field, text in values.items()
            if text != current.get(field) and words.found(text)}


def _warnings(view: ServiceView, values: Values) -> list[str]:
    """What is no mistake, and what its keeper should know all the same."""
    found: list[str] = []
    if values["status"] != "active":
        found.append(say("It is not offered to anybody: its status is not “active”."))
    if not values["needs"]:
        found.append(say("It helps with nothing yet: nobody will find it by what they need."))
    found += [say("“%(number)s” does not look like a complete telephone number. Check it: perhaps nobody can ring it.",
                  number=number)
              for number in listing_values.doubtful_phones(values["phones"], view.service.country)]
    if not values["phones"] and not view.parts.phones:
        found.append(say("It has no telephone."))
    if values.get("city") and not values.get("point") and listing_values.town(values) is None:
        found.append(say("The town is not known here: without a point on the map nobody finds it by distance."))
    return found


def check_today(session: "Session", actor: Actor, service_id: UUID, now: datetime) -> None:
    """ "Checked today: all is right." Raises NotFound."""
    require(actor, "listing:change")
    service = _kept(session, actor, service_id)
    before, today = str(service.assured_date or ""), now.date()
    listing_rows.touch(session, service_id, assured_date=today, verify_due=next_check(today, service.verify_months))
    session.expire(service)
    if before != str(today):
        note(session, actor, service_id, [Change("assured_date", before, str(today))], now)
    audit.record(session, actor, "listing:check", now, subject=f"service:{service_id}")


def set_status(session: "Session", actor: Actor, service_id: UUID, status: str, now: datetime) -> None:
    """Close it, for now or for good, or offer it again. Raises NotFound, Invalid."""
    require(actor, "listing:change")
    service = _kept(session, actor, service_id)
    change_listing(session, actor, service_id, service.revision, {"status": status}, now)


def organizations_to_add_to(session: "Session", actor: Actor) -> Sequence[tuple[UUID, str]]:
    """The organizations that a new service may be entered for: one's own, and those of the services one keeps."""
    require(actor, "listing:change")
    return upkeep_queries.organizations_kept(session, actor.organization_id)


def create_service(session: "Session", actor: Actor, name: str, organization_id: UUID | None, now: datetime) -> UUID:
    """A new service that is not offered yet: its keeper fills it in, and hides it first where it must be hidden.

    Raises Invalid.
    """
    require(actor, "listing:change")
    errors: dict[str, str] = {}
    if not name.strip() or len(name) > listing_values.LONGEST_LINE:
        errors["name"] = say("a service needs a name")
    if organization_id not in {key for key, _ in upkeep_queries.organizations_kept(session, actor.organization_id)}:
        errors["organization_id"] = say("choose from the list")
    if errors:
        raise Invalid(errors)
    service = Service(organization_id=organization_id, name=" ".join(name.split()), status=ServiceStatus.INACTIVE,
                      kept_by_id=actor.organization_id, last_modified=now)
    session.add(service)
    session.flush()
    note(session, actor, service.id, [Change("created", "", service.name)], now)
    changed(session, actor, service.id, ["created"], now)
    return service.id


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
        raise WrongState(say("somebody else changed this service at the same moment: look at it and try again"))
    hiding.seal_places(session, service.id)
    note(session, actor, service.id, [Change("zone_name", before, zone.name)], now)
    changed(session, actor, service.id, ["confidential"], now)


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


def note(session: "Session", actor: Actor, service_id: UUID, changes: Sequence[Change], now: datetime) -> None:
    """HSDS metadata: what changed, when, by whom."""
    session.add_all([Metadata(
        resource_id=service_id, resource_type="service", last_action_date=now.date(), last_action_type="update",
        field_name=change.field, previous_value=change.before, replacement_value=change.after,
        updated_by=actor.name or "member", at=now, person_id=actor.person_id) for change in changes])


def changed(session: "Session", actor: Actor, service_id: UUID, fields: Sequence[str], now: datetime) -> None:
    records.service_changed(session, service_id)
    audit.record(session, actor, "listing:change", now, subject=f"service:{service_id}",
                 details={"fields": list(fields)})
