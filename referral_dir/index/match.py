"""The match index: which services to propose for a need and a place. It proposes, the store disposes.

Columns in memory, built from the store and brought up to date by the change log. A refresh builds new columns and
swaps them in whole, so that a reader in another thread sees the directory as it was or as it is, never between.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final, Self
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from referral_dir.domain.matching import EARTH_RADIUS_KM
from referral_dir.domain.needs import needs as all_needs
from referral_dir.store.feed import (
    AreaRow,
    IndexRow,
    Position,
    changes_since,
    follows,
    last_change,
    load_index_rows,
    position_at,
)

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

# The rank rounds distances to 0.1 km: whoever is at most that far outside is proposed, and judged there.
SLACK_KM: Final = 0.1
FOREVER: Final = date.max.toordinal()
# More changes than this are read as a whole directory: one scan is cheaper than many lists of ids.
REBUILD_AFTER: Final = 20_000

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A proposed service: the nearest of its places in km, if it has one, and whether its area covers the place."""

    service_id: UUID
    distance_km: float | None
    covers_place: bool


class MatchIndex:
    """One process's copy of what matching filters by. Threads may refresh and ask at the same time."""

    def __init__(self) -> None:
        self._bits = {code: np.uint64(1 << n) for n, code in enumerate(all_needs())}
        if len(self._bits) > 64:
            raise ValueError("the match index holds 64 needs: widen its `needs` column before adding more")
        self._lock = threading.Lock()
        self._state: tuple[Position, _Columns] | None = None

    @property
    def sequence(self) -> int:
        """The change-log number that the columns include."""
        return self._state[0].sequence if self._state else 0

    def refresh(self, session: Session) -> None:
        """Apply what was committed since the last refresh: one cheap query when that is nothing."""
        newest = last_change(session)
        if self._state and self._state[0] == newest:
            return
        with self._lock:
            self._catch_up(session, newest)

    def candidates(self, needs: Collection[frozenset[str]], latitude: float, longitude: float, radius_km: float,
                   country: str | None, admin1: str | None, *, today: date | None = None) -> list[Candidate]:
        """Active services that meet any of `needs` and may serve the place, in the order of their ids.

        `needs` holds each asked need as the codes that satisfy it; degrees WGS 84; `country` ISO 3166-1 alpha-2.
        Proposed are services within the radius, those whose area covers the place, remote ones that do not name
        other areas, and those of the same country whose place is not known. `today` (UTC's, if not given) drops
        what is no longer offered. Raises ValueError for a point that is not on the globe, RuntimeError before
        the first refresh.
        """
        if not (abs(latitude) <= 90 and abs(longitude) <= 180):
            raise ValueError("latitude must be from -90 to 90 and longitude from -180 to 180 degrees")
        if self._state is None:
            raise RuntimeError("the match index is empty: call refresh(session) first")
        mask = np.uint64(0)
        for code in frozenset().union(*needs):
            mask |= self._bits.get(code, np.uint64(0))
        day = (today or datetime.now(UTC).date()).toordinal()
        return self._state[1].candidates(mask, day, (latitude, longitude), radius_km, country, admin1)

    def _catch_up(self, session: Session, newest: Position) -> None:
        if self._state is None or not follows(session, self._state[0], newest, REBUILD_AFTER):
            self._state = newest, _Columns.build(load_index_rows(session, None), self._bits)
            return
        seen, columns = self._state
        if seen.sequence >= newest.sequence:
            return
        reached, ids = changes_since(session, seen.sequence, REBUILD_AFTER)
        new = _Columns.build(load_index_rows(session, ids), self._bits)
        self._state = position_at(session, reached), columns.replaced(ids, new)


