"""An overseer's figures on both databases: what is counted, what is withheld, and for whom a case is not counted."""

from datetime import date, datetime, timedelta

import pytest

from referral_dir.desk import asked, exclusions, figures, find, handoffs
from referral_dir.domain.disclosure import Kept
from referral_dir.domain.errors import Forbidden, Invalid
from referral_dir.domain.vocabulary import HandoffAction, Reason
from referral_dir.store.db import Store, reading, transaction
from referral_dir.store.records import AskedCount
from tests import cast as people
from tests.cast import NOW

DECEMBER = datetime(2026, 12, 2, tzinfo=NOW.tzinfo)
HOUR = timedelta(hours=1)


def declined(store: Store, cast: people.Cast, reasons: list[Reason]) -> list[object]:
    cases = []
    for hours, reason in enumerate(reasons, 1):
        case_id, _, handoff = people.request(store, cast)
        with transaction(store) as session:
            handoffs.answer(session, cast.petra, handoff, HandoffAction.REJECT, NOW + hours * HOUR, reason=reason)
        cases.append(case_id)
    return cases


def test_steps_and_reasons_are_counted_and_small_ones_are_not_shown(store: Store) -> None:
    cast = people.build(store, beds=9)
    cases = declined(store, cast, [Reason.FULL] * 9 + [Reason.OTHER])
    with transaction(store, cast.vera) as session:
        found = figures.figures(session, cast.vera, DECEMBER, "2026-11")
    answer, _, arrival, _ = found.steps
    assert (answer.times, answer.median, answer.ninetieth) == (10, 5 * HOUR, 9 * HOUR)
    assert (arrival.times, arrival.median) == (0, None)
    assert dict(found.declines.cells) == {"full": Kept.WITHHELD, "other": Kept.SMALL}
    with transaction(store) as session:
        exclusions.exclude_person(session, cast.olga, cases[-1], cast.emails[cast.vera.person_id], NOW)
    with transaction(store, cast.vera) as session:
        found = figures.figures(session, cast.vera, DECEMBER, "2026-11")
        assert dict(found.declines.cells) == {"full": 9}, "the case does not exist for her"
        text = figures.as_file(session, cast.vera, DECEMBER, "2026-11")
    assert "Invented Person" not in text
    assert '"declines","full","9"' in text


def test_a_month_that_is_not_over_shows_who_looked_at_what_and_no_counts(store: Store) -> None:
    cast = people.build(store, beds=9)
    declined(store, cast, [Reason.FULL] * 6)
    with transaction(store, cast.vera) as session:
        figures.figures(session, cast.vera, NOW, "2026-11")
    with transaction(store, cast.vera) as session:
        found = figures.figures(session, cast.vera, NOW, "2026-11")
    assert not found.over
    assert (found.steps, found.declines.cells) == ((), {})
    assert [(a.actor, a.said) for a in found.access if a.action == "figures:read"] == [
        ("Vera", "Vera looked at the figures")]


def ask(store: Store, near: str, languages: tuple[str, ...], fitted: bool, times: int) -> None:
    need = find.make_need(needs=["shelter.emergency"], near=near, languages=languages)
    for _ in range(times):
        with transaction(store) as session:
            asked.note(session, need, fitted, NOW)


def test_what_was_asked_for_and_not_found_is_counted_without_anything_that_links(store: Store) -> None:
    cast = people.build(store)
    ask(store, "Miami, FL", ("ht", "fr"), False, 12)
    ask(store, "25.70,-80.30", (), False, 3)  # a point is counted as the nearest larger town
    ask(store, "Miami, FL", (), True, 4)
    with reading(store) as session:
        rows = session.query(AskedCount).all()
        assert {row.month for row in rows} == {date(2026, 11, 1)}
        assert {row.trait for row in rows} == {"place", "language"}
        assert not any(char.isdigit() for row in rows for char in row.value)
    with transaction(store, cast.vera) as session:
        found = figures.figures(session, cast.vera, DECEMBER)
    assert found.asked == 19
    assert dict(found.by_need.cells) == {"shelter.emergency": 15}
    place = dict(found.by_place.cells)
    assert place.pop("Miami, Florida, United States") is Kept.WITHHELD
    assert list(place.values()) == [Kept.SMALL]
    assert dict(found.by_language.cells) == {"fr": Kept.WITHHELD, "ht": 12, "": Kept.SMALL}


def test_a_search_counts_and_one_of_the_command_line_does_not(sqlite_store: Store, settings: object) -> None:
    from referral_dir.index.match import MatchIndex
    from referral_dir.store.people import Person

    cast = people.build(sqlite_store)
    need = find.make_need(needs=["legal.immigration"], near="Miami, FL")
    indexes = find.Indexes(MatchIndex(), None)  # type: ignore[arg-type]
    with transaction(sqlite_store) as session:
        assert session.get(Person, cast.olga.person_id) is not None
        find.match_services(session, indexes, None, need, NOW)
        find.match_services(session, indexes, cast.olga, need, NOW)
    with reading(sqlite_store) as session:
        assert [(row.need, row.trait, row.value, row.fitted, row.unfitted) for row in session.query(AskedCount)] == [
            ("legal.immigration", "language", "", 0, 1),
            ("legal.immigration", "place", "Miami, Florida, United States", 0, 1)]


def test_only_an_overseer_and_only_for_months_that_there_are(sqlite_store: Store) -> None:
    cast = people.build(sqlite_store)
    with transaction(sqlite_store) as session:
        with pytest.raises(Forbidden):
            figures.figures(session, cast.olga, NOW)
        for month in ("2031-01", "x", "2026-13", "1999-12"):
            with pytest.raises(Invalid):
                figures.figures(session, cast.vera, NOW, month)
