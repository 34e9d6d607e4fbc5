"""`python -m benchmarks [match|text|request|import]`; `run.py bench` sets up and calls it."""

import argparse
import json
import sys
from typing import Any

KINDS = ("match", "text", "request", "import")
SIZES = {"match": 100_000, "text": 100_000, "request": 100_000, "import": 100_000}
QUERIES = {"match": 300, "text": 300, "request": 200, "import": 0}


def main(arguments: list[str]) -> int:
    """Run one kind, or all of them one after the other."""
    parser = argparse.ArgumentParser(prog="run.py bench", description="Measures the engines side by side.")
    parser.add_argument("kind", nargs="?", choices=[*KINDS, "plots"], help="all four if not given; plots draws docs/")
    parser.add_argument("--services", type=int, help="how many invented services")
    parser.add_argument("--queries", type=int, help="how many questions")
    parser.add_argument("--country", help="all services in this country (ISO 3166-1 alpha-2), like DE")
    parser.add_argument("--json", action="store_true", help="print one JSON object, and progress to standard error")
    options = parser.parse_args(arguments)
    if options.services is not None and options.services < 100:
        parser.error("--services must be at least 100")
    if options.kind == "plots":
        from benchmarks.plots import draw

        draw(say)
        return 0
    results = {kind: _run(kind, options) for kind in ([options.kind] if options.kind else KINDS)}
    result = results[options.kind] if options.kind else results
    if options.json:
        print(json.dumps(result))
    else:
        print(json.dumps(result, indent=1))
    return 1 if any(each.get("mismatches") for each in results.values()) else 0


def say(text: str) -> None:
    """Progress, beside the answer."""
    print(text, "…", file=sys.stderr, flush=True)


def _run(kind: str, options: argparse.Namespace) -> dict[str, Any]:
    services, queries = options.services or SIZES[kind], options.queries or QUERIES[kind]
    if kind == "match":
        from benchmarks import match_bench

        return match_bench.run(services, queries, options.country, say)
    if kind == "text":
        from benchmarks import text_bench

        return text_bench.run(services, queries, say)
    if kind == "request":
        from benchmarks import request_bench

        return request_bench.run(services, queries, say)
    from benchmarks import import_bench

    return import_bench.run(services, say)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
