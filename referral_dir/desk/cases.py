"""Cases: what is needed, and, sealed apart, who it is about."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from referral_dir.desk import audit, budgets, ending
from referral_dir.domain import members as group
from referral_dir.domain.access import Actor, require
from referral_dir.domain.consent import IDENTIFYING_FIELDS
from referral_dir.domain.errors import Invalid, NotFound, PurposeNeeded, WrongState
from referral_dir.domain.members import Member
from referral_dir.domain.need import Area, Need
from referral_dir.domain.needs import check_code, expand
from referral_dir.domain.reference import new_reference
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import AgeBand, Gender, HandoffState, Party, Place, Priority, Purpose, Reason
from referral_dir.store import audit_queries, case_queries, crypto, exclusion_queries
from referral_dir.store.cases import Case, CaseField, CaseKey, Consent, Disclosure, Handoff

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

MAXIMUM_FIELD = 2000
# How long a purpose that was given holds.
SHIFT = timedelta(hours=8)
AGES: Mapping[str, tuple[int, int]] = {
    AgeBand.CHILD: (0, 11), AgeBand.TEEN: (12, 17), AgeBand.YOUNG_ADULT: (18, 25), AgeBand.ADULT: (26, 59),
    AgeBand.OLDER: (60, 110), AgeBand.GROWN_UP: (18, 110),
}


@dataclass(frozen=True, slots=True)
class NewCase:
    """What an officer says of a case. Nothing here identifies anyone."""

    needs: Sequence[str]
    languages: Sequence[str]
    place: Place
    priority: str = Priority.URGENT
    age_band: str | None = None
    gender: str | None = None
    household: int = 1
    # Of a group, where it is known who they are: as many as `household`.
    members: Sequence[Member] = ()
    accessibility: Sequence[str] = ()
    excluded_organizations: Sequence[UUID] = ()
    excluded_areas: Sequence[Area] = ()
    excluded_communities: Sequence[str] = ()
    safe_contact: str = ""


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A case as its own organization sees it."""

    case: Case
    identifying: Mapping[str, str]
    safe_contact: str
    consents: Sequence[Consent]
    handoffs: Sequence[Handoff]
    disclosures: Sequence[Disclosure]
    # The key is destroyed: what identified the person can't be read any more, by anyone.
    erased: bool


def open_case(session: "Session", actor: Actor, new: NewCase, now: datetime, *, batch_id: UUID | None = None,
              batch_line: int | None = None) -> Case:
    """Make a case with a key of its own. Raises Invalid with every field that is wrong.

    `batch_id` is shared by cases that are opened together, each from a line of one list.
    """
    require(actor, "case:create")
    _check(new)
    case_id, key = uuid4(), crypto.new_key()
    case = Case(
        id=case_id, reference=new_reference(), organization_id=actor.organization_id, created_by_id=actor.person_id,
        created=now, batch_id=batch_id, batch_line=batch_line, priority=new.priority,
        needs=list(dict.fromkeys(new.needs)),
        languages=list(dict.fromkeys(new.languages)), age_band=new.age_band or None, gender=new.gender or None,
        household=new.household, members=group.kept(new.members), accessibility=list(new.accessibility),
        place_name=new.place.name,
        place_country=new.place.country, place_latitude=new.place.latitude, place_longitude=new.place.longitude,
        excluded_organizations=[str(i) for i in new.excluded_organizations],
        excluded_communities=[code.casefold() for code in new.excluded_communities],
        excluded_areas=[{"name": a.name, "latitude": a.latitude, "longitude": a.longitude,
                         "radius_km": a.radius_km} for a in new.excluded_areas],
        safe_contact=crypto.seal(key, new.safe_contact.encode(), case_id, "safe_contact")
        if new.safe_contact else None)
    session.add(case)
    session.flush()
    session.add(CaseKey(case_id=case_id, wrapped=session.info["keys"].seal(key, case_id, "wrapped_key")))
    audit.record(session, actor, "case:create", now, subject=f"case:{case.id}", purpose="referral")
    return case


def my_cases(session: "Session", actor: Actor, *, closed: bool = False) -> Sequence[Case]:
    """The cases of the actor's organization, newest first."""
    require(actor, "case:read")
    return case_queries.cases_of(session, actor, closed=closed)


def cases_to_place(session: "Session", actor: Actor) -> Sequence[Case]:
    """The open cases of the actor's organization that no service has taken yet, newest first."""
    require(actor, "case:read")
    return case_queries.cases_unplaced(session, actor)


def read_case(session: "Session", actor: Actor, case_id: UUID, now: datetime, *,
              purpose: str | None = None) -> CaseFile:
    """The whole case. Reading it is audited with its purpose, as it opens the identifying fields.

    Who did not open the case says for what they read it, once in a shift. Raises NotFound, PurposeNeeded, TooOften,
    Invalid.
    """
    require(actor, "case:read")
    case = own_case(session, actor, case_id)
    budgets.spend(session, actor, "case:read", now)
    audit.record(session, actor, "case:read", now, subject=f"case:{case.id}",
                 purpose=purpose_of_reading(session, actor, case, now, purpose))
    return open_file(session, case)


