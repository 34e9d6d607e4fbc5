"""An import that an administrator begins in the browser: sent, tried out, looked at, confirmed, written.

The file lies in a folder of the instance, readable by its owner only, from the upload to the end of the job; then it is
gone. A row of the store says how far the job is, so that every process can show it. The process that is asked runs it
beside the pages. It claims the job by an update that names the old state, says again and again that it lives, and in
the transaction of the import itself moves the job to done: an import that was given up meanwhile undoes itself.
"""

import secrets
import shutil
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from referral_dir import logs
from referral_dir.desk import audit
from referral_dir.domain.access import Actor, require
from referral_dir.domain.errors import Invalid, NotFound, WrongState
from referral_dir.domain.saying import Said, packed, say, unpacked
from referral_dir.interop.importing import import_directory
from referral_dir.interop.report import FORMATS, ImportRefused, ImportReport
from referral_dir.store import jobs
from referral_dir.store.db import Store, brief_transaction, transaction
from referral_dir.store.directory import Organization
from referral_dir.store.jobs import ImportJob

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

LARGEST: Final = 64 * 1024 * 1024
SUFFIXES: Final = (".json", ".geojson", ".zip")
BEAT_SECONDS: Final = 5.0
SILENT: Final = timedelta(minutes=2)
UNCONFIRMED: Final = timedelta(hours=1)
LISTED: Final = 20
# Of each report so many refusals and repairs are kept: a file that is wrong throughout says so in the first ones.
ISSUES_KEPT: Final = 2000
PROBLEM: Final = "problem"
STOPPED: Final = say("The server stopped while it ran. The directory is as it was before: send the file again.")
BROKEN: Final = say("Something went wrong on our side. The directory is as it was before.")


def folder_of(instance: Path) -> Path:
    """Where files wait; made when it is not there."""
    folder = instance / "imports"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def file_of(instance: Path, job: ImportJob) -> Path:
    """The job's file. Its name tells nothing."""
    return folder_of(instance) / f"{job.id}{job.suffix}"


def begin(session: "Session", actor: Actor, *, name: str, format: str, source: str, kept_by: str,
          now: datetime) -> ImportJob:
    """A job for a file of this name. Raises Invalid."""
    require(actor, "directory:import")
    errors: dict[str, str] = {}
    suffix = Path(name).suffix.casefold()
    if suffix not in SUFFIXES:
        errors["file"] = say("Choose a file that ends in .json, .geojson or .zip.")
    if format not in FORMATS:
        errors["format"] = say("Choose one of the formats.")
    keeper = _organization(session, kept_by)
    if kept_by and keeper is None:
        errors["kept_by"] = say("Choose an organization of the list.")
    if errors:
        raise Invalid(errors)
    known = "".join(c for c in source.strip() or Path(name).stem if c.isprintable())[:80]
    job = ImportJob(source=known or "file", suffix=suffix, format=format, kept_by_id=keeper, by_id=actor.person_id,
                    created=now, heartbeat=now)
    session.add(job)
    session.flush()
    audit.record(session, actor, "directory:import", now, subject=f"import:{job.id}", details={"change": "sent"})
    return job


def confirm(session: "Session", actor: Actor, job_id: UUID, now: datetime) -> None:
    """What was tried out is to be written. Raises NotFound, WrongState where somebody was first."""
    require(actor, "directory:import")
    one(session, actor, job_id)
    if not jobs.move(session, job_id, ["checked"], "confirmed", now):
        raise WrongState(say("this import was confirmed, dropped or given up already: look at it again"))
    audit.record(session, actor, "directory:import", now, subject=f"import:{job_id}", details={"change": "confirmed"})


def drop(session: "Session", actor: Actor, job_id: UUID, now: datetime) -> None:
    """It is not to be written; its file goes with the next `sweep`. Raises NotFound, WrongState."""
    require(actor, "directory:import")
    one(session, actor, job_id)
    if not jobs.move(session, job_id, ["checked"], "dropped", now):
        raise WrongState(say("this import was confirmed, dropped or given up already: look at it again"))
    audit.record(session, actor, "directory:import", now, subject=f"import:{job_id}", details={"change": "dropped"})


def recent(session: "Session", actor: Actor) -> list[ImportJob]:
    """The newest jobs."""
    require(actor, "directory:import")
    return list(jobs.jobs(session, LISTED))


def one(session: "Session", actor: Actor, job_id: UUID) -> ImportJob:
    """One job. Raises NotFound."""
    require(actor, "directory:import")
    job = session.get(ImportJob, job_id)
    if job is None:
        raise NotFound("no such import")
    return job


def sweep(store: Store, instance: Path, now: datetime) -> None:
    """Jobs that nobody runs any more have failed; files that no job needs are gone. Waits for nobody."""
    with brief_transaction(store) as session:
        if session is None:
            return
        jobs.give_up(session, now - SILENT, now - UNCONFIRMED, STOPPED)
        needed = {str(job_id): is_needed for job_id, is_needed in jobs.needs_file(session).items()}
    for path in folder_of(instance).iterdir():
        fresh = path.stat().st_mtime > (now - SILENT).timestamp()
        # Of a job that is just being made nothing can be read yet.
        if needed.get(path.name.partition(".")[0], fresh):
            continue
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def new_file(instance: Path) -> Path:
    """Where an upload is written before it has a job."""
    return folder_of(instance) / f"new-{secrets.token_hex(8)}"


