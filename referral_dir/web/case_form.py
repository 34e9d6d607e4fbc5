"""The form for a case -> a case. Not a blueprint: one case is opened by it, and several at once."""

from collections.abc import Callable
from typing import Any

from referral_dir.desk import cases
from referral_dir.desk.languages import language_codes
from referral_dir.domain.errors import Invalid
from referral_dir.domain.need import Area
from referral_dir.domain.vocabulary import Priority
from referral_dir.geo import PlaceError, resolve_place
from referral_dir.web import forms


def filled(asked: forms.Form) -> forms.Form:
    """What was asked in the find form, as the form for a case has it."""
    form, errors = forms.Form(forms.chosen_place(asked)), dict[str, str]()
    band = forms.age_band(forms.number(form, "age", errors))
    if band and not form.get("age_band"):
        form["age_band"] = band
    return form


def new_case(form: forms.Form) -> cases.NewCase:
    """The case that the form describes. Raises Invalid with every field that is wrong."""
    errors: dict[str, str] = {}
    household, age = forms.number(form, "household", errors), forms.number(form, "age", errors)
    avoid_km = forms.number(form, "avoid_km", errors, whole=False)
    place = _read(errors, "near", lambda: resolve_place(form.get("near", "")))
    spoken = _read(errors, "languages", lambda: language_codes(forms.languages(form)))
    areas = _read(errors, "avoid_near", lambda: _areas(form, 25.0 if avoid_km is None else avoid_km))
    if errors:
        raise Invalid(errors)
    return cases.NewCase(
        needs=form.getlist("needs"), languages=spoken, place=place, priority=form.get("priority", Priority.URGENT),
        age_band=form.get("age_band") or forms.age_band(age), gender=form.get("gender") or None,
        household=household or 1,
        accessibility=form.getlist("accessibility"), excluded_areas=areas,
        excluded_organizations=forms.uuids(form.getlist("excluded_organizations")),
        excluded_communities=forms.words(form.get("avoid_communities", "")),
        safe_contact=form.get("safe_contact", ""))


def _read(errors: dict[str, str], field: str, make: Callable[[], Any]) -> Any:
    try:
        return make()
    except (PlaceError, ValueError) as error:
        errors[field] = error.args[0]
        return None


def _areas(form: forms.Form, radius_km: float) -> list[Area]:
    text = form.get("avoid_near", "").strip()
    if not text:
        return []
    place = resolve_place(text)
    return [Area(place.name, place.latitude, place.longitude, radius_km)]
