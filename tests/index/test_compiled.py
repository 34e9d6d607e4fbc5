"""The compiled loop comes where numba is, and nothing depends on it. That it answers as the rules do, see
test_same_rules.py."""

import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from referral_dir.index import compiled, loop, match
from referral_dir.index.ranking import _uuid


@pytest.fixture(autouse=True)
def _uncompiled() -> Iterator[None]:
    yield
    compiled.use(None)


def test_without_numba_the_index_goes_on_in_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    assert not match.warm(None)
    assert compiled.loops() is None


def test_a_folder_that_can_not_be_written_leaves_the_index_uncompiled(tmp_path: Path) -> None:
    pytest.importorskip("numba")
    in_the_way = tmp_path / "instance"
    in_the_way.write_text("not a folder")
    assert not match.warm(in_the_way)
    assert compiled.loops() is None


def test_what_was_compiled_from_other_rules_is_removed_and_never_used(tmp_path: Path,
                                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    assert compiled.compiled(tmp_path) is not None
    (before,) = tmp_path.iterdir()
    assert before.stat().st_mode & 0o077 == 0
    monkeypatch.setattr(loop, "_NEEDS", 0.36)
    assert compiled.compiled(tmp_path) is not None
    (after,) = tmp_path.iterdir()
    assert after.name != before.name


def test_an_id_made_in_a_hurry_is_the_same_id() -> None:
    for number in (0, 5, (1 << 128) - 1):
        assert _uuid(number) == UUID(int=number)
        assert (hash(_uuid(number)), str(_uuid(number))) == (hash(UUID(int=number)), str(UUID(int=number)))
