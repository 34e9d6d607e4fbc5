"""Every component in its states, on one living page: in the demo only."""

from types import SimpleNamespace

import segno
from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue

from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import HandoffAction, Party
from referral_dir.web.auth import PUBLIC, action, edge, now

blueprint = Blueprint("styleguide", __name__)
GUARD = PUBLIC
ERRORS = {"near": say("Write a town, or coordinates"), "needs": say("Choose what is needed"),
          "reason": say("Choose a reason"), "words": say("Write one sentence")}


@blueprint.route("/styleguide", methods=["GET", "POST"])
@action("public:read")
def page() -> ResponseReturnValue:
    """The components, as they are made in templates/components/; its form keeps what was typed and does nothing."""
    if not edge().settings.demo:
        abort(404)
    image = segno.make("https://directory.example/service/invented", micro=False).svg_data_uri(
        scale=5, border=4, dark="#000", light="#fff")
    events = [SimpleNamespace(action=action, party=party, reason=None, at=now())
              for action, party in ((HandoffAction.REQUEST, Party.REQUESTER), (HandoffAction.HOLD, Party.RECIPIENT),
                                    (HandoffAction.ACCEPT, Party.RECIPIENT))]
    return render_template("styleguide.html", form=request.form, errors=ERRORS, image=image, events=events)
