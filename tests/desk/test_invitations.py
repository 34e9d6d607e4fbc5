"""Invitations and what administrators do about people, on both databases."""

import re
from datetime import timedelta
from email.message import EmailMessage
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from referral_dir.desk import accounts, factors, invitations, notify, passwords
from referral_dir.desk import people as members
from referral_dir.domain.access import Actor
from referral_dir.domain.errors import Forbidden, Invalid, NotFound, WrongState
from referral_dir.domain.vocabulary import Role
from referral_dir.store import people_queries
from referral_dir.store.db import Store, transaction
from referral_dir.store.people import Invitation, LoginSession, Person
from referral_dir.store.records import AuditEntry, OutboxMessage
from tests import cast as people
from tests.cast import NOW
from tests.desk.test_factors import at_once, with_codes

WORDS = "seven invented words make a row"
MAILER = notify.Mailer("mail.example", 25, "referrals@test.example", "https://directory.example")


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "hash_password", lambda password: f"hash of {password}")
    monkeypatch.setattr(accounts, "hash_password", lambda password: f"hash of {password}")


def second_administrator(store: Store) -> Actor:
    with transaction(store) as session:
        home = session.scalars(select(Person.organization_id).where(Person.email == "adam@test.example")).one()
        row = Person(organization_id=home, email="ada@test.example", name="Ada", role=Role.ADMINISTRATOR,
                     password_hash="x", created=NOW)
        session.add(row)
        session.flush()
        return accounts.actor_of(row)


def invite(store: Store, actor: Actor, role: Role, email: str = "nora@test.example", **more: Any) -> UUID:
    asked = {"organization": "Border Unit (invented)", "new_organization": False, "may_break_glass": False,
             "is_supervisor": False, "name": "Nora", "now": NOW, **more}
    with transaction(store) as session:
        return invitations.invite(session, actor, email=email, role=role, **asked).id


def letters(store: Store, now: Any = NOW) -> list[EmailMessage]:
    sent: list[EmailMessage] = []
    notify.deliver(store, MAILER, now, sent.append)
    return sent


def token_in(letter: EmailMessage) -> str:
    found = re.search(r"https://directory\.example/join/([\w-]+)", letter.get_content())
    assert found
    return found.group(1)


def accept(store: Store, token: str, now: Any = NOW, password: str = WORDS) -> Person:
    with transaction(store) as session:
        return invitations.accept(session, token, name="Nora N.", password=password, now=now)


def works(store: Store, token: str, now: Any = NOW) -> bool:
    try:
        accept(store, token, now)
    except NotFound:
        return False
    return True


def test_an_invited_person_is_locked_until_they_choose_their_own_password(store: Store) -> None:
    cast = people.build(store)
    invite(store, cast.adam, Role.PROVIDER)
    with transaction(store) as session:
        nora = people_queries.person_by_email(session, "nora@test.example")
        assert nora is not None
        assert not nora.active
    [letter] = letters(store)
    assert letter["To"] == "nora@test.example"
    nora = accept(store, token_in(letter))
    assert (nora.active, nora.name, nora.password_hash) == (True, "Nora N.", f"hash of {WORDS}")


def test_the_mail_says_nothing_but_the_link_and_the_database_does_not_hold_it(store: Store) -> None:
    cast = people.build(store)
    invite(store, cast.adam, Role.PROVIDER)
    [letter] = letters(store)
    text = letter.get_content() + letter["Subject"]
    for detail in ("Nora", "Border", "provider", "referral", "Adam", "invented"):
        assert detail.casefold() not in text.casefold()
    token = token_in(letter)
    with transaction(store) as session:
        message = session.scalars(select(OutboxMessage)).one()
        assert (message.state, message.link) == ("sent", None)
        assert session.scalars(select(Invitation)).one().token_hash != token
        for entry in session.scalars(select(AuditEntry)):
            assert "nora" not in str(entry.details).casefold()
            assert token not in str(entry.details) + str(entry.subject)


@pytest.mark.parametrize("role", [Role.OFFICER, Role.ADMINISTRATOR])
def test_no_link_goes_out_before_a_second_administrator_approves(store: Store, role: Role) -> None:
    cast = people.build(store)
    ada = second_administrator(store)
    invitation = invite(store, cast.adam, role)
    assert letters(store) == []
    with pytest.raises(Invalid, match="another administrator"), transaction(store) as session:
        invitations.approve(session, cast.adam, invitation, NOW)
    with pytest.raises(WrongState), transaction(store) as session:
        invitations.send_again(session, cast.adam, invitation, NOW)
    for actor in (cast.olga, cast.petra, cast.clara, cast.vera):
        with pytest.raises(Forbidden), transaction(store) as session:
            invitations.approve(session, actor, invitation, NOW)
    assert letters(store) == []
    with transaction(store) as session:
        invitations.approve(session, ada, invitation, NOW)
    with pytest.raises(WrongState), transaction(store) as session:
        invitations.approve(session, ada, invitation, NOW)
    [letter] = letters(store)
    assert works(store, token_in(letter))


