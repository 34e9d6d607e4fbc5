"""The link in a reminder: confirm or set numbers without signing in. It can do nothing else and leads nowhere else.

To open it changes nothing: mail scanners follow links. Only sending the form acts, once.
"""

from collections.abc import Sequence
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from referral_dir.desk import reminders
from referral_dir.domain.errors import Invalid
from referral_dir.domain.saying import say
from referral_dir.store.db import reading
from referral_dir.web import forms
from referral_dir.web.auth import PUBLIC, action, edge, now, writing

blueprint = Blueprint("numbers", __name__)
GUARD = PUBLIC
KEPT = "numbers"
Asked = Sequence[reminders.Asked]


@blueprint.get("/numbers/<token>")
@action("capacity:by_link")
def follow(token: str) -> ResponseReturnValue:
    """The link in the mail. The token goes into the cookie, so that no page has it in its address or its history."""
    session[KEPT] = token[:100]
    return redirect(url_for("numbers.form"))


@blueprint.get("/numbers")
@action("capacity:by_link")
def form() -> ResponseReturnValue:
    """The numbers, as they stand."""
    return _page({}, 200)


@blueprint.post("/numbers")
@action("capacity:by_link")
def send() -> ResponseReturnValue:
    """Save them, and the link is used up; or only one more or fewer in a box, which saves nothing yet."""
    if request.form.get("step"):
        return _page({}, 200)
    try:
        with writing() as db:
            slow = not reminders.may_try(db, request.remote_addr, now())
        if slow:
            return _page({"numbers": say("Too many tries: wait an hour.")}, 429)
        with writing() as db:
            saved = reminders.answer(db, _token(), _given(), now())
    except Invalid as error:
        return _page(error.errors, 422)
    session.pop(KEPT, None)
    return render_template("numbers.html", asked=None, saved=saved, errors={})


def _token() -> str:
    return str(session.get(KEPT, ""))


def _page(errors: dict[str, str], code: int) -> ResponseReturnValue:
    with reading(edge().store) as db:
        asked = reminders.asked(db, _token(), now())
    if asked is None:
        return render_template("numbers.html", asked=None, saved=None, errors={}), 422
    typed = {row.capacity_id: _stepped(row, request.form) for row in asked}
    return render_template("numbers.html", asked=asked, typed=typed, saved=None, errors=errors), code


def _stepped(row: reminders.Asked, sent: forms.Form) -> str:
    """What stands in the box: what was typed, and one more or fewer where that was tapped."""
    text = sent.get(f"available-{row.capacity_id}", str(row.available))
    step = {f"fewer-{row.capacity_id}": -1, f"more-{row.capacity_id}": 1}.get(sent.get("step", ""), 0)
    if not step:
        return text
    try:
        wanted = int(text) + step
    except ValueError:
        wanted = row.available + step
    return str(max(0, wanted if row.maximum is None else min(wanted, row.maximum)))


def _given() -> dict[UUID, reminders.Given]:
    """What was written in each box; an empty box says nothing. Raises Invalid with every box that can't be read."""
    found: dict[UUID, reminders.Given] = {}
    errors: dict[str, str] = {}
    for field, text in request.form.items():
        name, _, key = field.partition("-")
        ids = forms.uuids([key]) if name == "available" else []
        if ids and text.strip():
            try:
                found[ids[0]] = reminders.Given(int(request.form.get(f"seen-{key}", "")), int(text))
            except ValueError:
                errors[field] = say("Write a number, or leave it empty if you don't know.")
    if errors:
        raise Invalid(errors)
    return found
