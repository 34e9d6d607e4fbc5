"""The machinery catches a leak: each of these directories is made to leak a little, and is found out."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from flask import Response, request
from sqlalchemy import text

from referral_dir.desk import find
from referral_dir.index import match as match_index
from referral_dir.interop import exporting
from referral_dir.store import candidates, import_queries, listing_queries, secret_queries
from tests.noninterference import commands, questions, visits
from tests.noninterference.questions import Chance
from tests.noninterference.test_noninterference import ask_many
from tests.noninterference.twins import Leak, Twins

pytestmark = pytest.mark.usefixtures("no_budgets")

PATIENCE = 600


@pytest.fixture(autouse=True)
def as_before(twins: Twins) -> Iterator[None]:
    kept = [list(side.app.after_request_funcs.get(None, ())) for side in twins]
    twins.restore()
    yield
    for side, functions in zip(twins, kept, strict=True):
        side.app.after_request_funcs[None] = functions


def true_points(monkeypatch: pytest.MonkeyPatch, move: Callable[[float, float, float], tuple[float, float]]) -> None:
    """Rows of hidden services carry a point that depends on where they are."""
    honest = candidates.load_candidates

    def leaky(session: Any, ids: Any) -> list[Any]:
        rows = honest(session, ids)
        secrets = secret_queries.open_many(session, [r.service_id for r in rows if r.confidential])
        return [replace(r, points=(move(*r.points[0], secrets[r.service_id][1][0]),))
                if secrets.get(r.service_id, (None, None))[1] and r.points else r for r in rows]

    for module in (candidates, match_index):
        monkeypatch.setattr(module, "load_candidates", leaky)


@pytest.mark.parametrize("step", [1.0, 0.1, 0.02], ids=["the point itself", "rounded to 11 km", "rounded to 2 km"])
def test_a_rounded_point_is_caught(twins: Twins, monkeypatch: pytest.MonkeyPatch, step: float) -> None:
    def move(_latitude: float, longitude: float, secret: float) -> tuple[float, float]:
        return (secret if step == 1.0 else round(secret / step) * step), longitude

    true_points(monkeypatch, move)
    with pytest.raises(Leak):
        ask_many(twins, Chance(Random(1)), PATIENCE)


def test_an_order_by_what_is_hidden_is_caught(twins: Twins, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = find._found

    def order(session: Any) -> Any:
        def leaky(candidate: Any, *rest: Any) -> Any:
            found = honest(candidate, *rest)
            point = secret_queries.open_place(session, candidate.service_id)[1] if candidate.confidential else None
            nudge = 1e-9 * point[0] if point and found.distance_km is not None else 0.0
            return replace(found, distance_km=found.distance_km + nudge) if nudge else found
        return leaky

    search = find.search_services

    def leaky_search(session: Any, *rest: Any, **options: Any) -> Any:
        monkeypatch.setattr(find, "_found", order(session))
        answer = search(session, *rest, **options)
        return replace(answer, found=tuple(replace(f, distance_km=f.distance_km and round(f.distance_km, 1))
                                           for f in answer.found))

    monkeypatch.setattr(find, "search_services", leaky_search)
    with pytest.raises(Leak):
        ask_many(twins, Chance(Random(2)), PATIENCE * 5)


def test_a_statement_more_in_the_north_is_caught(twins: Twins, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = listing_queries.service_parts

    def leaky(session: Any, service: Any) -> Any:
        point = secret_queries.open_place(session, service.id)[1] if service.confidential else None
        if point and point[0] > service.zone_latitude:
            session.execute(text("SELECT 1"))
        return honest(session, service)

    monkeypatch.setattr(listing_queries, "service_parts", leaky)
    with pytest.raises(Leak, match="worked differently"):
        ask_many(twins, Chance(Random(3)), PATIENCE)


@pytest.mark.parametrize("leak", ["etag", "length", "header"])
def test_an_answer_that_is_tagged_or_padded_by_what_is_hidden_is_caught(twins: Twins, leak: str) -> None:
    walk = visits.begin(twins)
    for side in twins:
        def tag(response: Response, side: Any = side) -> Response:
            from referral_dir.store.db import reading

            with reading(side.store) as session:
                address = secret_queries.open_place(session, twins.hidden[0])[0] or {}
            street = str(address.get("address_1"))
            if leak == "etag" and request.method == "GET":
                response.set_etag(hashlib.sha256(street.encode()).hexdigest()[:8])
            elif leak == "header":
                response.headers["X-Took"] = str(len(street) % 3)
            elif leak == "length" and not response.direct_passthrough:
                response.set_data(response.get_data() + b" " * len(street))
            return response
        side.app.after_request_funcs.setdefault(None, []).append(tag)

    def visit_many() -> None:
        for seed in range(5):
            walk.begin()
            twins.move(seed)
            for _ in range(PATIENCE // 20):
                walk.visit(Chance(Random(seed)))

    with pytest.raises(Leak):
        visit_many()


def test_an_export_with_a_word_too_much_is_caught(twins: Twins, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = import_queries.all_rows

    def leaky(session: Any, name: str) -> Any:
        rows = honest(session, name)
        if name == "service":
            session.info["keys"] = session.info["keys"]
            for row in rows:
                address = secret_queries.open_place(session, row["id"])[0] if row["confidential"] else None
                row["extra"] = {**(row["extra"] or {}), "area": address["postal_code"][:1]} if address else row["extra"]
        return rows

    monkeypatch.setattr(exporting.import_queries, "all_rows", leaky)
    export = dict(commands.commands())[("export",)]
    with pytest.raises(Leak):
        commands.run(twins, Chance(Random(4)), ("export",), export)


def test_without_a_leak_the_same_questions_pass(twins: Twins) -> None:
    for seed in (1, 2, 3):
        ask_many(twins, Chance(Random(seed)), 100)
    assert set(questions.KINDS) >= {"match_services", "search_services"}
