"""The editor's form: from a service's texts to what its inputs hold, and back to texts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from referral_dir.domain.listing import FIELDS, FLAGS, SUGGESTED, YES, Values
from referral_dir.domain.opening import DAYS
from referral_dir.domain.places import KEY, Place, is_empty, read_places, said_of, write_places
from referral_dir.domain.places import PARTS as PLACE_PARTS
from referral_dir.domain.weekly import ALWAYS, NAMES, parse_week
from referral_dir.web import forms
from referral_dir.web.forms import Form

# Rules that most services have, to be ticked; all others are written.
RULES: Final = (*(f"serves gender {code}" for code in ("female", "male", "trans", "non_binary")),
                *(f"serves accessibility {code}" for code in ("wheelchair", "hearing", "sight")))
# Two openings a day are enough for nearly everyone: a third is written in the description.
PARTS: Final = ("opens", "closes", "opens_again", "closes_again")
_COMPOSED: Final = frozenset({"needs", "languages", "hours", "eligibility", "more_places", "closed_days", *FLAGS})
CLOSED_NEW: Final = ("closed_first", "closed_last", "closed_words")
FIRST: Final = "1"
NEW: Final = "new"


@dataclass(frozen=True, slots=True)
class PlaceInputs:
    """One place as its inputs hold it: `at` stands in their names, `gone` that it is to be taken away."""

    at: str
    place: Place
    said: str
    gone: bool


@dataclass(frozen=True, slots=True)
class ClosedInputs:
    """Closed days that are there, with what says that they are to be taken away."""

    line: str
    gone: bool


@dataclass(frozen=True, slots=True)
class Editor:
    """What the inputs hold."""

    texts: Mapping[str, str]
    needs: list[str]
    languages: list[str]
    other_languages: str
    rules: list[str]
    other_rules: str
    days: list[tuple[str, str, list[str]]]
    always: bool
    more_hours: bool
    flags: Mapping[str, bool]
    places: list[PlaceInputs]
    closed: list[ClosedInputs]
    closed_new: Mapping[str, str]


def of_values(values: Values, common: tuple[str, ...], typed: Mapping[str, str] | None = None) -> Editor:
    """The editor for a service as it is, with what was typed into a line of it."""
    codes = [code for code in values["languages"].split(", ") if code]
    rules = values["eligibility"].splitlines()
    week = parse_week(values["hours"]) if values["hours"] else {}
    return Editor(
        {name: (typed or {}).get(name, values.get(name, "")) for name in FIELDS},
        [code.removesuffix(SUGGESTED) for code in values["needs"].split(", ") if code],
        [code for code in codes if code in common], ", ".join(code for code in codes if code not in common),
        [rule for rule in rules if rule in RULES], "\n".join(rule for rule in rules if rule not in RULES),
        [(day, NAMES[day], _row([t for span in week.get(day, ())[:2] for t in span])) for day in DAYS],
        values["hours"] == ALWAYS, any(len(spans) > 1 for spans in week.values()),
        {name: values.get(name) == YES for name in FLAGS},
        [PlaceInputs(at, place, _address(place), False) for at, place in _places(values)],
        [ClosedInputs(line, False) for line in values["closed_days"].splitlines()],
        {name: (typed or {}).get(name, "") for name in CLOSED_NEW})


def _address(place: Place) -> str:
    return said_of({**place, "point": ""}) or said_of(place)


def _places(values: Values) -> list[tuple[str, Place]]:
    """Its places, the first one first, and an empty one to be filled in."""
    first = {KEY: "", **{name: values.get(name, "") for name in PLACE_PARTS}}
    more = read_places(values.get("more_places", ""))
    empty = [] if is_empty(first) else [(NEW, dict.fromkeys((KEY, *PLACE_PARTS), ""))]
    return [(FIRST, first), *((str(n), place) for n, place in enumerate(more, 2)), *empty]


def of_form(form: Form) -> Editor:
    """The editor as it was sent: nothing that was typed is lost."""
    return Editor(
        {name: form.get(name, "") for name in FIELDS}, form.getlist("needs"), form.getlist("languages"),
        form.get("other_languages", ""), form.getlist("rules"), form.get("eligibility", ""),
        [(day, NAMES[day], [form.get(f"{day.lower()}_{part}", "") for part in PARTS]) for day in DAYS],
        "always" in form, any(form.get(f"{day.lower()}_opens_again") for day in DAYS),
        {name: name in form for name in FLAGS},
        [PlaceInputs(at, place, _address(place), f"place_{at}_gone" in form) for at, place in _sent_places(form)],
        [ClosedInputs(line, line in form.getlist("closed_gone")) for line in form.getlist("closed")],
        {name: form.get(name, "") for name in CLOSED_NEW})


def _sent_places(form: Form) -> list[tuple[str, Place]]:
    first = {KEY: "", **{name: form.get(name, "") for name in PLACE_PARTS}}
    return [(FIRST, first), *((at, {name: form.get(f"place_{at}_{name}", "") for name in (KEY, *PLACE_PARTS)})
                              for at in form.getlist("place") if at == NEW or at.isdecimal())]


def _more_places(form: Form) -> str:
    return write_places(place for at, place in _sent_places(form)
                        if at != FIRST and f"place_{at}_gone" not in form)


def _closed_days(form: Form) -> str:
    """What is not to be taken away, and what is new. Half of it stays as it is, so that it is refused."""
    first, last, words = (" ".join(form.get(name, "").split()) for name in CLOSED_NEW)
    new = [f"{first}" + (f" to {last}" if last else "") + (f" ({words})" if words else "")] \
        if first or last or words else []
    gone = form.getlist("closed_gone")
    return "\n".join([*(line for line in form.getlist("closed") if line not in gone), *new])


def _row(times: list[str]) -> list[str]:
    return [*times, *[""] * (len(PARTS) - len(times))]


def written(form: Form) -> dict[str, object]:
    """The fields that were sent, as texts. What is ticked counts only where the whole editor was sent: a box that is
    not ticked is not sent either."""
    found: dict[str, object] = {name: form[name] for name in FIELDS if name in form and name not in _COMPOSED}
    whole = "whole" in form
    if whole or "needs" in form:
        found["needs"] = ", ".join(form.getlist("needs"))
    if whole or "languages" in form:
        found["languages"] = ", ".join(forms.languages(form))
    if whole or "eligibility" in form:
        found["eligibility"] = "\n".join([*form.getlist("rules"), form.get("eligibility", "")])
    if whole:
        found["hours"] = _hours(form)
        found["closed_days"] = _closed_days(form)
        found |= {flag: YES if flag in form else "" for flag in FLAGS}
        if "place" in form:
            found["more_places"] = _more_places(form)
        if f"place_{FIRST}_gone" in form:
            found |= dict.fromkeys(PLACE_PARTS, "")
    else:
        found |= {name: form[name] for name in ("hours", "more_places", "closed_days") if name in form}
    return found


def _hours(form: Form) -> str:
    """The grid of days as one text. Half an opening stays as it is, so that it is refused and not forgotten."""
    if "always" in form:
        return ALWAYS
    lines = []
    for day in DAYS:
        times = [form.get(f"{day.lower()}_{part}", "").strip() for part in PARTS]
        spans = [f"{a}-{b}" for a, b in (times[:2], times[2:]) if a or b]
        if spans:
            lines.append(f"{day.title()} {', '.join(spans)}")
    return "; ".join(lines)


def sent_again(form: Form) -> list[tuple[str, str]]:
    """Everything that was typed, to be carried through the preview."""
    return [(name, value) for name, value in form.items(multi=True)
            if name not in ("csrf_token", "confirmed", "again", "language")]
