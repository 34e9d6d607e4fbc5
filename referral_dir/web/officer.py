"""The frontline officer: cases and handoffs. What is asked of a case never stands in an address."""

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from referral_dir.desk import asking, break_glass, cases, exclusions, find, handoffs, tasks, threads
from referral_dir.desk import own_copy as own_copies
from referral_dir.domain import consent_record as record
from referral_dir.domain.break_glass import REASONS
from referral_dir.domain.consent import IDENTIFYING_FIELDS
from referral_dir.domain.errors import Invalid
from referral_dir.domain.handoff import choices
from referral_dir.domain.saying import say
from referral_dir.domain.task_list import Step, Turn
from referral_dir.domain.vocabulary import HandoffAction, HandoffState, Purpose, Reason, Role
from referral_dir.web import case_form, forms, steps
from referral_dir.web.auth import action, actor, edge, now, showing, writing
from referral_dir.web.languages import in_words

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

blueprint = Blueprint("officer", __name__, url_prefix="/officer")
GUARD = frozenset({Role.OFFICER})
# After these, another service is asked.
SAID_NO = frozenset({HandoffState.REJECTED, HandoffState.CANCELLED, HandoffState.FAILED})


@blueprint.get("/cases")
@action("case:read")
def my_cases() -> ResponseReturnValue:
    """My organization's open cases."""
    with writing() as session:
        rows = tasks.waiting(session, actor(), now())
        closed = cases.my_cases(session, actor(), closed=True)
    return render_template("officer/cases.html", rows=rows, closed=closed, turns=Turn)


@blueprint.post("/cases/new")
@action("case:create")
def new_case() -> ResponseReturnValue:
    """The form for a case, filled in with what was asked in the find form."""
    return _new_case(case_form.filled(request.form), {}, 200)


@blueprint.post("/cases")
@action("case:create")
def open_case() -> ResponseReturnValue:
    """Open the case; where it was opened to ask a service, go on to consent with that one."""
    form = forms.chosen_place(request.form)
    service_id = next(iter(forms.uuids(form.getlist("service_id"))), None)
    try:
        new = case_form.new_case(form)
        with writing() as session:
            avoid = find.organizations_named(session, forms.words(form.get("avoid_organizations", "")))
            new = replace(new, excluded_organizations=[*new.excluded_organizations, *avoid])
            case = cases.open_case(session, actor(), new, now())
            if service_id is not None:
                handoffs.choose(session, actor(), case.id, service_id, now())
    except Invalid as error:
        return _new_case(form, error.errors, 422)
    if service_id is not None:
        return redirect(url_for("consent.draft", case_id=case.id, service_id=service_id))
    return redirect(url_for("officer.case", case_id=case.id))


def _new_case(form: forms.Form, errors: dict[str, str], code: int) -> ResponseReturnValue:
    """The form, which names the service that is to be asked, if it is known."""
    chosen = next(iter(forms.uuids(form.getlist("service_id"))), None)
    with writing() as session:
        asked = find.name_of_service(session, actor(), chosen) if chosen else None
    return render_template("officer/new_case.html", form=form, errors=errors, asked=asked, **forms.CHOICES), code


@blueprint.get("/case/<uuid:case_id>")
@action("case:read")
def case(case_id: UUID) -> ResponseReturnValue:
    """A case as a list of tasks: who, consent, request."""
    with writing() as session:
        return _case_page(session, case_id, {}, 200)


@blueprint.post("/case/<uuid:case_id>/open")
@action("case:read")
def open_for(case_id: UUID) -> ResponseReturnValue:
    """Open a colleague's case: what for is written down first."""
    try:
        with writing() as session:
            cases.read_case(session, actor(), case_id, now(), purpose=request.form.get("purpose", ""))
    except Invalid as error:
        return render_template("officer/purpose.html", case_id=case_id, errors=error.errors,
                               purposes=list(Purpose)), 422
    return redirect(url_for("officer.case", case_id=case_id))


def _case_page(session: "Session", case_id: UUID, errors: dict[str, str], code: int) -> ResponseReturnValue:
    file = cases.read_case(session, actor(), case_id, now())
    waiting = tasks.of_case(session, actor(), file.case, now())
    listed = {row.handoff.id: row for row in handoffs.outgoing(session, actor())}
    names = handoffs.organization_names(session, [c.recipient_organization_id for c in file.consents])
    return render_template("officer/case.html", file=file, listed=listed, names=names, errors=errors,
                           tasks=[(task, steps.page_of(task)) for task in waiting], steps=Step,
                           excluded=exclusions.named(session, actor(), file.case),
                           rest=cases.rest(file.case, file.handoffs),
                           vital=break_glass.of_case(session, actor(), case_id), today=now(), form=request.form), code


@blueprint.post("/case/<uuid:case_id>/about")
@action("case:change")
def set_identifying(case_id: UUID) -> ResponseReturnValue:
    """Keep, change or forget what identifies the person."""
    values = {field: request.form[field] for field in IDENTIFYING_FIELDS if field in request.form}
    try:
        with writing() as session:
            cases.set_identifying(session, actor(), case_id, values, now())
    except Invalid as error:
        with showing() as session:
            return _case_page(session, case_id, error.errors, 422)
    flash(_("Saved."))
    return redirect(url_for("officer.case", case_id=case_id))


