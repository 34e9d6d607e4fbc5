"""The availability board, which caseworkers and providers share."""

from dataclasses import dataclass
from functools import partial
from typing import Final
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_date
from flask_babel import gettext as _

from referral_dir.desk import availability
from referral_dir.domain.errors import Invalid
from referral_dir.domain.saying import say
from referral_dir.store.db import reading
from referral_dir.web import forms
from referral_dir.web.auth import action, actor, edge, now, writing
from referral_dir.web.languages import direction


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where an audience's board and its forms are."""

    board: str
    set: str
    still: str
    undo: str
    week: str


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
    flash(_("Saved, as of now."), f"row-{capacity_id}")
    return _back(to, capacity_id)


def confirm(to: Endpoints, capacity_id: UUID) -> ResponseReturnValue:
    """Still true, as of now."""
    try:
        with writing() as session:
            availability.still_true(session, actor(), capacity_id, now(), seen=_seen())
    except Invalid as error:
        return page(to, error, capacity_id)
    flash(_("Confirmed, as of now."), f"row-{capacity_id}")
    return _back(to, capacity_id)


def undo(to: Endpoints, capacity_id: UUID) -> ResponseReturnValue:
    """Take the last change back."""
    try:
        with writing() as session:
            availability.undo(session, actor(), capacity_id, request.form.get("change", 0, type=int), now())
    except Invalid as error:
        return page(to, error, capacity_id)
    flash(_("It is as it was before."), f"row-{capacity_id}")
    return _back(to, capacity_id)


def week(to: Endpoints, capacity_id: UUID) -> ResponseReturnValue:
    """How full it was in the last seven days."""
    with reading(edge().store, actor()) as session:
        found = availability.week(session, actor(), capacity_id, now())
    rows = [[format_date(day.day, "EEE d MMM"), *(_("not known") if number is None else number for number in (
        day.fewest, day.most, day.maximum))] for day in found.days]
    fewest = [(format_date(day.day, "EEEEEE" if direction() == "rtl" else "EEE"), day.fewest) for day in found.days]
    return render_template("board_week.html", line=found.line, rows=rows[::-1], fewest=fewest, to=to,
                           full=sum(number == 0 for _name, number in fewest))


def _seen() -> int | None:
    """The number that the page showed."""
    return request.form.get("seen", type=int)


def _back(to: Endpoints, capacity_id: UUID) -> ResponseReturnValue:
    """To the same row, which the browser gives the focus, as its address names it."""
    return redirect(url_for(to.board, _anchor=f"row-{capacity_id}"))


# What every board has beside itself: rule, view, method, action and what it does.
VIEWS: Final = (
    ("", "set_capacity", "POST", "capacity:update", set_number),
    ("/still-true", "capacity_still_true", "POST", "capacity:update", confirm),
    ("/undo", "undo_capacity", "POST", "capacity:update", undo),
    ("/week", "capacity_week", "GET", "capacity:read", week),
)


def add_views(blueprint: Blueprint, board: str) -> Endpoints:
    """Give a blueprint the board's forms and its week, beside the board itself, which is this view of it."""
    to = Endpoints(f"{blueprint.name}.{board}", *(f"{blueprint.name}.{view}" for _rule, view, *_more in VIEWS))
    for rule, view, method, act, do in VIEWS:
        blueprint.add_url_rule(f"/capacity/<uuid:capacity_id>{rule}", view, action(act)(partial(do, to)),
                               methods=[method])
    return to
