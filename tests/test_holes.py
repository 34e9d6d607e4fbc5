"""An export of the OSV database tells what touches the locks, where PyPI can't be asked."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from benchmarks import holes
from tests.cast import NOW


def _entry(name: str, **affected: Any) -> dict[str, Any]:
    package = {"name": name, "ecosystem": affected.pop("ecosystem", "PyPI")}
    return {"id": f"HOLE-{name}", "modified": f"{NOW:%Y-%m-%d}T00:00:00.123456789Z",
            "affected": [{"package": package, **affected}]}


def _range(*events: tuple[str, str], kind: str = "ECOSYSTEM") -> list[dict[str, Any]]:
    return [{"type": kind, "events": [{what: at} for what, at in events]}]


@pytest.mark.parametrize(("touching", "entry"), [
    (True, _entry("Some.Package", versions=["2.9", "2.10.0"])), (False, _entry("some-package", versions=["2.1"])),
    (True, _entry("some-package", ranges=_range(("introduced", "0")))),
    (True, _entry("some-package", ranges=_range(("introduced", "2.10"), ("fixed", "2.11")))),
    (False, _entry("some-package", ranges=_range(("introduced", "0"), ("fixed", "2.10")))),
    (True, _entry("some-package", ranges=_range(("introduced", "0"), ("fixed", "2.2"), ("introduced", "2.9")))),
    (True, _entry("some-package", ranges=_range(("introduced", "0"), ("last_affected", "2.10")))),
    (False, _entry("some-package", ranges=_range(("introduced", "0"), ("last_affected", "2.9")))),
    (True, _entry("some-package", ranges=_range(("introduced", "0"), ("fixed", "newer")))),
    (False, _entry("some-package", ranges=_range(("introduced", "0"), ("fixed", "9f3a"), kind="GIT"))),
    (False, _entry("some-package", ecosystem="npm", versions=["2.10"])), (False, _entry("other", versions=["2.10"])),
    (False, {**_entry("some-package", versions=["2.10"]), "withdrawn": "2026-01-01T00:00:00Z"})])
def test_what_touches_a_pinned_version_is_told(touching: bool, entry: dict[str, Any], tmp_path: Path,
                                               capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "lock").write_text("some-package==2.10 ; sys_platform == 'linux' \\\n    --hash=sha256:00\n")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("HOLE.json", json.dumps(entry))
    assert holes.main(tmp_path / "all.zip", (tmp_path / "lock",), NOW) == touching
    assert ("some-package 2.10: HOLE" in capsys.readouterr().out) == touching
    assert holes.main(tmp_path / "all.zip", (tmp_path / "lock",), NOW + holes.OLDEST * 2) == 1, "an old database"
