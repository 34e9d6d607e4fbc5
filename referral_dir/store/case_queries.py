"""Queries on cases, consent, handoffs and holds. What an actor asks for is scoped to their organization, and to the
cases that exist for them: see `exclusion_queries.visible`.

Rows are locked in one order: consent, handoff, capacity. Whoever needs several takes them in that order.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar, cast
from uuid import UUID

from sqlalchemy import ColumnElement, CursorResult, Executable, case, delete, or_, select, update
from sqlalchemy.orm import Session

from referral_dir.domain import consent as rules
from referral_dir.domain.access import Actor
from referral_dir.domain.handoff import OPEN
from referral_dir.domain.need import Declined
from referral_dir.domain.vocabulary import ConsentState, HandoffState, Party, Reason
from referral_dir.store import capacity, ledger
from referral_dir.store.cases import (
    Case,
    CaseField,
    Consent,
    ConsentNotice,
    Disclosure,
    Handoff,
    HandoffEvent,
    Hold,
)
from referral_dir.store.directory import Organization, Service, ServiceCapacity, Unit
from referral_dir.store.exclusion_queries import hidden_handoffs, visible

Query = TypeVar("Query", bound=Executable)
_OPEN = tuple(str(state) for state in OPEN)


def find_case(session: Session, case_id: UUID, actor: Actor) -> Case | None:
    """The case, if the actor's organization owns it."""
    return session.scalar(select(Case).where(
        Case.id == case_id, Case.organization_id == actor.organization_id, visible(session, actor, Case.id)))


def cases_of(session: Session, actor: Actor, *, closed: bool) -> Sequence[Case]:
    """The cases of the actor's organization, newest first."""
    ended = Case.closed.is_not(None) if closed else Case.closed.is_(None)
    query = select(Case).where(Case.organization_id == actor.organization_id, ended, visible(session, actor, Case.id))
    return session.scalars(query.order_by(Case.created.desc(), Case.id)).all()


def cases_unplaced(session: Session, actor: Actor) -> Sequence[Case]:
    """Open cases of the actor's organization that no service has taken yet, newest first."""
    taken = select(Handoff.case_id).where(Handoff.state.in_(
        (HandoffState.ACCEPTED, HandoffState.IN_PROGRESS, HandoffState.COMPLETED)))
    query = select(Case).where(Case.organization_id == actor.organization_id, Case.closed.is_(None),
                               Case.id.not_in(taken), visible(session, actor, Case.id))
    return session.scalars(query.order_by(Case.created.desc(), Case.id)).all()


def cases_of_batch(session: Session, actor: Actor, batch_id: UUID) -> Sequence[Case]:
    """Cases of the actor's organization that were opened together."""
    return session.scalars(select(Case).where(
        Case.batch_id == batch_id, Case.organization_id == actor.organization_id, visible(session, actor, Case.id))
        .order_by(Case.created, Case.id)).all()


def case_fields(session: Session, case_id: UUID) -> Sequence[CaseField]:
    """The sealed identifying fields that the case has."""
    return session.scalars(select(CaseField).where(CaseField.case_id == case_id).order_by(CaseField.field)).all()


def remove_case_field(session: Session, case_id: UUID, field: str) -> None:
    """Forget one identifying field, also where an older backup is restored."""
    gone = session.scalars(delete(CaseField).where(CaseField.case_id == case_id, CaseField.field == field)
                           .returning(CaseField.id).execution_options(synchronize_session=False)).all()
    for field_id in gone:
        ledger.note(session, ledger.FORGOTTEN, datetime.now(UTC), case_id=case_id, record_id=field_id)


def consents_of(session: Session, case_id: UUID) -> Sequence[Consent]:
    """The case's consent records, newest first."""
    query = select(Consent).where(Consent.case_id == case_id).order_by(Consent.created.desc(), Consent.id)
    return session.scalars(query).all()


def consents_of_cases(session: Session, case_ids: Collection[UUID]) -> Sequence[Consent]:
    """The consent records of cases that were loaded for the actor before, newest first."""
    query = select(Consent).where(Consent.case_id.in_(case_ids)).order_by(Consent.created.desc(), Consent.id)
    return session.scalars(query).all()


