"""Finding: a need and its answer, a search by words, one service. What is asked never stands in an address."""

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from flask import Blueprint, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue

from referral_dir.desk import cases, find, places
from referral_dir.domain.errors import Invalid
from referral_dir.domain.need import LARGEST_RADIUS_KM, Need
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import Role
from referral_dir.web import finding_words, for_person, forms
from referral_dir.web.auth import action, actor, edge, now, showing, writing
from referral_dir.web.security import allow_position

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

blueprint = Blueprint("finding", __name__, url_prefix="/officer")
# Caseworkers find services too; what is for a case is the officer's, as its action says.
GUARD = frozenset({Role.OFFICER, Role.CASEWORKER})
finding_words.install(blueprint)


@blueprint.get("/")
@action("service:find")
def find_form() -> ResponseReturnValue:
    """The one form to ask with; it begins with the place that they usually ask from."""
    with writing() as session:
        usual = places.usual_place(session, actor())
    return _question(forms.Form({"near": usual, "keep_place": "1"} if usual else {}), {})


@blueprint.post("/")
@action("service:find")
def change_question() -> ResponseReturnValue:
    """The form again, filled in with what was asked."""
    return _question(request.form, {})


@blueprint.post("/find")
@action("service:find")
def find_services() -> ResponseReturnValue:
    """The answer, in one round trip."""
    form = forms.chosen_place(request.form)
    try:
        # An answer is shown again in another language; a question that was only typed is not asked by that.
        with showing() if form.get("answered") else writing() as session:
            need = _need(session, form)
            answer = find.match_services(session, edge().indexes, actor(), need, now(), weighed=find.WEIGHED,
                                         shown=forms.shown(form), only=forms.only(form))
            _remember(session, form, need)
    except Invalid as error:
        return _question(form, error.errors), 422
    return _answer(form, answer, {})


@blueprint.post("/compare")
@action("service:read")
def compare() -> ResponseReturnValue:
    """Two or three of the answer side by side; again in another language, as nothing is asked by that."""
    form = forms.chosen_place(request.form)
    try:
        with showing() as session:
            compared = find.compare_services(session, edge().indexes, actor(), _need(session, form), now=now(),
                                             service_ids=forms.uuids(form.getlist("compare")))
    except Invalid as error:
        if set(error.errors) - {"compare"}:
            return _question(form, error.errors), 422
        with showing() as session:
            answer = find.match_services(session, edge().indexes, actor(), _need(session, form), now(),
                                         weighed=find.WEIGHED, shown=forms.shown(form), only=forms.only(form))
        return _answer(form, answer, error.errors), 422
    return render_template("officer/compare.html", compared=compared, hidden=forms.carried(form, forms.ASKED))


@blueprint.post("/places")
@action("service:find")
def places_named() -> ResponseReturnValue:
    """Places whose name begins with the text, while somebody types."""
    with writing() as session:
        return jsonify(places.suggestions(session, actor(), request.form.get("text", "")))


def _need(session: "Session", form: forms.Form) -> Need:
    need = forms.need_from(form)
    avoid = find.organizations_named(session, forms.words(form.get("avoid_organizations", "")))
    return replace(need, excluded_organizations=need.excluded_organizations | set(avoid))


def _remember(session: "Session", form: forms.Form, need: Need) -> None:
    """Keep or forget the usual place, as its box says; only the question itself has the box."""
    if not form.get("new_question"):
        return
    if form.get("keep_place"):
        places.keep_usual_place(session, actor(), need.place)
    elif form.get("near") == places.usual_place(session, actor()):
        places.keep_usual_place(session, actor(), None)


def _question(form: forms.Form, errors: dict[str, str]) -> str:
    # Here alone the browser may ask the phone where it is, and only when a person presses the button.
    allow_position()
    meant = places.choices(form.get("near", "")) if "near" in errors else []
    if meant:
        errors = {"near_choice": say("Choose which place is meant"),
                  **{field: problem for field, problem in errors.items() if field != "near"}}
    return render_template("officer/find.html", form=form, errors=errors, meant=meant, **forms.CHOICES)


def _answer(form: forms.Form, answer: find.MatchAnswer, errors: dict[str, str]) -> str:
    copy = forms.Form(form)
    if forms.position(form):
        copy["near"] = places.written(answer.need.place)
    return render_template("officer/results.html", answer=answer, errors=errors, form=copy, case=None,
                           again=url_for("finding.find_services"), hidden=forms.carried(copy, forms.ASKED),
                           compared=forms.uuids(form.getlist("compare")))


@blueprint.post("/case/<uuid:case_id>/find")
@action("case:match")
def find_for_case(case_id: UUID) -> ResponseReturnValue:
    """Services for this case, each with a way to ask it."""
    errors: dict[str, str] = {}
    radius = forms.number(request.form, "radius_km", errors, whole=False) or find.DEFAULT_RADIUS_KM
    with writing() as session:
        found = cases.own_case(session, actor(), case_id)
        only = cases.rest_of(session, found) if request.form.get("rest") else ()
        need = cases.need_of(session, found, radius_km=min(max(radius, 1.0), LARGEST_RADIUS_KM), only=only)
        answer = find.match_services(session, edge().indexes, actor(), need, now(), weighed=find.WEIGHED,
                                     shown=forms.shown(request.form), only=forms.only(request.form))
    return render_template("officer/results.html", answer=answer, errors={}, form=request.form, case=found,
                           again=url_for("finding.find_for_case", case_id=case_id), compared=[],
                           hidden=forms.carried(request.form, ("radius_km", "rest")))


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
        open_cases = cases.cases_to_place(session, actor()) if actor().role is Role.OFFICER else []
    return render_template("officer/service.html", view=view, cases=open_cases)


@blueprint.post("/service/<uuid:service_id>/for-person")
@action("service:read")
def hand_over(service_id: UUID) -> ResponseReturnValue:
    """A page to hold out or print: the service in large, plain type and the person's own language."""
    with writing() as session:
        view = find.read_service(session, actor(), service_id, now())
    language = for_person.chosen(request.form.get("person_language"), request.form.getlist("languages"))
    return render_template("officer/for_person.html", view=view, person_language=language,
                           body=for_person.body(view, language), hidden=forms.carried(request.form, ("languages",)))
