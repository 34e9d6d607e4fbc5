"""Second factors at the desk: what counts once counts once, on both databases and with real threads."""

import threading
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pyotp
import pytest

from referral_dir.desk import accounts, factors, passkeys
from referral_dir.desk.factors import FactorRefused
from referral_dir.domain.access import Actor
from referral_dir.domain.errors import Invalid, NotFound, WrongState
from referral_dir.store.crypto import KeyRing
from referral_dir.store.db import Store, transaction
from referral_dir.store.people import Passkey, Person, RecoveryCode
from tests import cast as people
from tests.authenticator import Authenticator
from tests.cast import NOW

SITE = passkeys.Site("directory.example", "https://directory.example")
THREADS = 6


def with_codes(store: Store, actor: Actor) -> pyotp.TOTP:
    """The actor sets up time codes a while ago."""
    with transaction(store) as session:
        setup = factors.begin_totp(session, actor)
        app = pyotp.TOTP(setup.secret)
        factors.confirm_totp(session, actor, setup.sealed, app.at(NOW - timedelta(minutes=5)),
                             NOW - timedelta(minutes=5))
    return app


def signed_in(store: Store, actor: Actor) -> str:
    with transaction(store) as session:
        person = session.get_one(Person, actor.person_id)
        return accounts.begin_session(session, person, NOW, factor="password", pending=True).token


def with_passkey(store: Store, actor: Actor, token: str, name: str = "key") -> Authenticator:
    key = Authenticator(SITE.origin, SITE.id)
    with transaction(store) as session:
        asked = passkeys.ask_to_make(session, actor, token, SITE, NOW)
    with transaction(store) as session:
        challenge = passkeys.take_challenge(session, token, NOW)
        passkeys.add(session, actor, SITE, challenge, key.make(asked), name, NOW)
    return key


def prove(store: Store, actor: Actor, code: str, at: object = NOW) -> bool:
    try:
        with transaction(store) as session:
            factors.prove_totp(session, actor, code, at)  # type: ignore[arg-type]
    except FactorRefused:
        return False
    return True


def at_once(work: Callable[[], bool], times: int = THREADS) -> int:
    """Run it in threads that start together; how often it succeeded."""
    start, done = threading.Barrier(times), []

    def run() -> None:
        start.wait()
        done.append(work())

    threads = [threading.Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == times
    return sum(done)


def test_a_time_code_is_taken_once_however_many_send_it_at_once(store: Store) -> None:
    cast = people.build(store)
    app = with_codes(store, cast.olga)
    for round_ in range(4):
        moment = NOW + timedelta(minutes=round_)
        code = app.at(moment)
        assert at_once(lambda code=code, moment=moment: prove(store, cast.olga, code, moment)) == 1  # type: ignore[misc]


def test_codes_of_the_neighbouring_steps_are_taken_and_none_before_a_used_one(store: Store) -> None:
    cast = people.build(store)
    app = with_codes(store, cast.olga)
    step = timedelta(seconds=30)
    assert not prove(store, cast.olga, app.at(NOW - 2 * step))
    assert not prove(store, cast.olga, app.at(NOW + 2 * step))
    assert prove(store, cast.olga, app.at(NOW - step)), "a slow hand"
    assert prove(store, cast.olga, app.at(NOW + step)), "a slow clock"
    assert not prove(store, cast.olga, app.at(NOW)), "an older code than the one that was used"
    assert not prove(store, cast.olga, app.at(NOW + step), NOW + step)
    assert prove(store, cast.olga, app.at(NOW + 2 * step), NOW + 2 * step)


def test_the_code_that_confirmed_the_app_signs_nobody_in(store: Store) -> None:
    cast = people.build(store)
    with transaction(store) as session:
        setup = factors.begin_totp(session, cast.olga)
        app = pyotp.TOTP(setup.secret)
        with pytest.raises(Invalid, match="not the code"):
            factors.confirm_totp(session, cast.olga, setup.sealed, "000000" if app.at(NOW) != "000000" else "1", NOW)
        factors.confirm_totp(session, cast.olga, setup.sealed, app.at(NOW), NOW)
    assert not prove(store, cast.olga, app.at(NOW))


def test_a_secret_is_sealed_for_its_owner_and_is_nowhere_in_clear(store: Store) -> None:
    cast = people.build(store)
    app = with_codes(store, cast.olga)
    with transaction(store) as session:
        olga, omar = session.get_one(Person, cast.olga.person_id), session.get_one(Person, cast.omar.person_id)
        assert olga.totp_secret is not None
        assert app.secret.encode() not in olga.totp_secret
        omar.totp_secret = olga.totp_secret  # whoever writes the database copies a secret to another row
    with pytest.raises(Exception, match="does not belong here"):
        prove(store, cast.omar, app.at(NOW))
    with transaction(store) as session:
        setup = factors.begin_totp(session, cast.olga)
        with pytest.raises(Invalid, match="begin again"):
            factors.confirm_totp(session, cast.pablo, setup.sealed, pyotp.TOTP(setup.secret).at(NOW), NOW)


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "-12345", "１２３４５６", "0" * 9999])
def test_what_is_no_code_is_refused(sqlite_store: Store, code: str) -> None:
    cast = people.build(sqlite_store)
    with_codes(sqlite_store, cast.olga)
    assert not prove(sqlite_store, cast.olga, code)
    assert not prove(sqlite_store, cast.omar, code), "nor of someone without time codes"


