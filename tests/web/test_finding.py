"""What an answer lets people do, and what it never gives away."""

import gzip
from collections.abc import Callable
from typing import Any

from sqlalchemy import text

from referral_dir.domain.access import Actor
from referral_dir.store.db import reading
from tests.web.conftest import Browser, World

SignIn = Callable[[Actor], Browser]
ASKED: dict[str, Any] = {"needs": ["shelter", "medical"], "languages": ["ht"], "near": "Miami, FL", "radius_km": "50"}


def test_a_page_for_the_person_has_a_code_to_scan_only_where_the_service_is_public(
        world: World, sign_in: SignIn) -> None:
    olga = sign_in(world.cast.olga)
    hidden = olga.post(f"/officer/service/{world.cast.shelter}/for-person", person_language="ar").text
    public = olga.post(f"/officer/service/{world.cast.clinic}/for-person", person_language="ar").text
    assert all('lang="ar" dir="rtl"' in page for page in (hidden, public))
    assert "data:image/svg" in public
    assert "data:image/svg" not in hidden


def test_a_position_finds_what_is_near_and_is_kept_nowhere(world: World, sign_in: SignIn) -> None:
    olga = sign_in(world.cast.olga)
    answer = olga.post("/officer/find", **{**ASKED, "near": "", "lat": "25.774321", "lon": "-80.193456",
                                           "new_question": "1", "keep_place": "1"})
    assert "can be asked near Miami" in answer.text
    with reading(world.store) as session:
        for table in ("audit_entry", "person", "change_log"):
            rows = str(session.execute(text(f"SELECT * FROM {table}")).all())
            assert not [number for number in ("25.77", "80.19") if number in rows], table
    assert 'value="Miami, Florida, United States"' in olga.get("/officer/").text


def test_a_filter_keeps_the_question_and_its_count_is_what_it_leaves(world: World, sign_in: SignIn) -> None:
    olga = sign_in(world.cast.olga)
    every = olga.post("/officer/find", **ASKED).text
    free = olga.post("/officer/find", **ASKED, toggle="free").text
    left = free.count('id="match-')
    assert 0 < left < every.count('id="match-')
    for page in (every, free):
        assert f">Can take now <strong>{left}</strong>" in page
    for value in ("shelter", "medical", "ht"):
        assert f'value="{value}"' in free


def test_one_service_is_not_compared_and_two_are(world: World, sign_in: SignIn) -> None:
    olga = sign_in(world.cast.olga)
    two = [str(world.cast.shelter), str(world.cast.clinic)]
    alone = olga.post("/officer/compare", **ASKED, compare=two[:1])
    assert alone.status_code == 422
    assert "tick two or three services to compare" in alone.text
    both = olga.post("/officer/compare", **ASKED, compare=two)
    assert both.text.count('scope="col"') == 2


def test_the_pages_of_asking_are_small(world: World, sign_in: SignIn) -> None:
    olga = sign_in(world.cast.olga)
    assert len(gzip.compress(olga.get("/officer/").data)) < 15 * 1024
    assert len(gzip.compress(olga.post("/officer/find", **ASKED).data)) < 15 * 1024


def test_changing_the_language_of_an_answer_keeps_the_answer(world: World, sign_in: SignIn) -> None:
    olga = sign_in(world.cast.olga)
    answer = olga.post("/officer/find", **ASKED, answered="1", page_language="fr")
    assert '<html lang="fr"' in answer.text
    assert 'id="match-1"' in answer.text
    question = olga.post("/officer/find", **ASKED, page_language="es")
    assert 'id="ask"' in question.text
