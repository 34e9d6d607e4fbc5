"""Who may do what: for each action the roles, the relation to the record, and what it may show.

Roles are checked by `require`; the relation where the record is loaded (`store/case_queries.py`, `listing_queries.py`),
so that a stranger's record is not found; what is shown by what a workflow returns. `tests/web/test_access.py` walks
every route with every role against this table. `python -m referral_dir.domain.access > docs/access.md` prints it.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID

from referral_dir.domain.errors import Forbidden
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import Role


class Relation(StrEnum):
    """What the actor must be to the record, beside having the role."""

    NONE = "none"
    OWN = "own organization"
    REQUESTER = "requester"
    RECIPIENT = "recipient"
    PARTY = "party"
    KEEPER = "keeper"
    SHOWN_TO = "shown to"
    REVIEWER = "reviewer"
    SELF = "self"
    COLLEAGUE = "colleague"


class Shown(StrEnum):
    """Groups of fields that an answer may hold. What is in none of them is shown to nobody."""

    DIRECTORY = "directory"
    CAPACITY = "capacity"
    NEEDS = "needs summary"
    IDENTIFYING = "identifying fields"
    CONSENT = "consent record"
    EXCLUSIONS = "exclusions"
    MEETING_POINT = "meeting point"
    THREAD = "messages"
    DUTY = "duty"
    ADDRESS = "address"
    OWN_ACCOUNT = "own account"
    ACCOUNTS = "people's accounts"
    AUDIT = "audit metadata"


MEANS: Final[Mapping[Relation | Shown, str]] = MappingProxyType({
    Relation.NONE: "no record of anybody's, or one that everybody with the role may know of",
    Relation.OWN: "the case is the actor's organization's, and nobody named the actor as someone who must never see it",
    Relation.REQUESTER: "the actor's organization asked for the handoff, and the case exists for the actor",
    Relation.RECIPIENT: "the handoff was sent to the actor's organization, and the case exists for the actor",
    Relation.PARTY: "requester or recipient",
    Relation.KEEPER: "the service is the actor's organization's, or it was given to it to keep",
    Relation.SHOWN_TO: "the one person whom the provider named",
    Relation.REVIEWER: "a supervisor of the case's organization or an overseer, never who broke the glass",
    Relation.SELF: "the actor's own account",
    Relation.COLLEAGUE: "the record is of the actor's own organization and its staff",
    Shown.DIRECTORY: "services as anyone may know them; a confidential one by its zone only",
    Shown.CAPACITY: "how much is free, since when, by whom",
    Shown.NEEDS: "needs, languages, age band, group size, accessibility, place or zone, priority: nothing that "
                 "identifies",
    Shown.IDENTIFYING: "the sealed fields of a case; for a recipient those that an active consent names, while it is "
                       "under way",
    Shown.CONSENT: "what was agreed with whom, how it was explained and given, what was shown under it",
    Shown.EXCLUSIONS: "who must never see the case",
    Shown.MEETING_POINT: "where to meet, in the provider's words, while it is under way",
    Shown.THREAD: "what both sides of a handoff said to each other and the times that they agreed on: nothing that "
                  "identifies before acceptance; for a recipient while it is open",
    Shown.DUTY: "who of one's own organization is on duty when; of another's only whether someone is, and until when",
    Shown.ADDRESS: "where a confidential service is",
    Shown.OWN_ACCOUNT: "the actor's own name, address, factors and sessions",
    Shown.ACCOUNTS: "names, e-mail addresses, roles and organizations of people who sign in",
    Shown.AUDIT: "who did what to which record and when, without its content",
})


@dataclass(frozen=True, slots=True)
class Grant:
    """One line of the table. No roles means: anyone, without signing in."""

    roles: frozenset[Role]
    relation: Relation
    shows: frozenset[Shown]


def _grant(roles: frozenset[Role], relation: Relation, *shows: Shown) -> Grant:
    return Grant(roles, relation, frozenset(shows))


PUBLIC: Final = frozenset[Role]()
EVERY_ROLE: Final = frozenset(Role)
_OFFICER: Final = frozenset({Role.OFFICER})
_FINDERS: Final = frozenset({Role.OFFICER, Role.CASEWORKER})
_CASEWORKER: Final = frozenset({Role.CASEWORKER})
_PROVIDER: Final = frozenset({Role.PROVIDER})
_KEEPERS: Final = frozenset({Role.CASEWORKER, Role.PROVIDER})
_OVERSEER: Final = frozenset({Role.OVERSEER})
_ADMINISTRATOR: Final = frozenset({Role.ADMINISTRATOR})
_R, _S = Relation, Shown
_CASE: Final = (_S.DIRECTORY, _S.NEEDS, _S.IDENTIFYING, _S.CONSENT, _S.EXCLUSIONS)

GRANTS: Final[Mapping[str, Grant]] = MappingProxyType({
    "public:read": _grant(PUBLIC, _R.NONE, _S.DIRECTORY),
    "public:search": _grant(PUBLIC, _R.NONE, _S.DIRECTORY),
    "account:sign_in": _grant(PUBLIC, _R.NONE),
    "account:reset_password": _grant(PUBLIC, _R.NONE),
    "account:join": _grant(PUBLIC, _R.NONE, _S.OWN_ACCOUNT),
    "account:second_factor": _grant(PUBLIC, _R.SELF, _S.OWN_ACCOUNT),
    "account:read": _grant(EVERY_ROLE, _R.SELF, _S.OWN_ACCOUNT),
    "account:language": _grant(EVERY_ROLE, _R.SELF),
    "account:sign_out": _grant(EVERY_ROLE, _R.SELF),
    "account:change_password": _grant(EVERY_ROLE, _R.SELF, _S.OWN_ACCOUNT),
    "account:step_up": _grant(EVERY_ROLE, _R.SELF, _S.OWN_ACCOUNT),
    "account:factors": _grant(EVERY_ROLE, _R.SELF, _S.OWN_ACCOUNT),
    "account:sessions": _grant(EVERY_ROLE, _R.SELF, _S.OWN_ACCOUNT),
    "service:find": _grant(_FINDERS, _R.NONE, _S.DIRECTORY, _S.CAPACITY),
    "service:read": _grant(_FINDERS, _R.NONE, _S.DIRECTORY, _S.CAPACITY, _S.NEEDS),
    "service:offline": _grant(_FINDERS, _R.NONE, _S.DIRECTORY, _S.CAPACITY),
    "case:create": _grant(_OFFICER, _R.NONE, _S.NEEDS),
    "case:read": _grant(_OFFICER, _R.OWN, *_CASE),
    "case:change": _grant(_OFFICER, _R.OWN, *_CASE),
    "case:match": _grant(_OFFICER, _R.OWN, _S.DIRECTORY, _S.CAPACITY, _S.NEEDS),
    "case:exclude": _grant(_OFFICER, _R.OWN, *_CASE),
    "case:close": _grant(_OFFICER, _R.OWN),
    "case:own_copy": _grant(_OFFICER, _R.OWN, *_CASE, _S.THREAD),
    "case:break_glass": _grant(_OFFICER, _R.OWN, _S.DIRECTORY, _S.NEEDS, _S.IDENTIFYING),
    "break_glass:review": _grant(frozenset({Role.OFFICER, Role.OVERSEER}), _R.REVIEWER, _S.AUDIT),
    "consent:record": _grant(_OFFICER, _R.OWN, _S.DIRECTORY, _S.CONSENT),
    "consent:withdraw": _grant(_OFFICER, _R.OWN, _S.CONSENT),
    "handoff:check": _grant(_OFFICER, _R.OWN, *_CASE, _S.CAPACITY),
    "handoff:request": _grant(_OFFICER, _R.OWN),
    "handoff:read": _grant(_OFFICER, _R.REQUESTER, _S.DIRECTORY, _S.NEEDS, _S.CONSENT, _S.MEETING_POINT, _S.THREAD,
                           _S.DUTY),
    "handoff:cancel": _grant(frozenset({Role.OFFICER, Role.PROVIDER}), _R.PARTY),
    "handoff:receive": _grant(_PROVIDER, _R.RECIPIENT, _S.DIRECTORY, _S.NEEDS, _S.IDENTIFYING, _S.CONSENT,
                              _S.MEETING_POINT, _S.THREAD, _S.DUTY),
    "handoff:answer": _grant(_PROVIDER, _R.RECIPIENT, _S.DIRECTORY, _S.NEEDS, _S.IDENTIFYING, _S.CONSENT,
                             _S.MEETING_POINT, _S.THREAD, _S.DUTY),
    "consent:relay": _grant(_PROVIDER, _R.RECIPIENT, _S.DIRECTORY, _S.NEEDS, _S.IDENTIFYING, _S.CONSENT,
                            _S.MEETING_POINT, _S.THREAD, _S.DUTY),
    "thread:read": _grant(frozenset({Role.OFFICER, Role.PROVIDER}), _R.PARTY, _S.DIRECTORY, _S.THREAD, _S.DUTY),
    "thread:write": _grant(frozenset({Role.OFFICER, Role.PROVIDER}), _R.PARTY, _S.DIRECTORY, _S.THREAD, _S.DUTY),
    "time:propose": _grant(_PROVIDER, _R.RECIPIENT, _S.DIRECTORY, _S.THREAD),
    "time:decide": _grant(_OFFICER, _R.REQUESTER, _S.DIRECTORY, _S.THREAD, _S.DUTY),
    "calendar:read": _grant(frozenset({Role.OFFICER, Role.PROVIDER}), _R.PARTY, _S.THREAD),
    "roster:read": _grant(_PROVIDER, _R.COLLEAGUE, _S.DUTY),
    "roster:change": _grant(_PROVIDER, _R.COLLEAGUE, _S.DUTY),
    "address:reveal": _grant(_PROVIDER, _R.RECIPIENT, _S.NEEDS, _S.ADDRESS),
    "address:read": _grant(_OFFICER, _R.SHOWN_TO, _S.ADDRESS),
    "address:keep": _grant(_KEEPERS, _R.KEEPER, _S.DIRECTORY, _S.ADDRESS),
    "capacity:read": _grant(_KEEPERS, _R.KEEPER, _S.DIRECTORY, _S.CAPACITY),
    "capacity:update": _grant(_KEEPERS, _R.KEEPER, _S.DIRECTORY, _S.CAPACITY),
    "capacity:by_link": _grant(PUBLIC, _R.NONE, _S.DIRECTORY, _S.CAPACITY),
    "listing:read": _grant(_CASEWORKER, _R.KEEPER, _S.DIRECTORY, _S.CAPACITY),
    "listing:change": _grant(_CASEWORKER, _R.KEEPER, _S.DIRECTORY, _S.CAPACITY),
    "listing:merge": _grant(_CASEWORKER, _R.KEEPER, _S.DIRECTORY),
    "listing:export": _grant(_CASEWORKER, _R.KEEPER, _S.DIRECTORY),
    "listing:import": _grant(_CASEWORKER, _R.SELF, _S.DIRECTORY),
    "correction:public": _grant(PUBLIC, _R.NONE, _S.DIRECTORY),
    "correction:send": _grant(_FINDERS, _R.NONE, _S.DIRECTORY),
    "correction:decide": _grant(_CASEWORKER, _R.KEEPER, _S.DIRECTORY),
    "audit:read": _grant(_OVERSEER, _R.NONE, _S.AUDIT),
    "audit:export": _grant(_OVERSEER, _R.NONE, _S.AUDIT),
    "audit:head": _grant(_OVERSEER, _R.NONE, _S.AUDIT),
    "figures:read": _grant(_OVERSEER, _R.NONE, _S.AUDIT),
    "pattern:read": _grant(_OVERSEER, _R.NONE, _S.AUDIT),
    "pattern:seen": _grant(_OVERSEER, _R.NONE, _S.AUDIT),
    "directory:import": _grant(_ADMINISTRATOR, _R.NONE, _S.DIRECTORY),
    "organization:read": _grant(_ADMINISTRATOR, _R.NONE, _S.DIRECTORY, _S.ACCOUNTS),
    "organization:change": _grant(_ADMINISTRATOR, _R.NONE, _S.DIRECTORY, _S.ACCOUNTS),
    "installation:read": _grant(_ADMINISTRATOR, _R.NONE),
    "people:read": _grant(_ADMINISTRATOR, _R.NONE, _S.ACCOUNTS),
    "people:change": _grant(_ADMINISTRATOR, _R.NONE, _S.ACCOUNTS),
    "people:invite": _grant(_ADMINISTRATOR, _R.NONE, _S.ACCOUNTS),
    "people:approve": _grant(_ADMINISTRATOR, _R.NONE, _S.ACCOUNTS),
})
ACTIONS: Final[Mapping[str, frozenset[Role]]] = MappingProxyType({name: g.roles for name, g in GRANTS.items()})


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a signed-in person, seen by the rules."""

    person_id: UUID
    organization_id: UUID
    role: Role
    name: str = ""


