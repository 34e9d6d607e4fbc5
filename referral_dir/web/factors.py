"""The second factor: showing it when signing in or stepping up, and looking after one's own.

A pending session reaches these pages alone: `second` where its owner has a second factor, else the setting up.
"""

from uuid import UUID

import segno
from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from referral_dir.desk import accounts, factors, passkeys
from referral_dir.domain.errors import Invalid
from referral_dir.domain.saying import say
from referral_dir.store.db import reading
from referral_dir.web.auth import (
    HOME,
    SIGNED_IN,
    action,
    actor,
    carry,
    edge,
    is_pending,
    local_path,
    now,
    writing,
)

blueprint = Blueprint("factors", __name__)
GUARD = SIGNED_IN


@blueprint.errorhandler(accounts.SignInRefused)
def ended(error: accounts.SignInRefused) -> ResponseReturnValue:
    """The session was ended, or went on under another token, while this request was under way."""
    return redirect(url_for("account.sign_in"))


@blueprint.route("/sign-in/second", methods=["GET", "POST"])
@action("account:second_factor")
def second() -> ResponseReturnValue:
    """The second step of signing in; or, for who is in already, the proof that a step-up asks for."""
    target, errors = local_path(request.values.get("next")), {}
    had = _own()
    if not had.any:
        return redirect(url_for("factors.own") if is_pending() else url_for("account.step_up", next=target))
    code = 200
    if request.method == "POST":
        kind = next((kind for kind in ("passkey", "recovery") if kind == request.form.get("kind")), "totp")
        try:
            return _proved(kind, target)
        except factors.FactorRefused as error:
            with writing() as db:
                factors.failed(db, actor(), kind, now())
            code = 429 if isinstance(error, factors.TooManyTries) else 422
            errors = {"code" if kind == "totp" else kind: error.args[0]}
    return render_template("factors/second.html", errors=errors, next=target, had=had, site=_site()), code


@blueprint.post("/sign-in/second/passkey")
@action("account:second_factor")
def ask_to_sign() -> ResponseReturnValue:
    """What the browser needs to ask for a passkey."""
    with writing() as db:
        return _json(passkeys.ask_to_sign(db, actor(), current_user.id, _needed_site(), now()))


@blueprint.get("/account/factors")
@action("account:factors")
def own() -> ResponseReturnValue:
    """What one has set up."""
    return _page({}, 200)


@blueprint.get("/account/factors/code")
@action("account:factors", step_up=True)
def totp_form() -> ResponseReturnValue:
    """A new secret, to scan or to type."""
    return _totp_page({}, None, 200)


@blueprint.post("/account/factors/code")
@action("account:factors", step_up=True)
def totp() -> ResponseReturnValue:
    """Take it into use once its first code is right."""
    sealed = request.form.get("sealed", "")
    try:
        with writing() as db:
            factors.confirm_totp(db, actor(), sealed, request.form.get("code", ""), now())
    except Invalid as error:
        return _totp_page(error.errors, sealed, 422)
    return _set_up("totp", _("Time codes are set up."))


@blueprint.post("/account/factors/code/remove")
@action("account:factors", step_up=True)
def remove_totp() -> ResponseReturnValue:
    """Take no more time codes."""
    try:
        with writing() as db:
            factors.remove_totp(db, actor(), now(), required=_required())
    except Invalid as error:
        return _page(error.errors, 422)
    return _removed()


@blueprint.post("/account/factors/passkey/make")
@action("account:factors", step_up=True)
def ask_to_make() -> ResponseReturnValue:
    """What the browser needs to make a passkey."""
    with writing() as db:
        return _json(passkeys.ask_to_make(db, actor(), current_user.id, _needed_site(), now()))


@blueprint.post("/account/factors/passkey")
@action("account:factors", step_up=True)
def add_passkey() -> ResponseReturnValue:
    """Keep the passkey that the browser made."""
    try:
        challenge = _challenge()
        with writing() as db:
            passkeys.add(db, actor(), _needed_site(), challenge, request.form.get("answer", ""),
                         request.form.get("name", ""), now())
    except Invalid as error:
        return _page(error.errors, 422)
    return _set_up("passkey", _("The passkey is added."))


