"""Consent in three plain steps: what would be shared, the notice in the person's language, the answer; and their copy.

The pages ask; desk/consents.py decides.
"""

from datetime import UTC, datetime
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from referral_dir.desk import asking, break_glass, cases, consents, find, interpreters, receipts, tasks
from referral_dir.domain import consent_record as record
from referral_dir.domain import receipt as copy
from referral_dir.domain.consent import IDENTIFYING_FIELDS
from referral_dir.domain.consent_record import Answer, Terms, Withdrawal
from referral_dir.domain.errors import Invalid, NotFound
from referral_dir.domain.notices import languages as notice_languages
from referral_dir.domain.notices import notice
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import ConsentMethod, Role
from referral_dir.web import forms, steps, uploads
from referral_dir.web.auth import action, actor, edge, now, showing, writing
from referral_dir.web.languages import in_words

blueprint = Blueprint("consent", __name__, url_prefix="/officer")
GUARD = frozenset({Role.OFFICER})
DONE = {"explain": say("Explained. Now the answer."), "give": say("Consent is recorded."),
        "refuse": say("Refused. Nothing is shared. You can still give the person this service's number."),
        "withdraw": say("Withdrawn. Access has ended, waiting messages and holds are cancelled.")}


@blueprint.url_value_preprocessor
def allow_evidence(endpoint: str | None, values: dict[str, object] | None) -> None:
    """Only the answer may bring a recording along. It is hashed as it arrives."""
    if endpoint == "consent.move" and values is not None and values.get("step") == "give":
        request.max_content_length = uploads.MAXIMUM_EVIDENCE


@blueprint.route("/case/<uuid:case_id>/consent/<uuid:service_id>", methods=["GET", "POST"])
@action("consent:record")
def draft(case_id: UUID, service_id: UUID) -> ResponseReturnValue:
    """Step 1: what would be shared with whom, and until when."""
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            terms, written = _terms(request.form), _written(request.form)
            with writing() as session:
                row = asking.prepare(session, actor(), case_id, service_id, terms, written, now())
            if request.form.get("then") == "show":
                return redirect(url_for("screen.show", consent_id=row.id))
            return redirect(url_for("consent.page", consent_id=row.id, read="yes"))
        except Invalid as error:
            errors = error.errors
    with showing() as session:
        found = cases.own_case(session, actor(), case_id)
        view = find.read_service(session, actor(), service_id, now())
        standing = consents.standing(session, actor(), case_id, view.service.organization_id, now())
        vital = break_glass.may_break(session, actor(), now())
        voices = interpreters.voices_for_notice(session, edge().indexes, cases.need_of(session, found), now())
        lasting = any(row.expires > now() and row.recipient_organization_id == view.service.organization_id
                      for row, _name in break_glass.of_case(session, actor(), case_id))
    return render_template("officer/consent_draft.html", case=found, view=view, errors=errors, form=request.form,
                           standing=standing, voices=voices, may_break_glass=vital, lasting=lasting,
                           record=record), 422 if request.method == "POST" else 200


def _written(form: forms.Form) -> dict[str, str]:
    """What was written down on the spot, to be shared; what is empty changes nothing. Raises Invalid where something is
    written and not ticked: it may be a tick that was taken away."""
    sent = {field: form.get(f"write_{field}", "").strip() for field in IDENTIFYING_FIELDS}
    wrong: dict[str, str] = {f"write_{field}": say("tick it if it may be shared, or empty it")
                             for field, value in sent.items() if value and field not in form.getlist("fields")}
    if wrong:
        raise Invalid(wrong)
    return {field: value for field, value in sent.items() if value}


