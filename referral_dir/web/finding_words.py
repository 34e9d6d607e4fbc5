"""What the finding pages say beside the words of all pages: needs in groups, what else they are called, hours."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Final

from babel import Locale
from babel.dates import get_day_names
from flask import Blueprint
from flask_babel import gettext as _

from referral_dir.desk import listing_values
from referral_dir.desk.languages import COMMON, language_name
from referral_dir.domain.need import Need
from referral_dir.domain.needs import label, needs
from referral_dir.domain.opening import DAYS
from referral_dir.domain.saying import say_list
from referral_dir.web.auth import now
from referral_dir.web.languages import in_words, ui_language
from referral_dir.web.page_words import dated

if TYPE_CHECKING:
    from referral_dir.store.directory import Language, Schedule, ServiceNeed

# What is asked for most at night; everything else stands below, in its group.
FIRST_NEEDS: Final = ("shelter.emergency", "shelter.safe_house", "medical.emergency", "legal.immigration",
                      "interpretation", "mental_health.crisis", "basic.food", "case_management")
FIRST_LANGUAGES: Final = 8
RADII: Final = (5, 10, 25, 50, 100, 200, 500)


def also(code: str) -> str:
    """Other words for a need, in the page's language and in English: what a search of the tiles looks in too."""
    synonyms = needs()[code].synonyms
    return ", ".join(dict.fromkeys((*synonyms.get(ui_language(), ()), *synonyms.get("en", ()))))


def need_groups() -> list[tuple[str, list[str]]]:
    """The needs that are not among the first, by the branch of the tree that they stand on."""
    rest = [code for code in needs() if code not in FIRST_NEEDS]
    return [(branch, list(codes)) for branch, codes in groupby(rest, key=lambda code: code.partition(".")[0])]


def radii(need: Need) -> list[int]:
    """The distances to choose from, with the one that was asked for."""
    return sorted({*RADII, round(need.radius_km)})


def hours(schedules: "Iterable[Schedule]") -> list[tuple[str, str]]:
    """Days and times, as the service says them, in the page's language."""
    names = get_day_names("abbreviated", locale=Locale(ui_language()))
    rows = []
    for each in schedules:
        if each.opens_at:
            codes = [part.strip() for part in (each.byday or "").split(",") if part.strip()]
            days = _("Every day") if set(codes) == set(DAYS) else commas(_day(code, names) for code in codes)
            times = f"{each.opens_at[:5]}–{(each.closes_at or '')[:5]}"
            rows.append((days or _("Hours"), _("day and night") if times == "00:00–23:59" else times))
    return rows


def other_hours(schedules: "Iterable[Schedule]") -> list[str]:
    """Hours that are no plain week, and closed days that the editor can't change: each in words."""
    return [commas(filter(None, _other(row))) for row in schedules
            if not listing_values.is_plain(row) and not listing_values.is_closed_days(row)]


def _other(row: "Schedule") -> Iterator[str]:
    names = get_day_names("abbreviated", locale=Locale(ui_language()))
    days = commas(_day(part.strip(), names) for part in (row.byday or "").split(",") if part.strip())
    yield _("closed") if row.closed else ""
    yield days
    if row.freq == "MONTHLY":
        yield _("every month")
        yield _("on day %(days)s", days=row.bymonthday) if row.bymonthday else ""
    elif (row.interval or 1) > 1:
        yield _("every %(number)s weeks", number=row.interval)
    yield f"{row.opens_at[:5]}–{(row.closes_at or '')[:5]}" if row.opens_at else ""
    first, last = row.valid_from or row.dtstart, row.valid_to or row.until
    yield _("from %(day)s", day=dated(first)) if first else ""
    yield _("until %(day)s", day=dated(last)) if last else ""
    yield row.description or ""


def closures(schedules: "Iterable[Schedule]") -> list[str]:
    """The closed days that are still to come, each in words."""
    coming = sorted((row for row in schedules if listing_values.is_closed_days(row) and row.valid_to
                     and row.valid_to >= now().date()), key=lambda row: (str(row.valid_from), str(row.valid_to)))
    return [_closed(row) for row in coming]


def _closed(row: "Schedule") -> str:
    assert row.valid_from
    assert row.valid_to
    days = dated(row.valid_from) if row.valid_from == row.valid_to else \
        _("%(first)s to %(last)s", first=dated(row.valid_from), last=dated(row.valid_to))
    return _("%(days)s (%(words)s)", days=days, words=row.description) if row.description else days


def commas(parts: Iterable[str]) -> str:
    """The parts, with the comma of the page's language between them."""
    return str(in_words(say_list(parts)))


def _day(code: str, names: Mapping[int, str]) -> str:
    """ "MO" as Mon; "1MO", the first Monday of a month, as 1. Mon."""
    number, day = code[:-2], code[-2:].upper()
    name = names[DAYS.index(day)] if day in DAYS else code
    return f"{number}. {name}" if number and day in DAYS else name


def tongue(language: "Language") -> str:
    """The name of a service's language in the page's language, with what the service says of it."""
    name = language_name(language.code, ui_language()) if language.code else language.name or ""
    return _("%(language)s (%(note)s)", language=name, note=language.note) if language.note else name


def offered(need: "ServiceNeed") -> str:
    """The name of a service's need, and whether a person has confirmed it."""
    name = label(need.need, ui_language())
    return _("%(need)s (suggested)", need=name) if need.suggested else name


def install(blueprint: Blueprint) -> None:
    """Make them known to the templates."""
    for name, function in (("also", also), ("hours", hours), ("other_hours", other_hours), ("closures", closures),
                           ("radii", radii), ("commas", commas),
                           ("tongue", tongue), ("offered", offered)):
        blueprint.add_app_template_filter(function, name)
    for name, value in (("need_groups", need_groups), ("first_needs", lambda: FIRST_NEEDS),
                        ("languages_first", lambda: COMMON[:FIRST_LANGUAGES]),
                        ("languages_more", lambda: COMMON[FIRST_LANGUAGES:])):
        blueprint.add_app_template_global(value, name)
