"""Several people at once: a list or a spreadsheet, looked at before anything is made of it; then all cases together."""

from typing import cast
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import ngettext

from referral_dir.desk import raid
from referral_dir.desk.cases import NewCase
from referral_dir.domain.errors import Invalid
from referral_dir.domain.people_list import COLUMNS, Line
from referral_dir.domain.vocabulary import Role
from referral_dir.web import case_form, forms, uploads
from referral_dir.web.auth import action, actor, edge, now, showing, writing

blueprint = Blueprint("raid", __name__, url_prefix="/officer/several")
GUARD = frozenset({Role.OFFICER})


@blueprint.url_value_preprocessor
def allow_a_spreadsheet(endpoint: str | None, _values: dict[str, object] | None) -> None:
    """A spreadsheet is read from memory, before anything has looked at the form."""
    if endpoint == "raid.look" and request.method == "POST":
        cast("uploads.Request", request).read_files(raid.LARGEST_FILE)


@blueprint.get("")
@action("case:create")
def start() -> ResponseReturnValue:
    """The list, and what all have in common."""
    return _page(forms.Form(), [], {}, 200)


@blueprint.post("")
@action("case:create")
def look() -> ResponseReturnValue:
    """How each line was understood; or, where it was looked at and is right, the cases."""
    form = forms.Form(forms.chosen_place(request.form))
    lines: list[Line] = []
    try:
        form["lines"] = _lines(form)
        shared = _shared(form)
        lines = raid.preview(form["lines"], shared)
        with writing() as session:
            if form.get("do") == "open":
                batch_id = raid.open_all(session, actor(), form["lines"], shared, now())
                flash(ngettext("%(num)s case is open.", "%(num)s cases are open.", len(lines)))
                return redirect(url_for("raid.together", batch_id=batch_id))
    except Invalid as error:
        return _page(form, lines, error.errors, 422)
    return _page(form, lines, {}, 200)


@blueprint.get("/<uuid:batch_id>")
@action("case:match")
def together(batch_id: UUID) -> ResponseReturnValue:
    """The cases that were opened together, each with a service that is proposed to no other beyond its places."""
    with showing() as session:
        offers = raid.overview(session, edge().indexes, actor(), batch_id, now())
    return render_template("officer/together.html", offers=offers, batch_id=batch_id)


def _page(form: forms.Form, lines: list[Line], errors: dict[str, str], code: int) -> ResponseReturnValue:
    return render_template("officer/several.html", form=form, lines=lines, errors=errors, columns=list(COLUMNS),
                           **forms.CHOICES), code


def _lines(form: forms.Form) -> str:
    """What was typed, and under it what the spreadsheet holds."""
    sent = request.files.get("file")
    data = sent.stream.read() if sent is not None else b""
    typed = form.get("lines", "").strip()
    return "\n".join(filter(None, (typed, raid.lines_of_file(data)))) if data else typed


def _shared(form: forms.Form) -> NewCase:
    return case_form.new_case(forms.Form([(key, value) for key, value in form.items(multi=True)
                                          if key not in ("household", "age", "age_band", "gender")]))
