"""One Chromium for all tests of a process: to start it takes as long as a short test."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import missing

CHROMIUM = Path("/usr/bin/chromium")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"]


@pytest.fixture(scope="session")
def player() -> Iterator[Any]:
    """What drives a Chromium."""
    if not CHROMIUM.exists():
        missing("no Chromium: apt-get install -y chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def started(player: Any) -> Iterator[Any]:
    """A Chromium that runs as long as there are tests."""
    browser = player.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
    yield browser
    browser.close()
