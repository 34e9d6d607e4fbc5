"""UNHCR's "Services Advisor" features: one partner's activity in one place, described by sets of ticked labels.

Comments are left out: they are free text about people. The Arabic file names services in Arabic; its criteria are
known to be wrong and are not read.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from referral_dir.domain.saying import say
from referral_dir.interop.reading import read_json
from referral_dir.interop.records import SourceRecord
from referral_dir.interop.report import ImportRefused, ImportReport
from referral_dir.interop.values import clock

SOURCE: Final = "unhcr-services-advisor"
_FILE_DATE: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_ARABIC: Final = re.compile("[\u0600-\u06ff]")
DAYS: Final = {"sun-thurs": "SU,MO,TU,WE,TH", "every day": "SU,MO,TU,WE,TH,FR,SA", "sunday": "SU", "monday": "MO",
               "tuesday": "TU", "wednesday": "WE", "thursday": "TH", "friday": "FR", "saturday": "SA",
               "sun-sat": "SU,MO,TU,WE,TH,FR,SA", "mon-thurs": "MO,TU,WE,TH"}
NATIONALITIES: Final = {"syrian": "SY", "iraqi": "IQ", "somali": "SO", "sudanese": "SD", "jordanian": "JO"}


def read_records(path: Path, report: ImportReport, now: datetime) -> list[SourceRecord]:
    """Organizations, services, places and hours of every distinct feature. Raises ImportRefused."""
    features = read_json(path)
    if isinstance(features, dict) and features.get("type") == "FeatureCollection":
        features = features.get("features")
    if not isinstance(features, list) or not features or not all(_is_feature(f) for f in features):
        raise ImportRefused(say(
            "%(file)s is not a list of GeoJSON features with partnerName and activityName", file=path.name))
    dated = _FILE_DATE.search(path.name)
    as_of = date(int(dated[1]), int(dated[2]), int(dated[3])) if dated else now.date()
    repeats = Counter(str(f.get("id")) for f in features)
    seen: dict[str, str] = {}
    records: list[SourceRecord] = []
    for number, feature in enumerate(features, 1):
        where = (path.name, number)
        report.count("service").read += 1
        key = _key(feature, repeats, seen, where, report)
        if key:
            records += _feature(key, feature, as_of, where, report)
    return records


def _is_feature(feature: Any) -> bool:
    properties = feature.get("properties") if isinstance(feature, dict) else None
    return isinstance(properties, dict) and "partnerName" in properties and "activityName" in properties


def _key(feature: dict[str, Any], repeats: Counter[str], seen: dict[str, str], where: tuple[str, int],
         report: ImportReport) -> str | None:
    """The feature's id; where others share it, with what tells it apart; None for a word-for-word double."""
    ident = str(feature.get("id") or "")
    content = hashlib.sha256(json.dumps(feature, sort_keys=True).encode()).hexdigest()
    if content in seen.values():
        report.refused_row("service", where, "id", ident, say("the same feature stands in the file already"))
        return None
    if repeats[ident] == 1 and ident:
        seen[ident] = content
        return ident
    p = feature["properties"]
    text = "|".join(str(p.get(k)) for k in ("partnerName", "activityName", "locationName", "activityCategory"))
    key = f"{ident}/{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    if key in seen:
        key += "/" + content[:8]
    report.repaired(where, "id", ident, "several features have this id: told apart by partner, activity and place")
    seen[key] = content
    return key


def _feature(key: str, feature: dict[str, Any], as_of: date, where: tuple[str, int],
             report: ImportReport) -> list[SourceRecord]:
    p = feature["properties"]
    arabic = bool(_ARABIC.search(str(p["activityName"])))
    sets = {re.sub(r"^\d+\.\s*", "", k).strip().casefold(): [o for o, ticked in v.items() if ticked]
            for k, v in p.items() if isinstance(v, dict)}
    everything = len(sets.get("availability day", [])) > 4 and len(sets.get("office open at", [])) > 4
    if everything:
        report.repaired(where, "availability day", "all options", "every option is ticked: hours and criteria unknown")
    ends = _date(p.get("endDate"), where, report)
    ended = ends is not None and ends < as_of
    if ended:
        report.repaired(where, "endDate", p.get("endDate"), "ended before the date of the file: inactive")
    service: dict[str, Any] = {
        "organization_id": str(p["partnerName"]), "name": f"{p['activityName']} ({p.get('locationName', '')})",
        "description": _description(p, {} if arabic or everything else sets),
        "status": "inactive" if ended else "active",
        "offered_until": ends, "country": "JO", "timezone": "Asia/Amman",
        "application_process": "By referral only" if p.get("Referral required") == "Yes" else None,
    }
    categories = [str(p.get("activityCategory", "")), str(p["activityName"]), *p.get("indicators", {})]
    records = [
        SourceRecord("organization", str(p["partnerName"]), {"name": str(p["partnerName"]), "description": ""}, where),
        SourceRecord("service", key, service, where, categories=tuple(str(c) for c in categories),
                     eligibility=() if arabic or everything else _eligibility(sets)),
        *_place(key, feature, where, report),
    ]
    if not everything and not arabic:
        records += _hours(key, sets, where, report)
    if any("countrywide" in o.casefold() for o in sets.get("coverage", [])) and not everything:
        records.append(SourceRecord("service_area", f"{key} area", {"service_id": key, "name": "Countrywide",
                                                                    "country": "JO"}, where))
    return records


