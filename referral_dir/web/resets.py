"""A forgotten password: ask for a link, follow it, choose a new one."""

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from referral_dir.desk import accounts, resets
from referral_dir.domain.errors import Invalid
from referral_dir.store.db import reading
from referral_dir.web.auth import PUBLIC, action, edge, now, writing

blueprint = Blueprint("resets", __name__)
GUARD = PUBLIC
KEPT = "reset"


@blueprint.get("/reset")
@action("account:reset_password")
def ask() -> ResponseReturnValue:
    """The form that asks for a link."""
    return render_template("account/reset.html", errors={})


@blueprint.post("/reset")
@action("account:reset_password")
def ask_now() -> ResponseReturnValue:
    """One answer, whether or not the address is known; what was typed does not come back in it."""
    refused = None
    with writing() as db:
        try:
            resets.ask(db, request.form.get("email", ""), now(), address=request.remote_addr)
        except accounts.TooManyTries as error:
            refused = error
    if refused:
        return render_template("account/reset.html", errors={"email": refused.args[0]}), 429
    return render_template("account/reset_asked.html")


@blueprint.get("/reset/<token>")
@action("account:reset_password")
def follow(token: str) -> ResponseReturnValue:
    """The link in the mail. The token goes into the cookie, so that no page has it in its address or its history."""
    session[KEPT] = token[:100]
    return redirect(url_for("resets.choose"))


@blueprint.route("/reset/new", methods=["GET", "POST"])
@action("account:reset_password")
def choose() -> ResponseReturnValue:
    """Choose the new password; then sign in with it, and with the second factor as ever."""
    token, errors = str(session.get(KEPT, "")), {}
    if request.method == "POST":
        try:
            with writing() as db:
                resets.choose(db, token, request.form.get("password", ""), now())
            session.clear()
            return render_template("account/reset_done.html")
        except Invalid as error:
            errors = error.errors
    with reading(edge().store) as db:
        works = resets.may_choose(db, token, now())
    return render_template("account/reset_new.html", errors=errors, works=works), 200 if works and not errors else 422
