"""A real directory of 4,089 services, as it is imported."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from referral_dir.desk import offline
from referral_dir.domain.need import Need
from referral_dir.domain.needs import expand
from referral_dir.domain.vocabulary import Place
from referral_dir.index.feed import catch_up
from referral_dir.index.match import MatchIndex
from referral_dir.index.text import TextIndex, TextQuery, open_text_index
from referral_dir.interop.importing import import_directory
from referral_dir.store import Store, reading, transaction
from tests import cast as people

MIAMI = Place("Miami", "US", 25.7743, -80.1937, "Florida")
NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture
def imported(store: Store, shared_data: Path) -> Store:
    import_directory(store, shared_data / "open211-miami-hsds1", now=NOW)
    return store


def test_a_real_directory_is_indexed_and_found(imported: Store, tmp_path: Path) -> None:
    match, text = MatchIndex(), open_text_index(tmp_path / "instance", "whoosh")
    with reading(imported) as session:
        catch_up(session, match, text)

    need = Need({"legal.immigration": expand("legal.immigration")}, MIAMI)
    proposed = match.propose(need, NOW, matches=400, near_misses=10)
    assert 5 < len(proposed.matches) < 400
    assert all(p.distance_km is None or p.distance_km <= 50 for p in proposed.matches)

    assert _total(text, "shelter") > 50
    assert _total(text, "abogado") == _total(text, "avocat") == _total(text, "محام") > 20
    assert text.search(TextQuery("domestc violence")).did_you_mean == "domestic violence"
    public = text.search(TextQuery("shelter", public_only=True))
    assert set(public.ids) <= set(text.search(TextQuery("shelter")).ids)

    olga = people.build(imported).olga
    with transaction(imported) as session:
        copy = offline.region(session, olga, "Miami, FL", 50.0, NOW)
    assert len(copy["services"]) == offline.LARGEST_COPY
    assert len(gzip.compress(json.dumps(copy, ensure_ascii=False).encode())) <= 150 * 1024


def _total(text: TextIndex, words: str) -> int:
    return text.search(TextQuery(words)).total
