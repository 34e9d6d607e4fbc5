"""Where a hidden service is: written down by its keeper or provider, shown by its provider to one officer."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from referral_dir.desk import asking, listings, reveals
from referral_dir.domain.errors import Invalid
from referral_dir.domain.handoff import UNDER_WAY
from referral_dir.domain.vocabulary import HandoffState, Role
from referral_dir.web import forms
from referral_dir.web.auth import action, actor, edge, now, showing, writing

blueprint = Blueprint("reveals", __name__, url_prefix="/address")
GUARD = frozenset({Role.OFFICER, Role.CASEWORKER, Role.PROVIDER})


@blueprint.get("/service/<uuid:service_id>")
@action("address:keep", step_up=True)
def address(service_id: UUID) -> ResponseReturnValue:
    """What is sealed, to be read and changed by whoever keeps or provides the service."""
    return _address_page(service_id, {}, 200)


def _address_page(service_id: UUID, errors: dict[str, str], code: int) -> ResponseReturnValue:
    with showing() as session:
        kept = reveals.read_address(session, actor(), service_id, now())
    return render_template("reveals/address.html", kept=kept, lines=reveals.LINES, lists=reveals.LISTS, errors=errors,
                           form=request.form), code


@blueprint.post("/service/<uuid:service_id>")
@action("address:keep", step_up=True)
def keep_address(service_id: UUID) -> ResponseReturnValue:
    """Seal what was written."""
    try:
        with writing() as session:
            reveals.keep_address(session, actor(), service_id, forms.texts(request.form, tuple(reveals.LINES)), now())
    except Invalid as error:
        return _address_page(service_id, error.errors, 422)
    listings.forget_places(edge().store, edge().indexes)
    flash(_("Sealed. Only the zone is shown to others."))
    return redirect(url_for("reveals.address", service_id=service_id))


@blueprint.get("/handoff/<uuid:handoff_id>")
@action("address:reveal", step_up=True)
def offer(handoff_id: UUID) -> ResponseReturnValue:
    """To whom it can be shown, and to whom it is."""
    return _offer_page(handoff_id, {}, 200)


def _offer_page(handoff_id: UUID, errors: dict[str, str], code: int) -> ResponseReturnValue:
    with showing() as session:
        found = reveals.offer(session, actor(), handoff_id)
    return render_template("reveals/offer.html", offer=found, errors=errors, form=request.form, now=now(),
                           hours=reveals.DEFAULT_HOURS,
                           under_way=HandoffState(found.handoff.state) in UNDER_WAY), code


@blueprint.post("/handoff/<uuid:handoff_id>")
@action("address:reveal", step_up=True)
def show(handoff_id: UUID) -> ResponseReturnValue:
    """Show it to the person who was chosen."""
    errors: dict[str, str] = {}
    hours = forms.number(request.form, "hours", errors)
    person = next(iter(forms.uuids([request.form.get("person_id", "")])), None)
    try:
        if errors:
            raise Invalid(errors)
        with writing() as session:
            reveals.reveal(session, actor(), handoff_id, person, hours, now())
    except Invalid as error:
        return _offer_page(handoff_id, error.errors, 422)
    flash(_("It is shown to this one person until the time is over or you end it. Each look is recorded."))
    return redirect(url_for("reveals.offer", handoff_id=handoff_id))


@blueprint.post("/handoff/<uuid:handoff_id>/end/<uuid:reveal_id>")
@action("address:reveal")
def end(handoff_id: UUID, reveal_id: UUID) -> ResponseReturnValue:
    """Stop showing it. Nobody has to prove anything to hide more."""
    with writing() as session:
        reveals.end(session, actor(), handoff_id, reveal_id, now())
    flash(_("It is shown no more."))
    return redirect(url_for("reveals.offer", handoff_id=handoff_id))


@blueprint.get("/handoff/<uuid:handoff_id>/shown")
@action("address:read", step_up=True)
def shown(handoff_id: UUID) -> ResponseReturnValue:
    """What the provider shows to me now."""
    with writing() as session:
        found = reveals.read_revealed(session, actor(), handoff_id, now())
        phones = asking.phones(session, found.service.id)
    return render_template("reveals/shown.html", shown=found, lines=reveals.LINES, phones=phones)