def find_consent(session: Session, consent_id: UUID, actor: Actor, *, lock: bool) -> Consent | None:
    """A consent record of a case that the actor's organization owns."""
    query = select(Consent).join(Case, Case.id == Consent.case_id).where(
        Consent.id == consent_id, Case.organization_id == actor.organization_id, visible(session, actor, Case.id))
    return session.scalar(_fresh(query.with_for_update(of=Consent)) if lock else query)


def lock_consent(session: Session, consent_id: UUID) -> Consent | None:
    """The record as it is now, locked: nobody withdraws it until this transaction ends."""
    return session.scalar(_fresh(select(Consent).where(Consent.id == consent_id).with_for_update()))


def lock_consents_of(session: Session, case_id: UUID) -> None:
    """Whoever discloses something of the case now has committed, and whoever begins to waits for this transaction."""
    session.execute(select(Consent.id).where(Consent.case_id == case_id).order_by(Consent.id).with_for_update())


def lock_consents_for(session: Session, case_id: UUID, organization_id: UUID, purpose: str) -> Sequence[Consent]:
    """All records of the case that name this recipient and purpose, locked."""
    query = select(Consent).where(Consent.case_id == case_id, Consent.purpose == purpose,
                                  Consent.recipient_organization_id == organization_id)
    return session.scalars(_fresh(query.order_by(Consent.id).with_for_update())).all()


def move_consent(session: Session, consent_id: UUID, from_state: str, **values: Any) -> bool:
    """Change the record if it is still in `from_state`. False: someone was first.

    A step writes its own columns and no other: what was agreed is never changed. What ends by a person's word is noted
    outside the database: a restored backup must not bring it back.
    """
    if not values.keys() <= rules.WRITES[ConsentState(values["state"])]:
        raise ValueError("this step does not write that column: widening needs a new record")
    query = update(Consent).where(Consent.id == consent_id, Consent.state == from_state).values(**values)
    moved = _changed(session, query)
    if moved and values.get("state") in (ledger.WITHDRAWN, ledger.SUPERSEDED):
        ledger.note(session, values["state"], values.get("ended") or datetime.now(UTC), record_id=consent_id)
    return moved


def expired_consents(session: Session, now: datetime) -> Sequence[UUID]:
    """Active records whose end has come."""
    return session.scalars(select(Consent.id).where(Consent.state == "active", Consent.expires <= now)
                           .order_by(Consent.id)).all()


def keep_notice(session: Session, notice: ConsentNotice) -> None:
    """Keep the explained text by its hash, once."""
    if session.get(ConsentNotice, notice.sha256) is None:
        session.add(notice)


def handoff_of_requester(session: Session, handoff_id: UUID, actor: Actor) -> Handoff | None:
    """The handoff, if the actor's organization asked for it."""
    return session.scalar(_fresh(select(Handoff).where(Handoff.id == handoff_id, *_asked_by(session, actor))))


def handoff_of_recipient(session: Session, handoff_id: UUID, actor: Actor) -> Handoff | None:
    """The handoff, if it was sent to the actor's organization. A draft is not sent yet."""
    return session.scalar(_fresh(select(Handoff).where(Handoff.id == handoff_id, *_sent_to(session, actor))))


def handoffs_from(session: Session, actor: Actor) -> Sequence[Handoff]:
    """What the actor's organization asked for, newest first."""
    return session.scalars(select(Handoff).where(*_asked_by(session, actor))
                           .order_by(Handoff.created.desc(), Handoff.id)).all()


def handoffs_to(session: Session, actor: Actor) -> Sequence[Handoff]:
    """What was sent to the actor's organization; what must be answered soonest first."""
    return session.scalars(select(Handoff).where(*_sent_to(session, actor))
                           .order_by(Handoff.answer_by, Handoff.id)).all()


def _asked_by(session: Session, actor: Actor) -> tuple[ColumnElement[bool], ...]:
    return (Handoff.requester_organization_id == actor.organization_id, visible(session, actor, Handoff.case_id))


