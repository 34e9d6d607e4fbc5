"""Without signal: a copy of a region's public directory on the device of somebody who asked for one.

What is kept there: the page, its files and the copy. Nothing of a case, no name, no session. The worker answers only
when there is no connection; `static/offline-worker.js` is all of it.
"""

from pathlib import Path

from flask import Blueprint, Response, current_app, g, jsonify, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import generate_csrf

from referral_dir.desk import offline
from referral_dir.domain.errors import Invalid
from referral_dir.domain.vocabulary import Gender, Role
from referral_dir.web import forms
from referral_dir.web.auth import action, actor, now, writing
from referral_dir.web.languages import in_words

blueprint = Blueprint("offline", __name__, url_prefix="/offline")
GUARD = frozenset({Role.OFFICER, Role.CASEWORKER})


@blueprint.get("/")
@action("service:offline")
def page() -> ResponseReturnValue:
    """Keep a copy on this device, renew it, take it away."""
    # The one script that names a worker may do so on this page alone.
    g.trusted_types = "offline"
    return render_template("offline/page.html", form=forms.Form(), errors={})


@blueprint.post("/copy")
@action("service:offline")
def copy() -> ResponseReturnValue:
    """The copy as JSON; what can't be used of the question, as JSON too, as only the page's script asks."""
    errors: dict[str, str] = {}
    radius = forms.number(request.form, "radius_km", errors, whole=False)
    try:
        if errors:
            raise Invalid(errors)
        with writing() as session:
            found = offline.region(session, actor(), request.form.get("near", ""), radius, now())
    except Invalid as error:
        return jsonify(errors={field: in_words(text) for field, text in error.errors.items()}), 422
    return jsonify(found)


@blueprint.get("/shell")
@action("service:offline")
def shell() -> ResponseReturnValue:
    """The page that works without signal: the same for everybody, so that it can be kept."""
    return render_template("offline/shell.html", form=forms.Form(), genders=list(Gender))


@blueprint.get("/ticket")
@action("case:create")
def ticket() -> ResponseReturnValue:
    """What a request that was begun without signal is sent with, once there is a signal and somebody is signed in."""
    return jsonify(token=generate_csrf(), action=url_for("officer.new_case"))


@blueprint.get("/worker.js")
@action("service:offline")
def worker() -> ResponseReturnValue:
    """The worker, for the whole site: it must be able to answer wherever the signal is lost."""
    text = (Path(current_app.static_folder or "") / "offline-worker.js").read_text(encoding="utf-8")
    response: Response = make_response(text)
    response.mimetype = "text/javascript"
    response.headers["Service-Worker-Allowed"] = "/"
    return response
