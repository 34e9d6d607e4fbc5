"""What forms send -> values. What can't be read becomes an error beside its field; what was typed is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from werkzeug.datastructures import MultiDict

from referral_dir.desk import find, places
from referral_dir.desk.cases import AGES
from referral_dir.domain.consent_record import Explanation
from referral_dir.domain.errors import Invalid
from referral_dir.domain.narrowing import Only
from referral_dir.domain.need import Need
from referral_dir.domain.notices import is_written
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import AgeBand, Gender, Priority
from referral_dir.store.cases import Case, Consent

Form = MultiDict[str, str]
MOST_WORDS, LAST_PAGE = 200, 100_000
# What may be chosen of a person and of a case.
CHOICES = {"ages": list(AgeBand), "genders": list(Gender), "priorities": list(Priority)}
# All fields of the find form.
ASKED = ("who", "needs", "languages", "other_languages", "near", "lat", "lon", "radius_km", "age", "gender",
         "household", "accessibility", "open_now", "priority", "avoid_organizations", "avoid_communities", "avoid_near",
         "avoid_km")
# Whom the large tiles mean: gender, the youngest and oldest in years, the age band of a case, how many at least.
WHO: Mapping[str, tuple[str, tuple[int, int] | None, str, int]] = {
    "woman": ("female", AGES[AgeBand.GROWN_UP], AgeBand.GROWN_UP, 1),
    "man": ("male", AGES[AgeBand.GROWN_UP], AgeBand.GROWN_UP, 1), "child": ("", (0, 11), AgeBand.CHILD, 1),
    "teen": ("", (12, 17), AgeBand.TEEN, 1), "family": ("", None, "", 2)}
NOBODY: tuple[str, tuple[int, int] | None, str, int] = ("", None, "", 1)


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
    gender, ages, _, at_least = WHO.get(form.get("who", ""), NOBODY)
    here = position(form)
    try:
        need = find.make_need(
            needs=form.getlist("needs"), near=here or form.get("near", ""), languages=languages(form),
            radius_km=radius, ages=(age, age) if age is not None else ages, gender=form.get("gender") or gender or None,
            household=at_least if household in (None, 1) else household,
            accessibility=form.getlist("accessibility"),
            excluded_organizations=uuids(form.getlist("excluded_organizations")),
            excluded_communities=words(form.get("avoid_communities", "")),
            excluded_areas=[(avoid, 25.0 if avoid_km is None else avoid_km)] if avoid else [],
            open_now=bool(form.get("open_now")))
    except Invalid as error:
        raise Invalid({**error.errors, **errors}) from error
    if errors:
        raise Invalid(errors)
    return replace(need, place=replace(need.place, name=need.place.name.removeprefix("near "))) if here else need


def position(form: Form) -> str:
    """Where the phone is, to about a kilometre, if the form says; else empty. Finer is not needed, and not read."""
    try:
        return ", ".join(str(round(float(form.get(field, "")), places.DECIMALS)) for field in ("lat", "lon"))
    except (ValueError, OverflowError):
        return ""


def chosen_place(form: Form) -> Form:
    """The form with what its tiles mean: the place that was picked among several, and who was chosen."""
    copy = MultiDict(form)
    if form.get("near_choice"):
        copy["near"] = form["near_choice"]
    if form.get("wider"):
        copy["radius_km"] = form["wider"]
    gender, _, band, at_least = WHO.get(form.get("who", ""), NOBODY)
    for field, meant in (("gender", gender), ("age_band", "" if form.get("age") else band)):
        if meant and not form.get(field):
            copy[field] = meant
    if at_least > 1 and form.get("household", "1") in ("", "1"):
        copy["household"] = str(at_least)
    return copy


def yes_or_no(form: Form, field: str) -> bool | None:
    """True, False, or None where nothing was chosen."""
    return {"yes": True, "no": False}.get(form.get(field, ""))


def spoken(form: Form, row: Consent, case: Case) -> str:
    """The person's language, in which the notice is put to them: as chosen, as explained, or as the case says; of
    several, one in which it is written."""
    said = next((code for code in case.languages if is_written(code)), next(iter(case.languages), "en"))
    return form.get("language") or row.notice_language or said


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


def only(form: Form) -> frozenset[Only]:
    """What the answer is narrowed to: what was, with one more or one less where a filter was tapped."""
    kept = {each for each in Only if each in form.getlist("only")}
    return frozenset(kept ^ {each for each in Only if each == form.get("toggle")})


def shown(form: Form) -> int:
    """How many results are asked for."""
    text = form.get("shown", "")
    return min(max(int(text), find.SHOWN), find.WEIGHED) if text.isdecimal() and len(text) < 4 else find.SHOWN


def texts(form: Form, fields: Sequence[str]) -> Mapping[str, str]:
    """These fields as they were typed, without what nobody types and no database holds."""
    return {field: form.get(field, "").replace("\0", "") for field in fields}


def asked_words(form: Form) -> str:
    """The words that a list is searched for."""
    return texts(form, ("words",))["words"][:MOST_WORDS]


def asked_page(form: Form) -> int:
    """The page of a list that is asked for."""
    return min(max(1, form.get("page", 1, type=int)), LAST_PAGE)


def carried(form: Form, fields: Sequence[str]) -> list[tuple[str, str]]:
    """These fields with all their values, to be sent along with the next form."""
    return [(field, value) for field in fields for value in form.getlist(field) if value]
