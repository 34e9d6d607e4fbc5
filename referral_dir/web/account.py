"""Signing in and out, and one's own account."""

from uuid import UUID

from flask import Blueprint, abort, flash, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user, logout_user

from referral_dir.desk import accounts
from referral_dir.domain.errors import Invalid
from referral_dir.domain.vocabulary import Role
from referral_dir.store.db import reading
from referral_dir.web.auth import (
    HOME,
    PUBLIC,
    action,
    actor,
    carry,
    edge,
    is_pending,
    local_path,
    now,
    second_step,
    writing,
)

blueprint = Blueprint("account", __name__)
# Signing in is for everyone; the other views declare actions that need a role.
GUARD = PUBLIC


@blueprint.post("/language")
@action("account:language")
def language() -> ResponseReturnValue:
    """Show the pages in another language; `languages` has kept it already. Back to the page that it was asked on."""
    return redirect(local_path(request.form.get("back")) or url_for(HOME[actor().role]))


@blueprint.get("/sign-in")
@action("account:sign_in")
def sign_in() -> ResponseReturnValue:
    """The form."""
    target = local_path(request.args.get("next"))
    if is_pending():
        return redirect(second_step(target))
    if current_user.is_authenticated:
        return redirect(url_for(HOME[actor().role]))
    # A token is left in the browser by a session that nobody ended here.
    return render_template("account/sign_in.html", errors={}, form={}, next=target, ended="_user_id" in session)


@blueprint.post("/sign-in")
@action("account:sign_in")
def sign_in_now() -> ResponseReturnValue:
    """Check the password; one answer for everything that is wrong."""
    target, refused = local_path(request.form.get("next")), None
    with writing() as db:
        try:
            signed_in = accounts.sign_in(db, request.form.get("email", ""), request.form.get("password", ""), now(),
                                         address=request.remote_addr, factor_required=not edge().settings.demo)
        except accounts.SignInRefused as error:
            refused = error
    if refused:
        code = 429 if isinstance(refused, accounts.TooManyTries) else 422
        return render_template("account/sign_in.html", errors={"email": refused.args[0]}, form=request.form,
                               next=target), code
    user = carry(signed_in.token)
    return redirect(second_step(target) if signed_in.pending else target or url_for(HOME[user.actor.role]))


@blueprint.post("/sign-out")
@action("account:sign_out")
def sign_out() -> ResponseReturnValue:
    """End the session on the server and clear the browser's traces of it."""
    with writing() as db:
        accounts.sign_out(db, actor(), current_user.id, now())
    logout_user()
    session.clear()
    response = make_response(redirect(url_for("public.home")))
    response.headers["Clear-Site-Data"] = '"cache", "cookies", "storage"'
    return response


@blueprint.get("/account")
@action("account:read")
def own() -> ResponseReturnValue:
    """One's own account: its sessions, its password."""
    return _own({}, 200)


def _own(errors: dict[str, str], code: int) -> ResponseReturnValue:
    with reading(edge().store) as db:
        sessions = accounts.own_sessions(db, actor(), current_user.id, now())
    return render_template("account/own.html", errors=errors, sessions=sessions), code


@blueprint.post("/account")
@action("account:change_password")
def change_password() -> ResponseReturnValue:
    """A new password; all other sessions end."""
    errors: dict[str, str] = {}
    with writing() as db:
        try:
            token = accounts.change_password(db, actor(), current_user.id, request.form.get("old", ""),
                                             request.form.get("password", ""), now())
        except Invalid as error:
            errors = error.errors
    if errors:
        return _own(errors, 422)
    carry(token)
    flash(_("Your password is changed, and your other sessions are ended."))
    return redirect(url_for("account.own"))


@blueprint.post("/account/sessions/end")
@action("account:sessions")
def end_sessions() -> ResponseReturnValue:
    """End one of one's own sessions, or all but this one."""
    with writing() as db:
        if "others" in request.form:
            accounts.end_other_sessions(db, actor(), current_user.id, now())
        else:
            accounts.end_session(db, actor(), _session_id(), now())
    flash(_("Ended."))
    return redirect(url_for("account.own"))


def _session_id() -> UUID:
    try:
        return UUID(request.form.get("session", ""))
    except ValueError:
        abort(404)


@blueprint.route("/step-up", methods=["GET", "POST"])
@action("account:step_up")
def step_up() -> ResponseReturnValue:
    """Show anew who one is, before something that an unlocked phone in the wrong hand must not be able to do."""
    target = local_path(request.values.get("next"))
    with reading(edge().store) as db:
        by_factor = accounts.has_second_factor(db, actor().person_id)
    if by_factor:
        return redirect(second_step(target))
    errors: dict[str, str] = {}
    if request.method == "POST":
        with writing() as db:
            try:
                token = accounts.step_up(db, actor(), current_user.id, request.form.get("password", ""), now())
            except Invalid as error:
                errors = error.errors
        if not errors:
            user = carry(token)
            return redirect(target or url_for(HOME[user.actor.role]))
    return render_template("account/step_up.html", errors=errors, next=target), 422 if errors else 200


@blueprint.get("/waiting/<uuid:handoff_id>")
@action("account:sign_in")
def waiting(handoff_id: UUID) -> ResponseReturnValue:
    """The link in an e-mail: to the handoff for whoever may see it, after signing in."""
    if not current_user.is_authenticated:
        return redirect(url_for("account.sign_in", next=request.path))
    endpoint = {Role.PROVIDER: "provider.handoff", Role.OFFICER: "officer.handoff"}.get(actor().role)
    if endpoint is None:
        return redirect(url_for(HOME[actor().role]))
    return redirect(url_for(endpoint, handoff_id=handoff_id))