@blueprint.route("/case/<uuid:case_id>/change", methods=["GET", "POST"])
@action("case:change")
def change_case(case_id: UUID) -> ResponseReturnValue:
    """Set right what was said of the case."""
    errors: dict[str, str] = {}
    with showing() as session:
        found = cases.own_case(session, actor(), case_id)
        form = case_form.of_case(found) if request.method == "GET" else forms.chosen_place(request.form)
    if request.method == "POST":
        try:
            new = case_form.changed(form, found)
            with writing() as session:
                cases.change_case(session, actor(), case_id, new, now())
            flash(_("Saved."))
            return redirect(url_for("officer.case", case_id=case_id))
        except Invalid as error:
            errors = error.errors
    return render_template("officer/change_case.html", case=found, form=form, errors=errors,
                           **forms.CHOICES), 422 if request.method == "POST" else 200


@blueprint.post("/case/<uuid:case_id>/exclusions")
@action("case:exclude")
def exclude(case_id: UUID) -> ResponseReturnValue:
    """Name a person, an organization, or both, for whom this case must not exist."""
    email, organization = (request.form.get(f, "") for f in ("exclude_email", "exclude_organization"))
    try:
        if not email.strip() and not organization.strip():
            raise Invalid({"exclude_email": say("write an e-mail address, or an organization below")})
        with writing() as session:
            if email.strip():
                exclusions.exclude_person(session, actor(), case_id, email, now())
            if organization.strip():
                exclusions.exclude_organization(session, actor(), case_id, organization, now())
    except Invalid as error:
        with showing() as session:
            return _case_page(session, case_id, error.errors, 422)
    flash(_("Kept out from now on: for them this case does not exist."))
    return redirect(url_for("officer.case", case_id=case_id))


@blueprint.post("/case/<uuid:case_id>/exclusion/<uuid:exclusion_id>/remove")
@action("case:exclude")
def remove_exclusion(case_id: UUID, exclusion_id: UUID) -> ResponseReturnValue:
    """It was named by mistake."""
    with writing() as session:
        exclusions.remove(session, actor(), case_id, exclusion_id, now())
    flash(_("Taken off the list."))
    return redirect(url_for("officer.case", case_id=case_id))


@blueprint.get("/case/<uuid:case_id>/own-copy")
@action("case:own_copy", step_up=True)
def own_copy(case_id: UUID) -> ResponseReturnValue:
    """All that is held about the person, for the person: to print, or as JSON."""
    with writing() as session:
        copy = own_copies.make(session, actor(), case_id, now())
    if request.args.get("as") == "json":
        return Response(own_copies.as_json(copy), mimetype="application/json",
                        headers={"Content-Disposition": 'attachment; filename="own-copy.json"'})
    return render_template("officer/own_copy.html", copy=copy, case_id=case_id, record=record, reasons=REASONS)


@blueprint.post("/case/<uuid:case_id>/close")
@action("case:close")
def close_case(case_id: UUID) -> ResponseReturnValue:
    """Close the case and cancel what is open of it."""
    with writing() as session:
        cases.close_case(session, actor(), case_id, now())
    flash(_("The case is closed."))
    return redirect(url_for("officer.my_cases"))


@blueprint.post("/case/<uuid:case_id>/request/<uuid:service_id>")
@action("handoff:request")
def request_handoff(case_id: UUID, service_id: UUID) -> ResponseReturnValue:
    """Ask the service."""
    interpreter = next(iter(forms.uuids([request.form.get("interpreter_service_id", "")])), None)
    try:
        with writing() as session:
            row = handoffs.request(session, actor(), case_id, service_id, now(), interpreter_service_id=interpreter)
    except Invalid as error:
        flash(_("Not asked: %(why)s", why="; ".join(in_words(text) for text in error.errors.values())))
        return redirect(url_for("consent.draft", case_id=case_id, service_id=service_id))
    flash(_("The service has been asked."))
    return redirect(url_for("officer.handoff", handoff_id=row.id))


@blueprint.get("/handoffs")
@action("handoff:read")
def my_handoffs() -> ResponseReturnValue:
    """What was asked, and how it stands."""
    with writing() as session:
        rows = handoffs.outgoing(session, actor())
    return render_template("officer/handoffs.html", rows=rows)


@blueprint.get("/handoff/<uuid:handoff_id>")
@action("handoff:read")
def handoff(handoff_id: UUID) -> ResponseReturnValue:
    """One handoff: where it stands, what comes next."""
    with showing() as session:
        view = handoffs.read_outgoing(session, actor(), handoff_id, now())
        follows = view.handoff.state in SAID_NO
        case = cases.own_case(session, actor(), view.handoff.case_id)
        following = asking.next_services(session, edge().indexes, actor(), case, now()) if follows else ()
        thread = threads.read(session, actor(), handoff_id, now())
        return render_template(
            "officer/handoff.html", view=view, thread=thread, reasons=choices(HandoffAction.CANCEL), follows=follows,
            case=case, following=following, version=handoffs.version(session, actor(), handoff_id),
            phones=asking.phones(session, view.service.id))


@blueprint.post("/handoff/<uuid:handoff_id>/cancel")
@action("handoff:cancel")
def cancel_handoff(handoff_id: UUID) -> ResponseReturnValue:
    """Take the request back."""
    text = request.form.get("reason", "")
    try:
        with writing() as session:
            handoffs.cancel(session, actor(), handoff_id, Reason(text) if text in set(Reason) else None, now())
        flash(_("Cancelled."))
    except Invalid:
        flash(_("Not cancelled yet: choose why."))
    return redirect(url_for("officer.handoff", handoff_id=handoff_id))
