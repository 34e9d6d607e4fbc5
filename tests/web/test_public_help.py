"""The public pages: plain words, nothing of a hidden place, no cookie, and nothing written but a counter."""

import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, text

import config
from referral_dir.desk import public_help
from referral_dir.desk.languages import own_name
from referral_dir.domain.errors import Invalid
from referral_dir.domain.plain_needs import WORDS, Wish, needs_of
from referral_dir.store.db import Base, reading, transaction
from referral_dir.store.directory import Language, Location, Phone, Service, ServiceAtLocation, ServiceNeed
from tests import cast as people
from tests.web.conftest import World

PAGES = ("/", "/helplines", "/helplines/US", "/safety", "/about")


@pytest.fixture
def town(world: World) -> World:
    """The clinic is in Miami and speaks Creole; a hidden house there meets the same need."""
    with transaction(world.store) as session:
        place = Location(name="x", latitude=25.77, longitude=-80.19)
        session.add(place)
        session.flush()
        session.get_one(Service, world.cast.clinic).remote = False
        session.add_all([
            ServiceAtLocation(service_id=world.cast.clinic, location_id=place.id),
            ServiceAtLocation(service_id=world.cast.shelter, location_id=place.id),
            ServiceNeed(service_id=world.cast.shelter, need="medical.general"),
            Language(service_id=world.cast.clinic, code="ht"),
            Phone(service_id=world.cast.clinic, number="+1 305 555 0177", number_e164="+13055550177")])
    return world


def ask(client: FlaskClient, **form: str) -> Any:
    return client.post("/", data=form)


def rows(world: World) -> dict[str, int]:
    with reading(world.store) as session:
        return {table.name: session.scalar(select(func.count()).select_from(table)) or 0
                for table in Base.metadata.sorted_tables}


def test_a_wish_near_a_town_finds_who_is_there_with_their_number(town: World) -> None:
    answer = ask(town.app.test_client(), wish="doctor", near="Miami, FL", speak="ht")
    assert answer.status_code == 200
    for word in ("Help near Miami", "Clinic (invented)", "tel:+13055550177", "km away", f"They speak {own_name('ht')}",
                 "National Human Trafficking Hotline"):
        assert word in answer.text
    assert "Harbour" not in answer.text, "a hidden house is never here"
    far = ask(town.app.test_client(), wish="doctor", near="Amman")
    assert "We did not find a place for this." in far.text


def test_every_wish_is_answered_without_a_place_and_names_nothing_hidden(town: World) -> None:
    for wish in Wish:
        answer = ask(town.app.test_client(), wish=wish)
        assert answer.status_code == 200
        assert "Harbour" not in answer.text
        assert needs_of(wish)
    assert set(WORDS) == set(Wish)


def test_what_only_some_towns_are_called_is_asked_back_with_what_was_typed(town: World) -> None:
    answer = ask(town.app.test_client(), wish="doctor", near="Springfield", speak="ht")
    assert answer.status_code == 422
    assert "There is more than one place with this name" in answer.text
    assert 'name="near_choice" value="Springfield, Missouri, United States"' in answer.text
    assert re.search(r'value="doctor" checked', answer.text)
    picked = ask(town.app.test_client(), wish="doctor", near="Springfield", near_choice="Miami, Florida, United States")
    assert "Clinic (invented)" in picked.text
    assert ask(town.app.test_client(), wish="doctor", near="Qwertyuiopolis Nowhere").status_code == 422
    assert ask(town.app.test_client()).status_code == 422


def test_no_public_page_or_answer_sets_a_cookie_and_every_one_is_called_help(town: World) -> None:
    client = town.app.test_client()
    answers = [client.get(path) for path in (*PAGES, f"/service/{town.cast.clinic}",
                                             f"/service/{town.cast.clinic}/card")]
    answers += [ask(client, wish="doctor"), ask(client, near="Springfield"), ask(client, text="clinic"),
                client.post("/helplines", data={"country": "JO"})]
    for answer in answers:
        assert "Set-Cookie" not in answer.headers
        assert "<title>Help</title>" in answer.text
        assert "csrf_token" not in answer.text
        assert answer.text.count("data-exit") >= 1
    assert "06 400 8000" in answers[-1].text


