"""Refusals and errors as pages: what happened, what to do next, never a trace."""

import secrets

from flask import Flask, Response, current_app, g, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from referral_dir import logs
from referral_dir.desk import budgets
from referral_dir.domain.errors import (
    ConsentMissing,
    Forbidden,
    Invalid,
    NoCapacity,
    NotFound,
    PurposeNeeded,
    Refused,
    TooOften,
    WrongState,
)
from referral_dir.domain.saying import Said, say
from referral_dir.domain.vocabulary import Purpose
from referral_dir.web.auth import actor_or_none, edge, now

TITLES = {
    400: say("This form can't be used"), 403: say("Not with this account"), 404: say("Not found"),
    405: say("Not possible here"), 409: say("This has changed meanwhile"), 413: say("Too much at once"),
    422: say("Please check what was entered"), 429: say("Too many tries"), 500: say("Something went wrong"),
}
TEXTS = {
    403: say("Your account is for other tasks. Sign in with another one, or ask your administrator."),
    404: say("There is nothing here, or it is not for your organization."),
    405: say("Go back and use the buttons on the page."),
    413: say("The form holds more than can be sent. Shorten the texts and try again."),
}
BROKEN = say("Nothing was lost on our side. Try again; if it stays, tell whoever looks after this site the reference.")
CODES: dict[type[Refused], int] = {Forbidden: 403, NotFound: 404, WrongState: 409, ConsentMissing: 409,
                                   NoCapacity: 409, TooOften: 429, Invalid: 422}


def install(app: Flask) -> None:
    """One handler for each kind."""
    app.register_error_handler(Refused, refused)
    app.register_error_handler(PurposeNeeded, ask_for_the_purpose)
    app.register_error_handler(CSRFError, stale_form)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(Exception, unexpected)


def reference() -> str:
    """What this answer's page and its entries in log and audit trail have in common. It says nothing by itself."""
    if "reference" not in g:
        g.reference = secrets.token_hex(4)
    found: str = g.reference
    return found


def page(code: int, text: str) -> ResponseReturnValue:
    """A page that says what happened, with a reference to ask about it by."""
    return render_template("error.html", title=TITLES.get(code, say("Not possible")), text=text,
                           reference=reference()), code


def refused(error: Refused) -> ResponseReturnValue:
    """A rule said no: what was begun has been rolled back; the refusal itself is audited."""
    code = next((CODES[kind] for kind in type(error).__mro__ if kind in CODES), 409)
    audit_refusal(type(error).__name__)
    return page(code, TEXTS.get(code) or next(iter(error.args), ""))


def ask_for_the_purpose(error: PurposeNeeded) -> ResponseReturnValue:
    """Not refused yet: the question that comes first, wherever somebody else's case is opened."""
    return render_template("officer/purpose.html", case_id=error.case_id, errors={}, purposes=list(Purpose))


def stale_form(error: CSRFError) -> ResponseReturnValue:
    """The token is missing or of an older session."""
    return page(400, say("The page was open for too long, or cookies are off. Go back, reload the page and send it "
                         "again."))


def http_error(error: HTTPException) -> ResponseReturnValue:
    """Flask's and Werkzeug's own errors."""
    code = error.code or 500
    if code == 403:
        audit_refusal("Forbidden")
    ours = error.description if isinstance(error.description, Said) else say("Go back and try again.")
    return page(code, TEXTS.get(code) or ours)


def unexpected(error: Exception) -> ResponseReturnValue:
    """A defect. The log gets where, never what: the error's text may hold what a person typed."""
    logs.failure("failed", error, reference=reference(), endpoint=request.endpoint)
    try:
        return page(500, BROKEN)
    except Exception as again:
        # The page itself can't be made, for example without a database: plain words, no template.
        logs.failure("failed", again, reference=reference(), endpoint=request.endpoint)
        return Response(f"{TITLES[500]}. {BROKEN} Reference: {reference()}\n", 500, mimetype="text/plain")


def audit_refusal(why: str) -> None:
    """Write the refusal down, for a signed-in person."""
    who = actor_or_none()
    view = current_app.view_functions.get(request.endpoint or "")
    action = getattr(view, "action", None)
    if who is not None and action:
        # Ids alone: what else stands in an address may be a token, and of any length.
        subject = next((f"{key.removesuffix('_id')}:{value}" for key, value in (request.view_args or {}).items()
                        if key.endswith("_id")), None)
        budgets.refused(edge().store, who, action, now(), subject=subject, why=why, reference=reference())
