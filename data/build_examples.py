"""Builds data/examples/: a small invented directory as HSDS 3 JSON and as a ZIP of CSV tables. A maintainer runs it.

    python data/build_examples.py

An administrator who brings a directory takes them as a pattern. Two organizations of the demo's directory are imported
into an empty store, and what our own export writes of them is the JSON; the tables are the same objects, one a row.
"""

import csv
import io
import json
import re
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from referral_dir.interop.exporting import export_hsds3_json  # noqa: E402
from referral_dir.interop.hsds3 import NESTED, UPWARD  # noqa: E402
from referral_dir.interop.importing import import_directory  # noqa: E402
from referral_dir.store.crypto import KeyRing, new_key  # noqa: E402
from referral_dir.store.db import Store, make_engine, migrate, reading  # noqa: E402

TAKEN: Final = ("Demo Biscayne Legal Aid (invented)", "Demo Keys Relief (invented)")
# Under other names, so that they are no doubles of the demo's own.
NAMES: Final = (("Demo Biscayne", "Sample Hill"), ("Biscayne", "Sample Hill"), ("Demo Keys", "Sample Bay"),
                ("Keys", "Sample Bay"), ("Invented for the demo.", "Invented, as an example."))
UUID_: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
Row = dict[str, Any]


def exported(folder: Path) -> Row:
    """What the export writes of a few organizations."""
    text = (HERE / "demo" / "directory.json").read_text(encoding="utf-8")
    few = [each for each in json.loads(text)["organizations"] if each["name"] in TAKEN]
    text = json.dumps({"organizations": few}, ensure_ascii=False)
    for old, new in NAMES:
        text = text.replace(old, new)
    # And under ids of their own: what is brought under an id changes what is there.
    text = UUID_.sub(lambda found: str(uuid5(NAMESPACE_URL, "example " + found.group())), text)
    (folder / "few.json").write_text(text, encoding="utf-8")
    store = Store(make_engine(f"sqlite:///{folder}/examples.db"), KeyRing((("k", new_key()),)))
    migrate(store.engine)
    import_directory(store, folder / "few.json", now=datetime.now(UTC), source="example")
    with reading(store) as session:
        export_hsds3_json(session, folder / "out.json")
    made: Row = json.loads((folder / "out.json").read_text(encoding="utf-8"))
    return {"organizations": made["organizations"]}


def flat(table: str, item: Row, link: Row) -> Iterator[tuple[str, Row]]:
    """(table, row) for an object and all that is nested in it."""
    row = {key: value for key, value in {**link, **item}.items() if not isinstance(value, (dict, list))}
    for key, (parent, column) in UPWARD.get(table, {}).items():
        if isinstance(item.get(key), dict):
            row[column] = item[key]["id"]
            yield from flat(parent, item[key], {})
    yield table, row
    for key, (child, column) in NESTED.get(table, {}).items():
        for each in item.get(key) or ():
            yield from flat(child, each, {column: item["id"]})


def tables(document: Row) -> dict[str, list[Row]]:
    """The rows of each table, each once."""
    found: dict[str, dict[str, Row]] = {}
    for organization in document["organizations"]:
        for table, row in flat("organization", organization, {}):
            found.setdefault(table, {}).setdefault(str(row["id"]), row)
    return {table: list(rows.values()) for table, rows in found.items()}


def csv_of(rows: list[Row]) -> str:
    """One table, with the columns that any of its rows has."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        document = exported(Path(folder))
    target = HERE / "examples"
    target.mkdir(exist_ok=True)
    (target / "hsds.json").write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    with zipfile.ZipFile(target / "hsds-csv.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for table, rows in tables(document).items():
            # A fixed day: the same rows make the same file.
            archive.writestr(zipfile.ZipInfo(f"{table}.csv", (2026, 1, 1, 0, 0, 0)), csv_of(rows))


if __name__ == "__main__":
    main()