def test_the_database_itself_refuses_ones_own_approval_and_a_link_without_one(store: Store) -> None:
    cast = people.build(store)
    invitation = invite(store, cast.adam, Role.OFFICER)
    for values in ({"approved_by_id": cast.adam.person_id}, {"token_hash": "0" * 64}):
        with pytest.raises(IntegrityError), transaction(store) as session:
            session.execute(update(Invitation).where(Invitation.id == invitation).values(**values))
    with pytest.raises(IntegrityError), transaction(store) as session:
        session.execute(insert(Invitation).values(
            id=uuid4(), person_id=cast.olga.person_id, invited_by_id=cast.adam.person_id, needs_second=True,
            token_hash="1" * 64, created=NOW, expires=NOW))


def test_a_link_works_once_however_many_follow_it_at_once(store: Store) -> None:
    cast = people.build(store)
    invite(store, cast.adam, Role.PROVIDER)
    [letter] = letters(store)
    token = token_in(letter)
    assert at_once(lambda: works(store, token)) == 1
    assert not works(store, token)


def test_a_link_ends_after_seven_days_when_revoked_and_when_sent_anew(store: Store) -> None:
    cast = people.build(store)
    invitation = invite(store, cast.adam, Role.PROVIDER)
    [first] = letters(store)
    week = NOW + timedelta(days=7)
    assert not works(store, token_in(first), week)
    with transaction(store) as session:
        assert [row.state for row in invitations.listing(session, cast.adam, week)] == ["run_out"]
        invitations.send_again(session, cast.adam, invitation, week)
    [second] = letters(store, week)
    assert not works(store, token_in(first))
    with transaction(store) as session:
        invitations.revoke(session, cast.adam, invitation, week)
    assert not works(store, token_in(second), week)
    with pytest.raises(WrongState), transaction(store) as session:
        invitations.send_again(session, cast.adam, invitation, week)


def test_what_was_revoked_before_it_was_sent_is_never_sent(store: Store) -> None:
    cast = people.build(store)
    invitation = invite(store, cast.adam, Role.PROVIDER)
    with transaction(store) as session:
        invitations.revoke(session, cast.adam, invitation, NOW)
    assert letters(store) == []


@pytest.mark.parametrize("password", ["too short", "a" * 40])
def test_a_weak_password_leaves_the_link_usable(store: Store, password: str) -> None:
    cast = people.build(store)
    invite(store, cast.adam, Role.PROVIDER)
    [letter] = letters(store)
    with pytest.raises(Invalid):
        accept(store, token_in(letter), password=password)
    assert works(store, token_in(letter))


def test_a_mistyped_organization_is_not_made_by_accident(store: Store) -> None:
    cast = people.build(store)
    with pytest.raises(Invalid, match="no organization of this name"):
        invite(store, cast.adam, Role.PROVIDER, organization="Harbor (invented)")
    invite(store, cast.adam, Role.PROVIDER, organization="New House (invented)", new_organization=True)


def test_privileges_are_for_officers(store: Store) -> None:
    cast = people.build(store)
    with pytest.raises(Invalid, match="for officers"):
        invite(store, cast.adam, Role.PROVIDER, may_break_glass=True)
    invite(store, cast.adam, Role.OFFICER, may_break_glass=True)
    with transaction(store) as session:
        nora = people_queries.person_by_email(session, "nora@test.example")
        assert nora is not None
        assert (nora.may_break_glass, nora.is_supervisor) == (True, False)
        with pytest.raises(Invalid, match="for officers"):
            members.set_privileges(session, cast.adam, cast.petra.person_id, may_break_glass=True,
                                   is_supervisor=False, now=NOW)


def test_only_administrators_invite_and_look(store: Store) -> None:
    cast = people.build(store)
    for actor in (cast.olga, cast.petra, cast.clara, cast.vera):
        with pytest.raises(Forbidden):
            invite(store, actor, Role.PROVIDER)
        with transaction(store) as session:
            for look in (lambda: invitations.listing(session, actor, NOW), lambda: members.everyone(session, actor),  # noqa: B023
                         lambda: members.end_sessions(session, actor, cast.olga.person_id, NOW),  # noqa: B023
                         lambda: invitations.invite_anew(session, actor, cast.omar.person_id, NOW)):  # noqa: B023
                with pytest.raises(Forbidden):
                    look()


def sessions_of(store: Store, actor: Actor) -> int:
    with transaction(store) as session:
        return len(session.scalars(select(LoginSession).where(
            LoginSession.person_id == actor.person_id, LoginSession.ended.is_(None))).all())


def sign_in(store: Store, actor: Actor) -> None:
    with transaction(store) as session:
        accounts.begin_session(session, session.get_one(Person, actor.person_id), NOW, factor="password")


