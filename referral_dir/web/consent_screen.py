"""Consent on a screen that is held out to the person: in their language, large, with nothing of the case on it.

What they press is written down only when the officer says that it was they who pressed.
"""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from referral_dir.desk import cases, consents, tasks
from referral_dir.desk.translating import in_language
from referral_dir.domain import consent_record as record
from referral_dir.domain import receipt as copy
from referral_dir.domain.consent_record import Answer
from referral_dir.domain.errors import Invalid
from referral_dir.domain.notices import languages as notice_languages
from referral_dir.domain.notices import notice
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import ConsentMethod, ConsentState, Role
from referral_dir.web import forms, steps
from referral_dir.web.auth import action, actor, now, showing, writing

blueprint = Blueprint("screen", __name__, url_prefix="/officer")
GUARD = frozenset({Role.OFFICER})
# Said to the person, so in their language and not in the officer's.
WORDS = {
    "yes": say("Yes"), "no": say("No"), "question": say("I have a question"),
    "pressed_yes": say("You pressed: Yes"), "pressed_no": say("You pressed: No"),
    "pressed_question": say("You have a question. Ask it now."),
    "give_back": say("Please give this back to the officer."), "again": say("Read it again"),
    "read_aloud": say("Read aloud"), "languages": say("Languages"), "your_answer": say("Your answer"),
}
ASKED_NOW = frozenset({ConsentState.DRAFT, ConsentState.EXPLAINED})


@blueprint.get("/consent/<uuid:consent_id>/show")
@action("consent:record")
def show(consent_id: UUID) -> ResponseReturnValue:
    """The notice and three answers, for the person to read, hear and press."""
    return _screen("officer/screen.html", consent_id, {}, 200)


@blueprint.post("/consent/<uuid:consent_id>/show/<any(yes, no, question):step>")
@action("consent:record")
def press(consent_id: UUID, step: str) -> ResponseReturnValue:
    """They pressed an answer. Nothing is written down yet: the phone asks for the officer."""
    return _screen("officer/pressed.html", consent_id, {}, 200, pressed=step)


@blueprint.post("/consent/<uuid:consent_id>/show/record")
@action("consent:record")
def keep(consent_id: UUID) -> ResponseReturnValue:
    """The officer says that it was the person who pressed, and how it was explained."""
    form = request.form
    pressed = "yes" if form.get("pressed") == "yes" else "no"
    answer = Answer(method=ConsentMethod.DIGITAL, assent=forms.yes_or_no(form, "assent")) if pressed == "yes" else None
    try:
        with writing() as session:
            row = consents.on_screen(session, actor(), consent_id, forms.explanation(form), answer, now())
            service_id = tasks.chosen_service(session, actor(), row)
            waiting = tasks.of_case(session, actor(), cases.own_case(session, actor(), row.case_id), now())
    except Invalid as error:
        return _screen("officer/pressed.html", consent_id, error.errors, 422, pressed=pressed)
    if pressed == "no" or service_id is None:
        flash(_("Refused. Nothing is shared. You can still give the person this service's number.")
              if pressed == "no" else _("Consent is recorded."))
        return redirect(url_for("consent.page", consent_id=row.id))
    flash(_("Consent is recorded."))
    return redirect(steps.page_for(waiting, row.case_id, service_id))


def _screen(template: str, consent_id: UUID, errors: dict[str, str], code: int,
            pressed: str = "") -> ResponseReturnValue:
    with showing() as session:
        row, found, _name = consents.read(session, actor(), consent_id, now())
    if row.state not in ASKED_NOW:
        return redirect(url_for("consent.page", consent_id=consent_id))
    spoken = forms.spoken(request.values, row, found)
    text = notice(spoken)
    words = {key: in_language(word, text.language) for key, word in WORDS.items()}
    return render_template(
        template, consent=row, notice=text, spoken=spoken, words=words, t=copy.phrases(text.language),
        languages=notice_languages(), pressed=pressed, record=record, errors=errors, form=request.form,
        thoughts=[line.strip() for line in text.text.splitlines() if line.strip()],
        child=found.age_band in record.CHILDREN, along=cases.child_along(found),
        guarded=found.age_band in record.CHILDREN or cases.child_along(found)
        or request.form.get("capacity") in ("minor", "unclear")), code
