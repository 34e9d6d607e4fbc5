"""The caseworker's upkeep of many services: corrections that were sent in, doubles, and spreadsheets."""

from uuid import UUID

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from referral_dir.desk import bulk, corrections, duplicates, merge_undo
from referral_dir.desk.listing_values import shown
from referral_dir.domain.errors import Invalid, WrongState
from referral_dir.domain.listing import PLACE, label_of
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import Role
from referral_dir.store.db import reading
from referral_dir.web import uploads
from referral_dir.web.auth import action, actor, edge, now, writing
from referral_dir.web.languages import in_words

blueprint = Blueprint("listings", __name__, url_prefix="/caseworker")
GUARD = frozenset({Role.CASEWORKER})
ROWS_SHOWN = 200


@blueprint.url_value_preprocessor
def allow_spreadsheets(endpoint: str | None, values: dict[str, object] | None) -> None:
    """Only where a spreadsheet is sent in is a file read, and a larger body taken."""
    if endpoint == "listings.take_in" and isinstance(request, uploads.Request):
        request.read_files(bulk.LARGEST_FILE)


@blueprint.post("/correction/<uuid:correction_id>/done")
@action("correction:decide")
def accept_correction(correction_id: UUID) -> ResponseReturnValue:
    """It is right already."""
    with writing() as session:
        corrections.accept(session, actor(), correction_id, now())
    flash(_("Settled."))
    return redirect(url_for("caseworker.suggestions"))


@blueprint.post("/correction/<uuid:correction_id>/close")
@action("correction:decide")
def reject_correction(correction_id: UUID) -> ResponseReturnValue:
    """Nothing is changed for it, and why."""
    with writing() as session:
        corrections.reject(session, actor(), correction_id, request.form.get("reason", ""), now())
    flash(_("Closed without a change."))
    return redirect(url_for("caseworker.suggestions"))


@blueprint.get("/doubles")
@action("listing:merge")
def doubles() -> ResponseReturnValue:
    """Services that may be listed twice."""
    with reading(edge().store, actor()) as session:
        pairs = duplicates.proposed(session, actor())
    return render_template("caseworker/doubles.html", pairs=pairs[:duplicates.SHOWN], total=len(pairs))


@blueprint.get("/doubles/<uuid:service_id>/<uuid:other_id>")
@action("listing:merge")
def double(service_id: UUID, other_id: UUID) -> ResponseReturnValue:
    """Two services side by side."""
    return _side_by_side(service_id, other_id, None, 200)


def _side_by_side(service_id: UUID, other_id: UUID, problem: str | None, code: int) -> ResponseReturnValue:
    with reading(edge().store, actor()) as session:
        both = duplicates.side_by_side(session, actor(), service_id, other_id)
    return render_template("caseworker/double.html", both=both, problem=problem, place=PLACE, shown=shown,
                           label_of=label_of), code


@blueprint.post("/doubles/<uuid:service_id>/<uuid:other_id>")
@action("listing:merge")
def merge(service_id: UUID, other_id: UUID) -> ResponseReturnValue:
    """The other becomes part of this one; or this one of the other, where that was chosen."""
    form = request.form
    chosen = {name.removeprefix("take_"): value for name, value in form.items() if name.startswith("take_")}
    was_seen = form.get("seen", ""), form.get("other_seen", "")
    keep, gone = service_id, other_id
    if form.get("stays") == "other":
        keep, gone, was_seen = other_id, service_id, (was_seen[1], was_seen[0])
        chosen = {name: "gone" if value == "keep" else "keep" for name, value in chosen.items()}
    try:
        with writing() as session:
            duplicates.merge(session, actor(), keep, gone, chosen, was_seen, now())
    except Invalid as error:
        return _side_by_side(service_id, other_id, next(iter(error.errors.values()), None), 422)
    except WrongState as error:
        return _side_by_side(service_id, other_id, error.args[0], 409)
    flash(_("The two are one now. Links to the other lead here. For 30 days this can be undone, below."))
    return redirect(url_for("caseworker.service", service_id=keep))