def test_a_new_role_ends_sessions_and_none_that_needs_approval_comes_without(store: Store) -> None:
    cast = people.build(store)
    ada = second_administrator(store)
    sign_in(store, cast.pablo)
    with transaction(store) as session:
        members.set_privileges(session, cast.adam, cast.olga.person_id, may_break_glass=True, is_supervisor=True,
                               now=NOW)
        members.change_role(session, cast.adam, cast.olga.person_id, Role.PROVIDER, NOW)
        olga = session.get_one(Person, cast.olga.person_id)
        assert (olga.may_break_glass, olga.is_supervisor) == (False, False), "privileges do not outlive the role"
        assert members.change_role(session, cast.adam, cast.pablo.person_id, Role.CASEWORKER, NOW) is False
    assert sessions_of(store, cast.pablo) == 0
    sign_in(store, cast.pablo)
    with transaction(store) as session:
        assert members.change_role(session, cast.adam, cast.pablo.person_id, Role.OFFICER, NOW) is True
    assert sessions_of(store, cast.pablo) == 0
    with transaction(store) as session:
        assert not session.get_one(Person, cast.pablo.person_id).active
    with pytest.raises(Invalid, match="not accepted"), transaction(store) as session:
        members.set_active(session, cast.adam, cast.pablo.person_id, True, NOW)
    assert letters(store) == []
    with transaction(store) as session:
        [waiting] = [row for row in invitations.listing(session, ada, NOW) if row.state == "to_approve"]
        invitations.approve(session, ada, waiting.invitation.id, NOW)
    [letter] = letters(store)
    assert accept(store, token_in(letter)).role == Role.OFFICER


def test_an_open_link_does_not_outlive_a_lock_or_a_new_role(store: Store) -> None:
    cast = people.build(store)
    invite(store, cast.adam, Role.PROVIDER)
    [letter] = letters(store)
    with transaction(store) as session:
        nora = people_queries.person_by_email(session, "nora@test.example")
        assert nora is not None
        members.change_role(session, cast.adam, nora.id, Role.OFFICER, NOW)
    assert not works(store, token_in(letter))
    with transaction(store) as session:
        members.set_active(session, cast.adam, nora.id, False, NOW)
        assert {row.state for row in invitations.listing(session, cast.adam, NOW)} == {"revoked"}


def test_whoever_lost_everything_is_invited_anew_and_keeps_nothing_of_the_old(store: Store) -> None:
    cast = people.build(store)
    with_codes(store, cast.pablo)
    sign_in(store, cast.pablo)
    with transaction(store) as session:
        factors.make_codes(session, cast.pablo, NOW)
        invitations.invite_anew(session, cast.adam, cast.pablo.person_id, NOW)
    assert sessions_of(store, cast.pablo) == 0
    letter = letters(store)[-1]
    with transaction(store) as session:
        pablo = session.get_one(Person, cast.pablo.person_id)
        assert (pablo.active, pablo.password_hash == "x") == (False, False)
        left = factors.of(session, cast.pablo)
        assert (left.any, left.codes_left) == (False, 0)
    assert accept(store, token_in(letter)).id == cast.pablo.person_id


def test_administrators_change_nothing_about_themselves(store: Store) -> None:
    cast = people.build(store)
    own = cast.adam.person_id
    with transaction(store) as session:
        for change in (lambda: members.set_active(session, cast.adam, own, False, NOW),
                       lambda: members.change_role(session, cast.adam, own, Role.OFFICER, NOW),
                       lambda: members.set_privileges(session, cast.adam, own, may_break_glass=True,
                                                      is_supervisor=True, now=NOW),
                       lambda: invitations.invite_anew(session, cast.adam, own, NOW)):
            with pytest.raises(Invalid, match="another administrator"):
                change()
        with pytest.raises(NotFound):
            members.end_sessions(session, cast.adam, uuid4(), NOW)


def test_who_could_read_a_hidden_address_is_let_in_by_two_administrators(store: Store) -> None:
    cast = people.build(store)
    ada = second_administrator(store)
    hiding, open_one = "Harbour (invented)", "Clinic (invented)"
    for role, home, waits in ((Role.PROVIDER, hiding, True), (Role.CASEWORKER, hiding, True),
                              (Role.CASEWORKER, "Network (invented)", True), (Role.OVERSEER, hiding, False),
                              (Role.PROVIDER, open_one, False)):
        asked = invite(store, cast.adam, role, f"{role}.{home.split()[0]}@test.example", organization=home)
        with transaction(store) as session:
            assert session.get_one(Invitation, asked).needs_second is waits, (role, home)
    with transaction(store) as session:
        assert members.change_role(session, cast.adam, cast.petra.person_id, Role.CASEWORKER, NOW), "nor by a new role"
        assert not session.get_one(Person, cast.petra.person_id).active
    with transaction(store) as session, pytest.raises(Invalid):
        invitations.approve(session, cast.adam, asked_of(session, cast.petra.person_id), NOW)
    with transaction(store) as session:
        invitations.approve(session, ada, asked_of(session, cast.petra.person_id), NOW)


def asked_of(session: Any, person_id: UUID) -> UUID:
    found: UUID = session.scalars(select(Invitation.id).where(Invitation.person_id == person_id)).one()
    return found
