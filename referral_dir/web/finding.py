"""Finding: a need and its answer, a search by words, one service. What is asked never stands in an address."""

from dataclasses import replace
from uuid import UUID

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from referral_dir.desk import cases, find
from referral_dir.domain.errors import Invalid
from referral_dir.domain.need import LARGEST_RADIUS_KM
from referral_dir.domain.vocabulary import Role
from referral_dir.web import forms
from referral_dir.web.auth import action, actor, edge, now, writing

blueprint = Blueprint("finding", __name__, url_prefix="/officer")
# Caseworkers find services too; what is for a case is the officer's, as its action says.
GUARD = frozenset({Role.OFFICER, Role.CASEWORKER})


@blueprint.get("/")
@action("service:find")
def find_form() -> ResponseReturnValue:
    """The one form to ask with."""
    return render_template("officer/find.html", form=forms.Form(), errors={}, answer=None, **forms.CHOICES)


@blueprint.post("/")
@action("service:find")
def change_question() -> ResponseReturnValue:
    """The form again, filled in with what was asked."""
    form = forms.chosen_place(request.form)
    return render_template("officer/find.html", form=form, errors={}, answer=None, **forms.CHOICES)


@blueprint.post("/find")
@action("service:find")
def find_services() -> ResponseReturnValue:
    """The answer, on the same page."""
    form = forms.chosen_place(request.form)
    try:
        need = forms.need_from(form)
        with writing() as session:
            avoid = find.organizations_named(session, forms.words(form.get("avoid_organizations", "")))
            need = replace(need, excluded_organizations=need.excluded_organizations | set(avoid))
            answer = find.match_services(session, edge().indexes, actor(), need, now())
    except Invalid as error:
        return render_template("officer/find.html", form=form, errors=error.errors, answer=None, **forms.CHOICES), 422
    return render_template("officer/find.html", form=form, errors={}, answer=answer, **forms.CHOICES)


@blueprint.route("/search", methods=["GET", "POST"])
@action("service:find")
def search() -> ResponseReturnValue:
    """Services by words, narrowed by facets."""
    if request.method == "GET":
        return render_template("officer/search.html", form=forms.Form(), errors={}, answer=None)
    form = forms.chosen_place(request.form)
    errors: dict[str, str] = {}
    filters = find.SearchFilters(
        tuple(form.getlist("needs")), tuple(form.getlist("languages")), bool(form.get("open_now")),
        tuple(form.getlist("accessibility")), forms.number(form, "radius_km", errors, whole=False),
        bool(form.get("by_distance")))
    try:
        if errors:
            raise Invalid(errors)
        with writing() as session:
            answer = find.search_services(session, edge().indexes, actor(), form.get("text", ""), now(),
                                          near=form.get("near", ""), filters=filters)
    except Invalid as error:
        return render_template("officer/search.html", form=form, errors=error.errors, answer=None), 422
    return render_template("officer/search.html", form=form, errors={}, answer=answer)


@blueprint.get("/service/<uuid:service_id>")
@action("service:read")
def service(service_id: UUID) -> ResponseReturnValue:
    """One service; where it is stays with a confidential one."""
    with writing() as session:
        view = find.read_service(session, actor(), service_id, now())
        open_cases = cases.my_cases(session, actor()) if actor().role is Role.OFFICER else []
    return render_template("officer/service.html", view=view, cases=open_cases)


@blueprint.post("/case/<uuid:case_id>/find")
@action("case:match")
def find_for_case(case_id: UUID) -> ResponseReturnValue:
    """Services for this case, each with a way to ask it."""
    errors: dict[str, str] = {}
    radius = forms.number(request.form, "radius_km", errors, whole=False) or find.DEFAULT_RADIUS_KM
    with writing() as session:
        found = cases.own_case(session, actor(), case_id)
        need = cases.need_of(session, found, radius_km=min(max(radius, 1.0), LARGEST_RADIUS_KM))
        answer = find.match_services(session, edge().indexes, actor(), need, now())
    return render_template("officer/case_results.html", case=found, answer=answer)