def _sent_to(session: Session, actor: Actor) -> tuple[ColumnElement[bool], ...]:
    return (Handoff.recipient_organization_id == actor.organization_id, Handoff.state != "draft",
            visible(session, actor, Handoff.case_id))


def handoffs_of_case(session: Session, case_id: UUID) -> Sequence[Handoff]:
    """All handoffs of a case, newest first."""
    return session.scalars(select(Handoff).where(Handoff.case_id == case_id)
                           .order_by(Handoff.created.desc(), Handoff.id)).all()


def declined_of_case(session: Session, case_id: UUID) -> list[tuple[UUID, UUID, Declined]]:
    """Services that said no to the case or did not answer, with their organization; the newest answer of each last."""
    said_no = (Handoff.state == HandoffState.REJECTED) & (Handoff.reason_party == Party.RECIPIENT)
    silent = (Handoff.state == HandoffState.CANCELLED) & (Handoff.reason == Reason.NO_RESPONSE)
    rows = session.execute(
        select(Handoff.service_id, Handoff.recipient_organization_id, Handoff.reason, Handoff.ended)
        .where(Handoff.case_id == case_id, said_no | silent, Handoff.reason.is_not(None), Handoff.ended.is_not(None))
        .order_by(Handoff.ended, Handoff.id))
    return [(service_id, organization_id, Declined(Reason(reason), ended))
            for service_id, organization_id, reason, ended in rows if reason and ended]


def open_handoffs(session: Session, *, case_id: UUID | None = None,
                  consent_id: UUID | None = None) -> Sequence[Handoff]:
    """Handoffs that have not ended, of a case or under a consent, in the order in which to lock them."""
    query = select(Handoff).where(Handoff.state.in_(_OPEN))
    if case_id is not None:
        query = query.where(Handoff.case_id == case_id)
    if consent_id is not None:
        query = query.where(Handoff.consent_id == consent_id)
    return session.scalars(_fresh(query.order_by(Handoff.id).with_for_update())).all()


def unanswered_handoffs(session: Session, now: datetime) -> Sequence[UUID]:
    """Requests whose time to answer has passed."""
    return session.scalars(select(Handoff.id).where(
        Handoff.state.in_(("requested", "on_hold")), Handoff.answer_by <= now).order_by(Handoff.id)).all()


def lock_handoff(session: Session, handoff_id: UUID) -> Handoff | None:
    """The handoff as it is now, locked."""
    return session.scalar(_fresh(select(Handoff).where(Handoff.id == handoff_id).with_for_update()))


def move_handoff(session: Session, handoff_id: UUID, from_state: str, **values: Any) -> bool:
    """Change the handoff if it is still in `from_state`. False: someone was first."""
    query = update(Handoff).where(Handoff.id == handoff_id, Handoff.state == from_state).values(**values)
    return _changed(session, query)


def handoff_events(session: Session, handoff_id: UUID) -> Sequence[HandoffEvent]:
    """The history of a handoff, oldest first."""
    return session.scalars(select(HandoffEvent).where(HandoffEvent.handoff_id == handoff_id)
                           .order_by(HandoffEvent.at, HandoffEvent.id)).all()


def capacities_of(session: Session, service_ids: Collection[UUID]) -> Sequence[tuple[ServiceCapacity, str]]:
    """The services' capacity rows with their unit's name."""
    query = select(ServiceCapacity, Unit.name).join(Unit, Unit.id == ServiceCapacity.unit_id).where(
        ServiceCapacity.service_id.in_(service_ids)).order_by(Unit.name, ServiceCapacity.id)
    return [(row, unit) for row, unit in session.execute(query.execution_options(populate_existing=True))]


def take_places(session: Session, capacity_id: UUID, quantity: int) -> bool:
    """Take places if that many are free. False: they are not, and nothing was taken."""
    capacity.by_handoff(session, capacity_id)
    query = update(ServiceCapacity).where(
        ServiceCapacity.id == capacity_id, ServiceCapacity.available >= quantity
    ).values(available=ServiceCapacity.available - quantity)
    return _changed(session, query)


