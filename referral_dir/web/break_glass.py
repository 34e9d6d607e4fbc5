"""Vital interests: break glass for one chosen service, and the review of it by someone else."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from referral_dir.desk import break_glass
from referral_dir.domain import break_glass as rules
from referral_dir.domain.errors import Invalid
from referral_dir.domain.vocabulary import Role
from referral_dir.web.auth import action, actor, now, showing, writing

blueprint = Blueprint("break_glass", __name__, url_prefix="/vital")
GUARD = frozenset({Role.OFFICER, Role.OVERSEER})


@blueprint.get("/case/<uuid:case_id>/<uuid:service_id>")
@action("case:break_glass", step_up=True)
def form(case_id: UUID, service_id: UUID) -> ResponseReturnValue:
    """The questions, for the service that was chosen and no other."""
    return _form(case_id, service_id, {}, 200)


def _form(case_id: UUID, service_id: UUID, errors: dict[str, str], code: int) -> ResponseReturnValue:
    with showing() as session:
        case, service = break_glass.prepare(session, actor(), case_id, service_id, now())
    return render_template("officer/break_glass.html", case=case, service=service, rules=rules, errors=errors,
                           form=request.form), code


@blueprint.post("/case/<uuid:case_id>/<uuid:service_id>")
@action("case:break_glass", step_up=True)
def grant(case_id: UUID, service_id: UUID) -> ResponseReturnValue:
    """Break the glass."""
    sent = request.form
    claim = rules.Claim(
        reason=sent.get("reason", ""), imminence=sent.get("imminence", ""),
        why_no_consent=sent.get("why_no_consent", ""), explanation=sent.get("explanation", ""),
        fields=sent.getlist("fields"))
    try:
        with writing() as session:
            break_glass.grant(session, actor(), case_id, service_id, claim, now())
    except Invalid as error:
        return _form(case_id, service_id, error.errors, 422)
    flash(_("For one hour this organization may see these fields once it has accepted. "
            "Your supervisor and the overseers have been told. Now send the request."))
    return redirect(url_for("asking.check", case_id=case_id, service_id=service_id))


@blueprint.get("/reviews")
@action("break_glass:review")
def reviews() -> ResponseReturnValue:
    """What waits for my review."""
    with writing() as session:
        waiting = break_glass.waiting(session, actor(), now())
    return render_template("break_glass/reviews.html", waiting=waiting)


@blueprint.route("/review/<uuid:break_glass_id>", methods=["GET", "POST"])
@action("break_glass:review")
def review(break_glass_id: UUID) -> ResponseReturnValue:
    """Reasons and names of fields; and the verdict."""
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            with writing() as session:
                break_glass.review(session, actor(), break_glass_id, request.form.get("verdict", ""), now())
            flash(_("Your review is recorded."))
            return redirect(url_for("break_glass.reviews"))
        except Invalid as error:
            errors = error.errors
    with showing() as session:
        report = break_glass.read(session, actor(), break_glass_id, now())
    return render_template("break_glass/review.html", report=report, rules=rules, errors=errors,
                           form=request.form), \
        422 if errors else 200
