"""Who is asking: the signed-in actor, the guard of each blueprint, and the action that each view declares."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, TypeVar

from flask import Flask, abort, current_app, g, redirect, request, session, url_for
from flask_login import LoginManager, UserMixin, current_user

from referral_dir.desk import accounts
from referral_dir.desk.find import Indexes
from referral_dir.domain.access import ACTIONS, Actor, allowed
from referral_dir.domain.vocabulary import Role
from referral_dir.store.db import Store, reading, transaction

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from sqlalchemy.orm import Session

    from config import Settings

View = TypeVar("View", bound=Callable[..., Any])
Guard = frozenset[Role] | None
PUBLIC: Final[Guard] = None
SIGNED_IN: Final = frozenset(Role)
HOME: Final = {
    Role.OFFICER: "officer.find_form", Role.CASEWORKER: "caseworker.board_page", Role.PROVIDER: "provider.incoming",
    Role.OVERSEER: "oversight.trail", Role.ADMINISTRATOR: "administration.people",
}


@dataclass(frozen=True, slots=True)
class Edge:
    """What the pages stand on."""

    settings: "Settings"
    store: Store
    indexes: Indexes


class User(UserMixin):  # type: ignore[misc]
    """A signed-in person, for Flask-Login. Its id is the session's token, so that a session can be ended."""

    def __init__(self, actor: Actor, token: str, email: str) -> None:
        self.id, self.actor, self.email = token, actor, email


def edge() -> Edge:
    """The running app's edge."""
    found: Edge = current_app.extensions["referral_dir"]
    return found


def writing() -> "AbstractContextManager[Session]":
    """A transaction on behalf of whoever is signed in; commits when the block ends."""
    return transaction(edge().store, actor_or_none())


def now() -> datetime:
    """This moment, the same for all of one request."""
    if "now" not in g:
        g.now = datetime.now(UTC)
    moment: datetime = g.now
    return moment


def actor() -> Actor:
    """The signed-in actor."""
    found: Actor = current_user.actor
    return found


def actor_or_none() -> Actor | None:
    """The signed-in actor, if there is one."""
    return current_user.actor if current_user.is_authenticated else None


def action(name: str) -> Callable[[View], View]:
    """Declare what a view does; whoever may not do it gets 403."""
    roles = ACTIONS[name]

    def declare(view: View) -> View:
        @wraps(view)
        def checked(*args: Any, **kwargs: Any) -> Any:
            if roles and not (current_user.is_authenticated and allowed(current_user.actor.role, name)):
                abort(403)
            return view(*args, **kwargs)

        checked.action = name  # type: ignore[attr-defined]
        return checked  # type: ignore[return-value]

    return declare


def guard(roles: Guard) -> Callable[[], Any]:
    """The before_request of a blueprint: public, or signed in with one of the roles."""
    def check() -> Any:
        if roles is None:
            return None
        if not current_user.is_authenticated:
            # Only where to go on is kept, never what was typed.
            target = request.path if request.method == "GET" else None
            return redirect(url_for("account.sign_in", next=target))
        if current_user.actor.role not in roles:
            abort(403)
        return None

    return check


def local_path(target: str | None) -> str | None:
    """The target, if it is a path on this host and nothing else."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")) or "\\" in target:
        return None
    return target if target.isprintable() else None


def begin(signed_in: accounts.SignedIn) -> User:
    """A new session for someone who has just signed in; nothing of an older one is kept."""
    session.clear()
    return User(accounts.actor_of(signed_in.person), signed_in.token, signed_in.person.email)


def install(app: Flask) -> None:
    """Flask-Login with sessions that live on the server."""
    manager = LoginManager(app)
    manager.session_protection = None

    @manager.user_loader  # type: ignore[untyped-decorator]
    def load(token: str) -> User | None:
        store = app.extensions["referral_dir"].store
        with reading(store) as session:
            found = accounts.person_for_token(session, token, now())
            if found is None:
                return None
            person, due = found
            user = User(accounts.actor_of(person), token, person.email)
        if due:
            with transaction(store) as session:
                accounts.mark_seen(session, token, now())
        return user
