"""The NGO caseworker: the services they keep, what is unconfirmed, suggestions, and how much is free."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from referral_dir.desk import availability, corrections, listings, merge_undo
from referral_dir.desk.languages import COMMON
from referral_dir.desk.listing_values import shown
from referral_dir.domain.errors import Invalid, WrongState
from referral_dir.domain.listing import FIELDS, label_of
from referral_dir.domain.places import PARTS
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import Role, ServiceStatus
from referral_dir.geo import PlaceError, place_label, resolve_town
from referral_dir.store.db import reading
from referral_dir.store.listing_queries import Wanted
from referral_dir.web import board, forms, listing_forms
from referral_dir.web.auth import action, actor, edge, local_path, now, writing
from referral_dir.web.hours import hours

blueprint = Blueprint("caseworker", __name__, url_prefix="/caseworker")
GUARD = frozenset({Role.CASEWORKER})
BOARD = board.add_views(blueprint, "board_page")
COMMON_TILES = COMMON[:12]


@blueprint.get("/")
@action("capacity:read")
def board_page() -> ResponseReturnValue:
    """How much is free: what needs a word first."""
    return board.page(BOARD)


@blueprint.get("/services")
@action("listing:read")
def services() -> ResponseReturnValue:
    """The services that my organization keeps."""
    page = forms.asked_page(request.args)
    wanted = Wanted(words=forms.asked_words(request.args), status=request.args.get("status", ""),
                             due="due" in request.args)
    with reading(edge().store, actor()) as session:
        rows, total = listings.my_services(session, actor(), now(), wanted, page=page)
        _, due = listings.my_services(session, actor(), now(), Wanted(due=True))
    # What is empty is left out of the addresses of the pages.
    kept = {"words": wanted.words or None, "status": wanted.status or None, "due": "1" if wanted.due else None}
    return render_template("caseworker/services.html", rows=rows, total=total, page=page, wanted=wanted, due=due,
                           pages=-(-total // listings.PAGE), kept=kept, statuses=list(ServiceStatus))


@blueprint.get("/suggestions")
@action("listing:read")
def suggestions() -> ResponseReturnValue:
    """What others say is wrong, and services whose needs nobody has confirmed yet."""
    page = forms.asked_page(request.args)
    with reading(edge().store, actor()) as session:
        sent = corrections.waiting(session, actor())
        rows, total = listings.my_services(session, actor(), now(), Wanted(suggested_only=True), page=page)
    return render_template("caseworker/suggestions.html", sent=sent, rows=rows, total=total, page=page,
                           pages=-(-total // listings.PAGE), reasons=corrections.REASONS)


@blueprint.post("/service/<uuid:service_id>/needs")
@action("listing:change")
def confirm_needs(service_id: UUID) -> ResponseReturnValue:
    """Confirm or correct the needs in one step."""
    with writing() as session:
        listings.confirm_needs(session, actor(), service_id, request.form.getlist("needs"), now())
    flash(_("The needs are confirmed."))
    return redirect(url_for("caseworker.suggestions"))


@blueprint.get("/new-service")
@action("listing:change")
def new_service() -> ResponseReturnValue:
    """Begin a new service."""
    return _new_page({}, 200)


def _new_page(errors: dict[str, str], code: int) -> ResponseReturnValue:
    with reading(edge().store, actor()) as session:
        homes = listings.organizations_to_add_to(session, actor())
    return render_template("caseworker/new.html", homes=homes, form=request.form, errors=errors), code


@blueprint.post("/new-service")
@action("listing:change")
def create_service() -> ResponseReturnValue:
    """A name and whose it is: the rest is filled in on its page."""
    home = next(iter(forms.uuids([request.form.get("organization_id", "")])), None)
    try:
        with writing() as session:
            service_id = listings.create_service(session, actor(), request.form.get("name", ""), home, now())
    except Invalid as error:
        return _new_page(error.errors, 422)
    flash(_("The service is entered, and offered to nobody yet. Fill it in, then set its status to active."))
    return redirect(url_for("caseworker.service", service_id=service_id))


@blueprint.get("/service/<uuid:service_id>")
@action("listing:read")
def service(service_id: UUID) -> ResponseReturnValue:
    """One service, to be edited."""
    return _edit_page(service_id, {}, 200)


def _edit_page(service_id: UUID, errors: dict[str, str], code: int, clash: listings.Clash | None = None,
               problem: str | None = None) -> ResponseReturnValue:
    with reading(edge().store, actor()) as session:
        listing = listings.read_listing(session, actor(), service_id, now())
        merged = merge_undo.undoable(session, actor(), service_id, now())
        correction = corrections.to_settle(session, actor(), service_id, _correction_id())
    seen = listing.seen
    if clash is not None:
        # Mine where I wrote, theirs everywhere else; saving again is knowing of theirs.
        both = {c.field: c.after for c in (*clash.weighed.mine, *clash.weighed.clashes)}
        editor, seen = listing_forms.of_values({**clash.values, **both}, COMMON_TILES), clash.seen
    elif "whole" in request.form:
        editor, seen = listing_forms.of_form(request.form), request.form.get("seen", listing.seen)
    else:
        editor = listing_forms.of_values(listing.values, COMMON_TILES, request.form.to_dict() if errors else None)
    return render_template(
        "caseworker/service.html", listing=listing, editor=editor, seen=seen, form=request.form, errors=errors,
        clash=clash, problem=problem, correction=correction, merged=merged, statuses=list(ServiceStatus),
        rules=listing_forms.RULES,
        parts=listing_forms.PARTS, common=COMMON_TILES, fields=FIELDS, place_parts=PARTS, shown=shown,
        label_of=label_of), code


def _correction_id() -> UUID | None:
    """The correction that is being looked after, if the editor was opened for one."""
    return next(iter(forms.uuids([request.values.get("correction", "")])), None)


@blueprint.post("/service/<uuid:service_id>")
@action("listing:change")
def change_service(service_id: UUID) -> ResponseReturnValue:
    """First what saving would change, field by field, and how the page would look; then, confirmed, the saving. On any
    problem the page comes back as it was typed."""
    form = request.form
    if "again" in form:
        return _edit_page(service_id, {}, 200)
    was_seen: str | int = form.get("seen") or form.get("revision", 0, type=int)
    try:
        with writing() as session:
            if form.get("confirmed") != "yes":
                preview = listings.preview_change(session, actor(), service_id, was_seen, listing_forms.written(form),
                                                  now())
                return render_template("caseworker/preview.html", preview=preview, service_id=service_id,
                                       sent=listing_forms.sent_again(form), shown=shown, label_of=label_of,
                                       hours=hours)
            changes = listings.change_listing(session, actor(), service_id, was_seen, listing_forms.written(form),
                                              now())
            if correction_id := _correction_id():
                corrections.accept(session, actor(), correction_id, now())
    except Invalid as error:
        return _edit_page(service_id, error.errors, 422)
    except listings.Clash as clash:
        return _edit_page(service_id, {}, 409, clash)
    except WrongState as error:
        return _edit_page(service_id, {}, 409, problem=error.args[0])
    flash(_("Saved.") if changes else _("Nothing was different: nothing was changed."))
    return redirect(url_for("caseworker.service", service_id=service_id))


@blueprint.post("/service/<uuid:service_id>/checked")
@action("listing:change")
def checked_today(service_id: UUID) -> ResponseReturnValue:
    """ "Checked today: all is right." """
    with writing() as session:
        listings.check_today(session, actor(), service_id, now())
    flash(_("Checked today."))
    return redirect(local_path(request.form.get("back")) or url_for("caseworker.service", service_id=service_id))


@blueprint.post("/service/<uuid:service_id>/status")
@action("listing:change")
def change_status(service_id: UUID) -> ResponseReturnValue:
    """Close it, or offer it again."""
    try:
        with writing() as session:
            listings.set_status(session, actor(), service_id, request.form.get("status", ""), now())
    except Invalid as error:
        return _edit_page(service_id, error.errors, 422)
    except WrongState as error:
        return _edit_page(service_id, {}, 409, problem=error.args[0])
    flash(_("The status is changed."))
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
            raise Invalid(errors or {"available": say("write how many are free now")})
        with writing() as session:
            availability.add_capacity(session, actor(), service_id, request.form.get("unit", ""), available, maximum,
                                      now())
    except Invalid as error:
        return _edit_page(service_id, error.errors, 422)
    flash(_("The number is on your board."))
    return redirect(url_for("caseworker.service", service_id=service_id))


@blueprint.post("/service/<uuid:service_id>/confidential")
@action("listing:change")
def make_confidential(service_id: UUID) -> ResponseReturnValue:
    """Hide where it is, or change its zone: first what that means, then, confirmed, the act."""
    try:
        zone = resolve_town(request.form.get("zone", ""))
    except PlaceError as error:
        return _edit_page(service_id, {"zone": error.args[0]}, 422)
    if request.form.get("confirmed") != "yes":
        with writing() as session:
            plan = listings.plan_hiding(session, actor(), service_id, zone)
            return render_template("caseworker/hide.html", plan=plan, zone=request.form.get("zone", ""),
                                   label=place_label(zone), label_of=label_of)
    with writing() as session:
        listings.make_confidential(session, actor(), service_id, zone, now())
    listings.forget_places(edge().store, edge().indexes)
    flash(_("The address is sealed. Only the zone is shown from now on."))
    return redirect(url_for("caseworker.service", service_id=service_id))
