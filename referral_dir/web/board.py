"""The availability board, which caseworkers and providers share."""

from dataclasses import dataclass
from uuid import UUID

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_date
from flask_babel import gettext as _

from referral_dir.desk import availability
from referral_dir.domain.errors import Invalid
from referral_dir.domain.saying import say
from referral_dir.store.db import reading
from referral_dir.web import forms
from referral_dir.web.auth import actor, edge, now, writing


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where an audience's board and its forms are."""

    board: str
    set: str
    still: str
    undo: str
    week: str


def endpoints(blueprint: str, board: str) -> Endpoints:
    """The endpoints of this blueprint, whose board is this view."""
    return Endpoints(f"{blueprint}.{board}", *(f"{blueprint}.{view}" for view in (
        "set_capacity", "capacity_still_true", "undo_capacity", "capacity_week")))


def page(to: Endpoints, error: Invalid | None = None, wrong: UUID | None = None) -> ResponseReturnValue:
    """The board: what needs a word first. With an error it comes back as it was typed, at the row that it is about."""
    with reading(edge().store, actor()) as session:
        lines = availability.board(session, actor(), now())
    code = 200 if error is None else 409 if isinstance(error, availability.ChangedMeanwhile) else 422
    return render_template("board.html", due=[line for line in lines if line.due],
                           fresh=[line for line in lines if not line.due], to=to, wrong=wrong, form=request.form,
                           errors=error.errors if error else {}), code


def set_number(to: Endpoints, capacity_id: UUID) -> ResponseReturnValue:
    """Set how many are free: what was written, or one more or fewer than was seen."""
    errors: dict[str, str] = {}
    try:
        number = forms.number(request.form, "available", errors)
        if errors or number is None:
            raise Invalid({"available": say("Write how many are free now.")})
        with writing() as session:
            availability.set_available(session, actor(), capacity_id, number, now(), seen=_seen())
    except Invalid as error:
        return page(to, error, capacity_id)
    flash(_("Saved, as of now."))
    return _back(to, capacity_id)


def confirm(to: Endpoints, capacity_id: UUID) -> ResponseReturnValue:
    """Still true, as of now."""
    try:
        with writing() as session:
            availability.still_true(session, actor(), capacity_id, now(), seen=_seen())
    except Invalid as error:
        return page(to, error, capacity_id)
    flash(_("Confirmed, as of now."))
    return _back(to, capacity_id)


def undo(to: Endpoints, capacity_id: UUID) -> ResponseReturnValue:
    """Take the last change back."""
    try:
        with writing() as session:
            availability.undo(session, actor(), capacity_id, request.form.get("change", 0, type=int), now())
    except Invalid as error:
        return page(to, error, capacity_id)
    flash(_("It is as it was before."))
    return _back(to, capacity_id)


def week(to: Endpoints, capacity_id: UUID) -> ResponseReturnValue:
    """How full it was in the last seven days."""
    with reading(edge().store, actor()) as session:
        found = availability.week(session, actor(), capacity_id, now())
    rows = [[format_date(day.day, "EEE d MMM"), *(_("not known") if number is None else number for number in (
        day.fewest, day.most, day.maximum))] for day in found.days]
    fewest = [(format_date(day.day, "EEE"), day.fewest) for day in found.days]
    return render_template("board_week.html", line=found.line, rows=rows[::-1], fewest=fewest, to=to,
                           full=sum(number == 0 for _name, number in fewest))


def _seen() -> int | None:
    """The number that the page showed."""
    return request.form.get("seen", type=int)


def _back(to: Endpoints, capacity_id: UUID) -> ResponseReturnValue:
    """To the same row, which the browser gives the focus, as its address names it."""
    return redirect(url_for(to.board, _anchor=f"row-{capacity_id}"))
