"""Pages for anyone: search without confidential services, helplines, about. No cookie, nothing stored."""

from uuid import UUID

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, logout_user

from referral_dir.desk import accounts, find
from referral_dir.domain.errors import Invalid
from referral_dir.domain.helplines import countries, helplines
from referral_dir.geo import country_name
from referral_dir.store.db import reading
from referral_dir.web import leaving
from referral_dir.web.auth import PUBLIC, action, actor, edge, now, writing
from referral_dir.web.forms import chosen_place
from referral_dir.web.security import csrf

blueprint = Blueprint("public", __name__)
GUARD = PUBLIC


@blueprint.get("/")
@action("public:read")
def home() -> ResponseReturnValue:
    """Where to begin."""
    return render_template("public/home.html", answer=None, form={}, errors={})


# No session stands behind this form, so there is nothing that a forged one could use; a token would set a cookie.
@blueprint.post("/")
@csrf.exempt  # type: ignore[untyped-decorator]
@action("public:search")
def search() -> ResponseReturnValue:
    """Search by words; POST, so that what was asked stays out of addresses and histories."""
    form = chosen_place(request.form)
    try:
        with reading(edge().store) as db:
            answer = find.search_services(db, edge().indexes, None, form.get("text", ""), now(),
                                          near=form.get("near", ""), public=True,
                                          filters=find.SearchFilters(by_distance=bool(form.get("near"))))
    except Invalid as error:
        return render_template("public/home.html", answer=None, form=form, errors=error.errors), 422
    return render_template("public/home.html", answer=answer, form=form, errors={})


@blueprint.get("/service/<uuid:service_id>")
@action("public:read")
def service(service_id: UUID) -> ResponseReturnValue:
    """One service that anyone may know of."""
    with reading(edge().store) as db:
        # Inside: what was read can't be looked at any more once the reading has ended.
        return render_template("public/service.html", view=find.read_service(db, None, service_id, now()))


@blueprint.get("/helplines")
@blueprint.get("/helplines/<country>")
@action("public:read")
def helplines_page(country: str | None = None) -> ResponseReturnValue:
    """Numbers to call, by country."""
    known = [(code, country_name(code)) for code in countries()]
    return render_template("public/helplines.html", country=country, lines=helplines(country) if country else (),
                           countries=sorted(known, key=lambda pair: pair[1]), name=country_name(country or ""))


@blueprint.get("/about")
@action("public:read")
def about() -> ResponseReturnValue:
    """What this is, what is kept, and what remains after leaving."""
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
