"""PostgreSQL with PostGIS as a peer: tuned (one GiST index over place, needs and languages), and as most set it up.

A cluster of its own is made in a temporary folder and reached by a local socket. Debian's packages are installed where
this may be done; where not, the peer is left out and the bench says so.
"""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.engines import SHOWN, Answer
from benchmarks.question_sql import masks, parameters, question_sql
from benchmarks.rows import COLUMNS, members, rows
from benchmarks.sqlite_peers import boxes
from benchmarks.world import World
from referral_dir.domain.need import Need

PACKAGES = ("postgresql-15", "postgresql-15-postgis-3")
BIN = Path("/usr/lib/postgresql/15/bin")
POSTGIS = Path("/usr/share/postgresql/15/extension/postgis.control")
SETTINGS = {"shared_buffers": "2GB", "work_mem": "64MB", "maintenance_work_mem": "1GB", "random_page_cost": "1.1",
            "effective_cache_size": "6GB", "fsync": "off", "full_page_writes": "off", "synchronous_commit": "off",
            "max_wal_size": "4GB", "autovacuum": "off", "listen_addresses": ""}
KINDS = {"id": "integer", "sort_key": "uuid", "no_language": "boolean", "own": "boolean", "ages_given": "boolean",
         "in_words": "boolean", "unit": "smallint", "available": "integer", "until": "integer", "largest": "integer",
         "serves": "integer", "excludes": "integer", "needs_mask": "bigint", "confirmed_mask": "bigint",
         "languages_mask": "bigint"}
BOOLEANS = frozenset(name for name, kind in KINDS.items() if kind == "boolean")


class Missing(Exception):
    """A peer can't be had here; the message says why."""


