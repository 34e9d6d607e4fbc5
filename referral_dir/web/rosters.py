"""Who is on duty: an organization's own people keep it."""

from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import UUID
from zoneinfo import available_timezones

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from referral_dir.desk import roster
from referral_dir.domain.errors import Invalid
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import Role
from referral_dir.web import forms
from referral_dir.web.auth import action, actor, now, showing, writing

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

blueprint = Blueprint("rosters", __name__, url_prefix="/roster")
GUARD = frozenset({Role.PROVIDER})


@blueprint.get("/")
@action("roster:read")
def page() -> ResponseReturnValue:
    """Who is on duty now, everyone's hours, who is away."""
    return _page({}, 200)


def _page(errors: dict[str, str], code: int) -> ResponseReturnValue:
    with showing() as session:
        plan = roster.read(session, actor(), now())
    return render_template("provider/roster.html", plan=plan, zones=sorted(available_timezones()),
                           errors=errors, form=request.form), code


def _do(act: Callable[["Session"], None], done: str) -> ResponseReturnValue:
    try:
        with writing() as session:
            act(session)
    except Invalid as error:
        return _page(error.errors, 422)
    flash(done)
    return redirect(url_for("rosters.page"))


@blueprint.post("/hours")
@action("roster:change")
def add() -> ResponseReturnValue:
    """Hours on some days."""
    form, person = request.form, _person("person")
    return _do(lambda db: roster.add_shift(db, actor(), person, form.getlist("days"), form.get("begins", ""),
                                           form.get("ends", ""), now()), _("Added."))


@blueprint.post("/hours/remove")
@action("roster:change")
def remove() -> ResponseReturnValue:
    """They are no longer kept."""
    shift = next(iter(forms.uuids([request.form.get("shift", "")])), None)
    return _do(lambda db: roster.remove_shift(db, actor(), shift, now()), _("Removed."))


@blueprint.post("/away")
@action("roster:change")
def away() -> ResponseReturnValue:
    """Away until a day, or back again."""
    person, until = _person("away_person"), request.form.get("until", "").strip()
    # Back again is a form without the field.
    if "until" in request.form and not until:
        return _page({"until": say("Write a day, like 2026-12-24.")}, 422)
    return _do(lambda db: roster.set_away(db, actor(), person, until, now()), _("Saved."))


@blueprint.post("/clock")
@action("roster:change")
def settle() -> ResponseReturnValue:
    """The clock, and when everyone is told."""
    errors: dict[str, str] = {}
    minutes = forms.number(request.form, "escalate_minutes", errors)
    return _do(lambda db: roster.settle(db, actor(), request.form.get("timezone", "").strip(), minutes, now()),
               _("Saved."))


def _person(field: str) -> UUID | None:
    return next(iter(forms.uuids([request.form.get(field, "")])), None)
