"""Without signal: the copy on the device answers as the rules do, and holds nothing that it must not."""

import gzip
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from referral_dir.desk import offline
from referral_dir.domain import matching
from referral_dir.domain.access import Actor
from referral_dir.domain.errors import Forbidden, Invalid
from referral_dir.domain.need import Candidate, Need
from referral_dir.domain.vocabulary import Role
from referral_dir.store.db import Store, transaction
from referral_dir.store.directory import Service
from tests.browser.test_story import Person, address, chromium  # noqa: F401
from tests.cast import Cast
from tests.conftest import ROOT
from tests.index.test_same_rules import NOSHRINK, NOW, directories, needs

RULES = (ROOT / "referral_dir/static/offline-rules.js").read_text()


@pytest.fixture(scope="module")
def device(chromium: Any) -> Any:  # noqa: F811
    page = chromium.new_page()
    page.evaluate(f"() => {{ window.offlineRank = {RULES[RULES.index('function'):]} }}")
    yield page
    page.close()


def question(need: Need, copy: dict[str, Any], directory: list[Candidate]) -> dict[str, Any]:
    """The Need as `static/offline.js` makes it from its form."""
    organizations = list(dict.fromkeys(
        c.organization_id for c in sorted(directory, key=lambda c: str(c.service_id))))
    return {
        "needs": {code: sorted(codes & set(copy["needs"])) for code, codes in need.needs.items()},
        "lat": need.place.latitude, "lon": need.place.longitude, "country": need.place.country,
        "admin1": need.place.admin1, "languages": need.languages, "radius": need.radius_km, "ages": need.ages,
        "gender": need.gender, "household": need.household, "accessibility": need.accessibility,
        "openNow": need.open_now, "communities": sorted(need.excluded_communities),
        "organizations": [n for n, o in enumerate(organizations) if o in need.excluded_organizations],
        "areas": [{"lat": a.latitude, "lon": a.longitude, "km": a.radius_km} for a in need.excluded_areas]}


def judged(found: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(m["service"]["i"], float(m["score"]), m["distance"], {c[0]: c[1] for c in m["criteria"]}) for m in found]


def plainly(found: tuple[matching.Match, ...]) -> list[tuple[Any, ...]]:
    verdicts = {"met": 0, "unknown": 1, "unmet": 2}
    return [(offline.short_id(m.candidate.service_id), m.score, m.distance_km,
             {c.name: verdicts[c.verdict] for c in m.criteria}) for m in found]


@examples(max_examples=80, phases=NOSHRINK,
          suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(directories, st.lists(needs(), min_size=1, max_size=6), st.sampled_from((0, 3600, 40_000, 400_000)))
def test_the_device_ranks_as_the_rules_do(device: Any, directory: list[Candidate], asked: list[Need],
                                          later: int) -> None:
    now = NOW + timedelta(seconds=later)
    # What an officer can ask for without signal, of what lies in a copy: whole seconds, and active services.
    public = [replace(c, status="active", confidential=False, capacity=c.capacity and replace(
        c.capacity, updated=c.capacity.updated.replace(microsecond=0))) for c in directory]
    needed = [replace(n, nationality=None, status=None, declined={}, open_by=None) for n in asked]
    copy = json.loads(json.dumps(offline.pack(public, {}, needed[0].place, 50.0, NOW)))
    answers = device.evaluate("([copy, asked, now]) => asked.map(need => offlineRank(copy, need, now))", [
        copy, [question(need, copy, public) for need in needed], now.timestamp() * 1000])
    for need, answer in zip(needed, answers, strict=True):
        ranking = matching.rank(need, public, public, now)
        assert judged(answer["matches"]) == plainly(ranking.matches)
        assert judged(answer["near"]) == plainly(ranking.near_misses)
