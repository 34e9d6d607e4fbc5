"""Who is asking: the signed-in actor, the guard of each blueprint, and the action that each view declares."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlencode

from flask import Flask, abort, current_app, g, redirect, request, session, url_for
from flask_login import LoginManager, UserMixin, current_user, login_user

from referral_dir.desk import accounts, passwords
from referral_dir.desk.find import Indexes
from referral_dir.domain.access import ACTIONS, Actor, allowed
from referral_dir.domain.errors import Invalid
from referral_dir.domain.vocabulary import Role
from referral_dir.store.db import Store, brief_transaction, reading, transaction
from referral_dir.web.languages import only_language

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from sqlalchemy.orm import Session

    from config import Settings

View = TypeVar("View", bound=Callable[..., Any])
Guard = frozenset[Role] | None
PUBLIC: Final[Guard] = None
SIGNED_IN: Final = frozenset(Role)
HOME: Final = {
    Role.OFFICER: "finding.find_form", Role.CASEWORKER: "caseworker.board_page", Role.PROVIDER: "provider.incoming",
    Role.OVERSEER: "oversight.trail", Role.ADMINISTRATOR: "administration.people",
}

# Where someone goes who has shown a password and must still show a second factor.
SECOND_FACTOR: Final = "/sign-in/second"
PENDING_MAY: Final = frozenset({"account:sign_out", "account:second_factor"})


@dataclass(frozen=True, slots=True)
class Edge:
    """What the pages stand on."""

    settings: "Settings"
    store: Store
    indexes: Indexes


class User(UserMixin):  # type: ignore[misc]
    """A signed-in person, for Flask-Login. Its id is the session's token, so that a session can be ended."""

    def __init__(self, actor: Actor, token: str, email: str, pending: bool, has_factor: bool,
                 stepped_up: datetime | None, language: str | None) -> None:
        self.language = language
        self.id, self.actor, self.email, self.pending, self.stepped_up = token, actor, email, pending, stepped_up
        # Known only while pending: it decides whether a first factor may be set up.
        self.has_factor = has_factor

    @property
    def is_authenticated(self) -> bool:
        """False while the session is pending: what forgets to ask about that lets nobody in."""
        return not self.pending


def edge() -> Edge:
    """The running app's edge."""
    found: Edge = current_app.extensions["referral_dir"]
    return found


def writing() -> "AbstractContextManager[Session]":
    """A transaction on behalf of whoever is signed in; commits when the block ends.

    Raises Invalid, without any error in it, when the form was sent only to see its page in another language: every view
    then answers as it does to a form that must be mended, with what was typed.
    """
    if only_language():
        raise Invalid({})
    return transaction(edge().store, actor_or_none())


def showing() -> "AbstractContextManager[Session]":
    """A transaction to make a page again, whatever form was sent: what is wrong with it was said before."""
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


def is_pending() -> bool:
    """Whether a password was shown, and nothing more yet."""
    return isinstance(current_user._get_current_object(), User) and current_user.pending


def may(name: str) -> bool:
    """Whether whoever asks may do the action. While pending: only what leads to a second factor, or out.

    Whoever has a second factor must show it before they can add another.
    """
    if not ACTIONS[name] or current_user.is_authenticated:
        return allowed(current_user.actor.role if current_user.is_authenticated else None, name)
    return is_pending() and (name in PENDING_MAY or (name == "account:factors" and not current_user.has_factor))


def action(name: str, *, step_up: bool = False, by_itself: bool = False) -> Callable[[View], View]:
    """Declare what a view does; whoever may not do it gets 403.

    With `step_up` its user must have shown anew who they are, in the last ten minutes. What a page asks for `by_itself`
    is no sign that anybody is there: it does not keep a session alive.
    """
    assert name in ACTIONS, name

    def declare(view: View) -> View:
        @wraps(view)
        def checked(*args: Any, **kwargs: Any) -> Any:
            if not may(name):
                return abort(403) if current_user.is_authenticated else _sign_in_first()
            if step_up and current_user.is_authenticated and accounts.needs_step_up(current_user.stepped_up, now()):
                return redirect(url_for("account.step_up", next=_page_of_the_form()))
            return view(*args, **kwargs)

        checked.action = name  # type: ignore[attr-defined]
        checked.step_up = step_up  # type: ignore[attr-defined]
        checked.by_itself = by_itself  # type: ignore[attr-defined]
        return checked  # type: ignore[return-value]

    return declare


def guard(roles: Guard) -> Callable[[], Any]:
    """The before_request of a blueprint: public, or signed in with one of the roles."""
    def check() -> Any:
        if roles is None:
            return None
        if not current_user.is_authenticated:
            view = current_app.view_functions[request.endpoint or ""]
            # A pending session may go on to the few views that lead to its second factor.
            return None if is_pending() and may(getattr(view, "action", "")) else _sign_in_first()
        if current_user.actor.role not in roles:
            abort(403)
        return None

    return check


def _sign_in_first() -> Any:
    # Only where to go on is kept, never what was typed.
    target = request.path if request.method == "GET" else None
    return redirect(second_step(target) if is_pending() else url_for("account.sign_in", next=target))


def local_path(target: str | None) -> str | None:
    """The target, if it is a path on this host and nothing else."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")) or "\\" in target:
        return None
    return target if target.isprintable() else None


def _page_of_the_form() -> str:
    """Where to go on after stepping up: this page; for a form the page that it is on, or the first one."""
    adapter = current_app.create_url_adapter(request)
    if request.method == "GET" or (adapter is not None and adapter.test(request.path, method="GET")):
        return request.path
    return local_path(request.form.get("back")) or url_for(HOME[current_user.actor.role])


def second_step(target: str | None = None) -> str:
    """The page of the second factor, and from there on to `target`; who has none yet sets it up there."""
    return SECOND_FACTOR + (f"?{urlencode({'next': target})}" if target else "")


def carry(token: str) -> User:
    """The session goes on in the browser under this token: after signing in, and after each step up. Nothing of an
    older one is kept; the cookie with an old token is worth nothing."""
    session.clear()
    user = _load(edge().store, token)
    assert user is not None
    login_user(user)
    return user


def _load(store: Store, token: str) -> User | None:
    with reading(store) as db:
        found = accounts.person_for_token(db, token, now())
        if found is None:
            return None
        login, person, due = found
        has_factor = login.pending and accounts.has_second_factor(db, person.id)
        user = User(accounts.actor_of(person), token, person.email, login.pending, has_factor, login.stepped_up,
                    person.language)
    view = current_app.view_functions.get(request.endpoint or "") if request else None
    if due and not getattr(view, "by_itself", False):
        # Nobody waits for an import to end only to have it written down that they are here.
        with brief_transaction(store) as brief:
            if brief is not None:
                accounts.mark_seen(brief, token, now())
    return user


def install(app: Flask) -> None:
    """Flask-Login with sessions that live on the server."""
    manager = LoginManager(app)
    manager.session_protection = None
    passwords.nobody()

    @manager.user_loader  # type: ignore[untyped-decorator]
    def load(token: str) -> User | None:
        return _load(app.extensions["referral_dir"].store, token)
