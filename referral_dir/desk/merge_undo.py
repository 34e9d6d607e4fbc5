"""Taking back that two services were made one, as long as what the merge changed is still as it left it."""

import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from referral_dir.desk import audit, listings
from referral_dir.domain.access import Actor, require
from referral_dir.domain.errors import NotFound, WrongState
from referral_dir.domain.listing import Change, label_of
from referral_dir.domain.retention import ended_before
from referral_dir.domain.saying import Said, say, say_list
from referral_dir.store import duplicate_queries, listing_rows, merge_undo
from referral_dir.store.directory import Service
from referral_dir.store.merge_undo import Picture, RowChange
from referral_dir.store.upkeep import MergeUndo

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

# By which field of the editor a row of another table is known.
_FIELD_OF: Final = {
    "service_need": "needs", "language": "languages", "phone": "phones", "schedule": "hours", "service_area": "areas",
    "eligibility": "eligibility", "location": "address_1", "address": "address_1", "service_at_location": "more_places",
    "merged_service": "merged"}


@dataclass(frozen=True, slots=True)
class Undoable:
    """A service that was merged into this one. `hindrance`: why it can't be given back now."""

    service_id: UUID
    name: str
    at: datetime
    hindrance: Said | None


def keep(session: "Session", gone: UUID, stays: UUID, before: Picture, now: datetime) -> None:
    """Remember, sealed, what the merge has changed since the picture `before`."""
    made = merge_undo.changes(before, merge_undo.picture(session, (gone, stays)))
    body = zlib.compress(json.dumps([asdict(change) for change in made]).encode())
    session.add(MergeUndo(service_id=gone, into_id=stays, at=now,
                          body=session.info["keys"].seal(body, gone, "merge_undo")))


def _made(session: "Session", row: MergeUndo) -> list[RowChange]:
    body: list[dict[str, Any]] = json.loads(zlib.decompress(
        session.info["keys"].open(row.body, row.service_id, "merge_undo")))
    return [RowChange(**{**change, "key": tuple(change["key"])}) for change in body]


def undoable(session: "Session", actor: Actor, service_id: UUID, now: datetime) -> Sequence[Undoable]:
    """What was merged into the actor's service in the last 30 days, newest first."""
    require(actor, "listing:read")
    rows = list(merge_undo.undos_into(session, service_id, actor.organization_id, ended_before("merge_undos", now)))
    return [Undoable(row.service_id, name, row.at, _hindrance(session, row, _made(session, row)))
            for row, name in rows]


def _hindrance(session: "Session", row: MergeUndo, made: Sequence[RowChange]) -> Said | None:
    if any(duplicate_queries.has_open_handoff(session, key) for key in (row.service_id, row.into_id)):
        return say("A request to it is under way: wait until it has ended.")
    touched = merge_undo.touched_since(session, made)
    if touched:
        return say("It can't be undone any more, as this was changed since: %(fields)s. Put it right by hand.",
                   fields=say_list(dict.fromkeys(name for change in touched for name in _fields(change))))
    return None


def _fields(change: RowChange) -> list[str]:
    if change.table in _FIELD_OF:
        return [label_of(_FIELD_OF[change.table])]
    if change.table == "service":
        return [label_of(name) for name in (change.after or {})]
    return [say("other details of it")]


def undo(session: "Session", actor: Actor, stays: UUID, gone: UUID, now: datetime) -> None:
    """Both services are two again.

    1. Both are locked, are the actor's, and everything that the merge changed is as it left it. 2. Every row is given
    back; what others changed beside it stays. 3. Both move on to a new version; history and trail say so.
    Raises NotFound, WrongState.
    """
    require(actor, "listing:merge")
    duplicate_queries.lock(session, (stays, gone))
    if not merge_undo.keeps_all(session, (stays, gone), actor.organization_id):
        raise NotFound("no such merge")
    row = merge_undo.undo_of(session, gone, stays, ended_before("merge_undos", now))
    if row is None:
        raise WrongState(say("There is nothing to undo any more."))
    made = _made(session, row)
    if hindrance := _hindrance(session, row, made):
        raise WrongState(hindrance)
    session.delete(row)
    session.flush()
    if not merge_undo.give_back(session, made):
        raise WrongState(say("It can't be undone any more: something else stands in its place. Put it right by hand."))
    _move_on(session, actor, stays, gone, now)


def _move_on(session: "Session", actor: Actor, stays: UUID, gone: UUID, now: datetime) -> None:
    for service_id in (stays, gone):
        listing_rows.touch(session, service_id, revision=Service.revision + 1, last_modified=now)
        listings.changed(session, actor, service_id, ["merged"], now)
    name = session.get_one(Service, gone, populate_existing=True).name
    listings.note(session, actor, stays, [Change("merged", name, "")], now)
    audit.record(session, actor, "listing:undo_merge", now, subject=f"service:{stays}", details={"back": str(gone)})
