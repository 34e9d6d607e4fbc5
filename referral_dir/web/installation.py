"""The administrator: how this installation is set, and what people are told before they consent."""

from flask import Blueprint, abort, render_template
from flask.typing import ResponseReturnValue

import config
from referral_dir.domain import notices
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import Role
from referral_dir.web.auth import action, edge

blueprint = Blueprint("installation", __name__, url_prefix="/administration")
GUARD = frozenset({Role.ADMINISTRATOR})
ORIGINS = {"variable": say("from its variable"), "file": say("from a file"), "made": say("made by the demo"),
           "default": say("as it comes")}


@blueprint.get("/settings")
@action("installation:read")
def settings() -> ResponseReturnValue:
    """Every setting with its present value; of a secret only whether it is set."""
    return render_template("administration/settings.html", rows=config.present(edge().settings), origins=ORIGINS)


@blueprint.get("/notices")
@action("installation:read")
def notice_list() -> ResponseReturnValue:
    """The versions of the notice, and their translations."""
    return render_template("administration/notices.html", rows=notices.every_notice(), present=notices.VERSION)


@blueprint.get("/notices/<version>/<code>")
@action("installation:read")
def notice(version: str, code: str) -> ResponseReturnValue:
    """One of them, as it is read to people."""
    for found in notices.every_notice():
        if (found.version, found.language) == (version, code):
            return render_template("administration/notice.html", notice=found, present=notices.VERSION)
    return abort(404)
