"""What a page weighs on a slow line, where it is loaded from, and whether its colours can be read."""

import gzip
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest

import config
from referral_dir.domain.access import Actor
from tests.web.conftest import Browser, World

KIB: Final = 1024
FIRST_VISIT, RESULTS, SCRIPT, STYLE = 25 * KIB, 15 * KIB, 5 * KIB, 8 * KIB
STATIC = config.ROOT / "referral_dir" / "static"
CSS = (STATIC / "style.css").read_text(encoding="utf-8")
LOADED = re.compile(r'<(?:script|img|link|iframe|image)\b[^>]*?\b(?:src|href)="([^"]*)"')
# A side of the screen; a right-to-left page has the other one. What a drawing's own coordinates say is no side.
PHYSICAL = re.compile(r"\b(?:margin|padding|border|inset|scroll-margin|scroll-padding)-(?:left|right|top|bottom)\b"
                      r"|(?<![\w-])(?:left|right|top|bottom)\s*:|(?:text-align|float|clear)\s*:\s*(?:left|right)\b"
                      r"|border-(?:top|bottom)-(?:left|right)-radius")
# (text, ground): every pair that the style sheet puts together, at least 4.5 : 1; of lines and edges, at least 3 : 1.
TEXTS: Final = (
    ("ink", "paper"), ("ink", "wash"), ("soft", "paper"), ("soft", "wash"), ("link", "paper"), ("link", "wash"),
    ("on-bar", "bar"), ("on-accent", "accent"), ("ink", "accent-wash"), ("soft", "accent-wash"), ("good", "good-wash"),
    ("ink", "good-wash"), ("good", "paper"), ("warn", "warn-wash"), ("ink", "warn-wash"), ("bad", "bad-wash"),
    ("bad", "paper"), ("on-danger", "danger"), ("on-mark", "mark"))
EDGES: Final = (("edge", "paper"), ("edge", "wash"), ("accent", "paper"), ("danger", "paper"), ("focus", "focus-edge"))


def weight(data: bytes) -> int:
    return len(gzip.compress(data, 9))


def files(page: str) -> list[Path]:
    """The files of ours that a page loads."""
    loaded = (urlsplit(address).path for address in LOADED.findall(page))
    return [STATIC / path.removeprefix("/static/") for path in loaded if path.startswith("/static/")]


def test_a_first_visit_is_light(world: World) -> None:
    for path in ("/", "/sign-in", "/helplines/US"):
        answer = world.app.test_client().get(path)
        total = weight(answer.data) + sum(weight(file.read_bytes()) for file in files(answer.text))
        assert total <= FIRST_VISIT, f"{path}: {total}"
    assert weight(CSS.encode()) <= STYLE


def test_answers_are_light(world: World, sign_in: Callable[[Actor], Browser]) -> None:
    olga = sign_in(world.cast.olga)
    found = olga.post("/officer/find", needs="shelter.emergency", near="Miami, FL", languages="ht")
    assert found.status_code == 200
    assert weight(found.data) <= RESULTS
    public = world.app.test_client().post("/", data={"text": "clinic", "near": "Miami, FL"})
    assert weight(public.data) <= RESULTS


def test_no_page_loads_much_script_or_anything_of_another_host(
        world: World, sign_in: Callable[[Actor], Browser]) -> None:
    pages = 0
    for who in ("nobody", "olga", "petra", "clara", "vera", "adam"):
        browser = Browser(world.app.test_client()) if who == "nobody" else sign_in(getattr(world.cast, who))
        for rule in world.app.url_map.iter_rules():
            if rule.arguments or "GET" not in (rule.methods or ()) or rule.endpoint in ("public.leave", "static"):
                continue
            answer = browser.get(rule.rule)
            if answer.mimetype == "text/html" and answer.status_code == 200:
                assert too_much(answer.text) == [], f"{who} {rule.rule}"
                pages += 1
    assert pages > 30


def too_much(page: str) -> list[str]:
    """What a page loads that it may not: another host's file, or too much script."""
    wrong = [a for a in LOADED.findall(page) if not a.startswith(("/", "data:")) or a.startswith("//")]
    script = sum(weight(file.read_bytes()) for file in files(page) if file.suffix == ".js")
    return wrong + [f"{script} of script"] * (script > SCRIPT)


def test_the_style_sheet_knows_no_left_and_no_right() -> None:
    assert [m.group() for m in PHYSICAL.finditer(CSS)] == []
    assert PHYSICAL.search(".a{margin-left:1rem}")
    assert PHYSICAL.search(".a{position:fixed;right:0}")
    assert PHYSICAL.search(".a{text-align:left}")
    assert not PHYSICAL.search(".a{margin-inline-start:1rem;inset-block-start:0}")


def test_the_style_sheet_asks_nobody_else_for_anything() -> None:
    assert re.findall(r"@import|https?:|//[a-z]", CSS) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_pair_of_colours_can_be_read(scheme: str) -> None:
    light, dark = (dict(re.findall(r"--([\w-]+):(#[0-9a-f]{6})", block))
                   for block in re.findall(r":root\{([^}]*#[^}]*)\}", CSS)[:2])
    tokens = light | dark if scheme == "dark" else light
    for least, pairs in ((4.5, TEXTS), (3.0, EDGES)):
        low = {pair: round(contrast(tokens[pair[0]], tokens[pair[1]]), 2) for pair in pairs
               if contrast(tokens[pair[0]], tokens[pair[1]]) < least}
        assert low == {}


def contrast(one: str, other: str) -> float:
    """As WCAG 2 defines it."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
