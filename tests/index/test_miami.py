"""A real directory of 4,089 services, as it is imported."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import pytest

from referral_dir.domain.needs import expand
from referral_dir.index.feed import catch_up
from referral_dir.index.match import MatchIndex
from referral_dir.index.text import TextIndex, TextQuery, open_text_index
from referral_dir.interop.importing import import_directory
from referral_dir.store import Store, reading

MIAMI = (25.7743, -80.1937)
QUERIES = ("shelter", "abogado", "مأوى", "emergency food homestead", "immigr", "domestc violence", "health services")


@pytest.fixture
def imported(store: Store, shared_data: Path) -> Store:
    import_directory(store, shared_data / "open211-miami-hsds1", now=datetime(2026, 11, 24, tzinfo=UTC))
    return store


def test_a_real_directory_is_indexed_in_seconds_and_found_in_milliseconds(imported: Store, tmp_path: Path) -> None:
    match, text = MatchIndex(), open_text_index(tmp_path / "instance", "whoosh")
    with reading(imported) as session:
        started = time.perf_counter()
        catch_up(session, match, text)
        assert time.perf_counter() - started < 20

    proposed = match.candidates([expand("legal.immigration")], *MIAMI, 50, "US", "Florida")
    assert 5 < len(proposed) < 400
    assert all(c.covers_place or c.distance_km is None or c.distance_km < 51 for c in proposed)
    # The target is 2 ms and 30 ms; a loaded machine gets five times that.
    assert median(_seconds(lambda: match.candidates([expand("legal")], *MIAMI, 50, "US", None))) < 0.01
    assert median(_seconds(*(lambda q=q: text.search(TextQuery(q)) for q in QUERIES))) < 0.15

    assert _total(text, "shelter") > 50
    assert _total(text, "abogado") == _total(text, "avocat") == _total(text, "محام") > 20
    assert text.search(TextQuery("domestc violence")).did_you_mean == "domestic violence"
    public = text.search(TextQuery("shelter", public_only=True))
    assert set(public.ids) <= set(text.search(TextQuery("shelter")).ids)


def _total(text: TextIndex, words: str) -> int:
    return text.search(TextQuery(words)).total


def _seconds(*acts: Callable[[], object]) -> list[float]:
    taken = []
    for act in acts * 3:
        started = time.perf_counter()
        act()
        taken.append(time.perf_counter() - started)
    return taken
