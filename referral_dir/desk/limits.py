"""How often something was done lately, counted across processes. Who did it is kept as a keyed hash alone."""

import hashlib
import hmac
import ipaddress
import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from referral_dir.store import rate_queries

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

# No window may be longer: older counts are removed.
KEPT: Final = timedelta(days=2)


def count(session: "Session", kind: str, subject: str, now: datetime, *, window: timedelta) -> int:
    """Count once more; how often it was done within the window, this time included.

    The window slides: of the calendar window before, the part that still lies within is taken as evenly spread.
    """
    key, begun = _key(session, kind, subject), _begun(now, window)
    this = rate_queries.count_once_more(session, key, begun)
    if this == 1:
        rate_queries.prune(session, now - KEPT)
    return this + _before(session, key, begun, now, window)


def counted(session: "Session", kind: str, subject: str, now: datetime, *, window: timedelta) -> int:
    """How often it was done within the window; counts nothing."""
    key, begun = _key(session, kind, subject), _begun(now, window)
    return rate_queries.counted(session, key, begun) + _before(session, key, begun, now, window)


def exceeded(session: "Session", kind: str, subject: str, now: datetime, *, window: timedelta, limit: int) -> bool:
    """Whether once more would be too often; counts nothing."""
    return counted(session, kind, subject, now, window=window) >= limit


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


def _before(session: "Session", key: str, begun: datetime, now: datetime, window: timedelta) -> int:
    still_within = 1 - (now - begun) / window
    return math.ceil(rate_queries.counted(session, key, begun - window) * still_within)


def _begun(now: datetime, window: timedelta) -> datetime:
    epoch = datetime.fromtimestamp(0, UTC)
    return epoch + (now - epoch) // window * window


def _key(session: "Session", kind: str, subject: str) -> str:
    key: bytes = session.info["keys"].derive("limits")
    return hmac.new(key, f"{kind}\0{subject}".encode(), hashlib.sha256).hexdigest()
