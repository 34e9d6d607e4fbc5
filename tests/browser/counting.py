"""Counts what a task costs: taps, and keystrokes besides free text.

Wrap a Playwright page in a `Counter` and do the task through it. Free text (a place, a password, a name) is typed with
`write` and costs nothing; choosing, ticking, pressing and every other key cost one each. What goes through
`counter.page` is not counted: looking, waiting, taking pictures.

    counter = Counter(page)
    counter.tap("button:text-is('Find')")
    counter.write("#near", "Miami, FL")
    written_down(counter, "a request is sent")
"""

import re
from dataclasses import dataclass, field
from typing import Any

from tests.conftest import ROOT

ROW = re.compile(r"^\| (?P<task>[^|]+?) \| (?P<most>\d+) \| (?P<measured>\d+) \|", re.MULTILINE)


@dataclass
class Counter:
    """A page, and what was done on it so far."""

    page: Any
    taps: int = 0
    keys: int = 0
    steps: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Taps and keystrokes, without free text."""
        return self.taps + self.keys

    def tap(self, selector: str) -> None:
        """Tap or click; also on a box, a tile or a summary."""
        self._tapped(f"tap {selector}")
        self.page.click(selector)

    def tick(self, selector: str) -> None:
        """Tick a box or choose a tile: one tap."""
        self._tapped(f"tick {selector}")
        self.page.check(selector)

    def choose(self, selector: str, value: str) -> None:
        """Choose from a list: one tap opens it, one chooses."""
        self._tapped(f"open {selector}")
        self._tapped(f"choose {value}")
        self.page.select_option(selector, value)

    def press(self, key: str, times: int = 1) -> None:
        """Press a key that is not part of free text: Tab, Enter, an arrow, a shortcut."""
        for _ in range(times):
            self.keys += 1
            self.steps.append(f"key {key}")
            self.page.keyboard.press(key)

    def write(self, selector: str, text: str) -> None:
        """Free text: it is not counted, nor is the tap that puts the cursor there."""
        self.page.fill(selector, text)

    def told(self) -> str:
        """All steps, for a failing test and for the table of tasks."""
        return f"{self.taps} taps, {self.keys} keys: " + "; ".join(self.steps)

    def _tapped(self, what: str) -> None:
        self.taps += 1
        self.steps.append(what)


def written_down(counter: Counter, task: str) -> None:
    """The task took what docs/tasks.md says, and that is no more than it may take."""
    rows = {row["task"]: row for row in ROW.finditer((ROOT / "docs" / "tasks.md").read_text())}
    row = rows[task]
    assert int(row["measured"]) == counter.total <= int(row["most"]), counter.told()
