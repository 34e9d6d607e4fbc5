"""`python -m benchmarks [KIND]`; `run.py bench` sets up and calls it."""

import argparse
import json
import sys
from typing import Any, Final

from benchmarks import (
    import_bench,
    line_bench,
    match_bench,
    noninterference,
    plots,
    request_bench,
    stale_bench,
    text_bench,
)

KINDS: Final = ("match", "text", "request", "import", "stale")
SERVICES: Final = 100_000
QUERIES: Final = 300


def main(arguments: list[str]) -> int:
    """Run one kind, or all of them one after the other. 1 where an answer was wrong."""
    parser = argparse.ArgumentParser(prog="run.py bench", description="Measures the engines side by side.")
    parser.add_argument("kind", nargs="?", choices=[*KINDS, "plots", "noninterference", "line"],
                        help="all five if not given; plots draws docs/; noninterference compares two "
                        "directories; line asks over a slow line")
    parser.add_argument("--services", type=int, default=SERVICES, help=f"how many invented services ({SERVICES:,})")
    parser.add_argument("--queries", type=int, default=QUERIES, help=f"how many questions ({QUERIES})")
    parser.add_argument("--writes", type=int, default=stale_bench.WRITES, help="stale: how many writes")
    parser.add_argument("--pairs", type=int, default=noninterference.PAIRS, help="noninterference: how many pairs")
    parser.add_argument("--country", help="match: all services in this country (ISO 3166-1 alpha-2), like DE")
    parser.add_argument("--json", action="store_true", help="print one JSON object in one line")
    options = parser.parse_args(arguments)
    if options.services < 100 or options.queries < 1:
        parser.error("--services must be at least 100, --queries at least 1")
    if options.kind == "plots":
        plots.draw(lambda kind, size: run(kind, argparse.Namespace(**vars(options) | {"services": size})), say)
        return 0
    kinds = [options.kind] if options.kind else KINDS
    results = {kind: run(kind, options) for kind in kinds}
    print(json.dumps(results[options.kind] if options.kind else results, indent=None if options.json else 1))
    return 1 if any(each["mismatches"] for each in results.values()) else 0


def say(text: str) -> None:
    """Progress, beside the answer."""
    print(text, "…", file=sys.stderr, flush=True)


def run(kind: str, options: argparse.Namespace) -> dict[str, Any]:
    """One benchmark's result."""
    services, queries = options.services, options.queries
    if kind == "match":
        return match_bench.run(services, queries, options.country, say)
    if kind == "text":
        return text_bench.run(services, queries, say)
    if kind == "request":
        return request_bench.run(services, queries, say)
    if kind == "stale":
        return stale_bench.run(options.writes, say)
    if kind == "line":
        return line_bench.run(say)
    if kind == "noninterference":
        return noninterference.run(options.pairs, say)
    return import_bench.run(services, say)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
