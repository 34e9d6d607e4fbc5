"""An import in the browser: tried out, confirmed once, written whole or not at all; its file is gone."""

import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update

import config
from referral_dir.cli import deliver_once
from referral_dir.desk import listings
from referral_dir.desk.translating import in_language
from referral_dir.domain.errors import Forbidden, Invalid, NotFound, WrongState
from referral_dir.interop import jobs
from referral_dir.store.db import Store, reading, transaction
from referral_dir.store.directory import Service
from referral_dir.store.jobs import ImportJob
from tests import cast as people

NAME = "Lantern Kitchen (invented)"
GOOD = {"id": "o1", "name": "Lantern (invented)", "description": "", "services": [
    {"id": "s1", "name": NAME, "status": "active", "description": "Soup", "phones": [{"id": "p1", "number": "x"}]}]}


@pytest.fixture
def cast(store: Store) -> people.Cast:
    return people.build(store)


def now() -> datetime:
    return datetime.now(UTC)


def send(store: Store, cast: people.Cast, folder: Path, content: Any = GOOD, name: str = "lantern.json") -> UUID:
    with transaction(store) as session:
        job = jobs.begin(session, cast.adam, name=name, format="auto", source="",
                         kept_by=str(cast.clara.organization_id), now=now())
    text = content if isinstance(content, str) else json.dumps([content])
    jobs.file_of(folder, job).write_text(text)
    return job.id


def job(store: Store, job_id: UUID) -> ImportJob:
    with reading(store) as session:
        return session.get_one(ImportJob, job_id)


def written(store: Store) -> list[Service]:
    with reading(store) as session:
        return list(session.scalars(select(Service).where(Service.name == NAME)))


def confirm(store: Store, cast: people.Cast, job_id: UUID) -> None:
    with transaction(store) as session:
        jobs.confirm(session, cast.adam, job_id, now())


def test_a_file_is_tried_out_first_and_written_only_when_confirmed(
        store: Store, cast: people.Cast, tmp_path: Path) -> None:
    job_id = send(store, cast, tmp_path)
    jobs.run(store, tmp_path, job_id)
    tried = job(store, job_id)
    assert tried.state == "checked", tried.problem
    assert tried.report is not None
    assert tried.report["tables"]["service"]["created"] == 1
    assert written(store) == []
    jobs.run(store, tmp_path, job_id)
    assert job(store, job_id).state == "checked", "nothing is written without a word"
    confirm(store, cast, job_id)
    told: list[str] = []
    jobs.run(store, tmp_path, job_id, lambda: told.append("indexed"))
    assert (job(store, job_id).state, told) == ("done", ["indexed"])
    [service] = written(store)
    assert service.kept_by_id == cast.clara.organization_id
    assert list(jobs.folder_of(tmp_path).iterdir()) == [], "the file is erased"
    with transaction(store) as session, pytest.raises(WrongState):
        jobs.confirm(session, cast.adam, job_id, now())


