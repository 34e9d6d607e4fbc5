"""Every route × role × tenant × method against the table in domain/access.py, generated from the app's own addresses.

What fails here on a new route says what to declare.
"""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from sqlalchemy import inspect, text, update

import config
from referral_dir import create_app
from referral_dir.domain.access import GRANTS, Actor, Shown, as_markdown
from referral_dir.store.db import Store, transaction
from referral_dir.store.people import LoginSession
from tests import cast as people
from tests.web import access_walk
from tests.web.access_walk import EVERYONE, SAYS_NOTHING, Step, Walk, granted, steps
from tests.web.conftest import Browser, World, token
from tests.web.test_guards import plain

pytestmark = pytest.mark.usefixtures("no_budgets")

TYPED = {"needs": "shelter.emergency", "near": "Miami, Florida", "zone": "Miami", "available": "1", "reason": "other",
         "name": "typed"}
# What a refused request may leave behind: that it was refused, even many times, and that the session is in use.
TRACES = {"audit_entry", "login_session", "rate_count", "unusual_pattern", "alembic_version"}
# Which record it is about stands in the form, which the walk leaves out; or an earlier step has ended it.
MAY_BE_GONE = {"account.end_sessions", "reveals.end", "rosters.remove"}


@pytest.fixture
def walk(world: World) -> Walk:
    return access_walk.build(world)


def test_every_route_and_every_argument_of_an_address_is_declared(
        settings: config.Settings, sqlite_store: Store) -> None:
    assert access_walk.undeclared(create_app(settings, sqlite_store)) == []


def test_a_route_an_action_and_an_argument_that_nobody_declared_are_found(
        settings: config.Settings, sqlite_store: Store) -> None:
    app = create_app(settings, sqlite_store)

    def view(**_: object) -> str:
        return ""

    def open_to_all(**_: object) -> str:
        return ""

    open_to_all.action = "service:find"  # type: ignore[attr-defined]
    app.add_url_rule("/new", "new", view)
    app.add_url_rule("/new/<uuid:thing_id>", "thing", open_to_all)
    app.add_url_rule("/new/<uuid:case_id>/find", "case", open_to_all)
    found = access_walk.undeclared(app)
    assert len(found) == 3
    assert "no line in domain/access.py::GRANTS" in found[0]
    assert "'thing_id' has no line in tests/web/access_walk.py::ARGUMENTS" in found[1]
    assert "asks for no relation, but the address names a record (case_id)" in found[2]


def test_the_table_in_the_docs_is_the_table_in_the_code() -> None:
    written = (config.ROOT / "docs" / "access.md").read_text(encoding="utf-8")
    assert written == "\n".join(as_markdown()) + "\n", \
        "run: python -m referral_dir.domain.access > docs/access.md"


@pytest.mark.parametrize("who", EVERYONE)
def test_nobody_reaches_more_than_the_table_grants(who: str, walk: Walk, sign_in: Callable[[Actor], Browser]) -> None:
    actor = walk.actors.get(who)
    browser = sign_in(actor) if actor else stranger(walk)
    step_up(walk)
    role = actor.role if actor else None
    every = list(steps(walk))
    mine = [step for step in every if step.declared and granted(step, who, role)]
    others = [step for step in every if step.declared and not granted(step, who, role)]
    before = contents(walk)
    for step in every:
        # Which methods a route has is asked before who asks: one inside and one outside stand for all.
        if not step.declared and who in ("nobody", "olga"):
            no_such_method(browser, step)
    for step in others:
        refused_alike(browser, walk, step, signed_in=actor is not None)
    assert contents(walk) == before, "what was refused changed nothing"
    assert len(others) > 20, "the walk meets others' records"
    for step in mine:
        granted_and_no_more(browser, walk, step, who)
    if who == "olga":
        assert {"case:read", "case:exclude", "consent:record", "handoff:read"} <= {step.action for step in mine}


def step_up(walk: Walk) -> None:
    """Whoever is signed in has just shown anew who they are: what is refused is refused for what they are."""
    with transaction(walk.world.store) as session:
        session.execute(update(LoginSession).values(stepped_up=people.NOW))