@blueprint.post("/doubles/<uuid:service_id>/<uuid:other_id>/undo")
@action("listing:merge")
def undo_merge(service_id: UUID, other_id: UUID) -> ResponseReturnValue:
    """The other is a service of its own again."""
    try:
        with writing() as session:
            merge_undo.undo(session, actor(), service_id, other_id, now())
    except WrongState as error:
        flash(str(in_words(error.args[0])))
        return redirect(url_for("caseworker.service", service_id=service_id))
    flash(_("They are two again. If they look alike, say below that they are not the same."))
    return redirect(url_for("listings.double", service_id=service_id, other_id=other_id))


@blueprint.post("/doubles/<uuid:service_id>/<uuid:other_id>/not-the-same")
@action("listing:merge")
def tell_apart(service_id: UUID, other_id: UUID) -> ResponseReturnValue:
    """They are two: they are not proposed again."""
    with writing() as session:
        duplicates.tell_apart(session, actor(), service_id, other_id, now())
    flash(_("Remembered: they are not the same."))
    return redirect(url_for("listings.doubles"))


@blueprint.get("/bulk")
@action("listing:export")
def bulk_page() -> ResponseReturnValue:
    """Out to a spreadsheet, and in again."""
    return render_template("caseworker/bulk.html", errors={})


@blueprint.get("/bulk/services.xlsx")
@action("listing:export")
def export_xlsx() -> ResponseReturnValue:
    """My services as a workbook."""
    return _export("xlsx")


@blueprint.get("/bulk/services.csv")
@action("listing:export")
def export_csv() -> ResponseReturnValue:
    """My services as CSV."""
    return _export("csv")


def _export(kind: str) -> ResponseReturnValue:
    with writing() as session:
        bulk.note_export(session, actor(), kind, now())
    with reading(edge().store, actor()) as session:
        data = bulk.export(session, actor(), kind)
    return Response(data, mimetype=bulk.KINDS[kind], headers={
        "Content-Disposition": f"attachment; filename=services-{now():%Y-%m-%d}.{kind}"})


@blueprint.post("/bulk")
@action("listing:import")
def take_in() -> ResponseReturnValue:
    """Read a file that was edited; nothing is changed yet."""
    data = uploads.bytes_of(request, "file")
    try:
        if not data:
            raise Invalid({"file": say("choose the file that you edited")})
        rows = bulk.parse(data)
        with writing() as session:
            draft_id = bulk.take_in(session, actor(), rows, now())
    except Invalid as error:
        return render_template("caseworker/bulk.html", errors=error.errors), 422
    return redirect(url_for("listings.bulk_draft", draft_id=draft_id))


@blueprint.get("/bulk/<uuid:draft_id>")
@action("listing:import")
def bulk_draft(draft_id: UUID) -> ResponseReturnValue:
    """What the file would change, row by row; or what it did."""
    return _draft_page(draft_id, None, 200)


def _draft_page(draft_id: UUID, problem: str | None, code: int) -> ResponseReturnValue:
    with reading(edge().store, actor()) as session:
        plan = bulk.look(session, actor(), draft_id, now())
    rows = sorted((row for row in plan.rows if row.outcome is not bulk.Outcome.SAME),
                  key=lambda row: (row.outcome is not bulk.Outcome.REFUSED, row.number))
    return render_template("caseworker/bulk_draft.html", plan=plan, rows=rows[:ROWS_SHOWN], problem=problem,
                           more=len(rows) - ROWS_SHOWN, shown=shown, label_of=label_of), code


@blueprint.post("/bulk/<uuid:draft_id>")
@action("listing:import")
def confirm_bulk(draft_id: UUID) -> ResponseReturnValue:
    """Write all good rows together."""
    try:
        with writing() as session:
            plan = bulk.confirm(session, actor(), draft_id, now())
    except (Invalid, WrongState) as error:
        return _draft_page(draft_id, error.args[0] if isinstance(error, WrongState) else None, 409)
    flash(_("Services changed: %(number)s.", number=plan.counts.get(bulk.Outcome.DONE, 0)))
    return redirect(url_for("listings.bulk_draft", draft_id=draft_id))


@blueprint.get("/bulk/<uuid:draft_id>/report.csv")
@action("listing:import")
def bulk_report(draft_id: UUID) -> ResponseReturnValue:
    """The same as a file."""
    with reading(edge().store, actor()) as session:
        text = bulk.report(session, actor(), draft_id, now())
    return Response(text, mimetype="text/csv", headers={"Content-Disposition": "attachment; filename=report.csv"})
