"""What forms send -> values. What can't be read becomes an error beside its field; what was typed is kept."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from werkzeug.datastructures import MultiDict

from referral_dir.desk import find
from referral_dir.desk.cases import AGES
from referral_dir.domain.consent_record import Explanation
from referral_dir.domain.errors import Invalid
from referral_dir.domain.need import Need
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import AgeBand, Gender, Priority
from referral_dir.store.cases import Case, Consent

Form = MultiDict[str, str]
# What may be chosen of a person and of a case.
CHOICES = {"ages": list(AgeBand), "genders": list(Gender), "priorities": list(Priority)}
# All fields of the find form.
ASKED = ("needs", "languages", "other_languages", "near", "near_choice", "radius_km", "age", "gender", "household",
         "accessibility", "open_now", "avoid_organizations", "avoid_communities", "avoid_near", "avoid_km")


def words(text: str) -> list[str]:
    """The parts of a list that is written with commas."""
    return [part.strip() for part in text.replace(";", ",").replace("\n", ",").split(",") if part.strip()]


def languages(form: Form) -> list[str]:
    """Ticked languages and those that were written."""
    return [*form.getlist("languages"), *words(form.get("other_languages", ""))]


def number(form: Form, field: str, errors: dict[str, str], *, whole: bool = True) -> Any:
    """A number or None; an error where the text is not one."""
    text = form.get(field, "").strip()
    if not text:
        return None
    try:
        return int(text) if whole else float(text.replace(",", "."))
    except ValueError:
        errors[field] = say("write a number")
        return None


def uuids(values: Sequence[str]) -> list[UUID]:
    """Ids among the values; what is none is left out."""
    found = []
    for value in values:
        try:
            found.append(UUID(value))
        except ValueError:
            continue
    return found


def need_from(form: Form) -> Need:
    """The find form as a Need. Raises Invalid with all fields that are wrong."""
    errors: dict[str, str] = {}
    age = number(form, "age", errors)
    radius = number(form, "radius_km", errors, whole=False)
    household = number(form, "household", errors)
    avoid = form.get("avoid_near", "").strip()
    avoid_km = number(form, "avoid_km", errors, whole=False)
    try:
        need = find.make_need(
            needs=form.getlist("needs"), near=form.get("near", ""), languages=languages(form), radius_km=radius,
            ages=(age, age) if age is not None else None, gender=form.get("gender") or None,
            household=1 if household is None else household, accessibility=form.getlist("accessibility"),
            excluded_organizations=uuids(form.getlist("excluded_organizations")),
            excluded_communities=words(form.get("avoid_communities", "")),
            excluded_areas=[(avoid, 25.0 if avoid_km is None else avoid_km)] if avoid else [],
            open_now=bool(form.get("open_now")))
    except Invalid as error:
        raise Invalid({**error.errors, **errors}) from error
    if errors:
        raise Invalid(errors)
    return need


def chosen_place(form: Form) -> Form:
    """The form with the place that was picked among several, if one was."""
    picked = form.get("near_choice")
    if not picked:
        return form
    copy = MultiDict(form)
    copy["near"] = picked
    return copy


def yes_or_no(form: Form, field: str) -> bool | None:
    """True, False, or None where nothing was chosen."""
    return {"yes": True, "no": False}.get(form.get(field, ""))


def spoken(form: Form, row: Consent, case: Case) -> str:
    """The person's language, in which the notice is put to them: as chosen, as explained, or as the case says."""
    return form.get("language") or row.notice_language or next(iter(case.languages), "en")


def explanation(form: Form) -> Explanation:
    """How the notice was put to the person, and who decides."""
    return Explanation(
        language=form.get("language", "en"), interpreter=form.get("interpreter", ""),
        interpreter_reference=form.get("interpreter_reference", ""), format=form.get("format", ""),
        capacity=form.get("capacity", ""), guardian=form.get("guardian", ""),
        guardian_suspected=yes_or_no(form, "guardian_suspected"))


def age_band(years: int | None) -> str | None:
    """The band that an age in years falls into, as a case keeps it."""
    return next((band for band, (first, last) in AGES.items() if years is not None and first <= years <= last), None)


def texts(form: Form, fields: Sequence[str]) -> Mapping[str, str]:
    """These fields as they were typed."""
    return {field: form.get(field, "") for field in fields}