def _terms(form: forms.Form) -> Terms:
    errors: dict[str, str] = {}
    days, review = forms.number(form, "days", errors), forms.number(form, "review_days", errors)
    begins = None
    if form.get("valid_from", "").strip():
        try:
            begins = datetime.strptime(form["valid_from"].strip(), "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError:
            errors["valid_from"] = say("write a day as 2026-12-31, or leave it empty")
    if errors:
        raise Invalid(errors)
    return Terms(fields=form.getlist("fields"), days=record.DEFAULT_DAYS if days is None else days, valid_from=begins,
                 review_days=record.REVIEW_DAYS if review is None else review,
                 onward_sharing=form.get("onward_sharing") == "yes", legal_basis=form.get("legal_basis", "public_task"))


@blueprint.get("/consent/<uuid:consent_id>")
@action("consent:record")
def page(consent_id: UUID) -> ResponseReturnValue:
    """Steps 2 and 3: the notice in the person's language, then the answer; afterwards the record."""
    return _page(consent_id, {}, 200)


def _page(consent_id: UUID, errors: dict[str, str], code: int) -> ResponseReturnValue:
    form = request.form
    with showing() as session:
        row, found, name = consents.read(session, actor(), consent_id, now())
        service_id = tasks.chosen_service(session, actor(), row)
        voices = interpreters.voices_for_notice(session, edge().indexes, cases.need_of(session, found), now())
    spoken = forms.spoken(request.values, row, found)
    return render_template("officer/consent.html", consent=row, case=found, organization=name, notice=notice(spoken),
                           spoken=spoken, voices=voices, languages=notice_languages(), methods=list(ConsentMethod),
                           errors=errors, form=form, record=record, code=copy.code(row.id), today=now(),
                           guarded=record.needs_guardian(row.capacity, found.age_band,
                                                         child_along=cases.child_along(found)),
                           child=found.age_band in record.CHILDREN, along=cases.child_along(found),
                           service_id=service_id), code


@blueprint.post("/consent/<uuid:consent_id>/<any(explain, give, refuse, withdraw):step>")
@action("consent:record")
def move(consent_id: UUID, step: str) -> ResponseReturnValue:
    """One step of the record."""
    form = request.form
    try:
        with writing() as session:
            if step == "explain":
                row = consents.explain(session, actor(), consent_id, forms.explanation(form), now())
            elif step == "give":
                row = consents.give(session, actor(), consent_id, _answer(form), now())
            elif step == "refuse":
                row = consents.refuse(session, actor(), consent_id, now=now())
            else:
                said = Withdrawal(form.get("by", "person"), form.get("method", "told_officer"))
                row = consents.withdraw(session, actor(), consent_id, said, now())
            service_id = tasks.chosen_service(session, actor(), row)
            waiting = tasks.of_case(session, actor(), cases.own_case(session, actor(), row.case_id), now())
    except Invalid as error:
        return _page(consent_id, error.errors, 422)
    flash(in_words(DONE[step]))
    if step == "give" and service_id is not None:
        return redirect(steps.page_for(waiting, row.case_id, service_id))
    if step == "withdraw":
        return redirect(url_for("officer.case", case_id=row.case_id))
    return redirect(url_for("consent.page", consent_id=row.id))


def _answer(form: forms.Form) -> Answer:
    """The answer; the file's hash counts, and one that was typed must be the same."""
    typed = form.get("evidence", "").strip().casefold()
    computed = uploads.digest_of(request, "evidence_file")
    if typed and computed and typed != computed:
        raise Invalid({"evidence": say("the file has another SHA-256 than the one you wrote")})
    return Answer(method=form.get("method", ""), witness=form.get("witness", ""), evidence_sha256=computed or typed,
                  assent=forms.yes_or_no(form, "assent"))


@blueprint.route("/consent/<uuid:consent_id>/copy", methods=["GET", "POST"])
@action("consent:record")
def receipt(consent_id: UUID) -> ResponseReturnValue:
    """The person's own copy, to print. The number on it can be chosen; it is not kept."""
    form, errors = request.form, {}
    number = form.get("number") if request.method == "POST" else None
    try:
        with writing() as session:
            made, spoken = receipts.make(session, actor(), consent_id, now(), number=number)
    except Invalid as error:
        errors = error.errors
        with showing() as session:
            made, spoken = receipts.make(session, actor(), consent_id, now(), number="")
    wanted = form.get("language") or spoken
    language = next((c for c in (wanted, wanted.partition("-")[0]) if c in copy.languages()), "en")
    return render_template("officer/receipt.html", made=made, t=copy.phrases(language), language=language,
                           languages=copy.languages(), errors=errors, consent_id=consent_id,
                           number=number if errors else made.number), 422 if errors else 200


@blueprint.post("/consent/code")
@action("consent:record")
def by_code() -> ResponseReturnValue:
    """Someone calls and says the code of their copy."""
    try:
        with writing() as session:
            row = consents.by_code(session, actor(), request.form.get("code", ""), now())
    except NotFound:
        flash(_("No copy of your organization has this code. Ask for it again, letter by letter."))
        return redirect(url_for("officer.my_cases"))
    return redirect(url_for("consent.page", consent_id=row.id))
