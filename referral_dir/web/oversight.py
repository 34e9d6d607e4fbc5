"""The overseer: what was done and refused, by whom, what was unusual; and whether anyone rewrote it."""

from uuid import UUID

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from referral_dir.desk import audit, audit_heads, budgets
from referral_dir.domain.errors import Invalid
from referral_dir.domain.vocabulary import Role
from referral_dir.store.db import reading
from referral_dir.web import forms
from referral_dir.web.auth import action, actor, edge, now, writing

blueprint = Blueprint("oversight", __name__, url_prefix="/oversight")
GUARD = frozenset({Role.OVERSEER})
OUTCOMES = ("done", "refused")


# Asked by POST: which case an overseer looks into is nobody's business who reads a history or a log.
@blueprint.route("/", methods=["GET", "POST"])
@action("audit:read")
def trail() -> ResponseReturnValue:
    """The audit trail, filtered. Nothing in it tells a case's content."""
    errors: dict[str, str] = {}
    with writing() as session:
        try:
            wanted = _wanted(audit.kinds(session, actor()))
            found = audit.trail(session, actor(), now(), wanted, before=request.form.get("before", type=int))
        except Invalid as error:
            errors, wanted = error.errors, audit.Wanted()
            found = audit.Trail((), None, 0)
        access = audit.access(session, actor(), now(), wanted) if _asks(wanted) and not errors else []
        return render_template("oversight/trail.html", trail=found, access=access, form=request.form, errors=errors,
                               choices=audit.choices(session, actor())), 422 if errors else 200


def _asks(wanted: audit.Wanted) -> bool:
    return any((wanted.case, wanted.subject, wanted.person_id, wanted.organization_id))


def _wanted(kinds: list[str]) -> audit.Wanted:
    form = request.form
    person, organization = (next(iter(forms.uuids([form.get(name, "")])), None) for name in ("person", "organization"))
    kind, outcome = form.get("action", ""), form.get("outcome", "")
    return audit.Wanted(kind if kind in kinds else None, outcome if outcome in OUTCOMES else None,
                        form.get("case", "").strip() or None, form.get("subject") or None, person, organization)


@blueprint.post("/export")
@action("audit:export")
def export() -> ResponseReturnValue:
    """The filtered trail as a file."""
    with writing() as session:
        budgets.spend(session, actor(), "audit:export", now())
        text = audit.export(session, actor(), now(), _wanted(audit.kinds(session, actor())))
    return Response(text, mimetype="text/csv",
                    headers={"Content-Disposition": f'attachment; filename="audit-{now():%Y-%m-%d}.csv"'})


@blueprint.get("/unusual")
@action("pattern:read")
def unusual() -> ResponseReturnValue:
    """What was unusual; never one's own."""
    with writing() as session:
        rows = budgets.patterns(session, actor(), now())
    return render_template("oversight/unusual.html", rows=rows)


@blueprint.post("/unusual/<uuid:pattern_id>/seen")
@action("pattern:seen")
def pattern_seen(pattern_id: UUID) -> ResponseReturnValue:
    """Looked into."""
    with writing() as session:
        budgets.seen(session, actor(), pattern_id, now())
    flash("Noted as looked into.")
    return redirect(url_for("oversight.unusual"))


@blueprint.route("/verify", methods=["GET", "POST"])
@action("audit:read")
def verify() -> ResponseReturnValue:
    """Walk the whole chain, against a head that was kept elsewhere where one is given."""
    kept, errors = request.form.get("head", "").strip(), {}
    trusted = audit_heads.public_key(audit_heads.signing_key(edge().settings.audit_key))
    head = None
    if kept:
        try:
            head = audit_heads.read_head(kept, trusted).head
        except Invalid as error:
            errors = error.errors
    with reading(edge().store) as session:
        result = None if errors else audit_heads.verify(session, trusted, head)
    with writing() as session:
        audit.record(session, actor(), "audit:verify", now(), outcome="refused" if errors else "done")
    return render_template("oversight/verify.html", result=result, head=head, errors=errors,
                           form=request.form), 422 if errors else 200


@blueprint.post("/head")
@action("audit:head")
def head() -> ResponseReturnValue:
    """The chain's end, signed, as a file to keep elsewhere."""
    with writing() as session:
        signed = audit_heads.take_head(session, audit_heads.signing_key(edge().settings.audit_key), now(), actor())
    return Response(signed.to_json(), mimetype="application/json", headers={
        "Content-Disposition": f'attachment; filename="audit-head-{signed.head.sequence}.json"'})
