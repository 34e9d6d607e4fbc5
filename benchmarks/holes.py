"""Known holes in what the locks name, looked up in OSV's export for PyPI (`all.zip`): for where PyPI can't be asked."""

import json
import re
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from packaging.utils import canonicalize_name, canonicalize_version
from packaging.version import InvalidVersion, Version

LOCKS: Final = (Path("requirements.lock"), Path("requirements-dev.lock"))
OLDEST: Final = timedelta(days=30)


def main(database: Path, locks: tuple[Path, ...], now: datetime) -> int:
    """Say what touches the locks. An old database fails too: nothing is known about what came after it."""
    pinned = {canonicalize_name(name): Version(version) for lock in locks
              for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", lock.read_text(), re.MULTILINE)}
    newest, about, holes = datetime.min.replace(tzinfo=UTC), 0, set()
    with zipfile.ZipFile(database) as archive:
        for file in archive.namelist():
            entry = json.loads(archive.read(file))
            newest = max(newest, datetime.fromisoformat(entry["modified"]))
            for affected in entry.get("affected", ()):
                name = canonicalize_name(affected.get("package", {}).get("name", ""))
                if name in pinned and affected["package"]["ecosystem"] == "PyPI" and "withdrawn" not in entry:
                    about += 1
                    if touches(affected, pinned[name]):
                        holes.add(f"{name} {pinned[name]}: {' '.join([entry['id'], *entry.get('aliases', ())])}")
    print(f"{len(pinned)} packages, {about} entries about them; the newest entry of all is of {newest:%Y-%m-%d}.",
          *sorted(holes), "Too old: nothing is known about what came after." if now - newest > OLDEST else "", sep="\n")
    return 1 if holes or now - newest > OLDEST else 0


def touches(affected: dict[str, Any], version: Version) -> bool:
    """Whether an entry holds the version, in its list or a range. What can't be compared counts as if it did."""
    try:
        listed = {canonicalize_version(text) for text in affected.get("versions", ())}
        return canonicalize_version(version) in listed or any(
            _within(span["events"], version) for span in affected.get("ranges", ()) if span["type"] == "ECOSYSTEM")
    except InvalidVersion:
        return True


def _within(events: list[dict[str, str]], version: Version) -> bool:
    within = False
    for at, kind in sorted((Version(at), kind) for event in events for kind, at in event.items()):
        if at < version or (at == version and kind != "last_affected"):
            within = kind == "introduced"
    return within


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), LOCKS, datetime.now(UTC)))
