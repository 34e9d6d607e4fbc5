"""How well words and needs find services, and how well needs are suggested: `python -m benchmarks.relevance`.

Imports the Miami 211 and UNHCR's Jordan services from ../shared/data into a database that is thrown away, asks every
judged query through the product's own search, and compares what comes with what a person who read the services says
of them. benchmarks/judged/README.md tells the format and the measures.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select

from benchmarks.relevance_scores import DEPTH, Label, Outcome, grouped, held_out, score, suggestions
from referral_dir.desk.find import Indexes, make_need, match_services, search_services
from referral_dir.domain.needs import check_code
from referral_dir.index.feed import catch_up
from referral_dir.index.match import MatchIndex
from referral_dir.index.text import open_text_index
from referral_dir.interop.importing import import_directory
from referral_dir.store.crypto import KeyRing
from referral_dir.store.db import Store, make_engine, migrate, reading
from referral_dir.store.directory import Organization, Service, ServiceNeed

ROOT: Final = Path(__file__).resolve().parents[1]
DATA: Final = ROOT.parent / "shared" / "data"
JUDGED: Final = Path(__file__).resolve().parent / "judged"
KEYS: Final = KeyRing((("relevance", b"r" * 32),))
FAMILIES: Final = ("shelter", "legal", "medical", "mental_health", "interpretation", "safety")
MATCH: Final = "match"
RULE: Final = "| --- " * 6 + "|"


@dataclass(frozen=True, slots=True)
class Source:
    """A real directory: where it lies, a day on which it was current, and a place and a radius around all of it."""

    path: Path
    now: datetime
    near: str
    radius_km: float


# UNHCR's file is of March 2015, but most of it was on offer until the end of 2014 and would not be found after.
SOURCES: Final[Mapping[str, Source]] = {
    "miami": Source(DATA / "open211-miami-hsds1", datetime(2026, 11, 24, 15, tzinfo=UTC), "Miami", 100.0),
    "unhcr": Source(DATA / "unhcr-jordan-services" / "services_2015-03-22_en.json",
                    datetime(2014, 12, 31, 9, tzinfo=UTC), "Amman", 400.0),
}


@dataclass(frozen=True, slots=True)
class Query:
    """What somebody types, and the needs that a useful answer meets one of. `set` says when it was written."""

    text: str
    language: str
    kind: str
    directory: str
    needs: tuple[str, ...]
    set: str = ""


Labels = Mapping[str, Mapping[str, Label]]


@dataclass(frozen=True, slots=True)
class Answers:
    """What an imported directory answers. Services are known by their ids in the source: `found` by query, best
    first; `suggested` needs and `texts` (name, organization, description) by service."""

    found: Mapping[Query, Sequence[str]]
    suggested: Mapping[str, frozenset[str]]
    texts: Mapping[str, tuple[str, str, str]]


def read_judged(folder: Path) -> tuple[list[Query], Labels]:
    """Queries, and labels by directory and foreign id. Raises ValueError for an unknown need or directory."""
    queries = [Query(q["text"], q["language"], q["kind"], q["directory"], tuple(check_code(n) for n in q["needs"]),
                     q.get("set", ""))
               for q in json.loads((folder / "queries.json").read_text(encoding="utf-8"))]
    read = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    labels = {directory: {key: _label(own) for key, own in services.items()} for directory, services in read.items()}
    unknown = ({q.directory for q in queries} | set(labels)) - set(SOURCES)
    if unknown:
        raise ValueError(f"not a directory: {', '.join(sorted(unknown))}; there are {', '.join(SOURCES)}")
    return queries, labels


def _label(given: Mapping[str, Any]) -> Label:
    main, also = (frozenset(check_code(n) for n in given[k]) for k in ("main", "also"))
    return Label(main, also, bool(given.get("pooled")))


def ask(name: str, queries: Iterable[Query]) -> Answers:
    """Import a directory into a database and indexes that are thrown away, and ask it everything."""
    source = SOURCES[name]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        engine = make_engine(f"sqlite:///{folder / 'directory.db'}")
        migrate(engine)
        store = Store(engine, KEYS)
        path = source.path
        if path.is_file():
            # Under a name without a date it counts as of `now`.
            path = Path(shutil.copy(path, folder / "services.json"))
        import_directory(store, path, now=source.now)
        answers = _ask(store, Indexes(MatchIndex(), open_text_index(folder, "whoosh")), source, queries)
        engine.dispose()
        return answers


def _ask(store: Store, indexes: Indexes, source: Source, queries: Iterable[Query]) -> Answers:
    with reading(store) as session:
        catch_up(session, indexes.match, indexes.text)
        rows = session.execute(
            select(Service.id, Service.foreign_id, Service.name, Organization.name, Service.description)
            .join(Organization, Organization.id == Service.organization_id)).all()
        keys = {i: str(key) for i, key, *_ in rows}
        suggested: dict[str, set[str]] = {key: set() for key in keys.values()}
        for service_id, need in session.execute(select(ServiceNeed.service_id, ServiceNeed.need)):
            suggested[keys[service_id]].add(need)
        found = {}
        for query in queries:
            if query.kind == MATCH:
                asked = make_need(needs=query.needs, near=source.near, radius_km=source.radius_km)
                matches = match_services(session, indexes, None, asked, source.now).matches
                ids = [match.candidate.service_id for match in matches]
            else:
                answer = search_services(session, indexes, None, query.text, source.now)
                ids = [each.candidate.service_id for each in answer.found]
            found[query] = [keys[i] for i in ids]
    texts = {str(key): (name, organization, description or "") for _, key, name, organization, description in rows}
    return Answers(found, {key: frozenset(needs) for key, needs in suggested.items()}, texts)


def matches_for(queries: Iterable[Query]) -> list[Query]:
    """Every need that a query of the kind `need` names, to be asked by its code and a place instead of by words."""
    asked = {(q.directory, need) for q in queries if q.kind == "need" for need in q.needs}
    return [Query("match " + need, "", MATCH, directory, (need,)) for directory, need in sorted(asked)]


def measure(folder: Path) -> tuple[dict[str, Any], dict[str, Answers]]:
    """The whole result as plain values, and what was answered."""
    queries, labels = read_judged(folder)
    every = [*queries, *matches_for(queries)]
    answers = {name: ask(name, [q for q in every if q.directory == name]) for name in sorted({*labels})}
    groups: dict[tuple[str, ...], list[Outcome]] = defaultdict(list)
    for query in every:
        own = labels.get(query.directory, {})
        outcome = score([own.get(key) for key in answers[query.directory].found[query]], query.needs, own.values())
        for group in _groups(query):
            groups[group].append(outcome)
    return {"services labelled": {name: len(own) for name, own in labels.items()},
            "queries": len(queries),
            "search": {" ".join(group): {"queries": len(groups[group]), **{m: asdict(i) for m, i in own.items()}}
                       for group, own in sorted(grouped(groups).items())},
            "suggestions": _suggestions(labels, answers, halves=folder == JUDGED)}, answers


def _groups(query: Query) -> list[tuple[str, ...]]:
    if query.kind == MATCH:
        return [("match by code",)]
    groups = [("all",), ("directory", query.directory), ("language", query.language), ("kind", query.kind)]
    if query.set:
        groups.append(("set", query.set))
    return groups


def _half(text: str) -> str:
    return "held out" if held_out(text) else "tuned on"


def _suggestions(labels: Labels, answers: Mapping[str, Answers], *, halves: bool) -> dict[str, dict[str, Any]]:
    """By which services and needs: over the random sample, its halves, and the families over all labelled services."""
    every = [(name, key, answers[name].suggested.get(key, frozenset()), label)
             for name, own in labels.items() for key, label in own.items()]
    sample = [each for each in every if not each[3].pooled]
    rows = {"all": (sample, ""), **{f"directory {name}": ([e for e in sample if e[0] == name], "") for name in labels}}
    if halves:
        rows |= {f"half {half}": ([e for e in sample if _half(e[1]) == half], "") for half in ("tuned on", "held out")}
    rows |= {f"need {family}": (sample, family) for family in FAMILIES}
    rows |= {f"need {family}, pool too": (every, family) for family in FAMILIES}
    return {row: {"services": len(chosen),
                  **{kind: asdict(suggestions([e[2:] for e in chosen], lenient=kind == "lenient", family=family))
                     for kind in ("lenient", "strict")}}
            for row, (chosen, family) in rows.items()}


def table(result: Mapping[str, Any]) -> str:
    """The result as Markdown tables."""
    labelled = ", ".join(f"{count} of {name}" for name, count in result["services labelled"].items())
    lines = [f"{result['queries']} queries; services labelled: {labelled}.", "",
             "| search | queries | nDCG@10 | success@3 | nothing useful | judged@10 |", RULE]
    for group, own in result["search"].items():
        cells = [_interval(own.get(m)) for m in ("ndcg@10", "success@3", "nothing useful")]
        judged = f"{own['judged@10']['mean']:.1%}" if "judged@10" in own else "none"
        lines.append(f"| {group} | {own['queries']} | {' | '.join(cells)} | {judged} |")
    lines += ["", "| suggested needs | services | precision | strict | recall | strict |", RULE]
    for row, own in result["suggestions"].items():
        cells = [_share(own[kind][what]) for what in ("precision", "recall") for kind in ("lenient", "strict")]
        lines.append(f"| {row} | {own['services']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _interval(found: Mapping[str, float] | None) -> str:
    return "none" if found is None else f"{found['mean']:.3f} ({found['low']:.3f}–{found['high']:.3f})"


def _share(counted: Sequence[int]) -> str:
    right, total = counted
    return f"{right / total:.2f} ({right}/{total})" if total else "none"


def unjudged(answers: Mapping[str, Answers], labels: Labels) -> list[dict[str, str]]:
    """The services among the first ten of any query that nobody has labelled yet, to be read."""
    keys = {(name, key) for name, own in answers.items() for found in own.found.values() for key in found[:DEPTH]
            if key not in labels.get(name, {})}
    return [{"directory": name, "id": key, **dict(zip(("name", "organization", "description"),
                                                      answers[name].texts[key], strict=True))}
            for name, key in sorted(keys)]


def main(arguments: Sequence[str]) -> int:
    """Print the table, or with --json the numbers, or with --unjudged what is still to be read."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.relevance", description="Measures relevance.")
    parser.add_argument("--judged", type=Path, default=JUDGED, help="a folder with queries.json and labels.json")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--unjudged", action="store_true", help="print the found services that nobody has labelled")
    options = parser.parse_args(arguments)
    missing = [str(source.path) for source in SOURCES.values() if not source.path.exists()]
    if missing:
        parser.error(f"not there: {', '.join(missing)}")
    result, answers = measure(options.judged.resolve())
    if options.unjudged:
        print(json.dumps(unjudged(answers, read_judged(options.judged)[1]), ensure_ascii=False, indent=1))
    else:
        print(json.dumps(result) if options.json else table(result))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
