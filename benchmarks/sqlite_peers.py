"""SQLite as a peer: normalised tables with joins, and an R*Tree with bit masks."""

import math
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import UUID

from benchmarks.engines import SHOWN, Answer
from benchmarks.question_sql import masks, parameters, question_sql
from benchmarks.rows import COLUMNS, members, rows
from benchmarks.world import World
from referral_dir.domain.need import Need

SERVICE = """CREATE TABLE service (id INTEGER PRIMARY KEY, sort_key TEXT, lat REAL, lon REAL, needs_mask INTEGER,
    confirmed_mask INTEGER, languages_mask INTEGER, no_language INTEGER, own INTEGER, unit INTEGER, available INTEGER,
    updated REAL, until INTEGER, ages_given INTEGER, low REAL, high REAL, largest INTEGER, serves INTEGER,
    excludes INTEGER, in_words INTEGER)"""


class Sqlite:
    """One database in a file, opened with a large cache, asked by one connection."""

    def __init__(self, world: World, name: str) -> None:
        self.name = name
        self._folder = tempfile.TemporaryDirectory(prefix="referral-bench-")
        path = Path(self._folder.name) / "services.db"
        self._db = sqlite3.connect(path)
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-1000000", "mmap_size=4000000000"):
            self._db.execute(f"PRAGMA {pragma}")
        started = time.perf_counter()
        self._db.execute(SERVICE)
        self._db.executemany(f"INSERT INTO service VALUES ({','.join('?' * len(COLUMNS))})",  # nosec B608
                             rows(world))
        self._sql = self._joined() if name == "sqlite_join" else self._tree()
        self._db.execute("ANALYZE")
        self._db.commit()
        self.build_s = time.perf_counter() - started
        self.bytes_per_service = path.stat().st_size / len(world)

    def _joined(self) -> str:
        self._db.execute("CREATE TABLE service_need (service_id INTEGER, need INTEGER, confirmed INTEGER, "
                         "PRIMARY KEY (service_id, need)) WITHOUT ROWID")
        self._db.execute("CREATE TABLE service_language (service_id INTEGER, language INTEGER, "
                         "PRIMARY KEY (service_id, language)) WITHOUT ROWID")
        read = self._db.execute("SELECT id, needs_mask, confirmed_mask, languages_mask FROM service").fetchall()
        self._db.executemany("INSERT INTO service_need VALUES (?, ?, ?)", (
            (n, need, confirmed >> need & 1) for n, offered, confirmed, _ in read for need in members(offered)))
        self._db.executemany("INSERT INTO service_language VALUES (?, ?)", (
            (n, language) for n, *_, spoken in read for language in members(spoken)))
        self._db.execute("CREATE INDEX by_need ON service_need (need, service_id)")
        self._db.execute("CREATE INDEX by_place ON service (lat, lon)")

        def need(group: str, sure: str = "") -> str:
            return ("EXISTS (SELECT 1 FROM service_need n JOIN json_each(:" + group + ") j "  # nosec B608
                    "ON n.need = j.value "
                    "WHERE n.service_id = {id}" + sure + ")")

        def language(group: str) -> str:
            return ("EXISTS (SELECT 1 FROM service_language l JOIN json_each(:" + group + ") j "  # nosec B608
                    "ON l.language = j.value "
                    "WHERE l.service_id = service.id)")

        return question_sql(
            "service WHERE lat BETWEEN :south AND :north AND lon BETWEEN :west AND :east",
            has_need=need("needs").format(id="service.id"),
            sure=(need("needs_1", " AND n.confirmed").format(id="judged.id"),
                  need("needs_2", " AND n.confirmed").format(id="judged.id")),
            maybe=(need("needs_1").format(id="judged.id"), need("needs_2").format(id="judged.id")),
            direct=language("direct"), same=language("same"), ask=language("ask"), name=":{}")

    def _tree(self) -> str:
        self._db.execute("CREATE VIRTUAL TABLE place USING rtree(id, west, east, south, north)")
        self._db.execute("INSERT INTO place SELECT id, lon, lon, lat, lat FROM service")
        return question_sql(
            "place JOIN service USING (id) WHERE place.south >= :south AND place.north <= :north "
            "AND place.west >= :west AND place.east <= :east",
            has_need="(needs_mask & :needs) <> 0",
            sure=("(confirmed_mask & :needs_1) <> 0", "(confirmed_mask & :needs_2) <> 0"),
            maybe=("(needs_mask & :needs_1) <> 0", "(needs_mask & :needs_2) <> 0"),
            direct="(languages_mask & :direct) <> 0", same="(languages_mask & :same) <> 0",
            ask="(languages_mask & :ask) <> 0", name=":{}")

    @property
    def _statement(self) -> str:
        return self._sql.replace("min1(", "min(1.0, ").replace("max0(", "max(0.0, ")

    def ask(self, need: Need) -> Answer:
        """See Engine."""
        found: dict[str, Any] = {**parameters(need), "boxes": boxes(need)}
        if self.name == "sqlite_join":
            told = {k: str(v) if isinstance(v, list) else v for k, v in found.items() if k != "boxes"}
        else:
            told = masks({k: v for k, v in found.items() if k != "boxes"})
        answers = [row for part in found["boxes"] for row in self._db.execute(self._statement, {**told, **part})]
        if len(found["boxes"]) > 1:
            answers.sort(key=lambda row: (-row[2], row[0]))
        return [(UUID(key), km) for key, km, _ in answers[:SHOWN]]

    def close(self) -> None:
        """See Engine."""
        self._db.close()
        self._folder.cleanup()


def boxes(need: Need) -> list[dict[str, float]]:
    """A box around the circle, in two parts where it crosses the date line, a hundredth of a degree too large."""
    lat, lon, reach = need.place.latitude, need.place.longitude, math.degrees((need.radius_km + 0.06) / 6371.0088)
    south, north = lat - reach - 0.01, lat + reach + 0.01
    if south <= -90 or north >= 90:
        west, east = -180.0, 180.0
    else:
        side = math.degrees(math.asin(min(1.0, math.sin(math.radians(reach)) / math.cos(math.radians(lat))))) + 0.01
        west, east = lon - side, lon + side
    spans = [(west, east)]
    if west < -180 or east > 180:
        spans = [(-180.0, (east + 180) % 360 - 180), ((west + 180) % 360 - 180, 180.0)]
    return [{"south": south, "north": north, "west": a, "east": b} for a, b in spans]