def return_places(session: Session, capacity_id: UUID, quantity: int) -> None:
    """Give places back, but never more than there are: the number may have been set anew meanwhile."""
    capacity.by_handoff(session, capacity_id)
    more = ServiceCapacity.available + quantity
    capped = case((or_(ServiceCapacity.maximum.is_(None), more <= ServiceCapacity.maximum), more),
                  (ServiceCapacity.available > ServiceCapacity.maximum, ServiceCapacity.available),
                  else_=ServiceCapacity.maximum)
    session.execute(update(ServiceCapacity).where(ServiceCapacity.id == capacity_id).values(available=capped)
                    .execution_options(synchronize_session=False))


def live_hold(session: Session, handoff_id: UUID) -> Hold | None:
    """The places set aside for, or taken by, this handoff."""
    return session.scalar(_fresh(select(Hold).where(
        Hold.handoff_id == handoff_id, Hold.state.in_(("held", "occupied")))))


def holds_that_ran_out(session: Session, now: datetime) -> Sequence[Hold]:
    """Holds past their end."""
    return session.scalars(_fresh(select(Hold).where(Hold.state == "held", Hold.until <= now)
                                  .order_by(Hold.id))).all()


def held_places(session: Session, actor: Actor, capacity_ids: Collection[UUID]) -> dict[UUID, int]:
    """How many places are set aside right now, by capacity, but for cases that do not exist for the actor."""
    held: dict[UUID, int] = {}
    hidden = hidden_handoffs(session, actor)
    for hold in session.scalars(select(Hold).where(Hold.capacity_id.in_(capacity_ids), Hold.state == "held")):
        if hold.handoff_id in hidden:
            continue
        held[hold.capacity_id] = held.get(hold.capacity_id, 0) + hold.quantity
    return held


def move_hold(session: Session, hold_id: UUID, from_state: str, to_state: str) -> bool:
    """Change the hold if it is still in `from_state`. False: someone was first."""
    query = update(Hold).where(Hold.id == hold_id, Hold.state == from_state).values(state=to_state)
    return _changed(session, query)


def disclosures_of(session: Session, case_id: UUID) -> Sequence[Disclosure]:
    """Who was shown what of a case, newest first."""
    return session.scalars(select(Disclosure).where(Disclosure.case_id == case_id)
                           .order_by(Disclosure.at.desc(), Disclosure.id)).all()


def as_consent(row: Consent) -> rules.Consent:
    """The record as the rules see it."""
    return rules.Consent(ConsentState(row.state), row.recipient_organization_id, row.purpose,
                         frozenset(row.fields), row.given, row.expires, row.valid_from)


def _fresh(query: Query) -> Query:
    """Have the row read again although the session already knows it: it may have changed before the lock."""
    return query.execution_options(populate_existing=True)


def _changed(session: Session, query: Any) -> bool:
    result = session.execute(query.execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", result).rowcount == 1


@dataclass(frozen=True, slots=True)
class HandoffNames:
    """What a list of handoffs shows beside them, by id."""

    services: dict[UUID, str]
    organizations: dict[UUID, str]
    references: dict[UUID, str]
    holds: dict[UUID, datetime | None]


def handoff_names(session: Session, handoffs: Sequence[Handoff]) -> HandoffNames:
    """The names, references and holds of many handoffs in four queries."""
    def pairs(query: Any) -> dict[UUID, Any]:
        return {row[0]: row[1] for row in session.execute(query)}

    organizations = {h.requester_organization_id for h in handoffs} | {h.recipient_organization_id for h in handoffs}
    return HandoffNames(
        pairs(select(Service.id, Service.name).where(Service.id.in_({h.service_id for h in handoffs}))),
        pairs(select(Organization.id, Organization.name).where(Organization.id.in_(organizations))),
        pairs(select(Case.id, Case.reference).where(Case.id.in_({h.case_id for h in handoffs}))),
        pairs(select(Hold.handoff_id, Hold.until).where(Hold.handoff_id.in_({h.id for h in handoffs}),
                                                        Hold.state == "held")))
