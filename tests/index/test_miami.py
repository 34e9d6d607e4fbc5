"""A real directory of 4,089 services, as it is imported."""

import gzip
import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from test_five_languages import WORDS

from referral_dir.desk import offline
from referral_dir.desk.find import Indexes, search_services
from referral_dir.domain.need import Need
from referral_dir.domain.needs import expand, meets
from referral_dir.domain.vocabulary import Place
from referral_dir.index.feed import catch_up
from referral_dir.index.match import MatchIndex
from referral_dir.index.text import TextIndex, TextQuery, open_text_index
from referral_dir.interop.importing import import_directory
from referral_dir.interop.records import identify
from referral_dir.store import Base, Store, make_engine, reading, transaction
from referral_dir.store.crypto import KeyRing
from tests import cast as people

MIAMI = Place("Miami", "US", 25.7743, -80.1937, "Florida")
NOW = datetime(2026, 11, 24, tzinfo=UTC)
LABELS = Path(__file__).resolve().parents[2] / "benchmarks" / "judged" / "labels.json"


@pytest.fixture(scope="module")
def miami(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Iterator[Store]:
    engine = make_engine(f"sqlite:///{tmp_path_factory.mktemp('miami')}/directory.db")
    Base.metadata.create_all(engine)
    store = Store(engine, KeyRing((("test", b"k" * 32),)))
    import_directory(store, shared_data / "open211-miami-hsds1", now=NOW)
    yield store
    engine.dispose()


@pytest.fixture(scope="module")
def indexed(miami: Store, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Indexes]:
    """Its indexes, with that kind of text index: each is built once."""
    folder = tmp_path_factory.mktemp("indexes")

    @cache
    def built(kind: str) -> Indexes:
        indexes = Indexes(MatchIndex(), open_text_index(folder / kind, kind))
        with reading(miami) as session:
            catch_up(session, indexes.match, indexes.text)
        return indexes

    return built


@pytest.fixture
def own(miami: Store, tmp_path: Path) -> Iterator[Store]:
    """A copy that may be written to."""
    miami.engine.dispose()  # the last connection that closes writes the journal back into the file
    engine = make_engine(f"sqlite:///{shutil.copy(str(miami.engine.url.database), tmp_path / 'own.db')}")
    yield Store(engine, miami.keys)
    engine.dispose()


def test_five_words_find_food_shelter_and_lawyers_in_an_english_directory(
        miami: Store, indexed: Callable[[str], Indexes], kind: str) -> None:
    labels = json.loads(LABELS.read_text(encoding="utf-8"))["miami"]
    offered = {identify("open211-miami-hsds1", "service", key): own["main"] + own["also"]
               for key, own in labels.items()}
    with reading(miami) as session:
        for word, need in WORDS:
            answer = search_services(session, indexed(kind), None, word, NOW, public=True)
            ids = [each.candidate.service_id for each in answer.found[:5]]
            right = sum(meets(offered.get(service_id, ()), need) for service_id in ids)
            assert right >= 4, f"{word}: {right} of the first five were read to be of {need}"


def test_a_real_directory_is_indexed_and_found(own: Store, indexed: Callable[[str], Indexes]) -> None:
    match, text = indexed("whoosh").match, indexed("whoosh").text

    need = Need({"legal.immigration": expand("legal.immigration")}, MIAMI)
    proposed = match.propose(need, NOW, matches=400, near_misses=10)
    assert 5 < len(proposed.matches) < 400
    assert all(p.distance_km is None or p.distance_km <= 50 for p in proposed.matches)

    assert _total(text, "shelter") > 50
    assert _total(text, "abogado") == _total(text, "avocat") == _total(text, "محام") > 20
    assert text.search(TextQuery("domestc violence")).did_you_mean == "domestic violence"
    public = text.search(TextQuery("shelter", public_only=True))
    assert set(public.ids) <= set(text.search(TextQuery("shelter")).ids)

    olga = people.build(own).olga
    with transaction(own) as session:
        copy = offline.region(session, olga, "Miami, FL", 50.0, NOW)
    assert len(copy["services"]) == offline.LARGEST_COPY
    assert len(gzip.compress(json.dumps(copy, ensure_ascii=False).encode())) <= 150 * 1024


def _total(text: TextIndex, words: str) -> int:
    return text.search(TextQuery(words)).total
