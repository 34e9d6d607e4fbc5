"""How often one person may do what tells them of people or places, by hour: more than the work asks for is refused.

The numbers are far above a busy night (an officer with ten people asks some forty times an hour) and far below what
copying the directory or the cases takes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final

HOUR: Final = timedelta(hours=1)
# Refusals within an hour that are worth an overseer's look.
MANY_REFUSALS: Final = 10


@dataclass(frozen=True, slots=True)
class Budget:
    """From `notice` times in an hour on an overseer is shown it; more than `limit` times is refused."""

    notice: int
    limit: int


BUDGETS: Final[Mapping[str, Budget]] = MappingProxyType({
    "service:find": Budget(120, 240),
    "service:read": Budget(120, 240),
    "service:offline": Budget(10, 20),
    "case:read": Budget(60, 120),
    "handoff:receive": Budget(120, 240),
    "handoff:read": Budget(120, 240),
    "thread:read": Budget(120, 240),
    "address:read": Budget(10, 20),
    # A keeper who enters thirty after an import looks at each twice; one who copies them all stands out.
    "address:keep": Budget(30, 60),
    "case:own_copy": Budget(5, 10),
    "case:break_glass": Budget(2, 5),
    "audit:export": Budget(10, 20),
})