def test_guessing_is_slowed_down_per_person_and_in_parallel(store: Store) -> None:
    cast = people.build(store)

    def guess(actor: Actor = cast.olga) -> bool:
        try:
            with transaction(store) as session:
                factors.count_try(session, actor, NOW)
        except factors.TooManyTries:
            return False
        return True

    assert at_once(guess, 16) == 10
    assert guess(cast.omar), "others are not slowed down"


def test_recovery_codes_are_ten_work_once_each_and_old_ones_end_with_new_ones(store: Store) -> None:
    cast = people.build(store)
    with pytest.raises(WrongState), transaction(store) as session:
        factors.make_codes(session, cast.olga, NOW)
    with_codes(store, cast.olga)
    with transaction(store) as session:
        old = factors.make_codes(session, cast.olga, NOW)
    assert len(set(old)) == 10

    def use(code: str, actor: Actor = cast.olga) -> bool:
        try:
            with transaction(store) as session:
                factors.prove_recovery(session, actor, code, NOW)
        except FactorRefused:
            return False
        return True

    assert at_once(lambda: use(old[0])) == 1
    assert use(old[1].upper().replace("-", " ")), "however it is written"
    assert not use(old[2], cast.omar)
    with transaction(store) as session:
        assert factors.of(session, cast.olga).codes_left == 8
        stored = [row.code_hash for row in session.query(RecoveryCode)]
        assert not any(code.replace("-", "") in stored or code in stored for code in old)
        new = factors.make_codes(session, cast.olga, NOW)
    assert not use(old[3])
    assert use(new[0])


def test_recovery_codes_outlive_a_new_master_key(sqlite_store: Store) -> None:
    cast = people.build(sqlite_store)
    with_codes(sqlite_store, cast.olga)
    with transaction(sqlite_store) as session:
        codes = factors.make_codes(session, cast.olga, NOW)
    rotated = Store(sqlite_store.engine, KeyRing((("new", b"n" * 32), *sqlite_store.keys.keys)))
    with transaction(rotated) as session:
        assert factors.prove_recovery(session, cast.olga, codes[0], NOW) == 9


def test_a_passkey_signs_in_and_each_challenge_is_answered_once(store: Store) -> None:
    cast = people.build(store)
    token = signed_in(store, cast.olga)
    key = with_passkey(store, cast.olga, token)

    def ask() -> str:
        with transaction(store) as session:
            return passkeys.ask_to_sign(session, cast.olga, token, SITE, NOW)

    answer = key.sign(ask())
    with transaction(store) as session:
        passkeys.prove(session, cast.olga, SITE, passkeys.take_challenge(session, token, NOW), answer, NOW)
    with transaction(store) as session:
        assert passkeys.take_challenge(session, token, NOW) is None
        with pytest.raises(FactorRefused):
            passkeys.prove(session, cast.olga, SITE, None, answer, NOW)
    ask()

    def take() -> bool:
        with transaction(store) as session:
            return passkeys.take_challenge(session, token, NOW) is not None

    assert at_once(take) == 1
    ask()
    with transaction(store) as session:
        late = NOW + passkeys.ANSWER_WITHIN
        assert passkeys.take_challenge(session, token, late) is None, "asked too long ago"


