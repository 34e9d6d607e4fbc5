"""The NGO caseworker: the services they keep, what is unconfirmed, suggestions, and how much is free."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from referral_dir.desk import availability, listings
from referral_dir.domain.errors import Invalid, WrongState
from referral_dir.domain.vocabulary import Role, ServiceStatus
from referral_dir.geo import PlaceError, place_label, resolve_town
from referral_dir.web import board, forms
from referral_dir.web.auth import action, actor, edge, now, writing

blueprint = Blueprint("caseworker", __name__, url_prefix="/caseworker")
GUARD = frozenset({Role.CASEWORKER})
BOARD = board.endpoints("caseworker", "board_page")


@blueprint.get("/")
@action("capacity:read")
def board_page() -> ResponseReturnValue:
    """How much is free: what needs a word first."""
    return board.page(BOARD)


@blueprint.post("/capacity/<uuid:capacity_id>")
@action("capacity:update")
def set_capacity(capacity_id: UUID) -> ResponseReturnValue:
    """So many, right now."""
    return board.set_number(BOARD, capacity_id)


@blueprint.post("/capacity/<uuid:capacity_id>/still-true")
@action("capacity:update")
def capacity_still_true(capacity_id: UUID) -> ResponseReturnValue:
    """The number stands."""
    return board.confirm(BOARD, capacity_id)


@blueprint.post("/capacity/<uuid:capacity_id>/undo")
@action("capacity:update")
def undo_capacity(capacity_id: UUID) -> ResponseReturnValue:
    """As it was before the last change."""
    return board.undo(BOARD, capacity_id)


@blueprint.get("/capacity/<uuid:capacity_id>/week")
@action("capacity:read")
def capacity_week(capacity_id: UUID) -> ResponseReturnValue:
    """How full it was in the last seven days."""
    return board.week(BOARD, capacity_id)


@blueprint.get("/services")
@action("listing:read")
def services() -> ResponseReturnValue:
    """The services that my organization keeps."""
    return _list(suggested_only=False)


@blueprint.get("/suggestions")
@action("listing:read")
def suggestions() -> ResponseReturnValue:
    """Services whose needs nobody has confirmed yet."""
    return _list(suggested_only=True)


def _list(*, suggested_only: bool) -> ResponseReturnValue:
    page = max(1, request.args.get("page", 1, type=int))
    words = request.args.get("words", "")
    with writing() as session:
        rows, total = listings.my_services(session, actor(), suggested_only=suggested_only, words=words, page=page)
    return render_template("caseworker/services.html", rows=rows, total=total, page=page, words=words,
                           pages=-(-total // listings.PAGE), suggested_only=suggested_only)


@blueprint.post("/service/<uuid:service_id>/needs")
@action("listing:change")
def confirm_needs(service_id: UUID) -> ResponseReturnValue:
    """Confirm or correct the needs in one step."""
    with writing() as session:
        listings.confirm_needs(session, actor(), service_id, request.form.getlist("needs"), now())
    flash("The needs are confirmed.")
    return redirect(url_for("caseworker.suggestions"))


@blueprint.get("/service/<uuid:service_id>")
@action("listing:read")
def service(service_id: UUID) -> ResponseReturnValue:
    """One service, to be edited."""
    return _edit_page(service_id, {}, None, 200)


def _edit_page(service_id: UUID, errors: dict[str, str], problem: str | None, code: int) -> ResponseReturnValue:
    with writing() as session:
        listing = listings.read_listing(session, actor(), service_id)
    return render_template("caseworker/service.html", listing=listing, form=request.form, errors=errors,
                           problem=problem, statuses=list(ServiceStatus), texts=listings.TEXTS,
                           numbers=listings.NUMBERS), code


@blueprint.post("/service/<uuid:service_id>")
@action("listing:change")
def change_service(service_id: UUID) -> ResponseReturnValue:
    """Save what was edited; on any problem the page comes back as it was typed."""
    form = request.form
    values: dict[str, object] = {f: form[f] for f in (*listings.TEXTS, *listings.NUMBERS, "status", "eligibility")
                                 if f in form}
    values |= {flag: flag in form for flag in listings.FLAGS}
    values |= {"needs": form.getlist("needs"), "languages": forms.words(form.get("languages", ""))}
    try:
        with writing() as session:
            listings.change_listing(session, actor(), service_id, form.get("revision", 0, type=int), values, now())
    except Invalid as error:
        return _edit_page(service_id, error.errors, None, 422)
    except WrongState as error:
        return _edit_page(service_id, {}, str(error), 409)
    flash("Saved.")
    return redirect(url_for("caseworker.service", service_id=service_id))


@blueprint.post("/service/<uuid:service_id>/capacity")
@action("capacity:update")
def add_capacity(service_id: UUID) -> ResponseReturnValue:
    """Begin to keep a number for the service."""
    errors: dict[str, str] = {}
    available = forms.number(request.form, "available", errors)
    maximum = forms.number(request.form, "maximum", errors)
    try:
        if errors or available is None:
            raise Invalid(errors or {"available": "write how many are free now"})
        with writing() as session:
            availability.add_capacity(session, actor(), service_id, request.form.get("unit", ""), available, maximum,
                                      now())
    except Invalid as error:
        return _edit_page(service_id, error.errors, None, 422)
    flash("The number is on your board.")
    return redirect(url_for("caseworker.service", service_id=service_id))


@blueprint.post("/service/<uuid:service_id>/confidential")
@action("listing:change")
def make_confidential(service_id: UUID) -> ResponseReturnValue:
    """Hide where it is, or change its zone: first what that means, then, confirmed, the act."""
    try:
        zone = resolve_town(request.form.get("zone", ""))
    except PlaceError as error:
        return _edit_page(service_id, {"zone": str(error)}, None, 422)
    if request.form.get("confirmed") != "yes":
        with writing() as session:
            plan = listings.plan_hiding(session, actor(), service_id, zone)
            return render_template("caseworker/hide.html", plan=plan, zone=request.form.get("zone", ""),
                                   label=place_label(zone))
    with writing() as session:
        listings.make_confidential(session, actor(), service_id, zone, now())
    listings.forget_places(edge().store, edge().indexes)
    flash("The address is sealed. Only the zone is shown from now on.")
    return redirect(url_for("caseworker.service", service_id=service_id))