def _description(p: dict[str, Any], sets: dict[str, list[str]]) -> str:
    parts = [f"{p.get('activityCategory', '').title()}: {p['activityName']}.",
             "; ".join(str(i) for i in p.get("indicators", {}))]
    for label in ("intake criteria", "registration type requirement", "accessibility", "referral method"):
        if sets.get(label):
            parts.append(f"{label.capitalize()}: {', '.join(sets[label])}.")
    return "\n".join(part for part in parts if part)


def _eligibility(sets: dict[str, list[str]]) -> tuple[tuple[str, str, str], ...]:
    """Nationality where it is restricted. Other criteria stay words for a person to read."""
    ticked = [o.casefold() for o in sets.get("nationality", [])]
    if not ticked or any("no restriction" in o or "all" in o.split() for o in ticked):
        return ()
    codes = {code for o in ticked for word, code in NATIONALITIES.items() if word in o and "non" not in o}
    known = all(any(word in o for word in NATIONALITIES) and "non" not in o for o in ticked)
    return tuple(("nationality", code, "serves") for code in sorted(codes)) if known else ()


def _place(key: str, feature: dict[str, Any], where: tuple[str, int], report: ImportReport) -> list[SourceRecord]:
    point = (feature.get("geometry") or {}).get("coordinates") or [None, None]
    name = str(feature["properties"].get("locationName") or "")
    values: dict[str, Any] = {"name": name, "location_type": "physical", "latitude": None, "longitude": None}
    if len(point) >= 2 and all(isinstance(x, (int, float)) for x in point[:2]):
        values |= {"longitude": float(point[0]), "latitude": float(point[1])}
    else:
        report.refused(where, "coordinates", point, say("not a point"))
    return [SourceRecord("location", f"{key} place", values, where),
            SourceRecord("service_at_location", f"{key} at", {"service_id": key, "location_id": f"{key} place"}, where)]


def _hours(key: str, sets: dict[str, list[str]], where: tuple[str, int], report: ImportReport) -> list[SourceRecord]:
    opens = _times(sets.get("office open at", []), where, report)
    closes = _times(sets.get("office close at", []), where, report)
    days = [DAYS[o.strip().casefold()] for o in sets.get("availability day", []) if o.strip().casefold() in DAYS]
    if len(opens) != 1 or len(closes) != 1 or not days or opens == closes:
        return []
    byday = ",".join(dict.fromkeys(d for group in days for d in group.split(",")))
    return [SourceRecord("schedule", f"{key} hours", {"service_id": key, "freq": "WEEKLY", "byday": byday,
                                                      "opens_at": opens[0], "closes_at": closes[0]}, where)]


def _times(labels: Iterable[str], where: tuple[str, int], report: ImportReport) -> list[str]:
    """Times in labels like "Close at 17:00pm". "12:00am" may mean noon or midnight: unknown."""
    found = []
    for label in labels:
        match = re.search(r"\d{1,2}(?::\d{2})?\s*(?:[ap]m)?", label, re.IGNORECASE)
        text = clock(match.group(0)) if match else None
        if text is None or text == "00:00":
            report.refused(where, "hours", label, say("can't be read as a time"))
        else:
            found.append(text)
    return found


def _date(text: Any, where: tuple[str, int], report: ImportReport) -> date | None:
    try:
        return date.fromisoformat(str(text)) if text else None
    except ValueError:
        report.refused(where, "endDate", text, say("not a date"))
        return None