class Server:
    """A cluster that lives as long as the bench."""

    def __init__(self, *, postgis: bool = True) -> None:
        _provide(postgis)
        self.folder = Path(tempfile.mkdtemp(prefix="referral-bench-pg-"))
        as_root = os.geteuid() == 0
        self._as = ["runuser", "-u", "postgres", "--"] if as_root else []
        if as_root:
            shutil.chown(self.folder, "postgres")
        data = self.folder / "data"
        self._run(str(BIN / "initdb"), "-D", str(data), "-U", "bench", "-A", "trust", "--locale=C.UTF-8")
        options = " ".join(f"-c {k}={v!r}" for k, v in SETTINGS.items()) + f" -k {self.folder}"
        self._data = data
        self._run(str(BIN / "pg_ctl"), "-D", str(data), "-w", "-l", str(self.folder / "log"), "-o", options, "start")

    def _run(self, *command: str) -> None:
        done = subprocess.run([*self._as, *command], capture_output=True, text=True, check=False, cwd="/")
        if done.returncode:
            raise Missing(f"PostgreSQL could not be started: {(done.stderr or done.stdout).strip()[-300:]}")

    def connect(self) -> psycopg.Connection[Any]:
        """A connection that commits by itself."""
        return psycopg.connect(f"host={self.folder} user=bench dbname=postgres", autocommit=True)

    def close(self) -> None:
        """Stop it and remove its files."""
        self._run(str(BIN / "pg_ctl"), "-D", str(self._data), "-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)


def _provide(postgis: bool) -> None:
    if (BIN / "initdb").exists() and (POSTGIS.exists() or not postgis):
        return
    if not (shutil.which("apt-get") and os.geteuid() == 0):
        raise Missing("PostgreSQL 15 with PostGIS is not here: apt-get install " + " ".join(PACKAGES))
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", *PACKAGES]):
        subprocess.run(["apt-get", *command], env=quiet, capture_output=True, check=False)
    if not (BIN / "initdb").exists() or (postgis and not POSTGIS.exists()):
        raise Missing("PostgreSQL 15 with PostGIS could not be installed: apt-get install " + " ".join(PACKAGES))


class Postgis:
    """One table with masks for the score, and arrays for the indexes."""

    def __init__(self, server: Server, world: World, name: str) -> None:
        self.name = name
        self._db = server.connect()
        for statement in ("CREATE EXTENSION IF NOT EXISTS postgis", "CREATE EXTENSION IF NOT EXISTS intarray",
                          "CREATE EXTENSION IF NOT EXISTS btree_gist"):
            self._db.execute(statement)
        started = time.perf_counter()
        self._load(world)
        for statement in self._indexes():
            self._db.execute(statement)
        self._db.execute(f"VACUUM ANALYZE {name}")
        self.build_s = time.perf_counter() - started
        size = self._db.execute("SELECT pg_total_relation_size(%s::regclass)", [name]).fetchone()
        self.bytes_per_service = (size[0] if size else 0) / len(world)
        if name == "postgis_tuned":
            self._db.execute("SET jit = off")
        self._sql = self._statement().replace("min1(", "least(1.0, ").replace("max0(", "greatest(0.0, ")

    def _load(self, world: World) -> None:
        kinds = ", ".join(f"{name} {KINDS.get(name, 'double precision')}" for name in COLUMNS)
        self._db.execute(f"DROP TABLE IF EXISTS {self.name}")
        self._db.execute(f"CREATE TABLE {self.name} ({kinds}, needs integer[], confirmed integer[], "
                         "languages integer[], point geometry(Point, 4326))")
        at = {name: n for n, name in enumerate(COLUMNS)}
        cached: dict[int, str] = {}

        def array(mask: int) -> str:
            if mask not in cached:
                cached[mask] = "{" + ",".join(map(str, members(mask))) + "}"
            return cached[mask]

        with self._db.cursor().copy(f"COPY {self.name} FROM STDIN") as copy:
            for row in rows(world):
                values = ["t" if v and n in BOOLEANS else "f" if n in BOOLEANS else v
                          for n, v in zip(COLUMNS, row, strict=True)]
                point = f"SRID=4326;POINT({row[at['lon']]} {row[at['lat']]})"
                copy.write_row((*values, array(row[at["needs_mask"]]), array(row[at["confirmed_mask"]]),
                                array(row[at["languages_mask"]]), point))

    def _indexes(self) -> list[str]:
        if self.name == "postgis_tuned":
            return [f"CREATE INDEX ON {self.name} USING gist (point, needs gist__int_ops, languages gist__int_ops)",
                    f"CLUSTER {self.name} USING {self.name}_point_needs_languages_idx"]
        return [f"CREATE INDEX ON {self.name} USING gist ((point::geography))",
                f"CREATE INDEX ON {self.name} USING gin (needs)", f"CREATE INDEX ON {self.name} USING gin (languages)"]

    def _statement(self) -> str:
        name = "%({})s"
        if self.name == "postgis_tuned":
            return question_sql(
                f"{self.name} WHERE point && ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4326)",
                has_need="needs && %(needs)s::int[]",
                sure=("(confirmed_mask & %(mask_1)s) <> 0", "(confirmed_mask & %(mask_2)s) <> 0"),
                maybe=("(needs_mask & %(mask_1)s) <> 0", "(needs_mask & %(mask_2)s) <> 0"),
                direct="(languages_mask & %(direct_mask)s) <> 0", same="(languages_mask & %(same_mask)s) <> 0",
                ask="(languages_mask & %(ask_mask)s) <> 0", name=name)
        return question_sql(
            f"{self.name} WHERE ST_DWithin(point::geography, ST_MakePoint(%(lon)s, %(lat)s)::geography, "
            "%(reach)s * 1010, false)",
            has_need="needs && %(needs)s::int[]",
            sure=("confirmed && %(needs_1)s::int[]", "confirmed && %(needs_2)s::int[]"),
            maybe=("needs && %(needs_1)s::int[]", "needs && %(needs_2)s::int[]"),
            direct="languages && %(direct)s::int[]", same="languages && %(same)s::int[]",
            ask="languages && %(ask)s::int[]", name=name)

    def ask(self, need: Need) -> Answer:
        """See Engine."""
        told = parameters(need)
        short = masks(told)
        told |= {"mask_1": short["needs_1"], "mask_2": short["needs_2"], "direct_mask": short["direct"],
                 "same_mask": short["same"], "ask_mask": short["ask"]}
        parts: list[dict[str, float]] = boxes(need) if self.name == "postgis_tuned" else [{}]
        found = [row for part in parts for row in self._db.execute(self._sql, {**told, **part}).fetchall()]
        if len(parts) > 1:
            found.sort(key=lambda row: (-row[2], row[0]))
        return [(n, km) for n, km, *_ in found[:SHOWN]]

    def close(self) -> None:
        """See Engine."""
        self._db.close()
