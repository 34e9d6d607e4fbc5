"""Pages for anyone: find help in plain words, helplines, what stays behind. No cookie, and nothing is stored.

What is asked is sent by POST, so that it stays out of addresses and histories. The one thing that is counted is how
often a network searches (`desk/public_help.py`).
"""

from collections.abc import Sequence
from uuid import UUID

from babel import Locale
from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, logout_user

from referral_dir.desk import accounts, find, public_help
from referral_dir.desk.public_help import Question, WhichPlace
from referral_dir.domain.errors import Invalid
from referral_dir.domain.helplines import countries, helplines
from referral_dir.domain.plain_needs import WORDS, Wish
from referral_dir.store.db import reading
from referral_dir.web import leaving
from referral_dir.web.auth import PUBLIC, action, actor, edge, now, writing
from referral_dir.web.forms import Form, chosen_place
from referral_dir.web.hours import hours
from referral_dir.web.languages import only_language, ui_language
from referral_dir.web.security import csrf

blueprint = Blueprint("public", __name__)
GUARD = PUBLIC


@blueprint.get("/")
@action("public:read")
def home() -> ResponseReturnValue:
    """Whom to call, and what to ask for."""
    # A page in another language than English is read by somebody who speaks it.
    return _home({"speak": ui_language() if ui_language() != "en" else ""})


# No session stands behind this form, so there is nothing that a forged one could use; a token would set a cookie.
@blueprint.post("/")
@csrf.exempt  # type: ignore[untyped-decorator]
@action("public:search")
def search() -> ResponseReturnValue:
    """What helps with a wish, or with words."""
    form = chosen_place(request.form)
    if only_language() and "answered" not in form:
        return _home(form)
    if not public_help.may_search(edge().store, request.remote_addr, now()):
        return render_template("public/wait.html", lines=helplines(None)), 429
    try:
        with reading(edge().store) as db:
            answer = public_help.search(db, edge().indexes, _question(form), now())
    except WhichPlace as error:
        return _home(form, error.errors, error.choices), 422
    except Invalid as error:
        return _home(form, error.errors), 422
    return render_template("public/found.html", answer=answer, form=form, errors={}, choices=(), wishes=WORDS,
                           lines=helplines(answer.place.country if answer.place else None))


@blueprint.get("/service/<uuid:service_id>")
@action("public:read")
def service(service_id: UUID) -> ResponseReturnValue:
    """One service that anyone may know of."""
    return _service("public/service.html", service_id)


@blueprint.get("/service/<uuid:service_id>/card")
@action("public:read")
def card(service_id: UUID) -> ResponseReturnValue:
    """The same to print or write down: small enough for a pocket, and it says nothing of this site."""
    return _service("public/card.html", service_id)


@blueprint.get("/helplines")
@blueprint.get("/helplines/<country>")
@action("public:read")
def helplines_page(country: str | None = None) -> ResponseReturnValue:
    """Numbers to call, by country."""
    return _helplines(country)


# As the search: without a session, and so without a token.
@blueprint.post("/helplines")
@csrf.exempt  # type: ignore[untyped-decorator]
@action("public:read")
def chosen_helplines() -> ResponseReturnValue:
    """The numbers of the country that was chosen; POST, so that the history does not hold it."""
    return _helplines(request.form.get("country"))


@blueprint.get("/safety")
@action("public:read")
def safety() -> ResponseReturnValue:
    """What stays behind when somebody has been here, and what they can do about it."""
    return render_template("public/safety.html")


@blueprint.get("/about")
@action("public:read")
def about() -> ResponseReturnValue:
    """What this is, and what is kept."""
    return render_template("public/about.html")


@blueprint.get("/leave")
@action("public:read")
def leave() -> ResponseReturnValue:
    """The exit: an empty page; what this site left in the browser is cleared, and Back shows nothing."""
    session.clear()
    return leaving.leave()


# Without a token: it must work on a page that has been open for too long. The origin is checked, and all that a
# forged one could do is to sign somebody out.
@blueprint.post("/leave")
@csrf.exempt  # type: ignore[untyped-decorator]
@action("public:read")
def leave_now() -> ResponseReturnValue:
    """The exit of somebody who is signed in: the session ends on the server too."""
    if current_user.is_authenticated:
        with writing() as db:
            accounts.sign_out(db, actor(), current_user.id, now())
        logout_user()
    session.clear()
    return leaving.leave()


@blueprint.get("/favicon.ico")
@action("public:read")
def favicon() -> ResponseReturnValue:
    """A plain mark."""
    return redirect(url_for("static", filename="icon.svg"))


def _home(form: Form | dict[str, str], errors: dict[str, str] | None = None,
          choices: Sequence[str] = ()) -> str:
    return render_template("public/home.html", form=form, errors=errors or {}, choices=choices, wishes=WORDS,
                           lines=helplines(None), countries=_countries())


def _question(form: Form) -> Question:
    """The form's wish counts before its words; what it does not know is left out."""
    wish, language = form.get("wish", ""), form.get("speak", "")
    return Question(Wish(wish) if wish in set(Wish) else None, form.get("text", "")[:public_help.LONGEST],
                    form.get("near", ""), language[:35])


def _service(template: str, service_id: UUID) -> str:
    with reading(edge().store) as db:
        # Inside: what was read can't be looked at any more once the reading has ended.
        return render_template(template, view=find.read_service(db, None, service_id, now()), hours=hours)


def _helplines(country: str | None) -> str:
    known = _countries()
    code = (country or "").upper() if (country or "").upper() in known else None
    return render_template("public/helplines.html", country=code, lines=helplines(code), countries=known)


def _countries() -> dict[str, str]:
    """Those that have helplines, by code, in the page's language and in its order."""
    names = Locale(ui_language()).territories
    return dict(sorted(((code, str(names.get(code, code))) for code in countries()), key=lambda pair: pair[1]))
