"""The administrator brings a directory: sent, tried out, looked at, and only then written."""

from typing import cast
from uuid import UUID

from flask import Blueprint, Response, flash, jsonify, redirect, render_template, request, send_from_directory, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

import config
from referral_dir.desk import organizations
from referral_dir.desk.opening_up import catch_up
from referral_dir.domain.errors import Invalid
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import Role
from referral_dir.interop import jobs
from referral_dir.interop.report import FORMATS
from referral_dir.store.db import reading
from referral_dir.web import uploads
from referral_dir.web.auth import action, actor, edge, now, writing

blueprint = Blueprint("imports", __name__, url_prefix="/administration/imports")
GUARD = frozenset({Role.ADMINISTRATOR})
STATES = {
    "sent": say("Waiting to be checked"), "checking": say("Is being checked"), "checked": say("Checked: look at it"),
    "confirmed": say("Waiting to be written"), "importing": say("Is being written"), "done": say("In the directory"),
    "failed": say("Failed: nothing was changed"), "dropped": say("Dropped: nothing was changed"),
}
STEPS = {"reading": say("The file is being read"), "placing": say("Places are being looked up"),
         "writing": say("Records are being compared")}
# What people know by other words than the format's; the rest is said as the format says it.
TABLES = {"service": say("Services"), "organization": say("Organizations"), "location": say("Places"),
          "address": say("Addresses"), "phone": say("Phone numbers"), "schedule": say("Opening hours"),
          "language": say("Languages"), "service_capacity": say("Free places"), "contact": say("Contacts")}
ISSUES_SHOWN = 50
EXAMPLES = config.ROOT / "data" / "examples"
LARGEST_MB = jobs.LARGEST // 1024**2


@blueprint.url_value_preprocessor
def allow_a_directory(endpoint: str | None, _values: dict[str, object] | None) -> None:
    """What an administrator sends here is written to a file, before anything has looked at the form."""
    if endpoint == "imports.send" and request.method == "POST" and current_user.is_authenticated \
            and current_user.actor.role is Role.ADMINISTRATOR:
        cast("uploads.Request", request).write_files(jobs.new_file(edge().settings.instance), jobs.LARGEST)


@blueprint.teardown_request
def forget_the_upload(_error: BaseException | None) -> None:
    """What was sent and became no job is not kept: the form was refused, or its sender had to step up first. A
    directory may say where hidden services are."""
    path = getattr(request, "writes_to", None)
    if path is not None:
        path.unlink(missing_ok=True)


@blueprint.get("")
@action("directory:import", step_up=True)
def everything() -> ResponseReturnValue:
    """The form, and what was brought lately."""
    jobs.sweep(edge().store, edge().settings.instance, now())
    return _all({}, 200)


@blueprint.post("")
@action("directory:import", step_up=True)
def send() -> ResponseReturnValue:
    """Take the file, and try it out beside the pages."""
    path, form, sent = cast("uploads.Request", request).writes_to, request.form, request.files.get("file")
    try:
        if path is None or sent is None or not sent.filename or not path.exists() or not path.stat().st_size:
            raise Invalid({"file": say("Choose a file.")})
        with writing() as session:
            job = jobs.begin(session, actor(), name=sent.filename, format=form.get("format", "auto"),
                             source=form.get("source", ""), kept_by=form.get("kept_by", ""), now=now())
            sent.stream.close()
            path.rename(jobs.file_of(edge().settings.instance, job))
    except Invalid as error:
        if path is not None:
            path.unlink(missing_ok=True)
        return _all(error.errors, 422)
    _start(job.id)
    return redirect(url_for("imports.one", job_id=job.id))


@blueprint.get("/example.json")
@action("directory:import")
def example() -> ResponseReturnValue:
    """A small invented directory to take as a pattern (`data/build_examples.py`)."""
    return send_from_directory(EXAMPLES, "hsds.json", as_attachment=True)


@blueprint.get("/example.zip")
@action("directory:import")
def example_tables() -> ResponseReturnValue:
    """The same in tables."""
    return send_from_directory(EXAMPLES, "hsds-csv.zip", as_attachment=True)


@blueprint.get("/<uuid:job_id>")
@action("directory:import")
def one(job_id: UUID) -> ResponseReturnValue:
    """How far it is; when it was checked, what it would change."""
    jobs.sweep(edge().store, edge().settings.instance, now())
    with reading(edge().store) as session:
        job = jobs.one(session, actor(), job_id)
        return render_template("administration/import.html", job=job, states=STATES, steps=STEPS, words=TABLES,
                               problem=jobs.problem_of(job), refused=jobs.refused(job)[:ISSUES_SHOWN])


@blueprint.get("/<uuid:job_id>/state")
@action("directory:import", by_itself=True)
def state(job_id: UUID) -> ResponseReturnValue:
    """The state alone, for the page that asks again by itself."""
    with reading(edge().store) as session:
        job = jobs.one(session, actor(), job_id)
        return Response(f"{job.state} {job.step}", mimetype="text/plain")


@blueprint.get("/<uuid:job_id>/report")
@action("directory:import")
def report(job_id: UUID) -> ResponseReturnValue:
    """The whole report as a file."""
    with reading(edge().store) as session:
        found = jobs.report_of(jobs.one(session, actor(), job_id))
    answer: Response = jsonify(found)
    answer.headers["Content-Disposition"] = "attachment; filename=import-report.json"
    return answer


@blueprint.post("/<uuid:job_id>/confirm")
@action("directory:import", step_up=True)
def confirm(job_id: UUID) -> ResponseReturnValue:
    """Write it."""
    with writing() as session:
        jobs.confirm(session, actor(), job_id, now())
    _start(job_id)
    return redirect(url_for("imports.one", job_id=job_id))


@blueprint.post("/<uuid:job_id>/drop")
@action("directory:import")
def drop(job_id: UUID) -> ResponseReturnValue:
    """Do not write it."""
    with writing() as session:
        jobs.drop(session, actor(), job_id, now())
    jobs.sweep(edge().store, edge().settings.instance, now())
    flash(_("Dropped. The directory is as it was before."))
    return redirect(url_for("imports.everything"))


def _start(job_id: UUID) -> None:
    store, indexes = edge().store, edge().indexes
    jobs.start(store, edge().settings.instance, job_id, lambda: catch_up(store, indexes))


def _all(errors: dict[str, str], code: int) -> ResponseReturnValue:
    with reading(edge().store) as session:
        return render_template("administration/imports.html", rows=jobs.recent(session, actor()), errors=errors,
                               form=request.form, formats=FORMATS, states=STATES, largest=LARGEST_MB,
                               keepers=organizations.names(session, actor())), code
