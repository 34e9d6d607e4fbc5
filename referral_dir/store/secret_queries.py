"""Sealed places: the only functions that touch where a confidential service is. No find path imports this."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from referral_dir.store.directory import SecretLocation

CHUNK = 2000
# Sealed addresses are as long as this or a multiple of it: their length must not tell one from another.
PADDED = 1024

Secret = tuple[Mapping[str, Any] | None, tuple[float, float] | None]


def seal_place(session: Session, service_id: UUID, address: Mapping[str, Any] | None,
               coordinates: tuple[float, float] | None) -> None:
    """Keep an address and coordinates (degrees, WGS 84) sealed, instead of what was sealed before."""
    seal_many(session, {service_id: (address, coordinates)})


def seal_many(session: Session, secrets: Mapping[UUID, Secret]) -> None:
    """As `seal_place`, for many services."""
    keys, ids = session.info["keys"], list(secrets)

    def sealed(value: Any, row_id: UUID, column: str) -> bytes | None:
        if not value:
            return None
        plain = json.dumps(value).encode()
        token: bytes = keys.seal(plain.ljust(-(-len(plain) // PADDED) * PADDED), row_id, column)
        return token

    for start in range(0, len(ids), CHUNK):
        chunk = ids[start:start + CHUNK]
        session.execute(delete(SecretLocation).where(SecretLocation.service_id.in_(chunk)))
        session.execute(insert(SecretLocation), [
            {"id": row_id, "service_id": service_id, "address": sealed(secrets[service_id][0], row_id, "address"),
             "coordinates": sealed(secrets[service_id][1], row_id, "coordinates")}
            for service_id in chunk for row_id in [uuid4()]])


def open_place(session: Session, service_id: UUID) -> Secret:
    """The sealed address and coordinates, for their owner only: callers decide who that is."""
    return open_many(session, [service_id]).get(service_id, (None, None))


def open_many(session: Session, service_ids: Sequence[UUID]) -> dict[UUID, Secret]:
    """As `open_place`, for many services."""
    keys, found = session.info["keys"], {}
    for start in range(0, len(service_ids), CHUNK):
        for row in session.execute(select(
                SecretLocation.id, SecretLocation.service_id, SecretLocation.address, SecretLocation.coordinates,
                ).where(SecretLocation.service_id.in_(service_ids[start:start + CHUNK]))):
            address = json.loads(keys.open(row.address, row.id, "address")) if row.address else None
            point = json.loads(keys.open(row.coordinates, row.id, "coordinates")) if row.coordinates else None
            found[row.service_id] = address, (point[0], point[1]) if point else None
    return found
