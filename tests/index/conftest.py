"""The indexes over a small invented directory."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from invented_directory import Directory

from referral_dir.index.feed import search_text
from referral_dir.index.text import TextHits, TextIndex, TextQuery, open_text_index
from referral_dir.store import Base, Store, make_engine, reading
from referral_dir.store.crypto import KeyRing

KEYS = KeyRing((("test", b"k" * 32),))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    engine = make_engine(f"sqlite:///{tmp_path}/directory.db")
    Base.metadata.create_all(engine)
    yield Store(engine, KEYS)
    engine.dispose()


@pytest.fixture
def directory(store: Store) -> Directory:
    return Directory(store)


@pytest.fixture(params=["whoosh", "tantivy"])
def kind(request: pytest.FixtureRequest) -> str:
    """Of text index. Where tantivy is not installed, its tests are left out."""
    if request.param == "tantivy":
        pytest.importorskip("tantivy")
    return str(request.param)


@pytest.fixture
def index(tmp_path: Path, kind: str) -> TextIndex:
    return open_text_index(tmp_path / "instance", kind)


Ask = Callable[..., TextHits]


@pytest.fixture
def ask(store: Store, index: TextIndex) -> Ask:
    """Search as a request does: catch up, then ask."""

    def search(text: str, **options: Any) -> TextHits:
        with reading(store) as session:
            return search_text(session, index, TextQuery(text, **options))

    return search


@pytest.fixture
def found(ask: Ask, directory: Directory) -> Callable[..., list[str]]:
    """The names of what a search finds, best first."""

    def names(text: str, **options: Any) -> list[str]:
        return [directory.name(service_id) for service_id in ask(text, **options).ids]

    return names
