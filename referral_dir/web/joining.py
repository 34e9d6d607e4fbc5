"""The link of an invitation, which alone makes an account usable. Every link that opens nothing is one answer."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from referral_dir.desk import accounts, invitations
from referral_dir.domain.errors import Invalid
from referral_dir.store.db import reading
from referral_dir.web.auth import HOME, PUBLIC, action, carry, edge, now, second_step, writing

blueprint = Blueprint("joining", __name__)
GUARD = PUBLIC


@blueprint.get("/join/<token>")
@action("account:join")
def form(token: str) -> ResponseReturnValue:
    """Name and password."""
    with reading(edge().store) as session:
        name = invitations.name_for(session, token, now())
    return render_template("factors/join.html", errors={}, name=name)


@blueprint.post("/join/<token>")
@action("account:join")
def join(token: str) -> ResponseReturnValue:
    """Accept; then on to the second factor, where one is required."""
    try:
        with writing() as session:
            person = invitations.accept(session, token, name=request.form.get("name", ""),
                                        password=request.form.get("password", ""), now=now())
            # Nobody who accepts has a second factor yet: who is invited anew has lost theirs.
            signed_in = accounts.begin_session(session, person, now(), factor="password",
                                               pending=not edge().settings.demo)
    except Invalid as error:
        return render_template("factors/join.html", errors=error.errors, name=request.form.get("name", "")), 422
    user = carry(signed_in.token)
    return redirect(second_step() if signed_in.pending else url_for(HOME[user.actor.role]))
