"""What a log line may hold: the fields that are listed, in the shape that is listed, whoever logs."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from referral_dir import logs

ROOT = Path(__file__).resolve().parents[1]
CANARY = "Canary Person, 77 Canary Street"


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    logs.install()
    level = logging.getLogger().level
    yield
    logging.getLogger().setLevel(level)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    text = capsys.readouterr().err
    assert "canary" not in text.casefold()
    return [json.loads(line) for line in text.splitlines()]


def test_our_events_keep_their_listed_fields_and_lose_all_others(capsys: pytest.CaptureFixture[str]) -> None:
    logs.event("answered", endpoint="finding.find_form", method="GET", status=200, milliseconds=12,
               reference="0a1b2c3d", name=CANARY, path=f"/officer/case/{CANARY}", user=CANARY)
    [line] = lines(capsys)
    assert set(line) == {"event", "endpoint", "method", "status", "milliseconds", "reference", "level", "time"}
    assert (line["event"], line["endpoint"], line["status"]) == ("answered", "finding.find_form", 200)


@pytest.mark.parametrize("field", sorted(logs.FIELDS))
def test_a_listed_field_is_no_way_in_for_other_text(field: str, capsys: pytest.CaptureFixture[str]) -> None:
    logs.event("answered", **{field: CANARY})
    [line] = lines(capsys)
    assert line.get(field) != CANARY


def test_an_event_that_is_not_listed_says_only_that(capsys: pytest.CaptureFixture[str]) -> None:
    logs.event(CANARY, endpoint="public.home")
    [line] = lines(capsys)
    assert line["event"] == "unlisted"


@pytest.mark.parametrize("library", ["waitress", "waitress.queue", "alembic.runtime.migration", "sqlalchemy.engine",
                                     "sqlalchemy.pool", "whoosh", "referral_dir.index.snapshot", "anything.else"])
def test_another_librarys_message_is_known_by_where_it_comes_from(
        library: str, capsys: pytest.CaptureFixture[str]) -> None:
    log = logging.getLogger(library)
    log.error("serving %s failed", CANARY)
    log.error(f"serving {CANARY} failed")
    log.error("%(name)s", {"name": CANARY}, extra={"person": CANARY})
    try:
        raise RuntimeError(CANARY)
    except RuntimeError:
        log.exception("failed for %s", CANARY)
    found = lines(capsys)
    assert [line["logger"] for line in found] == [library] * 4
    assert all("tests/test_logs.py:" in line["where"] for line in found)
    assert found[-1]["kind"] == "RuntimeError"


def test_a_message_that_does_not_fit_its_arguments_is_no_way_in(capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("anything").error("%d of us", CANARY)
    assert [line["logger"] for line in lines(capsys)] == ["anything"]


def test_a_defect_is_logged_by_its_kind_and_place(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise ValueError(CANARY)
    except ValueError as error:
        logs.failure("failed", error, reference="0a1b2c3d", endpoint="public.home")
    [line] = lines(capsys)
    assert (line["event"], line["kind"], line["reference"]) == ("failed", "ValueError", "0a1b2c3d")
    assert line["where"].endswith("test_logs.py:" + line["where"].rpartition(":")[2])


def test_a_warning_a_thread_or_a_command_that_ends_by_a_defect_shows_no_text() -> None:
    program = (f"import threading, warnings; from referral_dir import logs; logs.install(); logs.catch_defects()\n"
               f"warnings.warn({CANARY!r})\n"
               f"def fail(): raise RuntimeError({CANARY!r})\n"
               f"t = threading.Thread(target=fail); t.start(); t.join(); fail()\n")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 1
    assert "Canary" not in done.stdout + done.stderr
    found = [json.loads(line) for line in done.stderr.splitlines()]
    assert found[0]["logger"] == "py.warnings"
    assert [line["kind"] for line in found[1:]] == ["RuntimeError"] * 2


def test_an_error_of_the_database_names_no_value(tmp_path: Path) -> None:
    from sqlalchemy import text
    from sqlalchemy.exc import IntegrityError

    from referral_dir.store.db import make_engine

    engine = make_engine(f"sqlite:///{tmp_path / 'one.sqlite'}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (name TEXT PRIMARY KEY)"))
        insert = text("INSERT INTO t VALUES (:name)")
        connection.execute(insert, {"name": CANARY})
        with pytest.raises(IntegrityError) as caught:
            connection.execute(insert, {"name": CANARY})
    assert "Canary" not in str(caught.value)
    engine.dispose()
