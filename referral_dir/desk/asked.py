"""What was asked for and whether anything fitted: counted by month, so that an overseer sees what is missing where."""

from datetime import datetime
from typing import TYPE_CHECKING, Final

from referral_dir import geo
from referral_dir.domain.need import Need
from referral_dir.store import figures

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

# A place is counted as the nearest town with so many people: smaller ones would point at who asked there.
LEAST_PEOPLE: Final = 15_000


def note(session: "Session", need: Need, fitted: bool, now: datetime) -> None:
    """Count each need once by place and once by each language, without anything that links the two or says who."""
    town = geo.nearest_place(need.place.latitude, need.place.longitude, at_least=LEAST_PEOPLE)
    rows = {(code, "place", geo.place_label(town)) for code in need.needs}
    rows |= {(code, "language", language) for code in need.needs for language in need.languages or ("",)}
    if rows:
        figures.count_asked(session, now.date().replace(day=1), rows, fitted=int(fitted), unfitted=int(not fitted))