def open_file(session: "Session", case: Case) -> CaseFile:
    """All of the case, opened. For those only who may see it, and who have said so in the trail."""
    erased = session.get(CaseKey, case.id) is None
    return CaseFile(case, {} if erased else identifying_fields(session, case), safe_contact(session, case),
                    case_queries.consents_of(session, case.id), case_queries.handoffs_of_case(session, case.id),
                    case_queries.disclosures_of(session, case.id), erased)


def purpose_of_reading(session: "Session", actor: Actor, case: Case, now: datetime, purpose: str | None = None, *,
                       asked_by: UUID | None = None) -> str:
    """For what the actor reads of the case: as they say now or said in this shift; of one that they opened, or for
    which they asked a service themselves (`asked_by`), for its referral. Raises PurposeNeeded, Invalid."""
    if purpose is not None:
        if purpose not in set(Purpose):
            raise Invalid({"purpose": say("choose for what you open this case")})
        return purpose
    if actor.person_id in (case.created_by_id, asked_by):
        return Purpose.REFERRAL
    said = audit_queries.purpose_of(session, actor.person_id, f"case:{case.id}", "case:read", now - SHIFT)
    if said is None:
        raise PurposeNeeded(say("say first for what you open this case"), case.id)
    return said


def set_identifying(session: "Session", actor: Actor, case_id: UUID, values: Mapping[str, str],
                    now: datetime) -> None:
    """Set identifying fields; an empty value forgets the field. Raises Invalid."""
    require(actor, "case:change")
    case = _open(own_case(session, actor, case_id))
    errors: dict[str, str] = {f: say("no such field") for f in values if f not in IDENTIFYING_FIELDS}
    errors |= {f: say("at most %(number)s characters", number=MAXIMUM_FIELD)
               for f, v in values.items() if len(v) > MAXIMUM_FIELD}
    if errors:
        raise Invalid(errors)
    key, before = case_key(session, case), identifying_fields(session, case)
    for field, value in values.items():
        if value.strip() == before.get(field, ""):
            continue
        case_queries.remove_case_field(session, case.id, field)
        if value.strip():
            row_id = uuid4()
            session.add(CaseField(id=row_id, case_id=case.id, field=field,
                                  sealed=crypto.seal(key, value.strip().encode(), row_id, field)))
    session.flush()
    audit.record(session, actor, "case:change", now, subject=f"case:{case.id}", purpose="referral",
                 details={"fields": sorted(values)})


def change_case(session: "Session", actor: Actor, case_id: UUID, new: NewCase, now: datetime) -> None:
    """Set right what was said of the case. Whom it is kept away from, and the safe contact, stay as they are.

    Who has been asked sees it as it is now, so how many people there are can't change while a place is asked for them.
    Raises NotFound, WrongState, Invalid.
    """
    require(actor, "case:change")
    case = _open(own_case(session, actor, case_id))
    _check(new)
    asked = [h for h in case_queries.open_handoffs(session, case_id=case.id) if h.requested is not None]
    if asked and new.household != case.household:
        raise Invalid({"household": say("a service has been asked for this many people: cancel that request first")})
    case.needs, case.languages = list(dict.fromkeys(new.needs)), list(dict.fromkeys(new.languages))
    case.priority, case.age_band, case.gender = new.priority, new.age_band or None, new.gender or None
    case.household, case.accessibility = new.household, list(new.accessibility)
    case.members = group.kept(new.members)
    case.place_name, case.place_country = new.place.name, new.place.country
    case.place_latitude, case.place_longitude = new.place.latitude, new.place.longitude
    audit.record(session, actor, "case:change", now, subject=f"case:{case.id}", purpose="referral",
                 details={"fields": ["needs"]})


def close_case(session: "Session", actor: Actor, case_id: UUID, now: datetime) -> None:
    """Close the case; what is still open of it is cancelled."""
    require(actor, "case:close")
    case = _open(own_case(session, actor, case_id))
    for handoff in case_queries.open_handoffs(session, case_id=case.id):
        ending.cancel(session, actor, handoff, Reason.NO_LONGER_NEEDED, Party.REQUESTER, now)
    case.closed = now
    audit.record(session, actor, "case:close", now, subject=f"case:{case.id}", purpose="referral")


def own_case(session: "Session", actor: Actor, case_id: UUID) -> Case:
    """The case, if the actor's organization owns it. Raises NotFound."""
    case = case_queries.find_case(session, case_id, actor)
    if case is None:
        raise NotFound(say("no such case"))
    return case


def case_key(session: "Session", case: Case) -> bytes:
    """The case's own key. Raises NotFound where it was destroyed."""
    kept = session.get(CaseKey, case.id)
    if kept is None:
        raise NotFound(say("this case has been erased"))
    key: bytes = session.info["keys"].open(kept.wrapped, case.id, "wrapped_key")
    return key


