"""The world that the access test walks: every argument that an address may hold, and who is what to it.

A new argument needs a line in ARGUMENTS: how to make a real one, and who stands in which relation to it. A new kind of
personal value needs a line in MARKERS.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from flask import Flask
from werkzeug.routing import AnyConverter, Rule

from referral_dir import _audiences
from referral_dir.desk import cases, exclusions, handoffs, threads
from referral_dir.domain.access import GRANTS, Actor, Relation, Shown
from referral_dir.domain.vocabulary import Place, Role
from referral_dir.store import crypto
from referral_dir.store.cases import AddressReveal, BreakGlass
from referral_dir.store.db import transaction
from referral_dir.store.jobs import ImportJob
from referral_dir.store.people import Invitation, Passkey, Person
from referral_dir.store.records import UnusualPattern
from referral_dir.store.secret_queries import seal_place
from referral_dir.store.threads import HandoffTime
from referral_dir.store.upkeep import BulkDraft, Correction
from tests import cast as people
from tests.web.conftest import World

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
EVERYONE = ("olga", "odile", "oscar", "omar", "petra", "xenia", "pablo", "clara", "carl", "vera", "adam", "nobody")
# Its answer only says where to sign in or look, and is the same for a real and a made-up record.
SAYS_NOTHING = frozenset({"account.waiting"})
# Not pages: files of the program itself.
FILES = frozenset({"static"})


@dataclass
class Walk:
    """A world with one case under way, colleagues, and two people for whom the case does not exist."""

    world: World
    case: UUID
    consent: UUID
    handoff: UUID
    exclusion: UUID
    rows: dict[str, UUID]
    actors: dict[str, Actor]
    markers: Mapping[Shown, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Argument:
    """One argument of an address: a real value, and who is what to it. No relation: anyone may know of it."""

    real: Callable[[Walk], Any]
    related: Mapping[Relation, Collection[str]] = field(default_factory=dict)
    made_up: Callable[[], Any] = uuid4
    # For a page without signing in, where that must be another one.
    public: Callable[[Walk], Any] | None = None

    def value(self, walk: Walk, action: str) -> Any:
        """A real value for a page with this action."""
        return (self.public if self.public and not GRANTS[action].roles else self.real)(walk)


OWNERS, RECIPIENTS, ABSENT = ("olga", "odile"), ("petra",), ("olive",)
ARGUMENTS: dict[str, Argument] = {
    "country": Argument(lambda _: "US", made_up=lambda: "ZZ"),
    "service_id": Argument(lambda w: w.world.cast.shelter, {Relation.KEEPER: ("clara", "petra", "xenia")},
                           public=lambda w: w.world.cast.clinic),
    "other_id": Argument(lambda w: w.world.cast.shelter, {Relation.KEEPER: ("clara", "petra", "xenia")}),
    "correction_id": Argument(lambda w: w.rows["correction"], {Relation.KEEPER: ("clara", "petra", "xenia")}),
    # A file is its sender's alone, who is not in the walk.
    "draft_id": Argument(lambda w: w.rows["draft"], {Relation.SELF: ABSENT}),
    "capacity_id": Argument(lambda w: w.world.cast.beds, {Relation.KEEPER: ("clara", "petra", "xenia")}),
    "person_id": Argument(lambda w: w.world.cast.omar.person_id),
    "case_id": Argument(lambda w: w.case, {Relation.OWN: OWNERS}),
    "batch_id": Argument(lambda w: w.rows["batch"], {Relation.OWN: OWNERS}),
    "exclusion_id": Argument(lambda w: w.exclusion, {Relation.OWN: OWNERS}),
    "consent_id": Argument(lambda w: w.consent, {Relation.OWN: OWNERS}),
    "handoff_id": Argument(lambda w: w.handoff, {Relation.REQUESTER: OWNERS, Relation.RECIPIENT: RECIPIENTS,
                                                 Relation.PARTY: OWNERS + RECIPIENTS, Relation.SHOWN_TO: OWNERS}),
    "time_id": Argument(lambda w: w.rows["time"], {Relation.REQUESTER: OWNERS}),
    "reveal_id": Argument(lambda w: w.rows["reveal"], {Relation.RECIPIENT: RECIPIENTS}),
    # Theirs is someone's who is not in the walk: to everybody in it, it is a stranger's.
    "passkey_id": Argument(lambda w: w.rows["passkey"], {Relation.SELF: ABSENT}),
    "invitation_id": Argument(lambda w: w.rows["invitation"]),
    "break_glass_id": Argument(lambda w: w.rows["break_glass"], {Relation.REVIEWER: ("vera",)}),
    "pattern_id": Argument(lambda w: w.rows["pattern"]),
    "organization_id": Argument(lambda w: w.world.cast.omar.organization_id),
    "job_id": Argument(lambda w: w.rows["job"]),
    "version": Argument(lambda _: "1", made_up=lambda: "9"), "code": Argument(lambda _: "en", made_up=lambda: "xx"),
    "token": Argument(lambda _: "a-token-that-nobody-was-sent", made_up=lambda: uuid4().hex),
}
# Arguments that name a record which everybody with the role may know of, where the action asks for no relation.
OPEN_RECORDS = frozenset({"country", "organization_id", "job_id", "version", "code", "service_id",
                          "person_id", "invitation_id", "pattern_id", "token"})
# Whoever holds one may go on; what a real one opens is proved where it is made. Here nobody holds one.
SECRETS = frozenset({"token"})


@dataclass(frozen=True)
class Step:
    """One request of the walk, and what the table says of it."""

    endpoint: str
    action: str
    method: str
    real: str
    made_up: str
    arguments: frozenset[str]
    declared: bool


def build(world: World) -> Walk:
    """What the walk meets: an accepted handoff, and people whom the case names."""
    cast, row_id, batch_id = world.cast, uuid4(), uuid4()
    with transaction(world.store) as session:
        def colleague(name: str, of: Actor) -> Actor:
            template = session.get_one(Person, of.person_id)
            row = Person(organization_id=of.organization_id, email=f"{name.casefold()}@test.example", name=name,
                         role=of.role, password_hash=template.password_hash, created=template.created)
            session.add(row)
            session.flush()
            cast.emails[row.id] = row.email
            return Actor(row.id, of.organization_id, of.role, name)

        extra = {"odile": colleague("Odile", cast.olga), "oscar": colleague("Oscar", cast.olga),
                 "xenia": colleague("Xenia", cast.petra)}
        olive, ada = colleague("Olive", cast.olga), colleague("Ada", cast.adam)
        for officer in (cast.olga, extra["odile"]):
            session.get_one(Person, officer.person_id).may_break_glass = True
        seal_place(session, cast.shelter, {"address_1": "77 Marker Court"}, (25.7, -80.2))
        case = cases.open_case(session, cast.olga, cases.NewCase(
            needs=["shelter.emergency"], languages=["ht"], safe_contact="the marker aunt",
            place=Place("Markerville", "US", 25.77, -80.19)), people.NOW, batch_id=batch_id)
        cases.set_identifying(session, cast.olga, case.id, {"name": "Marker Person", "health": "marker asthma"},
                              people.NOW)
    consent = people.consent(world.store, cast, case.id, cast.shelter, ("name", "health"))
    with transaction(world.store) as session:
        handoff = handoffs.request(session, cast.olga, case.id, cast.shelter, people.NOW).id
        handoffs.accept(session, cast.petra, handoff, people.NOW, meeting_point="the marker gate")
        threads.write(session, cast.olga, handoff, "the marker tidings", people.NOW)
        agreed = HandoffTime(handoff_id=handoff, at=people.NOW, by_id=cast.petra.person_id, state="accepted",
                                starts=people.NOW + timedelta(hours=5), timezone="America/New_York")
        for email in ("oscar@test.example", "xenia@test.example", "stranger@marker.example"):
            exclusions.exclude_person(session, cast.olga, case.id, email, people.NOW)
        listed = exclusions.named(session, cast.olga, case)
        rows: dict[str, Any] = {
            "passkey": Passkey(person_id=olive.person_id, credential_id=b"x", public_key=b"x", sign_count=0,
                               name="invented", created=people.NOW),
            "invitation": Invitation(person_id=olive.person_id, invited_by_id=ada.person_id, needs_second=False,
                                     created=people.NOW, expires=people.NOW + timedelta(days=7)),
            "break_glass": BreakGlass(
                case_id=case.id, recipient_organization_id=cast.pablo.organization_id, person_id=olive.person_id,
                reason="immediate_violence", imminence="now", why_no_consent="unconscious", fields=["name"],
                explanation=crypto.seal(cases.case_key(session, case), b"marker words", row_id, "explanation"),
                id=row_id, granted=people.NOW, expires=people.NOW + timedelta(hours=1),
                review_by=people.NOW + timedelta(hours=24)),
            "reveal": AddressReveal(
                handoff_id=handoff, service_id=cast.shelter, to_person_id=cast.olga.person_id,
                granted_by_id=cast.petra.person_id, granted=people.NOW, expires=people.NOW + timedelta(hours=2)),
            "time": agreed,
            "correction": Correction(service_id=cast.shelter, about="phone", body=b"", created=people.NOW),
            "draft": BulkDraft(organization_id=cast.clara.organization_id, person_id=olive.person_id,
                               created=people.NOW, body=b""),
            "job": ImportJob(source="invented", suffix=".json", format="auto", state="done", created=people.NOW,
                             heartbeat=people.NOW),
            "pattern": UnusualPattern(person_id=cast.omar.person_id, kind="often:case:read", at=people.NOW, details={})}
        session.add_all(rows.values())
        session.flush()
        made = {"batch": batch_id, **{name: row.id for name, row in rows.items()}}
    actors = {name: getattr(cast, name) for name in EVERYONE if hasattr(cast, name)} | extra
    markers = {
        Shown.NEEDS: ("Markerville",),
        Shown.IDENTIFYING: ("Marker Person", "marker asthma", "the marker aunt", "marker words"),
        Shown.THREAD: ("the marker tidings",),
        Shown.EXCLUSIONS: ("stranger@marker.example",), Shown.MEETING_POINT: ("the marker gate",),
        Shown.ADDRESS: ("77 Marker Court",), Shown.ACCOUNTS: ("pablo@test.example", "odile@test.example"),
        Shown.AUDIT: (f"case:{case.id}", f"handoff:{handoff}"), Shown.CONSENT: (f"/officer/consent/{consent}",),
    }
    return Walk(world, case.id, consent, handoff, listed[2].exclusion_id, made, actors, markers)


def undeclared(app: Flask) -> list[str]:
    """What the table does not name yet, each with what to write where."""
    wrong = []
    for rule in _pages(app):
        action = getattr(app.view_functions[rule.endpoint], "action", None)
        if action not in GRANTS:
            wrong.append(f"{rule.rule} ({rule.endpoint}): its action {action!r} has no line in "
                         "domain/access.py::GRANTS: declare roles, relation and what it may show")
            continue
        records = [a for a in rule.arguments if not _is_choice(rule, a)]
        wrong += [f"{rule.rule} ({rule.endpoint}): the argument {a!r} has no line in tests/web/access_walk.py::"
                  "ARGUMENTS: declare how to make a real one and who is what to it"
                  for a in records if a not in ARGUMENTS]
        relation = GRANTS[action].relation
        known = [a for a in records if a in ARGUMENTS]
        if rule.endpoint in SAYS_NOTHING or not known:
            continue
        if relation is Relation.NONE and not set(known) <= OPEN_RECORDS:
            wrong.append(f"{rule.rule} ({rule.endpoint}): the action {action!r} asks for no relation, but the address "
                         f"names a record ({', '.join(known)}): give it an action with the relation that is needed")
        elif relation is not Relation.NONE and not any(relation in ARGUMENTS[a].related for a in known):
            wrong.append(f"{rule.rule} ({rule.endpoint}): nobody in ARGUMENTS is {relation!r} to any of "
                         f"{', '.join(known)}: declare who is, or give the route another action")
    return wrong


def steps(walk: Walk) -> Iterator[Step]:
    """Every address with every method, as real and as made up; those that end something come last."""
    app = walk.world.app
    adapter = app.url_map.bind("localhost")
    by_path: dict[str, list[Rule]] = {}
    for rule in _pages(app):
        by_path.setdefault(rule.rule, []).append(rule)
    for rules in sorted(by_path.values(), key=lambda rules: _ends_something(rules[0])):
        for choices in _choices(rules[0]):
            for method in METHODS:
                rule = next((r for r in rules if method in (r.methods or ())), None)
                shown = rule or rules[0]
                action = app.view_functions[shown.endpoint].action  # type: ignore[attr-defined]
                records = [a for a in shown.arguments if a in ARGUMENTS]
                real = {a: ARGUMENTS[a].value(walk, action) for a in records}
                made_up = {a: ARGUMENTS[a].made_up() for a in records}
                yield Step(shown.endpoint, action, method,
                           adapter.build(shown.endpoint, {**real, **choices}, method=_built(shown)),
                           adapter.build(shown.endpoint, {**made_up, **choices}, method=_built(shown)),
                           frozenset(records), rule is not None)


def granted(step: Step, who: str, role: Role | None) -> bool:
    """Whether the table, and the guard of the audience's pages, let this person do it to the real record."""
    grant = GRANTS[step.action]
    guard = {module.blueprint.name: module.GUARD for module in _audiences()}[step.endpoint.partition(".")[0]]
    if any(roles and role not in roles for roles in (grant.roles, guard)):
        return False
    related = [ARGUMENTS[a].related[grant.relation] for a in step.arguments if grant.relation in ARGUMENTS[a].related]
    return all(who in some for some in related)


def _pages(app: Flask) -> list[Rule]:
    return [rule for rule in app.url_map.iter_rules() if rule.endpoint not in FILES]


def _built(rule: Rule) -> str:
    return next(m for m in ("GET", "POST", *METHODS) if m in (rule.methods or ()))


def _is_choice(rule: Rule, argument: str) -> bool:
    return isinstance(rule._converters[argument], AnyConverter)


def _choices(rule: Rule) -> list[dict[str, str]]:
    """The values of an argument that is one of a few words."""
    found = [(a, rule._converters[a]) for a in rule.arguments if _is_choice(rule, a)]
    return [{a: word} for a, converter in found for word in sorted(converter.items)] or [{}]


def _ends_something(rule: Rule) -> int:
    words = ("sign-out", "close", "cancel", "remove", "withdraw", "lock", "end", "revoke", "<any(")
    # The exit ends the session too, and leaves no token behind: it comes after all else.
    return 3 if "leave" in rule.rule else 2 if "sign-out" in rule.rule else int(any(w in rule.rule for w in words))
