"""Counting across processes: how often something was done within a window of time."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from referral_dir.store import people_queries

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def count(session: "Session", kind: str, subject: str, now: datetime, *, window: timedelta) -> int:
    """Count once more; how often it is now."""
    _, key = session.info["keys"].keys[0]
    begun = datetime.fromtimestamp(now.timestamp() // window.total_seconds() * window.total_seconds(), UTC)
    hashed = hmac.new(key, f"{kind}\0{subject}".encode(), hashlib.sha256).hexdigest()
    return people_queries.count_once_more(session, hashed, begun)