def identifying_fields(session: "Session", case: Case) -> dict[str, str]:
    """The opened fields, in the order of IDENTIFYING_FIELDS. For those only who may see them."""
    key = case_key(session, case)
    opened = {row.field: crypto.unseal(key, row.sealed, row.id, row.field).decode()
              for row in case_queries.case_fields(session, case.id)}
    return {field: opened[field] for field in IDENTIFYING_FIELDS if field in opened}


def safe_contact(session: "Session", case: Case) -> str:
    """How to reach the person without danger, opened."""
    if case.safe_contact is None:
        return ""
    return crypto.unseal(case_key(session, case), case.safe_contact, case.id, "safe_contact").decode()


def seal_meeting_point(session: "Session", case: Case, handoff_id: UUID, text: str) -> bytes | None:
    """Where to meet the person, sealed under the case's key: it ends with the case."""
    return crypto.seal(case_key(session, case), text.encode(), handoff_id, "meeting_point") if text else None


def open_meeting_point(session: "Session", case: Case, handoff: Handoff) -> str:
    """Where to meet, in words; also one that is still sealed by the key ring, as all were once."""
    if handoff.meeting_point is None:
        return ""
    try:
        return crypto.unseal(case_key(session, case), handoff.meeting_point, handoff.id, "meeting_point").decode()
    except crypto.SealError:
        opened: bytes = session.info["keys"].open(handoff.meeting_point, handoff.id, "meeting_point")
        return opened.decode()


def need_of(session: "Session", case: Case, *, radius_km: float = 50.0, only: Sequence[str] = ()) -> Need:
    """What to match for this case: also who has said no to it, and who has a conflict of interest. `only`: for these of
    its needs, as others are met elsewhere."""
    answers = case_queries.declined_of_case(session, case.id)
    conflicts = {organization_id for _, organization_id, declined in answers
                 if declined.reason is Reason.CONFLICT_OF_INTEREST}
    conflicts |= exclusion_queries.excluded_organizations(session, case.id)
    return Need(
        needs={code: expand(code) for code in only or case.needs},
        place=Place(case.place_name, case.place_country, case.place_latitude, case.place_longitude),
        languages=tuple(case.languages), radius_km=radius_km,
        ages=group.ages(group.read(case.members)) or (AGES[case.age_band] if case.age_band else None),
        gender=case.gender, household=case.household,
        accessibility=tuple(case.accessibility),
        excluded_organizations=frozenset(UUID(i) for i in case.excluded_organizations) | conflicts,
        excluded_communities=frozenset(case.excluded_communities),
        declined={service_id: declined for service_id, _, declined in answers},
        excluded_areas=tuple(Area(**area) for area in case.excluded_areas))


def child_along(case: Case) -> bool:
    """Whether the case says that a child is among those who stay together."""
    return group.with_child(group.read(case.members))


def rest(case: Case, handoffs: Sequence[Handoff]) -> list[str]:
    """The needs of the case that no service was chosen or asked for, or met."""
    seen = {code for h in handoffs if h.ended is None or h.state == HandoffState.COMPLETED for code in h.needs}
    return [code for code in case.needs if code not in seen]


def rest_of(session: "Session", case: Case) -> list[str]:
    """The same, from what was asked so far."""
    return rest(case, case_queries.handoffs_of_case(session, case.id))


def _open(case: Case) -> Case:
    if case.closed is not None:
        raise WrongState(say("this case is closed"))
    return case


def _check(new: NewCase) -> None:
    errors: dict[str, str] = {}
    if not new.needs:
        errors["needs"] = say("choose at least one need")
    for code in new.needs:
        try:
            check_code(code)
        except ValueError as error:
            errors["needs"] = error.args[0]
    if new.priority not in set(Priority):
        errors["priority"] = say("choose how soon an answer is needed")
    if new.age_band and new.age_band not in set(AgeBand):
        errors["age_band"] = say("choose an age group")
    if new.gender and new.gender not in set(Gender):
        errors["gender"] = say("choose from the list")
    if not 1 <= new.household <= 50:
        errors["household"] = say("from 1 to 50 people")
    elif new.members and len(new.members) != new.household:
        errors["members"] = say("these are %(members)s people, and above it says %(household)s",
                                members=len(new.members), household=new.household)
    if len(json.dumps(list(new.accessibility))) > 500 or len(new.safe_contact) > MAXIMUM_FIELD:
        errors["safe_contact"] = say("at most %(number)s characters", number=MAXIMUM_FIELD)
    if errors:
        raise Invalid(errors)


def summary(case: Case) -> dict[str, Any]:
    """What may be known of a case before acceptance: nothing that identifies."""
    return {"needs": case.needs, "languages": case.languages, "age_band": case.age_band, "gender": case.gender,
            "household": case.household, "accessibility": case.accessibility, "place": case.place_name,
            "members": group.in_words(group.banded(group.read(case.members), AGES.values())),
            "priority": case.priority}