@dataclass(frozen=True, slots=True)
class _Columns:
    """Services (ids to located), their points and their areas; `*_of` is the row of the service."""

    ids: NDArray[np.object_]
    needs: NDArray[np.uint64]
    until: Ints
    remote: NDArray[np.bool_]
    country: NDArray[np.str_]
    bounded: NDArray[np.bool_]
    located: NDArray[np.bool_]
    point_of: Ints
    points: Floats
    circle_of: Ints
    circles: Floats
    area_of: Ints
    areas: NDArray[np.str_]

    @classmethod
    def build(cls, rows: Iterable[IndexRow], bits: dict[str, np.uint64]) -> Self:
        """Columns of the active ones among these rows. Needs that the tree no longer has are left out."""
        active = [row for row in rows if row.status == "active"]
        points = [(n, *point) for n, row in enumerate(active) for point in row.points]
        areas = [(n, area) for n, row in enumerate(active) for area in row.areas]
        circles = [(n, a.latitude, a.longitude, a.radius_km) for n, a in areas if a.radius_km is not None]
        named = [(n, _area_key(a)) for n, a in areas if a.radius_km is None]
        ids = np.empty(len(active), dtype=object)
        ids[:] = [row.service_id for row in active]
        return cls(
            ids=ids,
            needs=np.array([sum(int(bits.get(code, 0)) for code in row.needs) for row in active], dtype=np.uint64),
            until=np.array([row.offered_until.toordinal() if row.offered_until else FOREVER for row in active],
                           dtype=np.int64),
            remote=np.array([row.remote for row in active], dtype=bool),
            country=np.array([row.country or "" for row in active], dtype="U2"),
            bounded=np.array([bool(row.areas) for row in active], dtype=bool),
            located=np.array([bool(row.points) for row in active], dtype=bool),
            point_of=_first(points), points=_rest(points, 2), circle_of=_first(circles), circles=_rest(circles, 3),
            area_of=_first(named), areas=np.array([key for _, key in named], dtype=np.str_))

    def replaced(self, ids: Collection[UUID], new: Self) -> Self:
        """These columns without `ids`, and with the rows of `new`."""
        gone = set(ids)
        keep = np.array([service_id not in gone for service_id in self.ids], dtype=bool)
        renumbered = np.cumsum(keep) - 1
        base = int(keep.sum())

        def rows(old: NDArray[Any], added: NDArray[Any]) -> NDArray[Any]:
            return np.concatenate([old[keep], added])

        def parts(of: Ints, added_of: Ints, old: NDArray[Any], added: NDArray[Any]) -> Sequence[NDArray[Any]]:
            kept = keep[of]
            return np.concatenate([renumbered[of[kept]], added_of + base]), np.concatenate([old[kept], added])

        point_of, points = parts(self.point_of, new.point_of, self.points, new.points)
        circle_of, circles = parts(self.circle_of, new.circle_of, self.circles, new.circles)
        area_of, areas = parts(self.area_of, new.area_of, self.areas, new.areas)
        return type(self)(
            ids=rows(self.ids, new.ids), needs=rows(self.needs, new.needs), until=rows(self.until, new.until),
            remote=rows(self.remote, new.remote), country=rows(self.country, new.country),
            bounded=rows(self.bounded, new.bounded), located=rows(self.located, new.located),
            point_of=point_of, points=points, circle_of=circle_of, circles=circles, area_of=area_of, areas=areas)

    def candidates(self, mask: np.uint64, day: int, here: tuple[float, float], radius_km: float,
                   country: str | None, admin1: str | None) -> list[Candidate]:
        """See MatchIndex.candidates."""
        wanted = ((self.needs & mask) != 0) & (self.until >= day)
        distance = self._nearest(wanted, here)
        covers = self._covers(wanted, here, country, admin1)
        unplaced = ~self.located & ~self.bounded & (self.country == (country or "?"))
        anywhere = self.remote & ~self.bounded
        chosen = wanted & ((distance <= radius_km + SLACK_KM) | covers | anywhere | unplaced)
        found = [Candidate(self.ids[n], float(distance[n]) if self.located[n] else None, bool(covers[n]))
                 for n in np.flatnonzero(chosen)]
        return sorted(found, key=lambda candidate: candidate.service_id)

    def _nearest(self, wanted: NDArray[np.bool_], here: tuple[float, float]) -> Floats:
        """Per service the km to its nearest point; infinite where it has none, or is not wanted."""
        near = np.full(len(self.ids), np.inf)
        use = wanted[self.point_of]
        points = self.points[use]
        np.minimum.at(near, self.point_of[use], _haversine_km(here, points[:, 0], points[:, 1]))
        return near

    def _covers(self, wanted: NDArray[np.bool_], here: tuple[float, float], country: str | None,
                admin1: str | None) -> NDArray[np.bool_]:
        covers = np.zeros(len(self.ids), dtype=bool)
        use = wanted[self.circle_of]
        circles = self.circles[use]
        inside = _haversine_km(here, circles[:, 0], circles[:, 1]) <= circles[:, 2]
        covers[self.circle_of[use][inside]] = True
        if country:
            keys = [_area_key(AreaRow(country, None)), _area_key(AreaRow(country, admin1))]
            covers[self.area_of[np.isin(self.areas, keys)]] = True
        return covers


def _area_key(area: AreaRow) -> str:
    return f"{area.country}/{(area.admin1 or '').strip().casefold()}"


def _first(rows: Sequence[tuple[Any, ...]]) -> Ints:
    return np.array([row[0] for row in rows], dtype=np.int64)


def _rest(rows: Sequence[tuple[Any, ...]], width: int) -> Floats:
    return np.array([row[1:] for row in rows], dtype=np.float64).reshape(len(rows), width)


def _haversine_km(here: tuple[float, float], latitude: Floats, longitude: Floats) -> Floats:
    """Great-circle distances (R. W. Sinnott, 1984), right at the poles and across the date line."""
    lat1, lon1 = np.radians(here)
    lat2, lon2 = np.radians(latitude), np.radians(longitude)
    half = np.sin((lat2 - lat1) / 2) ** 2 + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    distances: Floats = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.minimum(half, 1.0)))
    return distances
