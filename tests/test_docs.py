"""What the documents of security name is there: tests, places in the code, and each item of the standard once."""

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ("docs/asvs.md", "docs/threat-model.md")
# OWASP ASVS 5.0.0: by section the level of each item, in order: 1.1=22 is two items of level 2.
LEVELS = (
    "1.1=22 1.2=1111122223 1.3=112222222223 1.4=222 1.5=123 2.1=122 2.2=112 2.3=12223 2.4=23 3.1=3 3.2=113 3.3=12223 "
    "3.4=11222233 3.5=11122333 3.6=3 3.7=22333 4.1=12233 4.2=23333 4.3=22 4.4=1222 5.1=2 5.2=112333 5.3=113 5.4=222 "
    "6.1=122 6.2=111111112222 6.3=11223333 6.4=112233 6.5=22222333 6.6=2223 6.7=33 6.8=2222 7.1=222 7.2=1111 7.3=22 "
    "7.4=11222 7.5=223 7.6=22 8.1=1233 8.2=1123 8.3=133 8.4=23 9.1=111 9.2=1222 10.1=22 10.2=223 10.3=22223 "
    "10.4=1111122222233333 10.5=22222 10.6=22 10.7=222 11.1=2233 11.2=22233 11.3=11233 11.4=1222 11.5=23 11.6=23 "
    "11.7=33 12.1=12233 12.2=11 12.3=22223 13.1=2333 13.2=222223 13.3=2233 13.4=1222233 14.1=22 14.2=12223333 "
    "14.3=122 15.1=12233 15.2=12233 15.3=1222222 15.4=3333 16.1=2 16.2=22222 16.3=2222 16.4=222 16.5=2223 17.1=23 "
    "17.2=22223333 17.3=22 "
)
ITEMS = {f"{section}.{number}": level for section, levels in (pair.split("=") for pair in LEVELS.split())
         for number, level in enumerate(levels, 1)}
ROW = re.compile(r"^\| (\d+\.\d+\.\d+) \| ([12]) \| (.+?) \| (met|not applicable|open) \| (.+) \|$", re.MULTILINE)


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_standard_is_counted_as_it_was_published() -> None:
    assert Counter(ITEMS.values()) == {"1": 70, "2": 183, "3": 92}


def test_every_item_of_levels_one_and_two_is_there_exactly_once() -> None:
    rows = ROW.findall(text("docs/asvs.md"))
    assert [(item, level) for item, level, *_ in rows] == [(i, level) for i, level in ITEMS.items() if level in "12"]
    assert len(rows) == sum(line.startswith("| ") and line[2].isdigit() for line in text("docs/asvs.md").splitlines())


def test_whatever_is_met_says_by_what() -> None:
    unproved = [item for item, _, _, status, by in ROW.findall(text("docs/asvs.md"))
                if status == "met" and "`" not in by and by not in ("the same test", "Python")
                and not re.search(r"bandit|one service|HMAC|salt|HTML|UUID|no page takes a file", by)]
    assert unproved == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_test_that_is_named_exists(document: str) -> None:
    named = set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text(document)))
    assert len(named) > 20
    missing = []
    for file, name in sorted(named):
        path = ROOT / file
        known = re.findall(r"^(?:async )?def (test_\w+)|^(Test\w+)\s*=", path.read_text("utf-8"), re.MULTILINE) \
            if path.is_file() else []
        if name not in {found for pair in known for found in pair if found}:
            missing.append(f"{file}::{name}")
    assert missing == []


@pytest.mark.parametrize("document", [*DOCUMENTS, "docs/security.md"])
def test_every_place_in_the_code_that_is_named_exists(document: str) -> None:
    """`desk/listings.py` is a file of the package, `docs/access.md` one of the project; after `::` a name in it."""
    missing = []
    for place, name in set(re.findall(r"`([\w/.-]+\.(?:py|md|html|js|toml|json|lock))(?:::(\w+))?`", text(document))):
        if place.startswith("tests/"):
            continue  # looked for above
        found = [p for p in (ROOT / place, ROOT / "referral_dir" / place) if p.is_file()]
        if not found or (name and not re.search(rf"\b{name}\b", found[0].read_text("utf-8"))):
            missing.append(place + (f"::{name}" if name else ""))
    assert sorted(missing) == []


def test_each_actor_of_the_threat_model_has_wants_controls_tests_and_what_remains() -> None:
    actors = re.split(r"^## ", text("docs/threat-model.md"), flags=re.MULTILINE)[1:]
    wanted = ("trafficker posing", "searches too much", "provider staff", "stolen phone", "abusive", "dump", "network",
              "rewrites")
    titles = [actor.splitlines()[0] for actor in actors]
    assert [w for w in wanted if not any(w in title for title in titles)] == []
    for actor in actors:
        if actor.startswith(("How", "What")):
            continue
        assert "**Wants**" in actor, actor[:60]
        assert "**Remains**" in actor, actor[:60]
        assert re.search(r"\| .+ \| .*(`tests/|open)", actor), actor[:60]
