"""The form for a case -> a case. Not a blueprint: one case is opened by it, and several at once."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from referral_dir.desk import cases
from referral_dir.desk.languages import COMMON, language_codes
from referral_dir.domain import members as group
from referral_dir.domain import people_list
from referral_dir.domain.errors import Invalid
from referral_dir.domain.handoff import usual_priority
from referral_dir.domain.need import Area
from referral_dir.domain.vocabulary import Place
from referral_dir.geo import PlaceError, resolve_place
from referral_dir.store.cases import Case
from referral_dir.web import forms


def filled(asked: forms.Form) -> forms.Form:
    """What was asked in the find form, as the form for a case has it."""
    form, errors = forms.Form(forms.chosen_place(asked)), dict[str, str]()
    band = forms.age_band(forms.number(form, "age", errors))
    if band and not form.get("age_band"):
        form["age_band"] = band
    return form


def of_case(case: Case) -> forms.Form:
    """The form, filled in with a case as it is."""
    form = forms.Form([(key, str(value)) for key, value in (
        ("near", case.place_name), ("priority", case.priority), ("age_band", case.age_band or ""),
        ("gender", case.gender or ""), ("household", case.household))])
    for key, values in (("needs", case.needs), ("languages", case.languages), ("accessibility", case.accessibility)):
        form.setlist(key, values)
    rare = [code for code in case.languages if code not in COMMON[:12]]
    form["other_languages"] = ", ".join(rare)
    return form


def changed(form: forms.Form, case: Case) -> cases.NewCase:
    """What the form makes of the case. A place and a group that were not touched stay the very ones. Raises Invalid."""
    new = _at_its_place(form, case)
    return new if form.get("members", "").strip() else replace(new, members=group.read(case.members))


def _at_its_place(form: forms.Form, case: Case) -> cases.NewCase:
    kept = Place(case.place_name, case.place_country, case.place_latitude, case.place_longitude)
    if form.get("near", "").strip() != case.place_name:
        return new_case(form)
    return replace(new_case(forms.Form([*((k, v) for k, v in form.items(multi=True) if k != "near"),
                                        ("near", f"{kept.latitude},{kept.longitude}")])), place=kept)


def new_case(form: forms.Form) -> cases.NewCase:
    """The case that the form describes. Raises Invalid with every field that is wrong."""
    errors: dict[str, str] = {}
    household, age = forms.number(form, "household", errors), forms.number(form, "age", errors)
    avoid_km = forms.number(form, "avoid_km", errors, whole=False)
    place = _read(errors, "near", lambda: resolve_place(form.get("near", "")))
    spoken = _read(errors, "languages", lambda: language_codes(forms.languages(form)))
    members = _read(errors, "members", lambda: people_list.people_of(form.get("members", ""))) or ()
    areas = _read(errors, "avoid_near", lambda: _areas(form, 25.0 if avoid_km is None else avoid_km))
    if errors:
        raise Invalid(errors)
    return cases.NewCase(
        needs=form.getlist("needs"), languages=spoken, place=place,
        priority=form.get("priority") or usual_priority(form.getlist("needs")),
        age_band=form.get("age_band") or forms.age_band(age), gender=form.get("gender") or None,
        household=len(members) if members and household in (None, 1) else household or 1, members=members,
        accessibility=form.getlist("accessibility"), excluded_areas=areas,
        excluded_organizations=forms.uuids(form.getlist("excluded_organizations")),
        excluded_communities=forms.words(form.get("avoid_communities", "")),
        safe_contact=form.get("safe_contact", ""))


def _read(errors: dict[str, str], field: str, make: Callable[[], Any]) -> Any:
    try:
        return make()
    except (PlaceError, ValueError) as error:
        errors[field] = error.args[0]
    except Invalid as error:
        errors |= error.errors
    return None


def _areas(form: forms.Form, radius_km: float) -> list[Area]:
    text = form.get("avoid_near", "").strip()
    if not text:
        return []
    place = resolve_place(text)
    return [Area(place.name, place.latitude, place.longitude, radius_km)]