def start(store: Store, instance: Path, job_id: UUID, then: Callable[[], None]) -> threading.Thread:
    """Run the job beside the pages; `then` follows when the directory has changed."""
    thread = threading.Thread(target=run, args=(store, instance, job_id, then), daemon=True)
    thread.start()
    return thread


def run(store: Store, instance: Path, job_id: UUID, then: Callable[[], None] = lambda: None) -> None:
    """Claim the job, and try it out or write it; nothing where another was first."""
    with transaction(store) as session:
        job = session.get(ImportJob, job_id)
        now = datetime.now(UTC)
        writing = job is not None and job.state == "confirmed"
        if job is None or not jobs.move(session, job_id, ["confirmed" if writing else "sent"],
                                        "importing" if writing else "checking", now):
            return
    path, problem = file_of(instance, job), None
    try:
        with _Pulse(store, job_id) as pulse:
            _work(store, job, path, pulse, writing)
        if writing:
            then()
    except ImportRefused as error:
        problem = _renamed(error.args[0], path.name, job.source)
    except WrongState:
        return
    except Exception as error:
        logs.failure("failed", error, endpoint="import")
        problem = BROKEN
    if problem:
        path.unlink(missing_ok=True)
        with transaction(store) as session:
            jobs.move(session, job_id, jobs.RUNNING, "failed", datetime.now(UTC), problem=str(problem),
                      report={**(job.report or {}), PROBLEM: packed(problem)})


def _work(store: Store, job: ImportJob, path: Path, pulse: "_Pulse", writing: bool) -> None:
    now = datetime.now(UTC)

    def done(session: "Session", report: ImportReport) -> None:
        if not jobs.move(session, job.id, ["importing"], "done", now, step="", report=_kept(report, path)):
            raise WrongState(say("this import was given up meanwhile"))
        path.unlink(missing_ok=True)  # all of it is read: nobody may see it done and the file still there

    report = import_directory(store, path, now=now, format=job.format, source=job.source, dry_run=not writing,
                              kept_by=job.kept_by_id, progress=pulse.at, at_end=done,
                              scratch=(path.parent, f"{job.id}."))
    if not writing:
        with transaction(store) as session:
            jobs.move(session, job.id, ["checking"], "checked", datetime.now(UTC), step="", report=_kept(report, path))


def _kept(report: ImportReport, path: Path) -> dict[str, Any]:
    """The report as the row keeps it, by the name that its reader knows the file by."""
    told = report.to_json()
    issues = [{**issue, "file": report.source if issue["file"] == path.name else issue["file"]}
              for issue in told["issues"][:ISSUES_KEPT]]
    for issue, found in zip(issues, report.issues, strict=False):
        issue["said"] = packed(found.reason)
    return {**told, "issues": issues, "issues_left_out": max(0, len(told["issues"]) - ISSUES_KEPT)}


def _renamed(said: Said, name: str, source: str) -> Said:
    """What was said of a file, by the name that its sender knows it by."""
    return Said(said.replace(name, source), said.kind, said.source, {
        key: value.replace(name, source) if isinstance(value, str) else value for key, value in said.values.items()})


def problem_of(job: ImportJob) -> str | None:
    """Why it failed, to be said in any language; as it was written where an older program wrote it."""
    kept = unpacked((job.report or {}).get(PROBLEM))
    # What stopped beside its server was noted without a report of its own.
    return kept if kept and str(kept) == job.problem else STOPPED if job.problem == STOPPED else job.problem


def refused(job: ImportJob) -> list[dict[str, Any]]:
    """The values that were refused, each with why, to be said in any language."""
    return [{**issue, "reason": unpacked(issue.get("said", issue["reason"]))}
            for issue in (job.report or {}).get("issues", ()) if issue["kind"] == "refused"]


def report_of(job: ImportJob) -> dict[str, Any]:
    """The report as a file has it, like the command line's."""
    report = {key: value for key, value in (job.report or {}).items() if key != PROBLEM}
    if "issues" in report:
        report["issues"] = [{key: value for key, value in issue.items() if key != "said"}
                            for issue in report["issues"]]
    return report


def _organization(session: "Session", text: str) -> UUID | None:
    try:
        row = session.get(Organization, UUID(text)) if text else None
    except ValueError:
        return None
    return row.id if row else None


class _Pulse:
    """Says every few seconds that the job still runs, and how far it is. What can't be said at once is left out: on
    SQLite nobody else writes either while the import does."""

    def __init__(self, store: Store, job_id: UUID) -> None:
        self._store, self._job_id, self._step = store, job_id, ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True)

    def at(self, step: str) -> None:
        """The step that begins now."""
        self._step = step

    def __enter__(self) -> "_Pulse":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _go_on(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            with brief_transaction(self._store) as session:
                if session is not None:
                    jobs.beat(session, self._job_id, datetime.now(UTC), self._step)
