"""Answers as JSON, for the command line and for other programs."""

from typing import Any

from referral_dir import geo
from referral_dir.desk.find import Found, MatchAnswer, SearchAnswer
from referral_dir.domain.availability import Capacity, CapacityState
from referral_dir.domain.explaining import Explanation
from referral_dir.domain.helplines import Helpline
from referral_dir.domain.matching import Match
from referral_dir.domain.vocabulary import Place


def match_json(answer: MatchAnswer) -> dict[str, Any]:
    """place, results, near_misses, helplines."""
    return {
        "place": _place(answer.need.place),
        "results": [_result(m) for m in answer.matches],
        "near_misses": [
            {"service_id": str(m.candidate.service_id), "name": m.candidate.name,
             "unmet": [{"criterion": c.name, "detail": c.detail} for c in m.unmet]} for m in answer.near_misses],
        "helplines": [_helpline(h) for h in answer.helplines],
    }


def explanation_json(told: Explanation) -> dict[str, Any]:
    """service_id, outcome, score, and for every criterion asked, says, verdict and points."""
    return {
        "service_id": str(told.candidate.service_id), "name": told.candidate.name, "outcome": told.outcome,
        "offered": told.kept_out is None, "score": told.score,
        "criteria": [{"criterion": line.criterion, "asked": line.asked, "says": line.says, "verdict": line.verdict,
                      "points": line.points} for line in told.lines]}


def search_json(answer: SearchAnswer) -> dict[str, Any]:
    """place, results, did_you_mean, facets, helplines."""
    return {
        "place": _place(answer.place) if answer.place else None,
        "total": answer.total, "did_you_mean": answer.did_you_mean, "every_word": answer.every_word,
        "results": [_hit(f) for f in answer.found],
        "facets": {name: [{"value": v, "count": n} for v, n in counts] for name, counts in answer.facets.items()},
        "helplines": [_helpline(h) for h in answer.helplines],
    }


def _result(m: Match) -> dict[str, Any]:
    c = m.candidate
    interpreter = m.language.interpreter
    return {
        "service_id": str(c.service_id), "name": c.name, "organization": c.organization,
        "confidential": c.confidential, "zone": c.zone, "distance_km": m.distance_km,
        "language": {"code": m.language.code, "via": m.language.via,
                     "interpreter_service_id": str(interpreter.service_id) if interpreter else None},
        "capacity": _capacity(c.capacity, m.capacity_state), "open": m.opening.state, "needs": list(m.needs),
        "score": m.score, "reasons": list(m.reasons),
    }


def _hit(f: Found) -> dict[str, Any]:
    c = f.candidate
    return {
        "service_id": str(c.service_id), "name": c.name, "organization": c.organization,
        "confidential": c.confidential, "zone": c.zone, "distance_km": f.distance_km,
        "capacity": _capacity(c.capacity, f.capacity_state), "open": f.opening.state,
        "needs": sorted(c.confirmed_needs), "suggested_needs": sorted(c.suggested_needs),
        "score": round(f.hit.score, 4),
        "highlights": {name: [[text, hit] for text, hit in segments] for name, segments in f.hit.highlighted.items()},
    }


def _capacity(capacity: Capacity | None, state: CapacityState) -> dict[str, Any]:
    if capacity is None:
        return {"state": state, "available": None, "unit": None, "updated": None}
    return {"state": state, "available": capacity.available, "unit": capacity.unit,
            "updated": capacity.updated.isoformat()}


def _place(place: Place) -> dict[str, Any]:
    return {"name": geo.place_label(place), "country": place.country, "latitude": place.latitude,
            "longitude": place.longitude}


def _helpline(h: Helpline) -> dict[str, Any]:
    return {"country": h.country, "name": h.name, "kind": h.kind, "phone": h.phone, "languages": list(h.languages),
            "hours": h.hours, "source": h.source, "checked": h.checked, "unverified": h.unverified}