def test_a_search_writes_nothing_but_its_counter(town: World) -> None:
    ask(town.app.test_client(), wish="food")
    before = rows(town)
    for form in ({"wish": "doctor", "near": "Miami, FL"}, {"text": "a canary that nobody typed before"}):
        ask(town.app.test_client(), **form)
    assert rows(town) == before
    with reading(town.store) as session:
        kept = session.execute(text("SELECT * FROM rate_count")).all()
    assert "127.0.0.1" not in repr(kept)
    assert "canary" not in repr(kept)


def test_who_searches_very_often_waits_and_still_sees_whom_to_call(
        town: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public_help, "SEARCHES", 2)
    client = town.app.test_client()
    assert [ask(client, wish="doctor").status_code for _ in range(3)] == [200, 200, 429]
    last = ask(client, wish="doctor")
    assert "tel:112" in last.text
    assert "Please wait a few minutes" in last.text
    elsewhere = client.post("/", data={"wish": "doctor"}, environ_overrides={"REMOTE_ADDR": "127.0.0.9"})
    assert elsewhere.status_code == 200


def test_help_does_not_wait_for_a_busy_database(town: World) -> None:
    writer = sqlite3.connect(str(town.store.engine.url.database), isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    assert ask(town.app.test_client(), wish="doctor").status_code == 200
    writer.execute("ROLLBACK")
    writer.close()


def test_the_language_of_an_answer_changes_and_what_was_asked_stays(town: World) -> None:
    client = town.app.test_client()
    typed = ask(client, wish="doctor", near="Miami, FL", page_language="ar")
    assert 'dir="rtl"' in typed.text
    assert 'value="Miami, FL"' in typed.text
    assert "Clinic (invented)" not in typed.text, "only the language was to change"
    again = ask(client, wish="doctor", near="Miami, FL", page_language="ar", answered="1")
    assert "Clinic (invented)" in again.text


@pytest.mark.parametrize(("language", "words"), [
    ("es", "Encontrar ayuda"), ("fr", "Trouver de l"), ("ar", "إيجاد مساعدة"), ("uk", "Знайти допомогу")])
def test_what_the_templates_say_is_in_the_pages_language(town: World, language: str, words: str) -> None:
    page = town.app.test_client().get(f"/?lang={language}").text
    assert words in page
    assert "Find help" not in page
    assert "Leave this page" not in page, "nor what stands around every page"


def test_a_hidden_or_ended_service_has_no_public_page_and_no_card(town: World) -> None:
    client = town.app.test_client()
    for path in ("", "/card"):
        assert client.get(f"/service/{town.cast.clinic}{path}").status_code == 200
        assert client.get(f"/service/{town.cast.shelter}{path}").status_code == 404


def test_a_question_without_a_wish_or_words_is_refused(town: World) -> None:
    with reading(town.store) as session, pytest.raises(Invalid):
        public_help.search(session, town.app.extensions["referral_dir"].indexes, public_help.Question(), people.NOW)


# How hard the English texts are to read: the Flesch-Kincaid grade, which is the school year, of each page.

HARDEST = 6.0
_TEXT = re.compile(r'_\("((?:[^"\\]|\\.)*)"')


def syllables(word: str) -> int:
    """About how many; groups of vowels, without a silent e."""
    word = re.sub(r"(?<=[^l])e$|(?<=[^dt])ed$|es$", "", word.casefold()) or word
    return max(1, len(re.findall(r"[aeiouy]+", word)))


def grade(texts: list[str]) -> float:
    """Flesch-Kincaid: 0.39 words per sentence + 11.8 syllables per word - 15.59."""
    joined = " ".join(t if t.rstrip().endswith((".", "?", "!", ":")) else t + "." for t in texts)
    words = re.findall(r"[A-Za-z']+", re.sub(r"%\(\w+\)s", "Miami", joined))
    sentences = len(re.findall(r"[.?!:]+", joined))
    return 0.39 * len(words) / sentences + 11.8 * sum(map(syllables, words)) / len(words) - 15.59


@pytest.mark.parametrize("path", sorted((config.ROOT / "templates" / "public").glob("*.html")), ids=lambda p: p.stem)
def test_each_public_page_can_be_read_at_eleven(path: Path) -> None:
    texts = _TEXT.findall(path.read_text(encoding="utf-8"))
    if path.stem == "parts":
        texts += [str(words) for words in WORDS.values()]
    if texts:
        assert grade(texts) <= HARDEST, f"{grade(texts):.1f}"


def test_the_measure_of_reading_tells_plain_from_hard() -> None:
    assert grade(["Call first. Say what you need."]) < 3
    hard = "Identification of trafficked individuals necessitates multidisciplinary coordination procedures."
    assert grade([hard]) > 15