def no_such_method(browser: Browser, step: Step) -> None:
    assert ask(browser, step.method, step.real).status_code == 405, f"{step.method} {step.real}"


def refused_alike(browser: Browser, walk: Walk, step: Step, *, signed_in: bool) -> None:
    """The same answer to a real and a made-up record, with nothing of anybody in it."""
    real, made_up = (ask(browser, step.method, path) for path in (step.real, step.made_up))
    told = f"{step.method} {step.real} ({step.endpoint}) answered {real.status_code}"
    allowed = {403, 404} if signed_in else {302, 403, 404}
    if step.method == "OPTIONS":
        allowed |= {200}
        assert not real.text or real.status_code != 200, told
    assert real.status_code in allowed, told
    assert comparable(real, step.real) == comparable(made_up, step.made_up), told
    if real.status_code == 302:
        assert real.headers["Location"].startswith("/sign-in"), told
    assert shown_in(walk, real, step.real) == set(), told


def granted_and_no_more(browser: Browser, walk: Walk, step: Step, who: str) -> None:
    """The real record answers, with no more than its line of the table says; a made-up one is not found."""
    if step.arguments - access_walk.OPEN_RECORDS and step.endpoint not in SAYS_NOTHING:
        missing = ask(browser, step.method, step.made_up)
        expected = {200} if step.method == "OPTIONS" else {404, 422}
        assert missing.status_code in expected, f"{step.method} {step.made_up} answered {missing.status_code}"
        assert shown_in(walk, missing, step.made_up) == set()
    real = ask(browser, step.method, step.real)
    told = f"{who}: {step.method} {step.real} ({step.endpoint}) answered {real.status_code}"
    expected = {200, 302, 409, 422} | ({429} if "sign_in" in step.endpoint else set())
    expected |= {404} if step.endpoint in MAY_BE_GONE else set()
    assert real.status_code in expected | ({404} if step.arguments & access_walk.SECRETS else set()), told
    if step.method in ("HEAD", "OPTIONS"):
        assert real.text == "", told
    more = shown_in(walk, real, step.real, own=f"{who}@test.example") - GRANTS[step.action].shows
    assert more == set(), f"{told} and shows {more}, which {step.action} does not grant"
    if step.endpoint == "account.sign_out" and step.method == "POST":
        return
    if who != "nobody" and real.status_code == 302 and step.method == "POST":
        assert not real.headers["Location"].startswith("/sign-in"), f"{told}: the session ended"


def stranger(walk: Walk) -> Browser:
    browser = Browser(walk.world.app.test_client())
    browser.token = token(browser.get("/sign-in").text)
    return browser


def ask(browser: Browser, method: str, path: str) -> Any:
    data = {"csrf_token": browser.token, **TYPED} if method not in ("GET", "HEAD", "OPTIONS") else None
    return browser.client.open(path, method=method, data=data)


def comparable(answer: Any, path: str) -> tuple[object, ...]:
    """Status, headers and text, without what is new in every answer and without the address itself."""
    headers = {k: plain(v).replace(path, "…") for k, v in answer.headers.items()
               if k not in ("Date", "Set-Cookie", "Content-Security-Policy")}
    return answer.status_code, headers, plain(answer.get_data().decode("utf-8", "replace")).replace(path, "…")


def shown_in(walk: Walk, answer: Any, path: str, own: str = "") -> set[Shown]:
    """Groups of fields whose planted values are in the answer, headers included.

    What was asked for by name, and the reader's own address, tell them nothing.
    """
    body = answer.get_data().decode("utf-8", "replace")
    text_ = (body + repr(list(answer.headers.items()))).replace(path, "").replace(own or path, "")
    return {group for group, values in walk.markers.items() if any(value in text_ for value in values)}


def contents(walk: Walk) -> dict[str, list[Any]]:
    """Every row of every table but the traces that a refusal may leave."""
    engine = walk.world.store.engine
    names: Iterable[str] = set(inspect(engine).get_table_names()) - TRACES
    with engine.connect() as connection:
        return {name: sorted(map(repr, connection.execute(text(f'SELECT * FROM "{name}"')))) for name in names}