@blueprint.post("/account/factors/passkey/<uuid:passkey_id>/remove")
@action("account:factors", step_up=True)
def remove_passkey(passkey_id: UUID) -> ResponseReturnValue:
    """Remove one of one's passkeys."""
    try:
        with writing() as db:
            passkeys.remove(db, actor(), passkey_id, now(), required=_required())
    except Invalid as error:
        return _page(error.errors, 422)
    return _removed()


@blueprint.post("/account/factors/recovery")
@action("account:factors", step_up=True)
def recovery() -> ResponseReturnValue:
    """New recovery codes; shown in this answer and never again."""
    return _codes()


def _proved(kind: str, target: str | None) -> ResponseReturnValue:
    """Check what was sent, and give the session its new token."""
    left = None
    if kind == "passkey":
        challenge = _challenge()
    else:
        with writing() as db:
            factors.count_try(db, actor(), now())
    with writing() as db:
        if kind == "passkey":
            passkeys.prove(db, actor(), _needed_site(), challenge, request.form.get("answer", ""), now())
        elif kind == "recovery":
            left = factors.prove_recovery(db, actor(), request.form.get("recovery", ""), now())
        else:
            factors.prove_totp(db, actor(), request.form.get("code", ""), now())
        token = accounts.rotate(db, current_user.id, now(), factor=kind)
    carry(token)
    if left is not None:
        flash(ngettext("%(num)s recovery code is left. If you lost your phone or key, set up another one now.",
                       "%(num)s recovery codes are left. If you lost your phone or key, set up another one now.", left))
        return redirect(url_for("factors.own"))
    return redirect(target or url_for(HOME[actor().role]))


def _set_up(factor: str, done: str) -> ResponseReturnValue:
    """After adding: the session goes on under a new token, and whoever has no recovery codes gets them now."""
    with writing() as db:
        token = accounts.rotate(db, current_user.id, now(), factor=factor)
    carry(token)
    if not _own().codes_left:
        return _codes()
    flash(done)
    return redirect(url_for("factors.own"))


def _codes() -> ResponseReturnValue:
    with writing() as db:
        codes = factors.make_codes(db, actor(), now())
    return render_template("factors/codes.html", codes=codes)


def _removed() -> ResponseReturnValue:
    flash(_("Removed.") if _own().any else _("Removed. Signing in now takes the password alone."))
    return redirect(url_for("factors.own"))


def _page(errors: dict[str, str], code: int) -> ResponseReturnValue:
    return render_template("factors/own.html", errors=errors, form=request.form, had=_own(), site=_site(),
                           required=_required()), code


def _totp_page(errors: dict[str, str], sealed: str | None, code: int) -> ResponseReturnValue:
    try:
        with reading(edge().store) as db:
            setup = factors.begin_totp(db, actor(), sealed)
    except Invalid as error:  # the form brought back something else than it was given
        errors, sealed = error.errors, None
        with reading(edge().store) as db:
            setup = factors.begin_totp(db, actor())
    image = segno.make(setup.uri, micro=False, error="m").svg_data_uri(scale=5, border=4, dark="#000", light="#fff")
    return render_template("factors/totp.html", errors=errors, setup=setup, image=image), code


def _own() -> factors.Factors:
    with reading(edge().store) as db:
        return factors.of(db, actor())


def _challenge() -> bytes | None:
    """Taken in a transaction of its own: an answer that is refused uses it up as well."""
    with writing() as db:
        return passkeys.take_challenge(db, current_user.id, now())


def _required() -> bool:
    return not edge().settings.demo


def _site() -> passkeys.Site | None:
    return passkeys.site_of(edge().settings.base_url)


def _needed_site() -> passkeys.Site:
    site = _site()
    if site is None:
        raise Invalid({"passkey": say("this server has no name, only a number: browsers make no passkeys for it")})
    return site


def _json(text: str) -> Response:
    return Response(text, mimetype="application/json")