def allowed(role: Role | None, action: str) -> bool:
    """Whether someone with this role (None: not signed in) may do the action. Raises KeyError if undeclared."""
    roles = GRANTS[action].roles
    return not roles or role in roles


def require(actor: Actor, action: str) -> None:
    """Raise Forbidden unless the actor's role may do the action."""
    if not allowed(actor.role, action):
        raise Forbidden(say("the role %(role)s may not do %(action)s", role=actor.role, action=action))


def as_markdown() -> Iterator[str]:
    """The table for people to read, line by line."""
    yield "# Who may do what\n"
    yield ("Printed from `referral_dir/domain/access.py` by `python -m referral_dir.domain.access`; a test compares "
           "them, and another walks every route with every role, tenant and method against the table.\n")
    yield "| action | roles | relation to the record | may show |\n| --- | --- | --- | --- |"
    for action, grant in GRANTS.items():
        roles = "anyone" if not grant.roles else "every role" if grant.roles == EVERY_ROLE else \
            ", ".join(role for role in Role if role in grant.roles)
        yield f"| `{action}` | {roles} | {grant.relation} | {', '.join(s for s in Shown if s in grant.shows) or '—'} |"
    for title, kind in (("Relations", Relation), ("What may be shown", Shown)):
        yield f"\n## {title}\n\n| name | means |\n| --- | --- |"
        for name in kind:
            yield f"| {name} | {MEANS[name]} |"


if __name__ == "__main__":
    sys.stdout.write("\n".join(as_markdown()) + "\n")
