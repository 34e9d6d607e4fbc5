"""What both sides of a handoff say to each other: questions, answers, times of arrival, and these as a calendar."""

from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import UUID

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from referral_dir.desk import calendar, threads
from referral_dir.domain.errors import Invalid
from referral_dir.domain.vocabulary import Role
from referral_dir.web.auth import action, actor, now, showing, writing
from referral_dir.web.languages import ui_language

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

blueprint = Blueprint("threads", __name__, url_prefix="/thread")
GUARD = frozenset({Role.OFFICER, Role.PROVIDER})
Act = Callable[["Session"], None]


@blueprint.get("/<uuid:handoff_id>")
@action("thread:read")
def page(handoff_id: UUID) -> ResponseReturnValue:
    """The thread alone."""
    return _page(handoff_id, {}, 200)


def _page(handoff_id: UUID, errors: dict[str, str], code: int) -> ResponseReturnValue:
    with showing() as session:
        thread = threads.look(session, actor(), handoff_id, now())
    return render_template("threads/page.html", thread=thread, errors=errors, form=request.form), code


def _do(handoff_id: UUID, act: Act, done: str) -> ResponseReturnValue:
    """Do it and go back to the handoff; what can't be used comes back as it was typed, with why."""
    try:
        with writing() as session:
            act(session)
    except Invalid as error:
        return _page(handoff_id, error.errors, 422)
    flash(done)
    home = "provider.handoff" if actor().role == Role.PROVIDER else "officer.handoff"
    return redirect(url_for(home, handoff_id=handoff_id, _anchor="thread"))


@blueprint.post("/<uuid:handoff_id>/ask")
@action("thread:write")
def ask(handoff_id: UUID) -> ResponseReturnValue:
    """Ask by a tap."""
    return _do(handoff_id, lambda db: threads.ask(db, actor(), handoff_id, request.form.get("question", ""), now()),
               _("Asked. The other side is told that a message waits."))


@blueprint.post("/<uuid:handoff_id>/answer")
@action("thread:write")
def answer(handoff_id: UUID) -> ResponseReturnValue:
    """Answer by a tap: the button says which question and what."""
    code, _colon, value = request.form.get("answer", "").partition(":")
    return _do(handoff_id, lambda db: threads.answer(db, actor(), handoff_id, code, value, now()), _("Answered."))


@blueprint.post("/<uuid:handoff_id>/write")
@action("thread:write")
def write(handoff_id: UUID) -> ResponseReturnValue:
    """Write in words."""
    return _do(handoff_id, lambda db: threads.write(db, actor(), handoff_id, request.form.get("text", ""), now()),
               _("Sent. The other side is told that a message waits."))


@blueprint.post("/<uuid:handoff_id>/propose")
@action("time:propose")
def propose(handoff_id: UUID) -> ResponseReturnValue:
    """Propose when the person can come."""
    when = list(zip(request.form.getlist("day"), request.form.getlist("clock"), strict=False))
    return _do(handoff_id, lambda db: threads.propose(db, actor(), handoff_id, when, now()),
               _("Proposed. The officer is told."))


@blueprint.post("/<uuid:handoff_id>/time/<uuid:time_id>/accept")
@action("time:decide")
def accept_time(handoff_id: UUID, time_id: UUID) -> ResponseReturnValue:
    """This one suits."""
    return _do(handoff_id, lambda db: threads.accept_time(db, actor(), handoff_id, time_id, now()),
               _("Agreed. The service is told."))


@blueprint.post("/<uuid:handoff_id>/another-time")
@action("time:decide")
def another_time(handoff_id: UUID) -> ResponseReturnValue:
    """None of them suits."""
    return _do(handoff_id, lambda db: threads.ask_another_time(db, actor(), handoff_id, request.form.get("wish", ""),
                                                               now()), _("The service is asked for another time."))


@blueprint.get("/<uuid:handoff_id>/arrival.ics")
@action("calendar:read")
def arrival(handoff_id: UUID) -> ResponseReturnValue:
    """The agreed time, for a calendar."""
    with writing() as session:
        text = calendar.of_handoff(session, actor(), handoff_id, ui_language(), now())
    return _file(text, "arrival.ics")


@blueprint.get("/arrivals.ics")
@action("calendar:read")
def arrivals() -> ResponseReturnValue:
    """All that are still to come."""
    with writing() as session:
        text = calendar.upcoming(session, actor(), ui_language(), now())
    return _file(text, "arrivals.ics")


def _file(text: bytes, name: str) -> Response:
    return Response(text, mimetype="text/calendar", headers={"Content-Disposition": f'attachment; filename="{name}"'})
