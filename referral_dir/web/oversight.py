"""The overseer: what was done and refused, by whom; and whether anyone rewrote it."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from referral_dir.desk import audit
from referral_dir.domain.vocabulary import Role
from referral_dir.web.auth import action, actor, now, writing

blueprint = Blueprint("oversight", __name__, url_prefix="/oversight")
GUARD = frozenset({Role.OVERSEER})


@blueprint.get("/")
@action("audit:read")
def trail() -> ResponseReturnValue:
    """The audit trail, filtered. Nothing in it tells a case's content."""
    args = request.args
    with writing() as session:
        found = audit.trail(session, actor(), now(), action=args.get("action") or None,
                            outcome=args.get("outcome") or None, subject=args.get("subject") or None,
                            before=args.get("before", type=int))
        kinds = audit.kinds(session, actor())
    return render_template("oversight/trail.html", trail=found, kinds=kinds, args=args)


@blueprint.get("/verify")
@action("audit:read")
def verify() -> ResponseReturnValue:
    """Walk the whole chain."""
    with writing() as session:
        result = audit.verify(session)
        audit.record(session, actor(), "audit:verify", now())
    return render_template("oversight/verify.html", result=result)
