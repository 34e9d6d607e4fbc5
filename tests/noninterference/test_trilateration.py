"""The attack itself: someone asks from many points and solves for the place. For a hidden service the answers leave the
whole zone; for one that is not hidden the same questions and the same solver find the house."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from numpy.typing import NDArray

from referral_dir import geo
from referral_dir.desk import find
from referral_dir.desk.opening_up import open_indexes
from referral_dir.store import secret_queries
from referral_dir.store.db import Store, reading, transaction
from referral_dir.store.directory import Location, ServiceAtLocation
from referral_dir.store.records import service_changed
from tests.cast import MIAMI, NOW
from tests.index.invented_directory import Directory

pytestmark = pytest.mark.usefixtures("no_budgets")

ZONE = (MIAMI.latitude, MIAMI.longitude)
REACH = 0.12  # degrees: the zone, a square of 26 km
HOUSES = [(ZONE[0] + REACH * y, ZONE[1] + REACH * x) for y in (-0.83, 0.11, 0.71) for x in (-0.77, 0.07, 0.89)]
FROM = [(ZONE[0] + 0.23 * y, ZONE[1] + 0.23 * x) for y in (-1, -0.4, 0.1, 0.6, 1) for x in (-1, -0.55, 0, 0.45, 1)]
LANDMARKS = [(ZONE[0] + 0.1 * y, ZONE[1] + 0.1 * x) for y in (-1, -0.3, 0.4, 1) for x in (-0.9, -0.2, 0.5, 1.1)]
RADII = (5.0, 10.0, 15.0, 20.0, 25.0)
GRID_KM = 0.15
Asked = Mapping[tuple[Any, ...], Any]
Grid = NDArray[np.float64]


@dataclass
class Town:
    """A directory with one hidden service, one that is not, and landmarks whose places everybody knows."""

    store: Store
    indexes: find.Indexes
    hidden: UUID
    open: UUID
    landmarks: list[UUID]

    def move(self, service_id: UUID, house: tuple[float, float]) -> None:
        """The service moves to this house."""
        with transaction(self.store) as session:
            if service_id == self.hidden:
                secret_queries.seal_place(session, service_id, {"address_1": f"{house[0]:.4f} Elm Street"}, house)
            else:
                site = session.query(ServiceAtLocation).filter_by(service_id=service_id).one()
                place = session.get_one(Location, site.location_id)
                place.latitude, place.longitude = house
            service_changed(session, service_id)


@pytest.fixture
def town(sqlite_store: Store, tmp_path: Path) -> Town:
    directory = Directory(sqlite_store)
    hidden = directory.add("Hidden house (invented)", needs=("shelter",), confidential=True, zone_name="Miami",
                           zone_latitude=ZONE[0], zone_longitude=ZONE[1], country="US")
    public = directory.add("Open house (invented)", needs=("shelter",), at=(HOUSES[0],), country="US")
    marks = [directory.add(f"Landmark house {n} (invented)", needs=("basic.food",), at=(point,), country="US")
             for n, point in enumerate(LANDMARKS)]
    return Town(sqlite_store, open_indexes(tmp_path / "instance", "whoosh"), hidden, public, marks)


def distances(town: Town, target: UUID) -> Asked:
    """What the answer says is the distance, from each point."""
    found = {}
    for here, session in _asking(town):
        answer = find.match_services(session, town.indexes, None, _need(here, 200.0), NOW)
        found[here] = next(m.distance_km for m in answer.matches if m.candidate.service_id == target)
    return found


def presence(town: Town, target: UUID) -> Asked:
    """Whether it is among the matches in a radius, from each point; and among the results of a search."""
    found = {}
    for here, session in _asking(town):
        for radius in RADII:
            answer = find.match_services(session, town.indexes, None, _need(here, radius), NOW)
            found[here, radius] = target in {m.candidate.service_id for m in answer.matches}
    return found


def order(town: Town, target: UUID) -> Asked:
    """Which landmarks come before it when the nearest come first, from each point."""
    found = {}
    for here, session in _asking(town):
        answer = find.search_services(session, town.indexes, None, "house", NOW, near=f"{here[0]},{here[1]}",
                                      filters=find.SearchFilters(by_distance=True))
        ids = [f.candidate.service_id for f in answer.found]
        for mark in town.landmarks:
            found[here, mark] = ids.index(mark) < ids.index(target)
    return found


def _asking(town: Town) -> Iterator[tuple[tuple[float, float], Any]]:
    for here in FROM:
        with reading(town.store) as session:
            yield here, session


def _need(here: tuple[float, float], radius: float) -> Any:
    return find.make_need(needs=["shelter"], near=f"{here[0]},{here[1]}", radius_km=radius)


def cells() -> tuple[Grid, Grid]:
    """Every place in the zone where the house could be."""
    steps = np.arange(-REACH, REACH, GRID_KM / 111.2)
    lat, lon = np.meshgrid(ZONE[0] + steps, ZONE[1] + steps, indexing="ij")
    return lat.ravel(), lon.ravel()


def fits_distances(asked: Asked, far: Callable[[tuple[float, float]], Grid]) -> Grid:
    return sum((np.abs(far(here) - km) <= 0.05 + GRID_KM + 0.006 * km for here, km in asked.items()), np.zeros(1))


def fits_presence(asked: Asked, far: Callable[[tuple[float, float]], Grid]) -> Grid:
    return sum(((far(here) <= radius + GRID_KM) if there else (far(here) >= radius - GRID_KM)
                for (here, radius), there in asked.items()), np.zeros(1))


def fits_order(asked: Asked, far: Callable[[tuple[float, float]], Grid], marks: list[UUID]) -> Grid:
    total = np.zeros(1)
    for (here, mark), nearer in asked.items():
        known = geo.distance_km(*here, *LANDMARKS[marks.index(mark)])
        total = total + ((far(here) >= known - GRID_KM) if nearer else (far(here) <= known + GRID_KM))
    return total


def solve(asked: Asked, how: Any) -> tuple[float, float]:
    """The middle of the cells that fit most of the answers."""
    lat, lon = cells()
    fit = how(asked, lambda here: geo.haversine_km(*here, lat, lon))
    best = fit >= fit.max() - 0.5
    return float(lat[best].mean()), float(lon[best].mean())


ATTACKS = {"distances": (distances, fits_distances, 0.4), "presence": (presence, fits_presence, 1.5),
           "order": (order, fits_order, 1.5)}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_solver_finds_an_open_house_and_of_a_hidden_one_only_its_zone(town: Town, attack: str) -> None:
    ask, fits, near_km = ATTACKS[attack]

    def how(asked: Asked, far: Any) -> Grid:
        found: Grid = fits(asked, far, town.landmarks) if attack == "order" else fits(asked, far)
        return found

    # The control: the solver is a good one.
    answers = []
    for house in HOUSES[::4]:
        town.move(town.open, house)
        answers.append(ask(town, town.open))
        assert geo.distance_km(*solve(answers[-1], how), *house) < near_km
    assert all(answers[0] != other for other in answers[1:]), "each house of the open service has its own answers"

    answers, errors, guesses = [], [], []
    for house in HOUSES:
        town.move(town.hidden, house)
        answers.append(ask(town, town.hidden))
        errors.append(geo.distance_km(*solve(answers[-1], how), *house))
        guesses.append(geo.distance_km(*ZONE, *house))
    # Someone who knew all about the system, and could try every house, would still hold every house possible.
    posterior = [asked == answers[0] for asked in answers]
    assert posterior == [True] * len(HOUSES)
    assert np.mean(errors) >= 0.99 * np.mean(guesses), "no better than to say: somewhere in the zone"
