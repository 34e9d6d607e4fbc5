"""The administrator: people and what they may do, invitations and who approves them."""

from collections.abc import Mapping
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from referral_dir.desk import invitations, people
from referral_dir.domain.errors import Invalid
from referral_dir.domain.vocabulary import Role
from referral_dir.store.db import reading
from referral_dir.web.auth import action, actor, edge, now, writing

blueprint = Blueprint("administration", __name__, url_prefix="/administration")
GUARD = frozenset({Role.ADMINISTRATOR})


@blueprint.get("/", endpoint="people")
@action("people:read")
def everyone() -> ResponseReturnValue:
    """Everyone who has an account, by organization."""
    with reading(edge().store) as session:
        return render_template("administration/people.html", members=people.everyone(session, actor()))


@blueprint.get("/people/<uuid:person_id>")
@action("people:read")
def person(person_id: UUID) -> ResponseReturnValue:
    """One person."""
    return _person(person_id, {}, 200)


@blueprint.post("/people/<uuid:person_id>/role")
@action("people:change", step_up=True)
def change_role(person_id: UUID) -> ResponseReturnValue:
    """Another role; their sessions end."""
    try:
        with writing() as session:
            anew = people.change_role(session, actor(), person_id, request.form.get("role", ""), now())
    except Invalid as error:
        return _person(person_id, error.errors, 422)
    flash(_("Changed. They are locked until they accept a new invitation, which another administrator must approve.")
          if anew else _("Changed, and their sessions are ended."))
    return redirect(url_for("administration.person", person_id=person_id))


@blueprint.post("/people/<uuid:person_id>/privileges")
@action("people:change", step_up=True)
def set_privileges(person_id: UUID) -> ResponseReturnValue:
    """What an officer may do beside the role."""
    try:
        with writing() as session:
            people.set_privileges(session, actor(), person_id, now=now(),
                                  may_break_glass="may_break_glass" in request.form,
                                  is_supervisor="is_supervisor" in request.form)
    except Invalid as error:
        return _person(person_id, error.errors, 422)
    flash(_("Saved."))
    return redirect(url_for("administration.person", person_id=person_id))


@blueprint.post("/people/<uuid:person_id>/lock")
@action("people:change")
def lock(person_id: UUID) -> ResponseReturnValue:
    """Keep a person out at once."""
    return _set_active(person_id, False, _("Locked: their sessions are ended."))


@blueprint.post("/people/<uuid:person_id>/unlock")
@action("people:change", step_up=True)
def unlock(person_id: UUID) -> ResponseReturnValue:
    """Let a person in again."""
    return _set_active(person_id, True, _("Unlocked."))


@blueprint.post("/people/<uuid:person_id>/end-sessions")
@action("people:change")
def end_sessions(person_id: UUID) -> ResponseReturnValue:
    """Sign a person out everywhere."""
    try:
        with writing() as session:
            people.end_sessions(session, actor(), person_id, now())
    except Invalid as error:
        return _person(person_id, error.errors, 422)
    flash(_("Their sessions are ended."))
    return redirect(url_for("administration.person", person_id=person_id))


@blueprint.post("/people/<uuid:person_id>/invite-anew")
@action("people:invite", step_up=True)
def invite_anew(person_id: UUID) -> ResponseReturnValue:
    """For someone who lost phone, key and recovery codes."""
    try:
        with writing() as session:
            invitation = invitations.invite_anew(session, actor(), person_id, now())
    except Invalid as error:
        return _person(person_id, error.errors, 422)
    flash(_("Another administrator must approve it before the link is sent.") if invitation.needs_second
          else _("The link is on its way."))
    return redirect(url_for("administration.invited"))


@blueprint.get("/invitations")
@action("people:read")
def invited() -> ResponseReturnValue:
    """Invitations and their state."""
    return _invited({}, 200)


@blueprint.get("/invitations/new")
@action("people:invite", step_up=True)
def invite_form() -> ResponseReturnValue:
    """The form."""
    return _invite_form({"organization": request.args.get("organization", "")[:200]}, {}, 200)


@blueprint.post("/invitations/new")
@action("people:invite", step_up=True)
def invite() -> ResponseReturnValue:
    """Invite; the person chooses their own password."""
    form = request.form
    try:
        with writing() as session:
            invitation = invitations.invite(
                session, actor(), email=form.get("email", ""), name=form.get("name", ""), role=form.get("role", ""),
                organization=form.get("organization", ""), new_organization="new_organization" in form,
                may_break_glass="may_break_glass" in form, is_supervisor="is_supervisor" in form, now=now())
    except Invalid as error:
        return _invite_form(form, error.errors, 422)
    flash(_("Invited. Another administrator must approve it before the link is sent.") if invitation.needs_second
          else _("Invited: the link is on its way."))
    return redirect(url_for("administration.invited"))


@blueprint.post("/invitations/<uuid:invitation_id>/approve")
@action("people:approve", step_up=True)
def approve(invitation_id: UUID) -> ResponseReturnValue:
    """The second word."""
    try:
        with writing() as session:
            invitations.approve(session, actor(), invitation_id, now())
    except Invalid as error:
        return _invited(error.errors, 422)
    flash(_("Approved: the link is on its way."))
    return redirect(url_for("administration.invited"))


@blueprint.post("/invitations/<uuid:invitation_id>/revoke")
@action("people:invite")
def revoke(invitation_id: UUID) -> ResponseReturnValue:
    """The link opens nothing any more."""
    with writing() as session:
        invitations.revoke(session, actor(), invitation_id, now())
    flash(_("Revoked: the link opens nothing any more."))
    return redirect(url_for("administration.invited"))


@blueprint.post("/invitations/<uuid:invitation_id>/send")
@action("people:invite", step_up=True)
def send_again(invitation_id: UUID) -> ResponseReturnValue:
    """A new link in place of the old one."""
    with writing() as session:
        invitations.send_again(session, actor(), invitation_id, now())
    flash(_("A new link is on its way; the old one opens nothing any more."))
    return redirect(url_for("administration.invited"))


def _set_active(person_id: UUID, active: bool, done: str) -> ResponseReturnValue:
    try:
        with writing() as session:
            people.set_active(session, actor(), person_id, active, now())
    except Invalid as error:
        return _person(person_id, error.errors, 422)
    flash(done)
    return redirect(url_for("administration.person", person_id=person_id))


def _person(person_id: UUID, errors: dict[str, str], code: int) -> ResponseReturnValue:
    with reading(edge().store) as session:
        member = people.one(session, actor(), person_id)
        return render_template("administration/person.html", member=member, errors=errors, roles=list(Role),
                               oneself=person_id == actor().person_id), code


def _invite_form(form: Mapping[str, str], errors: dict[str, str], code: int) -> ResponseReturnValue:
    with reading(edge().store) as session:
        return render_template("administration/invite.html", errors=errors, form=form, roles=list(Role),
                               approvers=invitations.approvers(session, actor()),
                               organizations=invitations.organizations(session, actor())), code


def _invited(errors: dict[str, str], code: int) -> ResponseReturnValue:
    with reading(edge().store) as session:
        rows = invitations.listing(session, actor(), now())
        return render_template("administration/invitations.html", rows=rows, errors=errors, me=actor().person_id,
                               approvers=invitations.approvers(session, actor())), code
