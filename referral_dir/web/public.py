"""Pages for anyone: search without confidential services, helplines, about. No cookie, nothing stored."""

from uuid import UUID

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from referral_dir.desk import find
from referral_dir.domain.errors import Invalid
from referral_dir.domain.helplines import countries, helplines
from referral_dir.geo import country_name
from referral_dir.store.db import reading
from referral_dir.web.auth import PUBLIC, action, edge, now
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
        with reading(edge().store) as session:
            answer = find.search_services(session, edge().indexes, None, form.get("text", ""), now(),
                                          near=form.get("near", ""), public=True,
                                          filters=find.SearchFilters(by_distance=bool(form.get("near"))))
    except Invalid as error:
        return render_template("public/home.html", answer=None, form=form, errors=error.errors), 422
    return render_template("public/home.html", answer=answer, form=form, errors={})


@blueprint.get("/service/<uuid:service_id>")
@action("public:read")
def service(service_id: UUID) -> ResponseReturnValue:
    """One service that anyone may know of."""
    with reading(edge().store) as session:
        # Inside: what was read is gone when the session ends.
        return render_template("public/service.html", view=find.read_service(session, None, service_id, now()))


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
    """The exit without script: an empty page that clears what this site left in the browser."""
    response = make_response(render_template("public/leave.html"))
    response.headers["Clear-Site-Data"] = '"cache", "cookies", "storage"'
    return response


@blueprint.get("/favicon.ico")
@action("public:read")
def favicon() -> ResponseReturnValue:
    """A plain mark."""
    return redirect(url_for("static", filename="icon.svg"))