def test_a_passkey_is_refused_for_another_site_person_challenge_key_or_an_older_count(store: Store) -> None:
    cast = people.build(store)
    token = signed_in(store, cast.olga)
    key = with_passkey(store, cast.olga, token)
    omars = signed_in(store, cast.omar)
    with_passkey(store, cast.omar, omars)

    def refused(answer: Callable[[str], str], actor: Actor = cast.olga, own: str = token) -> None:
        with transaction(store) as session:
            asked = passkeys.ask_to_sign(session, actor, own, SITE, NOW)
            challenge = passkeys.take_challenge(session, own, NOW)
            with pytest.raises(FactorRefused):
                passkeys.prove(session, actor, SITE, challenge, answer(asked), NOW)

    refused(lambda asked: key.sign(asked, origin="https://directory.example.evil"))
    refused(lambda asked: key.sign(asked, origin="http://directory.example"))
    refused(lambda asked: key.sign(asked, site="evil.example"))
    refused(lambda asked: key.sign(asked, challenge="AAAA"))
    refused(key.make)
    refused(key.sign, cast.omar, omars)
    thief = Authenticator(SITE.origin, SITE.id)
    thief.id = key.id
    refused(thief.sign)
    for text in ("", "{}", "[]", "null", '{"id":1}', "x" * 30_000, '{"id":"AAAA","rawId":"AAAA","type":"public-key"}'):
        refused(lambda asked, text=text: text)  # type: ignore[misc]
    with transaction(store) as session:
        asked = passkeys.ask_to_sign(session, cast.olga, token, SITE, NOW)
        passkeys.prove(session, cast.olga, SITE, passkeys.take_challenge(session, token, NOW),
                       key.sign(asked, count=50), NOW)
    refused(lambda asked: key.sign(asked, count=50))
    refused(lambda asked: key.sign(asked, count=7))


def test_a_passkey_is_made_only_for_this_site_and_once(store: Store) -> None:
    cast = people.build(store)
    token = signed_in(store, cast.olga)
    key = Authenticator(SITE.origin, SITE.id)

    def add(actor: Actor = cast.olga, name: str = "key", **wrong: str) -> None:
        with transaction(store) as session:
            asked = passkeys.ask_to_make(session, actor, token, SITE, NOW)
            passkeys.add(session, actor, SITE, passkeys.take_challenge(session, token, NOW), key.make(asked, **wrong),
                         name, NOW)

    for wrong in ({"origin": "https://evil.example"}, {"site": "evil.example"}, {"challenge": "AAAA"}):
        with pytest.raises(Invalid, match="could not be made"):
            add(**wrong)
    for name in ("", "x" * 81, "a\x00b"):
        with pytest.raises(Invalid, match="short name"):
            add(name=name)
    add()
    with pytest.raises(Invalid, match="there already"):
        add()
    with pytest.raises(Invalid, match="there already"):
        add(cast.omar)


@pytest.mark.parametrize(("address", "site"), [
    ("https://directory.example", ("directory.example", "https://directory.example")),
    ("https://Directory.example:443/", ("directory.example", "https://directory.example")),
    ("http://localhost:8000", ("localhost", "http://localhost:8000")),
    ("http://127.0.0.1:8000", None), ("https://[::1]", None),
])
def test_passkeys_are_for_the_host_of_the_base_url_unless_that_is_a_number(
        address: str, site: tuple[str, str] | None) -> None:
    assert passkeys.site_of(address) == (passkeys.Site(*site) if site else None)


@pytest.mark.parametrize("required", [True, False])
def test_the_last_factor_stays_where_one_is_required(store: Store, required: bool) -> None:
    cast = people.build(store)
    with_codes(store, cast.olga)
    with_passkey(store, cast.olga, signed_in(store, cast.olga))
    with transaction(store) as session:
        factors.make_codes(session, cast.olga, NOW)
    with transaction(store) as session:
        factors.remove_totp(session, cast.olga, NOW, required=required)
        [key] = factors.of(session, cast.olga).passkeys
    with pytest.raises(NotFound), transaction(store) as session:
        passkeys.remove(session, cast.omar, key.id, NOW, required=False)
    if required:
        with pytest.raises(Invalid, match="last second factor"), transaction(store) as session:
            passkeys.remove(session, cast.olga, key.id, NOW, required=True)
        with transaction(store) as session:
            assert factors.of(session, cast.olga).any
    else:
        with transaction(store) as session:
            passkeys.remove(session, cast.olga, key.id, NOW, required=False)
            left = factors.of(session, cast.olga)
            assert (left.any, left.codes_left) == (False, 0), "recovery codes are no factor of their own"


def test_two_removals_at_once_leave_one_factor(store: Store) -> None:
    cast = people.build(store)
    token = signed_in(store, cast.olga)
    keys = []
    for n in range(THREADS):
        with_passkey(store, cast.olga, token, f"key {n}")
    with transaction(store) as session:
        keys = [row.id for row in factors.of(session, cast.olga).passkeys]

    def remove() -> bool:
        key: UUID = keys.pop()
        try:
            with transaction(store) as session:
                passkeys.remove(session, cast.olga, key, NOW, required=True)
        except Invalid:
            return False
        return True

    assert at_once(remove) == THREADS - 1
    with transaction(store) as session:
        assert session.query(Passkey).count() == 1
