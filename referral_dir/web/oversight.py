"""The overseer: what was done and refused, by whom, what was unusual; whether anyone rewrote it; and the figures."""

from datetime import date
from uuid import UUID

from babel.dates import format_date
from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from referral_dir.desk import audit, audit_heads, budgets
from referral_dir.desk import figures as numbers
from referral_dir.domain.errors import Invalid
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import Role
from referral_dir.store.db import reading
from referral_dir.web import forms
from referral_dir.web.auth import action, actor, edge, now, writing
from referral_dir.web.languages import ui_language

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
            found = audit.trail(session, actor(), now(), wanted, before=request.form.get("before", type=int),
                                after=request.form.get("after", type=int))
        except Invalid as error:
            errors, wanted = error.errors, audit.Wanted()
            found = audit.Trail((), None, None, 0)
        access = audit.access(session, actor(), now(), wanted) if _asks(wanted) and not errors else []
        page = render_template("oversight/trail.html", trail=found, access=access, looked=audit.by_person(access),
                               form=request.form, errors=errors, choices=audit.choices(session, actor()))
        return page, 422 if errors else 200


def _asks(wanted: audit.Wanted) -> bool:
    return any((wanted.case, wanted.subject, wanted.person_id, wanted.organization_id))


def _wanted(kinds: list[str]) -> audit.Wanted:
    form, errors = request.form, dict[str, str]()
    person, organization = (next(iter(forms.uuids([form.get(name, "")])), None) for name in ("person", "organization"))
    kind, outcome = form.get("action", ""), form.get("outcome", "")
    since, until = (_day(name, errors) for name in ("since", "until"))
    if errors:
        raise Invalid(errors)
    return audit.Wanted(kind if kind in kinds else None, outcome if outcome in OUTCOMES else None,
                        form.get("case", "").strip() or None, form.get("subject") or None, person, organization,
                        since, until)


def _day(name: str, errors: dict[str, str]) -> date | None:
    text = request.form.get(name, "").strip()
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        errors[name] = say("a day, like 2026-12-31")
        return None


@blueprint.post("/export")
@action("audit:export")
def export() -> ResponseReturnValue:
    """The filtered trail as a file."""
    with writing() as session:
        budgets.spend(session, actor(), "audit:export", now())
        text = audit.export(session, actor(), now(), _wanted(audit.kinds(session, actor())))
    return _file(text, f"audit-{now():%Y-%m-%d}.csv")


def _file(text: str, name: str, kind: str = "text/csv") -> Response:
    return Response(text, mimetype=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})


@blueprint.get("/figures")
@action("figures:read")
def figures() -> ResponseReturnValue:
    """How long steps take, why requests are declined, what is missing where: a month at a time."""
    try:
        with writing() as session:
            found = numbers.figures(session, actor(), now(), request.args.get("month", ""))
    except Invalid as error:
        with writing() as session:
            return _figures(numbers.figures(session, actor(), now()), error.errors), 422
    return _figures(found, {})


def _figures(found: numbers.Figures, errors: dict[str, str]) -> str:
    months = {f"{month:%Y-%m}": format_date(month, "MMMM y", locale=ui_language()) for month in found.months}
    return render_template("oversight/figures.html", found=found, errors=errors, months=months,
                           chosen=f"{found.month:%Y-%m}", shown=numbers.shown, span=numbers.span_text)


@blueprint.get("/figures.csv")
@action("figures:read")
def figures_file() -> ResponseReturnValue:
    """The same, to be taken along; as protected as on the page."""
    month = request.args.get("month", "")
    try:
        with writing() as session:
            text = numbers.as_file(session, actor(), now(), month)
    except Invalid:
        return redirect(url_for("oversight.figures"))
    return _file(text, f"figures-{month or 'last-month'}.csv")


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
    flash(_("Noted as looked into."))
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
    return _file(signed.to_json(), f"audit-head-{signed.head.sequence}.json", "application/json")
