"""The administrator's pages: organizations, a directory that is brought, settings, notices."""

import json
import time
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import select, update

import config
from referral_dir.domain.access import Actor
from referral_dir.domain.vocabulary import Role
from referral_dir.interop import jobs
from referral_dir.store.db import reading, transaction
from referral_dir.store.directory import Organization, Service
from referral_dir.store.people import LoginSession, Person
from referral_dir.web.installation import MEANINGS
from tests import canaries as c
from tests import cast as people
from tests.web.conftest import Browser, World


@pytest.fixture
def adam(world: World, sign_in: Callable[[Actor], Browser]) -> Browser:
    browser = sign_in(world.cast.adam)
    with transaction(world.store) as session:
        session.execute(update(LoginSession).values(stepped_up=people.NOW))
    return browser


def upload(browser: Browser, content: bytes, name: str = "lantern.json", **more: str) -> Any:
    data = {"csrf_token": browser.token, "format": "auto", "file": (BytesIO(content), name), **more}
    return browser.client.post("/administration/imports", data=data, content_type="multipart/form-data")


def until(browser: Browser, path: str, *states: str) -> str:
    for _ in range(200):
        state: str = browser.get(f"{path}/state").text.split(" ")[0]
        if state in states:
            return state
        time.sleep(0.05)
    raise AssertionError(f"it stays {state}")


def test_a_directory_is_brought_looked_at_and_confirmed_and_its_file_is_gone(world: World, adam: Browser) -> None:
    sent = upload(adam, json.dumps(c.directory(keep_public=False)).encode())
    assert sent.status_code == 302, sent.text
    path = sent.headers["Location"]
    assert until(adam, path, "checked", "failed") == "checked"
    page = adam.get(path).text
    for word in ("Checked: look at it", "Write it into the directory", "What it would change", "data-label"):
        assert word in page
    assert c.found_in(page.encode(), c.HOUSE) == set(), "what is hidden is not told by the report either"
    report = adam.get(f"{path}/report")
    assert "attachment" in report.headers["Content-Disposition"]
    assert report.get_json()["dry_run"] is True
    assert adam.post(f"{path}/confirm").status_code == 302
    assert until(adam, path, "done", "failed") == "done"
    assert adam.post(f"{path}/confirm").status_code == 409, "once"
    with reading(world.store) as session:
        assert session.scalar(select(Service).where(Service.name == c.OPEN)) is not None
    instance = world.app.extensions["referral_dir"].settings.instance
    assert list(jobs.folder_of(instance).iterdir()) == []
    assert c.found_in(c.folder_bytes(instance), c.HOUSE) == set()


def test_a_large_file_is_taken_from_an_administrator_and_from_nobody_else(
        world: World, adam: Browser, sign_in: Callable[[Actor], Browser]) -> None:
    large = json.dumps([{"id": "o", "name": "x" * 2 * config.LARGEST_BODY}]).encode()
    assert upload(adam, large).status_code == 302
    for browser in (sign_in(world.cast.clara), Browser(world.app.test_client())):
        assert upload(browser, large).status_code in (403, 413)
    assert adam.post("/administration/organizations/new", name="x" * 2 * config.LARGEST_BODY).status_code == 413


def test_a_form_without_a_usable_file_comes_back_and_leaves_no_file(world: World, adam: Browser) -> None:
    for content, name in ((b"", "empty.json"), (b"{}", "list.exe")):
        answer = upload(adam, content, name, source="Kept as typed")
        assert answer.status_code == 422
        assert 'value="Kept as typed"' in answer.text
    assert list(jobs.folder_of(world.app.extensions["referral_dir"].settings.instance).iterdir()) == []


def test_an_organization_is_added_corrected_and_given_services_to_keep(world: World, adam: Browser) -> None:
    assert adam.post("/administration/organizations/new", name="").status_code == 422
    added = adam.post("/administration/organizations/new", name="Lantern (invented)", website="https://l.example")
    assert added.status_code == 302
    assert adam.post("/administration/organizations/new", name="Lantern (invented)").status_code == 422
    path = added.headers["Location"]
    assert adam.post(path, name="Lantern House (invented)", email="wrong").status_code == 422
    assert adam.post(path, name="Lantern House (invented)").status_code == 302
    assert "Lantern House" in adam.get("/administration/organizations?words=lantern").text
    assert adam.post(f"{path}/keep", service=str(world.cast.clinic)).status_code == 422, "it has no caseworker"
    network = f"/administration/organizations/{world.cast.clara.organization_id}"
    assert "Clinic (invented)" in adam.post(f"{network}/search", words="clinic").text
    assert adam.post(f"{network}/keep", service=str(world.cast.clinic)).status_code == 302
    with reading(world.store) as session:
        assert session.get_one(Service, world.cast.clinic).kept_by_id == world.cast.clara.organization_id
    assert adam.post(f"{network}/keep", service=str(world.cast.clinic), stop="1").status_code == 302
    assert adam.post(f"{network}/keep", service=str(world.cast.clinic), stop="1").status_code == 409


