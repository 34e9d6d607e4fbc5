"""The administrator: people, and whether they may sign in."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from referral_dir.desk import accounts, break_glass
from referral_dir.domain.errors import Invalid
from referral_dir.domain.vocabulary import Role
from referral_dir.web.auth import action, actor, now, writing

blueprint = Blueprint("administration", __name__, url_prefix="/administration")
GUARD = frozenset({Role.ADMINISTRATOR})


@blueprint.get("/")
@action("people:read")
def people() -> ResponseReturnValue:
    """Everyone who has an account."""
    return _page({}, 200)


def _page(errors: dict[str, str], code: int) -> ResponseReturnValue:
    with writing() as session:
        rows = accounts.people(session, actor())
    return render_template("administration/people.html", rows=rows, errors=errors, form=request.form,
                           roles=list(Role)), code


@blueprint.post("/people")
@action("people:change")
def add_person() -> ResponseReturnValue:
    """Add a person; they change the password after their first sign-in."""
    form = request.form
    try:
        with writing() as session:
            accounts.add_person(session, actor(), email=form.get("email", ""), name=form.get("name", ""),
                                role=form.get("role", ""), organization=form.get("organization", ""),
                                password=form.get("password", ""), now=now())
    except Invalid as error:
        return _page(error.errors, 422)
    flash("Added.")
    return redirect(url_for("administration.people"))


@blueprint.post("/people/<uuid:person_id>/<any(lock, unlock):step>")
@action("people:change")
def set_active(person_id: UUID, step: str) -> ResponseReturnValue:
    """Keep a person out at once, or let them in again."""
    try:
        with writing() as session:
            accounts.set_active(session, actor(), person_id, step == "unlock", now())
    except Invalid as error:
        return _page(error.errors, 422)
    flash("Locked: their sessions are ended." if step == "lock" else "Unlocked.")
    return redirect(url_for("administration.people"))


@blueprint.post("/people/<uuid:person_id>/privileges")
@action("people:change")
def set_privileges(person_id: UUID) -> ResponseReturnValue:
    """Name an officer who may break glass, or who supervises those."""
    form = request.form
    try:
        with writing() as session:
            break_glass.set_privileges(session, actor(), person_id, may_break_glass=bool(form.get("may_break_glass")),
                                       is_supervisor=bool(form.get("is_supervisor")), now=now())
    except Invalid as error:
        return _page(error.errors, 422)
    flash("Saved.")
    return redirect(url_for("administration.people"))
