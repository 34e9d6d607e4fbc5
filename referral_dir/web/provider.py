"""The service provider: the inbox, one handoff, the answers, and how much is free."""

import math
from datetime import timedelta
from uuid import UUID

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from referral_dir.desk import availability, consents, handoffs, inbox, roster, threads, undoing
from referral_dir.domain.consent_record import WITHDRAWN_BY, Withdrawal
from referral_dir.domain.errors import Invalid
from referral_dir.domain.handoff import choices
from referral_dir.domain.saying import say
from referral_dir.domain.talking import HOLD_FOR
from referral_dir.domain.vocabulary import HandoffAction, Reason, Role
from referral_dir.store.db import reading
from referral_dir.web import board
from referral_dir.web.auth import action, actor, edge, now, showing, writing
from referral_dir.web.languages import in_words

blueprint = Blueprint("provider", __name__, url_prefix="/provider")
GUARD = frozenset({Role.PROVIDER})
BOARD = board.add_views(blueprint, "capacity_board")
# No sign-in lasts longer.
LONGEST_WAIT = timedelta(hours=12)
# What is said after an answer; of most, that the officer will see it.
ANSWERED = say("Done. The officer will see it.")
DONE = {"accept": say("Accepted: the officer is told, and you see what the person agreed to share. Next, say where to "
                      "meet."),
        "reject": say("Declined: the officer is told, and asks another service.")}


@blueprint.get("/")
@action("handoff:receive")
def incoming() -> ResponseReturnValue:
    """What waits, most urgent first; who is coming, who is here; what has ended."""
    with writing() as session:
        found = inbox.read(session, actor(), now())
        lines = availability.board(session, actor(), now())
        plan = roster.read(session, actor(), now())
    return render_template("provider/incoming.html", inbox=found, plan=plan, reasons=_reasons(), hold_for=HOLD_FOR,
                           stale=sum(not line.fresh for line in lines))


@blueprint.get("/version")
@action("handoff:receive", by_itself=True)
def version() -> ResponseReturnValue:
    """A short word that changes when the inbox does: an open page asks for it."""
    with reading(edge().store, actor()) as session:
        return Response(inbox.version(session, actor()), mimetype="text/plain")


@blueprint.get("/handoff/<uuid:handoff_id>/version")
@action("handoff:receive", by_itself=True)
def version_of(handoff_id: UUID) -> ResponseReturnValue:
    """The same for one request."""
    with reading(edge().store, actor()) as session:
        return Response(inbox.version_of(session, actor(), handoff_id), mimetype="text/plain")


def _reasons() -> dict[HandoffAction, tuple[Reason, ...]]:
    return {act: choices(act) for act in (HandoffAction.REJECT, HandoffAction.HOLD, HandoffAction.FAIL,
                                          HandoffAction.CANCEL)}


@blueprint.get("/handoff/<uuid:handoff_id>")
@action("handoff:receive")
def handoff(handoff_id: UUID) -> ResponseReturnValue:
    """One handoff: what may be seen of it now, and what can be done."""
    return _page(handoff_id, {}, 200)


def _page(handoff_id: UUID, errors: dict[str, str], code: int) -> ResponseReturnValue:
    with showing() as session:
        view = handoffs.read_incoming(session, actor(), handoff_id, now())
        thread = threads.read(session, actor(), handoff_id, now())
        seen = inbox.version_of(session, actor(), handoff_id)
        undo_until = undoing.until(session, view.handoff, now())
        said_full = view.handoff.reason == Reason.FULL
        full = availability.still_free(session, actor(), view.service.id) if said_full else None
    text = render_template("provider/handoff.html", view=view, thread=thread, version=seen, reasons=_reasons(),
                           undo_until=undo_until, full=full, set_number=BOARD.set,
                           hold_for=HOLD_FOR, withdrawn_by=WITHDRAWN_BY, errors=errors, form=request.form)
    return text, code, _until_the_end(view, thread)


def _until_the_end(view: handoffs.View, thread: threads.Thread) -> dict[str, str]:
    """Have an open page asked for again when what it shows ends, so that it does not stay on the screen."""
    ends = [view.consent.expires] if (view.identifying or thread.messages) and view.consent else []
    ends += [view.break_glass.expires] if view.vital and view.break_glass else []
    if not ends or min(ends) - now() > LONGEST_WAIT:
        return {}
    seconds = max(1, math.ceil((min(ends) - now()).total_seconds()))
    return {"Refresh": f"{seconds}; url={url_for('provider.handoff', handoff_id=view.handoff.id)}"}


@blueprint.post("/handoff/<uuid:handoff_id>/<any(accept, reject, hold, start, complete, fail, cancel):step>")
@action("handoff:answer")
def answer(handoff_id: UUID, step: str) -> ResponseReturnValue:
    """Answer it, or take the next step."""
    text = request.form.get("reason", "")
    reason = Reason(text) if text in set(Reason) else None
    try:
        with writing() as session:
            if step == "accept":
                handoffs.accept(session, actor(), handoff_id, now(),
                                meeting_point=request.form.get("meeting_point", ""))
            elif step == "cancel":
                if reason is None:
                    raise Invalid({"reason": say("Choose a reason.")})
                handoffs.cancel(session, actor(), handoff_id, reason, now())
            else:
                wanted = HOLD_FOR.get(request.form.get("hours", ""))
                handoffs.answer(session, actor(), handoff_id, HandoffAction(step), now(), reason=reason,
                                hold_until=now() + wanted if wanted else None)
    except Invalid as error:
        return _page(handoff_id, error.errors, 422)
    flash(in_words(DONE.get(step, ANSWERED)))
    return redirect(url_for("provider.handoff", handoff_id=handoff_id))


@blueprint.post("/handoff/<uuid:handoff_id>/undo")
@action("handoff:answer")
def undo(handoff_id: UUID) -> ResponseReturnValue:
    """Take back a decline or an arrival, while nothing has followed."""
    with writing() as session:
        undoing.undo(session, actor(), handoff_id, now())
    flash(_("Undone. The officer will see it."))
    return redirect(url_for("provider.handoff", handoff_id=handoff_id))


@blueprint.post("/handoff/<uuid:handoff_id>/meeting-point")
@action("handoff:answer")
def meeting_point(handoff_id: UUID) -> ResponseReturnValue:
    """Say where to meet, or say it anew, after accepting."""
    try:
        with writing() as session:
            different = handoffs.set_meeting_point(session, actor(), handoff_id,
                                                   request.form.get("meeting_point", ""), now())
    except Invalid as error:
        return _page(handoff_id, error.errors, 422)
    flash(_("Done. The officer will see it.") if different else _("Nothing was different: nothing was changed."))
    return redirect(url_for("provider.handoff", handoff_id=handoff_id))


@blueprint.post("/handoff/<uuid:handoff_id>/withdrawn")
@action("consent:relay")
def withdrawn(handoff_id: UUID) -> ResponseReturnValue:
    """The person said here that they take their consent back."""
    try:
        with writing() as session:
            said = Withdrawal(request.form.get("by", "person"), "told_service")
            consents.relay_withdrawal(session, actor(), handoff_id, said, now())
    except Invalid as error:
        return _page(handoff_id, error.errors, 422)
    flash(_("Recorded. It holds at once: nothing of the case is shown any more, and the officer is told."))
    return redirect(url_for("provider.incoming"))


@blueprint.get("/board")
@action("capacity:read")
def capacity_board() -> ResponseReturnValue:
    """How much is free: what needs a word first."""
    return board.page(BOARD)
