"""The administrator: organizations, who is in them, which services they keep."""

from typing import TYPE_CHECKING
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from referral_dir.desk import organizations
from referral_dir.domain.errors import Invalid
from referral_dir.domain.vocabulary import Role
from referral_dir.store.db import reading
from referral_dir.web import forms
from referral_dir.web.auth import action, actor, edge, now, writing

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

blueprint = Blueprint("organizations", __name__, url_prefix="/administration/organizations")
GUARD = frozenset({Role.ADMINISTRATOR})
FIELDS = tuple(organizations.LONGEST)


@blueprint.get("")
@action("organization:read")
def everyone() -> ResponseReturnValue:
    """Those that have people here; by words, or all."""
    words, page = forms.asked_words(request.args), forms.asked_page(request.args)
    with reading(edge().store) as session:
        rows, total = organizations.listing(session, actor(), words, all_of_them="all" in request.args, page=page)
        return render_template("administration/organizations.html", rows=rows, total=total, words=words, page=page,
                               pages=-(-total // organizations.PAGE))


@blueprint.get("/new")
@action("organization:change")
def new() -> ResponseReturnValue:
    """The form."""
    return render_template("administration/new_organization.html", form={}, errors={})


@blueprint.post("/new")
@action("organization:change")
def add() -> ResponseReturnValue:
    """Add one."""
    try:
        with writing() as session:
            row = organizations.add(session, actor(), dict(forms.texts(request.form, FIELDS)), now())
    except Invalid as error:
        return render_template("administration/new_organization.html", form=request.form, errors=error.errors), 422
    flash(_("Added. Now invite its people."))
    return redirect(url_for("organizations.one", organization_id=row.id))


@blueprint.get("/<uuid:organization_id>")
@action("organization:read")
def one(organization_id: UUID) -> ResponseReturnValue:
    """One of them."""
    return _one(organization_id, {}, 200)


@blueprint.post("/<uuid:organization_id>")
@action("organization:change")
def change(organization_id: UUID) -> ResponseReturnValue:
    """Correct its name and how it is reached."""
    try:
        with writing() as session:
            organizations.change(session, actor(), organization_id, dict(forms.texts(request.form, FIELDS)), now())
    except Invalid as error:
        return _one(organization_id, error.errors, 422)
    flash(_("Saved."))
    return redirect(url_for("organizations.one", organization_id=organization_id))


@blueprint.post("/<uuid:organization_id>/search")
@action("organization:read")
def search(organization_id: UUID) -> ResponseReturnValue:
    """Services that it could keep, by words."""
    return _one(organization_id, {}, 200)


@blueprint.post("/<uuid:organization_id>/keep")
@action("organization:change")
def keep(organization_id: UUID) -> ResponseReturnValue:
    """It keeps this service from now on, or no longer."""
    try:
        with writing() as session:
            given = _keep_or_stop(session, organization_id)
    except Invalid as error:
        return _one(organization_id, error.errors, 422)
    flash(_("Saved.") if given else _("Not given yet: this service hides where it is. Another administrator must give "
                                      "it to the same organization within a week."))
    return redirect(url_for("organizations.one", organization_id=organization_id))


def _keep_or_stop(session: "Session", organization_id: UUID) -> bool:
    if "stop" not in request.form:
        return organizations.keep(session, actor(), organization_id, _service(), now())
    organizations.unkeep(session, actor(), organization_id, _service(), now())
    return True


@blueprint.post("/<uuid:organization_id>/close")
@action("organization:change", step_up=True)
def close(organization_id: UUID) -> ResponseReturnValue:
    """Take it out of use."""
    try:
        with writing() as session:
            organizations.close(session, actor(), organization_id, now())
    except Invalid as error:
        return _one(organization_id, error.errors, 422)
    flash(_("Out of use: its people are locked, and its services are not offered any more."))
    return redirect(url_for("organizations.one", organization_id=organization_id))


def _service() -> UUID:
    try:
        return UUID(request.form.get("service", ""))
    except ValueError:
        raise Invalid({"service": _("Choose a service.")}) from None


def _one(organization_id: UUID, errors: dict[str, str], code: int) -> ResponseReturnValue:
    words = forms.asked_words(request.form)
    with reading(edge().store) as session:
        whole = organizations.one(session, actor(), organization_id, words)
        form = request.form if "name" in request.form else {f: getattr(whole.organization, f) for f in FIELDS}
        return render_template("administration/organization.html", whole=whole, form=form, errors=errors,
                               words=words, own=organization_id == actor().organization_id), code
