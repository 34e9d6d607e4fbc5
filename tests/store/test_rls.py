"""PostgreSQL's second wall: raw SQL as the server's own role, with no scoped query in between."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError

from referral_dir.desk import audit, audit_heads, cases, consents, exclusions, handoffs, notify, threads
from referral_dir.domain.access import Actor
from referral_dir.domain.consent_record import Terms, Withdrawal
from referral_dir.domain.errors import NotFound
from referral_dir.domain.vocabulary import HandoffAction, HandoffState
from referral_dir.store import tenancy
from referral_dir.store.cases import BreakGlass
from referral_dir.store.db import Store, make_engine, migrate, transaction
from referral_dir.store.roles import grant_application_role
from tests import cast as people
from tests.cast import NOW
from tests.conftest import KEYS

WALLED = ("case", "case_field", "case_key", "consent", "consent_event", "handoff", "handoff_event", "disclosure",
          "break_glass", "case_exclusion", "handoff_message", "handoff_time")
EVERYONE = ("olga", "omar", "petra", "pablo", "clara", "carl", "vera", "adam")
PASSWORD = "invented-for-tests"


@dataclass
class Told:
    """A case that was handed over, with something in every walled table."""

    store: Store
    cast: people.Cast
    case: UUID
    consent: UUID
    handoff: UUID


@pytest.fixture
def told(app_store: Store, postgres_store: Store) -> Told:
    cast = people.build(postgres_store)
    case, consent, handoff = story(app_store, cast)
    with transaction(app_store, cast.olga) as session:
        exclusions.exclude_person(session, cast.olga, case, "oscar@test.example", NOW)
        session.add(BreakGlass(
            case_id=case, recipient_organization_id=cast.petra.organization_id, person_id=cast.olga.person_id,
            reason="x", imminence="x", why_no_consent="x", explanation=b"x", fields=["health"], granted=NOW,
            expires=NOW, review_by=NOW))
    return Told(app_store, cast, case, consent, handoff)


def story(store: Store, cast: people.Cast) -> tuple[UUID, UUID, UUID]:
    """Olga opens a case, records consent and asks; Petra reads, accepts, reads again. Each for themselves."""
    olga, petra = cast.olga, cast.petra

    def by(actor: Actor, act: Callable[..., Any], *args: Any, **named: Any) -> Any:
        with transaction(store, actor) as session:
            return act(session, actor, *args, **named)

    case = by(olga, cases.open_case, cases.NewCase(needs=["shelter.emergency"], languages=["ht"], place=people.MIAMI),
              NOW).id
    by(olga, cases.set_identifying, case, {"name": "Invented Person", "health": "asthma", "background": "told"}, NOW)
    consent = by(olga, consents.draft, case, cast.shelter, Terms(["name"]), NOW).id
    by(olga, consents.explain, consent, people.EXPLAINED, NOW)
    by(olga, consents.give, consent, people.SAID_YES, NOW)
    handoff = by(olga, handoffs.request, case, cast.shelter, NOW).id
    before = by(petra, handoffs.read_incoming, handoff, NOW)
    assert (before.about["needs"], before.identifying) == (["shelter.emergency"], {})
    by(petra, threads.ask, handoff, "stairs", NOW)
    by(petra, threads.propose, handoff, [("2026-11-24", "18:30")], NOW)
    by(petra, handoffs.accept, handoff, NOW, meeting_point="Gate 3")
    assert by(petra, handoffs.read_incoming, handoff, NOW).identifying == {"name": "Invented Person"}
    assert by(olga, handoffs.read_outgoing, handoff, NOW).meeting_point == "Gate 3"
    return case, consent, handoff


def count(store: Store, actor: Actor | None, table: str, where: str = "true", *, system: str = "") -> int:
    with transaction(store, actor, system=system) as session:
        return session.scalar(text(f'SELECT count(*) FROM "{table}" WHERE {where}')) or 0


def test_the_whole_story_runs_through_as_the_servers_role(app_store: Store, postgres_store: Store) -> None:
    cast = people.build(postgres_store)
    case, consent, handoff = story(app_store, cast)
    for step in (HandoffAction.START, HandoffAction.COMPLETE):
        with transaction(app_store, cast.petra) as session:
            done = handoffs.answer(session, cast.petra, handoff, step, NOW)
    assert done.state == HandoffState.COMPLETED
    with transaction(app_store, cast.olga) as session:
        file = cases.read_case(session, cast.olga, case, NOW)
        assert len(file.disclosures) == 1
        assert file.identifying["background"] == "told"
        assert len(handoffs.outgoing(session, cast.olga)) == 1
    with transaction(app_store, cast.olga) as session:
        consents.withdraw(session, cast.olga, consent, Withdrawal(), NOW)
        cases.close_case(session, cast.olga, case, NOW)
    sent: list[Any] = []
    assert notify.deliver(app_store, notify.Mailer("127.0.0.1", 1, "a@b.example", "https://c.example"), NOW,
                          sent.append).failed == 0
    with transaction(app_store, cast.vera) as session:
        assert audit_heads.verify(session, "").broken_at is None


def test_accepting_ends_what_was_asked_elsewhere_and_time_ends_what_nobody_answers(
        app_store: Store, postgres_store: Store) -> None:
    cast = people.build(postgres_store)
    case_id, _, first = people.request(postgres_store, cast)
    people.consent(postgres_store, cast, case_id, cast.clinic)
    with transaction(app_store, cast.olga) as session:
        second = handoffs.request(session, cast.olga, case_id, cast.clinic, NOW).id
    with transaction(app_store, cast.pablo) as session:
        handoffs.accept(session, cast.pablo, second, NOW)
        assert session.scalar(text("SELECT current_setting('referral.scope')")) == "provider", "and no longer system"
        assert session.scalar(text("SELECT count(*) FROM handoff")) == 1
    assert count(app_store, cast.olga, "handoff", f"id = '{first}' AND reason = 'accepted_elsewhere'") == 1
    people.request(postgres_store, cast)
    with transaction(app_store, system="deliver") as session:
        assert handoffs.expire_due(session, NOW + timedelta(days=4)) > 0


def test_a_transaction_that_says_nothing_sees_nothing(told: Told) -> None:
    for table in WALLED:
        assert count(told.store, told.cast.olga, table) > 0, table
        assert count(told.store, None, table) == 0, table
        assert count(told.store, None, table, system="deliver") > 0, table
        with told.store.engine.connect() as nobody:
            assert nobody.exec_driver_sql(f'SELECT count(*) FROM "{table}"').scalar() == 0, "nothing was ever set"


@pytest.mark.parametrize("who", ["omar", "pablo", "clara", "carl", "adam", "nobody"])
def test_another_tenant_sees_and_changes_nothing_by_raw_sql(told: Told, who: str) -> None:
    actor = getattr(told.cast, who, None)
    before = {table: contents(told, table) for table in WALLED}
    for table in WALLED:
        assert count(told.store, actor, table) == 0, table
        column = {"case": "priority", "case_key": "wrapped", "case_field": "field", "case_exclusion": "named",
                  "break_glass": "reason", "consent": "state", "handoff": "state"}.get(table, "at")
        for statement in (f'UPDATE "{table}" SET {column} = {column}', f'DELETE FROM "{table}"'):
            assert changed(told.store, actor, statement) == 0, statement
    assert {table: contents(told, table) for table in WALLED} == before


def changed(store: Store, actor: Actor | None, statement: str) -> int:
    """How many rows it changed; none where the role has no right to it at all."""
    try:
        with transaction(store, actor) as session:
            return session.execute(text(statement)).rowcount  # type: ignore[attr-defined,no-any-return]
    except ProgrammingError as error:
        if "permission denied" not in str(error):
            raise
        return 0


def contents(told: Told, table: str) -> list[Any]:
    with transaction(told.store, system="test") as session:
        return sorted(map(repr, session.execute(text(f'SELECT * FROM "{table}"'))))


def test_nobody_writes_into_anothers_case(told: Told) -> None:
    c, n = told.cast, uuid4
    statements = {
        f"INSERT INTO case_field (id, case_id, field, sealed) VALUES ('{n()}', '{told.case}', 'phone', 'x')":
            ("omar", "petra", "vera"),
        f"INSERT INTO case_exclusion (id, case_id, organization_id, named, created) VALUES "
        f"('{n()}', '{told.case}', '{c.omar.organization_id}', 'x', now())": ("omar", "petra", "vera"),
        f"INSERT INTO consent_event (id, consent_id, at, state) VALUES ('{n()}', '{told.consent}', now(), 'active')":
            ("omar", "petra", "vera"),
        f"INSERT INTO handoff_event (id, handoff_id, at, party, action, from_state, to_state) VALUES "
        f"('{n()}', '{told.handoff}', now(), 'recipient', 'x', 'x', 'x')": ("omar", "pablo", "vera"),
        f"INSERT INTO disclosure (id, case_id, handoff_id, consent_id, organization_id, person_id, fields, at) VALUES "
        f"('{n()}', '{told.case}', '{told.handoff}', '{told.consent}', '{c.pablo.organization_id}', "
        f"'{c.pablo.person_id}', '[]', now())": ("omar", "pablo", "petra"),
        f"UPDATE consent SET state = 'active' WHERE id = '{told.consent}'": ("petra",),
        f"UPDATE \"case\" SET organization_id = '{c.omar.organization_id}'": ("olga",),
        f"UPDATE handoff SET recipient_organization_id = '{c.pablo.organization_id}'": ("petra",),
    }
    for statement, everyone in statements.items():
        for who in everyone:
            with pytest.raises(ProgrammingError, match="row-level security"), \
                    transaction(told.store, getattr(c, who)) as session:
                session.execute(text(statement))


def test_a_recipient_sees_the_fields_that_consent_or_broken_glass_names_while_it_is_under_way(told: Told) -> None:
    petra = told.cast.petra

    def fields() -> set[str]:
        with transaction(told.store, petra) as session:
            return set(session.scalars(text("SELECT field FROM case_field")))

    assert fields() == {"name", "health"}, "by consent and by broken glass; never the background"
    assert count(told.store, petra, "case_exclusion") == 0
    assert count(told.store, petra, "consent_event") == 0
    with transaction(told.store, told.cast.olga) as session:
        consents.withdraw(session, told.cast.olga, told.consent, Withdrawal(), NOW)
    assert fields() == set()
    assert count(told.store, petra, "case_key") == 0


def test_before_acceptance_a_recipient_sees_no_field_and_no_draft(app_store: Store, postgres_store: Store) -> None:
    cast = people.build(postgres_store)
    people.request(postgres_store, cast)
    assert count(app_store, cast.petra, "case") == 1
    assert count(app_store, cast.petra, "case_field") == 0
    with postgres_store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE handoff SET state = 'draft'")
    for table in WALLED:
        assert count(app_store, cast.petra, table) == 0, table


def test_whoever_the_case_names_sees_nothing_of_it_by_raw_sql(told: Told) -> None:
    cast = told.cast
    assert count(told.store, cast.vera, "break_glass") == 1, "an overseer reviews it, and sees nothing else"
    assert sum(count(told.store, cast.vera, table) for table in WALLED if table != "break_glass") == 0
    with transaction(told.store, cast.olga) as session:
        for email in ("petra@test.example", "vera@test.example"):
            exclusions.exclude_person(session, cast.olga, told.case, email, NOW)
    for who in (cast.petra, cast.vera):
        for table in WALLED:
            assert count(told.store, who, table) == 0, table
    with pytest.raises(NotFound), transaction(told.store, cast.petra) as session:
        handoffs.read_incoming(session, cast.petra, told.handoff, NOW)
    with transaction(told.store, cast.vera) as session:
        trail = audit.trail(session, cast.vera, NOW, audit.Wanted())
        assert not [entry for entry in trail.entries if entry.subject == f"case:{told.case}"]
    with transaction(told.store, cast.olga) as session:
        exclusions.exclude_organization(session, cast.olga, told.case, "Harbour", NOW)
        assert session.scalar(text("SELECT state FROM handoff")) == "cancelled"


def test_the_servers_role_has_no_right_to_rewrite_history_or_take_the_wall_down(told: Told) -> None:
    for statement in (
            "UPDATE audit_entry SET action = 'x'", "DELETE FROM audit_entry", "TRUNCATE audit_entry",
            "UPDATE consent_event SET state = 'x'", "DELETE FROM handoff_event", 'TRUNCATE "case" CASCADE',
            "ALTER TABLE audit_entry DISABLE TRIGGER ALL", "DROP TRIGGER guard_change ON audit_entry",
            'ALTER TABLE "case" DISABLE ROW LEVEL SECURITY', 'DROP POLICY see ON "case"', "CREATE TABLE mine (id int)",
            "UPDATE alembic_version SET version_num = '0001'"):
        with pytest.raises(DBAPIError, match=r"permission denied|must be owner"), \
                transaction(told.store, system="test") as session:
            session.execute(text(statement))


def test_a_setting_does_not_outlive_its_transaction(told: Told) -> None:
    with told.store.engine.connect() as connection:
        for _ in range(2):
            with connection.begin():
                connection.exec_driver_sql("SELECT set_config('referral.scope', 'system:test', true)")
                assert connection.exec_driver_sql('SELECT count(*) FROM "case"').scalar() == 1
            with connection.begin():
                assert connection.exec_driver_sql('SELECT count(*) FROM "case"').scalar() == 0


def test_a_workflow_that_fails_inside_an_elevation_keeps_nothing_of_it(told: Told) -> None:
    with transaction(told.store, told.cast.omar) as session:
        with suppress(NotFound), tenancy.elevated(session, "test"):
            assert session.scalar(text('SELECT count(*) FROM "case"')) == 1
            raise NotFound("inside")
        assert session.scalar(text('SELECT count(*) FROM "case"')) == 0


def test_the_wall_binds_an_owner_who_is_no_superuser_too(postgres_url: str) -> None:
    """Many deployments let the server sign in as the owner of its database."""
    name = f"owner_{uuid4().hex[:8]}"
    admin = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
        connection.exec_driver_sql(f"CREATE DATABASE {name} OWNER {name}")
    url = make_url(postgres_url).set(database=name, username=name, password=PASSWORD)
    store = Store(make_engine(url.render_as_string(hide_password=False)), KEYS)
    try:
        migrate(store.engine)
        cast = people.build(store)
        case_id, _, _ = story(store, cast)
        assert count(store, cast.olga, "case") == 1
        assert count(store, None, "case") == count(store, cast.omar, "case") == 0
        with pytest.raises(IntegrityError, match="append-only"), transaction(store, system="test") as session:
            session.execute(text("DELETE FROM consent_event"))
        with transaction(store, system="purge") as session:
            session.execute(text("DELETE FROM outbox_message"))
            session.execute(text('DELETE FROM "case" WHERE id = :id'), {"id": case_id})
        for table in WALLED:
            assert count(store, None, table, system="test") == 0, table
    finally:
        store.engine.dispose()
        with admin.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
            connection.exec_driver_sql(f"DROP ROLE {name}")
        admin.dispose()


def test_only_postgresql_has_roles_and_a_name_is_a_name(sqlite_store: Store, postgres_store: Store) -> None:
    with pytest.raises(ValueError, match="PostgreSQL"):
        grant_application_role(sqlite_store.engine)
    with pytest.raises(ValueError, match="small letters"):
        grant_application_role(postgres_store.engine, 'x" SUPERUSER; --')