def test_an_organization_out_of_use_keeps_nobody_signed_in_and_offers_nothing(
        world: World, adam: Browser, sign_in: Callable[[Actor], Browser]) -> None:
    petra = sign_in(world.cast.petra)
    path = f"/administration/organizations/{world.cast.petra.organization_id}"
    assert adam.post(f"{path}/close").status_code == 302
    assert petra.get("/provider/").status_code == 302, "signed out"
    with reading(world.store) as session:
        assert session.get_one(Service, world.cast.shelter).status == "inactive"
        assert not session.get_one(Person, world.cast.petra.person_id).active
        assert session.get_one(Organization, world.cast.petra.organization_id), "nothing is erased"
    assert "Out of use" in adam.get("/administration/organizations").text
    own = f"/administration/organizations/{world.cast.adam.organization_id}"
    assert adam.post(f"{own}/close").status_code == 422


def test_settings_show_what_is_set_and_never_a_secret(world: World, adam: Browser) -> None:
    page = adam.get("/administration/settings").text
    settings = world.app.extensions["referral_dir"].settings
    assert [name for name, _, _ in config.VARIABLES if name not in page] == []
    for secret in (settings.secret_key, settings.master_keys, settings.audit_key):
        assert secret not in page
    assert "made by the demo" in page
    assert {name: str(text) for name, text in MEANINGS.items()} == {name: text for name, _, text in config.VARIABLES}


def test_the_password_in_a_databases_address_is_not_shown() -> None:
    environ = {"REFERRAL_DIR_DEMO": "1", "REFERRAL_DIR_DATABASE_URL": "postgresql://me:s3cret@db.example/d"}
    shown = {row.name: row for row in config.present(config.load_settings(environ), environ)}
    assert shown["REFERRAL_DIR_DATABASE_URL"].value == "postgresql+psycopg://me:…@db.example/d"
    assert shown["REFERRAL_DIR_DATABASE_URL"].origin == "variable"


def test_notices_are_listed_with_their_state_and_each_can_be_read(world: World, adam: Browser) -> None:
    page = adam.get("/administration/notices").text
    for word in ("In use", "By machine, waits for review", "Original", "Українська"):
        assert word.casefold() in page.casefold()
    assert "لك" in adam.get("/administration/notices/1/ar").text
    assert adam.get("/administration/notices/9/ar").status_code == 404


def test_a_hidden_service_is_given_to_another_keeper_by_two_administrators(
        world: World, adam: Browser, sign_in: Callable[[Actor], Browser]) -> None:
    with transaction(world.store) as session:
        first = session.get_one(Person, world.cast.adam.person_id)
        row = Person(organization_id=first.organization_id, email="ada@test.example", name="Ada", role=first.role,
                     password_hash=first.password_hash, created=people.NOW)
        session.add(row)
        session.flush()
        second = Actor(row.id, row.organization_id, Role.ADMINISTRATOR, "Ada")
        world.cast.emails[row.id] = row.email
    rivals = world.cast.carl.organization_id
    path, shelter = f"/administration/organizations/{rivals}/keep", str(world.cast.shelter)

    def keeper() -> Any:
        with reading(world.store) as session:
            return session.get_one(Service, world.cast.shelter).kept_by_id

    for _ in range(2):
        assert adam.post(path, service=shelter).status_code == 302
        assert keeper() == world.cast.clara.organization_id, "one administrator is not enough, however often"
    assert "Another administrator must give it" in adam.get("/administration/organizations").text
    ada = sign_in(second)
    other = f"/administration/organizations/{world.cast.petra.organization_id}/keep"
    assert ada.post(other, service=shelter).status_code == 422
    assert ada.post(path, service=shelter).status_code == 302
    assert keeper() == rivals
    network = f"/administration/organizations/{world.cast.clara.organization_id}/keep"
    assert ada.post(network, service=shelter).status_code == 302
    assert keeper() == rivals, "an older word counts no more"


def test_a_directory_whose_sender_must_step_up_first_is_not_left_on_the_disk(world: World, adam: Browser) -> None:
    folder = jobs.folder_of(world.app.extensions["referral_dir"].settings.instance)
    with transaction(world.store) as session:
        session.execute(update(LoginSession).values(stepped_up=people.NOW - timedelta(hours=1)))
    assert upload(adam, b"[]").status_code == 302
    adam.token = "forged"
    assert upload(adam, b"[]").status_code == 400
    assert list(folder.iterdir()) == []
