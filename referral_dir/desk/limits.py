"""How often something was done lately, counted across processes. Who did it is kept as a keyed hash alone."""

import hashlib
import hmac
import ipaddress
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from referral_dir.store import rate_queries

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

# No window may be longer than half of this: older counts are removed.
KEPT: Final = timedelta(days=2)


def count(session: "Session", kind: str, subject: str, now: datetime, *, window: timedelta) -> int:
    """Count once more; how often it was done within the window, this time included.

    The window slides: of the calendar window before, the part that still lies within is taken as evenly spread.
    """
    key, begun = _key(session, kind, subject), _begun(now, window)
    this = rate_queries.count_once_more(session, key, begun)
    if this == 1:
        rate_queries.prune(session, now - KEPT)
    before = rate_queries.counted(session, [key], [begun - window]).get((key, begun - window), 0)
    return this + _still_within(before, begun, now, window)


def counted(session: "Session", kind: str, subject: str, now: datetime, *, window: timedelta) -> int:
    """How often it was done within the window; counts nothing."""
    return _counted(session, [(kind, subject)], now, window)[0]


def exceeded(session: "Session", kind: str, subject: str, now: datetime, *, window: timedelta, limit: int) -> bool:
    """Whether once more would be too often; counts nothing."""
    return counted(session, kind, subject, now, window=window) >= limit


def any_exceeded(session: "Session", tries: Sequence[tuple[str, str]], now: datetime, *, window: timedelta,
                 limits: Mapping[str, int]) -> bool:
    """Whether once more would be too often for one of these kinds and subjects, each by its kind's limit."""
    counts = _counted(session, tries, now, window)
    return any(found >= limits[kind] for found, (kind, _) in zip(counts, tries, strict=True))


def take_back(session: "Session", kind: str, subject: str, now: datetime, *, window: timedelta) -> None:
    """This time does not count after all."""
    rate_queries.take_back(session, _key(session, kind, subject), _begun(now, window))


def forget(session: "Session", kind: str, subject: str) -> None:
    """A success wipes the slate."""
    rate_queries.forget(session, _key(session, kind, subject))


def network(address: str | None) -> str:
    """Whom a client's address stands for: of IPv6 the /64, because each customer has at least that many addresses."""
    try:
        found = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False))
    return str(found)


def _counted(session: "Session", tries: Sequence[tuple[str, str]], now: datetime, window: timedelta) -> list[int]:
    begun = _begun(now, window)
    keys = [_key(session, kind, subject) for kind, subject in tries]
    found = rate_queries.counted(session, keys, [begun, begun - window])
    return [found.get((key, begun), 0) + _still_within(found.get((key, begun - window), 0), begun, now, window)
            for key in keys]


def _still_within(before: int, begun: datetime, now: datetime, window: timedelta) -> int:
    return math.ceil(before * (1 - (now - begun) / window))


def _begun(now: datetime, window: timedelta) -> datetime:
    epoch = datetime.fromtimestamp(0, UTC)
    return epoch + (now - epoch) // window * window


def _key(session: "Session", kind: str, subject: str) -> str:
    key: bytes = session.info["keys"].derive("limits")
    return hmac.new(key, f"{kind}\0{subject}".encode(), hashlib.sha256).hexdigest()
