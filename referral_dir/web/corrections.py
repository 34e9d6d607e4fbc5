"""Saying that something of a service is wrong: by anyone about a public service, by staff about every one."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from referral_dir.desk import corrections, limits
from referral_dir.domain.errors import Invalid
from referral_dir.store.db import reading, transaction
from referral_dir.web.auth import PUBLIC, action, actor, edge, now, writing
from referral_dir.web.languages import only_language
from referral_dir.web.security import csrf

blueprint = Blueprint("corrections", __name__)
# Each view's own action says whether it asks for signing in.
GUARD = PUBLIC


@blueprint.get("/service/<uuid:service_id>/correct")
@action("correction:public")
def public_form(service_id: UUID) -> ResponseReturnValue:
    """What is wrong? Nothing of who asks is looked at."""
    return _public_page(service_id, {}, 200)


def _public_page(service_id: UUID, errors: dict[str, str], code: int, *, sent: bool = False) -> ResponseReturnValue:
    with reading(edge().store) as session:
        name = corrections.service_to_correct(session, None, service_id)
    return render_template("public/correct.html", service_id=service_id, name=name, errors=errors, form=request.form,
                           about=corrections.ABOUT, longest=corrections.LONGEST, sent=sent), code


# No session stands behind this form, so there is nothing that a forged one could use; a token would set a cookie.
@blueprint.post("/service/<uuid:service_id>/correct")
@csrf.exempt  # type: ignore[untyped-decorator]
@action("correction:public")
def public_send(service_id: UUID) -> ResponseReturnValue:
    """Keep the words, and nothing of who wrote them: the network counts for an hour, as a keyed hash."""
    form = request.form
    try:
        if only_language():
            raise Invalid({})
        with transaction(edge().store) as session:
            corrections.send(session, None, service_id, form.get("about", ""), form.get("text", ""), now(),
                             network=limits.network(request.remote_addr), trap=form.get("website", ""))
    except Invalid as error:
        return _public_page(service_id, error.errors, 422)
    return _public_page(service_id, {}, 200, sent=True)


@blueprint.get("/correction/service/<uuid:service_id>")
@action("correction:send")
def staff_form(service_id: UUID) -> ResponseReturnValue:
    """What is wrong? For officers and caseworkers, also about a service that is hidden."""
    return _staff_page(service_id, {}, 200)


def _staff_page(service_id: UUID, errors: dict[str, str], code: int) -> ResponseReturnValue:
    with reading(edge().store, actor()) as session:
        name = corrections.service_to_correct(session, actor(), service_id)
        mine = corrections.keeps(session, actor(), service_id)
    return render_template("officer/correct.html", service_id=service_id, name=name, errors=errors, form=request.form,
                           about=corrections.ABOUT, longest=corrections.LONGEST, mine=mine), code


@blueprint.post("/correction/service/<uuid:service_id>")
@action("correction:send")
def staff_send(service_id: UUID) -> ResponseReturnValue:
    """Send it to whoever keeps the service."""
    form = request.form
    try:
        with writing() as session:
            corrections.send(session, actor(), service_id, form.get("about", ""), form.get("text", ""), now())
    except Invalid as error:
        return _staff_page(service_id, error.errors, 422)
    flash(_("Thank you. Whoever keeps this service is told."))
    return redirect(url_for("corrections.staff_form", service_id=service_id))
