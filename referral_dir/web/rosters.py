"""Who is on duty: an organization's own people keep it."""

from collections.abc import Callable
from typing import TYPE_CHECKING
from zoneinfo import available_timezones

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from referral_dir.desk import roster
from referral_dir.domain.errors import Invalid, NotFound
from referral_dir.domain.opening import DAYS
from referral_dir.domain.vocabulary import Role
from referral_dir.web import forms
from referral_dir.web.auth import action, actor, now, writing

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
    with writing_or_not() as session:
        plan = roster.read(session, actor(), now())
    return render_template("provider/roster.html", plan=plan, days=DAYS, zones=sorted(available_timezones()),
                           errors=errors, form=request.form), code


def _do(act: Callable[["Session"], None], done: str) -> ResponseReturnValue:
    try:
        with writing() as session:
            act(session)
    except Invalid as error:
        return _page(error.errors, 422)
    flash(done)
    return redirect(url_for("rosters.page"))