def test_two_who_confirm_at_once_write_once(store: Store, cast: people.Cast, tmp_path: Path) -> None:
    job_id = send(store, cast, tmp_path)
    jobs.run(store, tmp_path, job_id)
    outcomes: list[str] = []

    def both() -> None:
        try:
            confirm(store, cast, job_id)
            outcomes.append("confirmed")
        except WrongState:
            outcomes.append("too late")
        jobs.run(store, tmp_path, job_id)

    threads = [threading.Thread(target=both) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["confirmed", "too late"]
    assert job(store, job_id).state == "done"
    assert len(written(store)) == 1


def test_a_job_whose_process_died_has_failed_and_its_file_is_gone(
        store: Store, cast: people.Cast, tmp_path: Path) -> None:
    job_id = send(store, cast, tmp_path)
    path = jobs.file_of(tmp_path, job(store, job_id))
    (path.parent / f"{job_id}.unpacked").mkdir()
    with transaction(store) as session:
        session.execute(update(ImportJob).values(state="importing", heartbeat=now() - timedelta(minutes=1)))
    jobs.sweep(store, tmp_path, now())
    assert job(store, job_id).state == "importing", "it may only be slow"
    with transaction(store) as session:
        session.execute(update(ImportJob).values(heartbeat=now() - timedelta(minutes=3)))
    jobs.sweep(store, tmp_path, now())
    ended = job(store, job_id)
    assert (ended.state, ended.problem) == ("failed", jobs.STOPPED)
    assert list(path.parent.iterdir()) == []


def test_an_import_that_was_given_up_while_it_ran_undoes_itself(
        store: Store, cast: people.Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = send(store, cast, tmp_path)
    jobs.run(store, tmp_path, job_id)
    confirm(store, cast, job_id)
    real = jobs.import_directory

    def slow(*args: Any, **more: Any) -> Any:
        with transaction(store) as session:
            session.execute(update(ImportJob).values(state="failed", problem=jobs.STOPPED))
        return real(*args, **more)

    monkeypatch.setattr(jobs, "import_directory", slow)
    jobs.run(store, tmp_path, job_id)
    assert job(store, job_id).state == "failed"
    assert written(store) == []


def test_why_a_value_was_refused_is_said_in_the_readers_language_and_in_english_in_the_file(
        store: Store, cast: people.Cast, tmp_path: Path) -> None:
    service = {**GOOD["services"][0], "languages": [{"id": "l1", "code": "zz-qwerty", "name": "Qwertyish"}]}
    job_id = send(store, cast, tmp_path, {**GOOD, "services": [service]})
    jobs.run(store, tmp_path, job_id)
    tried = job(store, job_id)
    [issue] = [found for found in jobs.refused(tried) if found["column"] == "code"]
    assert issue["reason"] == "no language that is known"
    assert in_language(issue["reason"], "es") == "ninguna lengua conocida"
    [told] = [found for found in jobs.report_of(tried)["issues"] if found["column"] == "code"]
    assert (told["reason"], "said" in told) == ("no language that is known", False)


def test_a_file_that_is_not_what_it_says_leaves_the_directory_as_it_was(
        store: Store, cast: people.Cast, tmp_path: Path) -> None:
    job_id = send(store, cast, tmp_path, "{ not json", name="broken list.json")
    jobs.run(store, tmp_path, job_id)
    ended = job(store, job_id)
    assert ended.state == "failed"
    assert "broken list" in (ended.problem or "")
    assert in_language(jobs.problem_of(ended), "es").startswith("broken list no es JSON")
    assert str(job_id) not in (ended.problem or ""), "it is named as its sender knows it"
    assert list(jobs.folder_of(tmp_path).iterdir()) == []


def test_what_nobody_confirms_is_dropped_and_so_is_what_is_dropped(
        store: Store, cast: people.Cast, tmp_path: Path) -> None:
    forgotten, unwanted = send(store, cast, tmp_path), send(store, cast, tmp_path)
    for job_id in (forgotten, unwanted):
        jobs.run(store, tmp_path, job_id)
    with transaction(store) as session:
        jobs.drop(session, cast.adam, unwanted, now())
    jobs.sweep(store, tmp_path, now() + timedelta(hours=2))
    assert {job(store, j).state for j in (forgotten, unwanted)} == {"dropped"}
    assert list(jobs.folder_of(tmp_path).iterdir()) == []


def test_only_an_administrator_begins_or_confirms_and_wrong_values_are_named(
        store: Store, cast: people.Cast, tmp_path: Path) -> None:
    job_id = send(store, cast, tmp_path)
    for who in (cast.clara, cast.vera, cast.olga):
        with transaction(store) as session, pytest.raises(Forbidden):
            jobs.confirm(session, who, job_id, now())
    with transaction(store) as session:
        with pytest.raises(NotFound):
            jobs.confirm(session, cast.adam, cast.shelter, now())
        with pytest.raises(Invalid) as wrong:
            jobs.begin(session, cast.adam, name="list.exe", format="word", source="", kept_by="nobody", now=now())
    assert set(wrong.value.errors) == {"file", "format", "kept_by"}


def test_a_report_quotes_nothing_of_a_service_that_has_become_hidden(
        store: Store, cast: people.Cast, tmp_path: Path) -> None:
    house = {"id": "l1", "name": "House", "latitude": "25.7799 behind the mill", "longitude": -80.19,
             "addresses": [{"id": "a1", "address_1": "1 Road", "city": "Miami", "country": "US"}]}
    hidden = {**GOOD, "services": [{**GOOD["services"][0], "service_at_locations": [{"id": "x", "location": house}]}]}
    job_id = send(store, cast, tmp_path, hidden)
    jobs.run(store, tmp_path, job_id)
    confirm(store, cast, job_id)
    jobs.run(store, tmp_path, job_id)
    assert "behind the mill" in json.dumps(job(store, job_id).report)
    [service] = written(store)
    with transaction(store) as session:
        listings.make_confidential(session, cast.clara, service.id, people.MIAMI, now())
    report = job(store, job_id).report
    assert report is not None
    assert "behind the mill" not in json.dumps(report)
    assert report["issues"], "what was wrong is still said"


def test_a_file_whose_job_is_just_being_made_is_left_alone(store: Store, tmp_path: Path) -> None:
    path = jobs.folder_of(tmp_path) / f"{uuid4()}.json"  # as long as the job is not committed, nobody else sees it
    path.write_text("[]")
    jobs.sweep(store, tmp_path, now())
    assert path.exists()
    jobs.sweep(store, tmp_path, now() + timedelta(minutes=3))
    assert not path.exists()


def test_what_nobody_confirmed_goes_without_anybody_looking(
        sqlite_store: Store, settings: config.Settings) -> None:
    cast = people.build(sqlite_store)
    job_id = send(sqlite_store, cast, settings.instance)
    jobs.run(sqlite_store, settings.instance, job_id)
    with transaction(sqlite_store) as session:
        session.execute(update(ImportJob).values(heartbeat=now() - timedelta(hours=2)))
    deliver_once(settings, sqlite_store)
    assert job(sqlite_store, job_id).state == "dropped"
    assert list(jobs.folder_of(settings.instance).iterdir()) == []
