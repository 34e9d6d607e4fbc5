"""Which role may do which action. Whose record it is, is decided where the record is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from uuid import UUID

from referral_dir.domain.errors import Forbidden
from referral_dir.domain.vocabulary import Role

PUBLIC: Final = frozenset[Role]()
EVERY_ROLE: Final = frozenset(Role)
_OFFICER: Final = frozenset({Role.OFFICER})
_FINDERS: Final = frozenset({Role.OFFICER, Role.CASEWORKER})
_CASEWORKER: Final = frozenset({Role.CASEWORKER})
_PROVIDER: Final = frozenset({Role.PROVIDER})
_KEEPERS: Final = frozenset({Role.CASEWORKER, Role.PROVIDER})
_OVERSEER: Final = frozenset({Role.OVERSEER})
_ADMINISTRATOR: Final = frozenset({Role.ADMINISTRATOR})

# The empty set means: anyone, without signing in.
ACTIONS: Final[Mapping[str, frozenset[Role]]] = MappingProxyType({
    "public:read": PUBLIC,
    "public:search": PUBLIC,
    "account:sign_in": PUBLIC,
    "account:read": EVERY_ROLE,
    "account:sign_out": EVERY_ROLE,
    "account:change_password": EVERY_ROLE,
    "account:reset_password": PUBLIC,
    "account:join": PUBLIC,
    "account:second_factor": PUBLIC,
    "account:step_up": EVERY_ROLE,
    "account:factors": EVERY_ROLE,
    "account:sessions": EVERY_ROLE,
    "service:find": _FINDERS,
    "service:read": _FINDERS,
    "case:create": _OFFICER,
    "case:read": _OFFICER,
    "case:change": _OFFICER,
    "case:close": _OFFICER,
    "case:match": _OFFICER,
    "case:exclude": _OFFICER,
    "case:own_copy": _OFFICER,
    "case:break_glass": _OFFICER,
    "break_glass:review": frozenset({Role.OFFICER, Role.OVERSEER}),
    "consent:record": _OFFICER,
    "consent:withdraw": _OFFICER,
    "handoff:request": _OFFICER,
    "handoff:read": _OFFICER,
    "handoff:cancel": frozenset({Role.OFFICER, Role.PROVIDER}),
    "handoff:receive": _PROVIDER,
    "handoff:answer": _PROVIDER,
    "address:reveal": _PROVIDER,
    "address:read": _OFFICER,
    "address:keep": _KEEPERS,
    "capacity:read": _KEEPERS,
    "capacity:update": _KEEPERS,
    "listing:read": _CASEWORKER,
    "listing:change": _CASEWORKER,
    "audit:read": _OVERSEER,
    "audit:export": _OVERSEER,
    "audit:head": _OVERSEER,
    "pattern:read": _OVERSEER,
    "pattern:seen": _OVERSEER,
    "people:read": _ADMINISTRATOR,
    "people:change": _ADMINISTRATOR,
    "people:invite": _ADMINISTRATOR,
    "people:approve": _ADMINISTRATOR,
})


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a signed-in person, seen by the rules."""

    person_id: UUID
    organization_id: UUID
    role: Role
    name: str = ""


def allowed(role: Role | None, action: str) -> bool:
    """Whether someone with this role (None: not signed in) may do the action. Raises KeyError if undeclared."""
    roles = ACTIONS[action]
    return not roles or role in roles


def require(actor: Actor, action: str) -> None:
    """Raise Forbidden unless the actor's role may do the action."""
    if not allowed(actor.role, action):
        raise Forbidden(f"the role {actor.role} may not do {action}")
