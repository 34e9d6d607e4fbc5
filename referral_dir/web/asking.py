"""From a chosen service to a sent request: choose, check what leaves; and whether anything was answered since."""

from uuid import UUID

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from referral_dir.desk import asking, cases, handoffs, tasks
from referral_dir.domain.vocabulary import Role
from referral_dir.web import steps
from referral_dir.web.auth import action, actor, edge, now, showing, writing

blueprint = Blueprint("asking", __name__, url_prefix="/officer")
GUARD = frozenset({Role.OFFICER})


@blueprint.post("/case/<uuid:case_id>/ask/<uuid:service_id>")
@action("handoff:request")
def choose(case_id: UUID, service_id: UUID) -> ResponseReturnValue:
    """Keep the choice, and go on with whatever comes next: consent, or where it stands, the check."""
    with writing() as session:
        row = handoffs.choose(session, actor(), case_id, service_id, now())
        if row.requested is not None:
            return redirect(url_for("officer.handoff", handoff_id=row.id))
        waiting = tasks.of_case(session, actor(), cases.own_case(session, actor(), case_id), now())
    return redirect(steps.page_for(waiting, case_id, service_id))


@blueprint.get("/case/<uuid:case_id>/check/<uuid:service_id>")
@action("handoff:check")
def check(case_id: UUID, service_id: UUID) -> ResponseReturnValue:
    """Exactly what the service will see, when, and until when. Nothing has left yet."""
    with showing() as session:
        found = asking.check(session, edge().indexes, actor(), case_id, service_id, now())
    if found.sent is not None:
        return redirect(url_for("officer.handoff", handoff_id=found.sent.id))
    if not found.ready:
        return redirect(url_for("consent.draft", case_id=case_id, service_id=service_id))
    return render_template("officer/check.html", check=found, title=_("Check before you send"))


@blueprint.get("/handoff/<uuid:handoff_id>/version")
@action("handoff:read", by_itself=True)
def version(handoff_id: UUID) -> ResponseReturnValue:
    """Changes when anything was answered. An open page asks for it every few seconds; it says nothing else."""
    with showing() as session:
        found = handoffs.version(session, actor(), handoff_id)
    answer = Response(found, mimetype="text/plain")
    answer.set_etag(found)
    return answer.make_conditional(request)
