"""The availability board, which caseworkers and providers share."""

from uuid import UUID

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from referral_dir.desk import availability
from referral_dir.domain.errors import Invalid
from referral_dir.web import forms
from referral_dir.web.auth import actor, now, writing


def page(set_endpoint: str, still_endpoint: str, errors: dict[str, str], code: int,
         wrong: UUID | None = None) -> ResponseReturnValue:
    """The board, longest unconfirmed first."""
    with writing() as session:
        lines = availability.board(session, actor(), now())
    return render_template("board.html", lines=lines, set_endpoint=set_endpoint, still_endpoint=still_endpoint,
                           errors=errors, wrong=wrong, form=request.form), code


def set_number(capacity_id: UUID, back: str, set_endpoint: str, still_endpoint: str) -> ResponseReturnValue:
    """Set how many are free."""
    errors: dict[str, str] = {}
    number = forms.number(request.form, "available", errors)
    try:
        if errors or number is None:
            raise Invalid(errors or {"available": "write how many are free now"})
        with writing() as session:
            availability.set_available(session, actor(), capacity_id, number, now())
    except Invalid as error:
        return page(set_endpoint, still_endpoint, error.errors, 422, capacity_id)
    flash("Saved, as of now.")
    return redirect(url_for(back))


def confirm(capacity_id: UUID, back: str) -> ResponseReturnValue:
    """Still true, as of now."""
    with writing() as session:
        availability.still_true(session, actor(), capacity_id, now())
    flash("Confirmed, as of now.")
    return redirect(url_for(back))
